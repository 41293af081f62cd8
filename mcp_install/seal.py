"""Secrets in rows: AES-256-GCM under a key of `CREDENTIAL_KEYS`, the newest of which comes first.

What is sealed is bound to its place, `model:pk:field`, so that it cannot be opened in another row
or column. Stored are the key's id (4 bytes), a nonce (12) and the ciphertext with its tag (16).
"""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.apps import apps
from django.conf import settings
from django.db import models
from pydantic import SecretStr

ID, NONCE = 4, 12  # bytes


class SealedField(models.BinaryField):  # type: ignore[type-arg]
    """Sealed bytes; empty when there is no secret. In no form, and read by `unseal` alone."""

    def __init__(self, **options: Any) -> None:
        own: dict[str, Any] = {"default": bytes, "blank": True, "editable": False}
        super().__init__(**(own | options))


class CannotOpen(Exception):
    """It was sealed under a key that is not known (any more), for another place, or changed."""


def seal(place: str, secret: SecretStr) -> bytes:
    """The secret, sealed for a place. An empty one is nothing."""
    text = secret.get_secret_value()
    if not text:
        return b""
    key_id, cipher = next(_ciphers(settings.CREDENTIAL_KEYS))
    nonce = os.urandom(NONCE)
    return key_id + nonce + cipher.encrypt(nonce, text.encode(), place.encode())


def unseal(place: str, sealed: bytes) -> SecretStr:
    """Raises CannotOpen."""
    sealed = bytes(sealed)
    if not sealed:
        return SecretStr("")
    key_id, nonce, rest = sealed[:ID], sealed[ID : ID + NONCE], sealed[ID + NONCE :]
    for known, cipher in _ciphers(settings.CREDENTIAL_KEYS):
        if known == key_id:
            try:
                return SecretStr(cipher.decrypt(nonce, rest, place.encode()).decode())
            except InvalidTag:
                break
    raise CannotOpen(f"What is stored for {place} cannot be opened with CREDENTIAL_KEYS.")


def place_of(row: models.Model, field: str) -> str:
    return f"{row._meta.label_lower}:{row.pk}:{field}"


def put(row: models.Model, field: str, secret: SecretStr) -> None:
    """Seal the secret into a field of the row, which is not saved yet."""
    setattr(row, field, seal(place_of(row, field), secret))


def take(row: models.Model, field: str) -> SecretStr:
    """The secret in a field of the row. Raises CannotOpen."""
    return unseal(place_of(row, field), getattr(row, field))


def _ciphers(keys: list[str]) -> Iterator[tuple[bytes, AESGCM]]:
    return iter([_cipher(key) for key in keys])


@cache
def _cipher(key: str) -> tuple[bytes, AESGCM]:
    derived = HKDF(SHA256(), length=ID + 32, salt=None, info=b"credentials").derive(key.encode())
    return derived[:ID], AESGCM(derived[ID:])


def rotate() -> tuple[int, list[str]]:
    """Seal everything anew under the newest key. How many were, and the places of those that cannot
    be opened. A row that changes meanwhile has the newest key already."""
    newest = _cipher(settings.CREDENTIAL_KEYS[0])[0]
    done, lost = 0, []
    for model, field in _sealed_fields():
        rows = model._default_manager.exclude(**{field: b""}).only(field)
        for row in rows.iterator(chunk_size=200):
            old = bytes(getattr(row, field))
            if old[:ID] == newest:
                continue
            try:
                put(row, field, take(row, field))
            except CannotOpen:
                lost.append(place_of(row, field))
                continue
            same = model._default_manager.filter(**{"pk": row.pk, field: old})
            done += same.update(**{field: getattr(row, field)})
    return done, lost


def _sealed_fields() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, SealedField):
                yield model, field.name
