"""The password of a protected document, between the person who gives it and the worker who reads.

It is in no row, message or log: it waits at the broker's server, sealed, until the file was read,
and an hour at most.
"""

import base64
import hashlib

import redis
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from documents.models import Document
from realtime.broker import broker

SECONDS = 3600
LONGEST = 200  # characters


def keep(document: Document, password: str) -> None:
    """Raises redis.RedisError when the server does not answer."""
    broker().set(_key(document), _cipher().encrypt(password.encode()), ex=SECONDS)


def recall(document: Document) -> str:
    """What was given for it, or nothing."""
    if not document.needs_password:
        return ""
    try:
        sealed = broker().get(_key(document))
        return _cipher().decrypt(sealed).decode() if isinstance(sealed, bytes) else ""
    except (redis.RedisError, InvalidToken):
        return ""


def forget(document: Document) -> None:
    """It was used, or is of no use."""
    if not document.needs_password:
        return
    try:
        broker().delete(_key(document))
    except redis.RedisError:
        return  # it ends by itself


def _key(document: Document) -> str:
    return f"documents:password:{document.pk}"


def _cipher() -> Fernet:
    key = hashlib.sha256(b"documents.passwords" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
