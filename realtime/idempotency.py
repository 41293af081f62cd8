"""`Idempotency-Key`: the same POST sent twice starts the work once, and is answered the same."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from realtime.models import IdempotentRequest
from realtime.problems import Problem

KEPT = timedelta(hours=24)
MOST_CHARACTERS = 255

Answer = tuple[int, dict[str, Any]]


def idempotent(view: Callable[..., Answer]) -> Callable[..., Answer]:
    """For operations that start work and answer `(status, body)`.

    A request whose key is in flight waits for that one. The same key with another body is 422.
    A request that ended with a problem is not kept, so it can be sent again.
    """

    @wraps(view)
    def once(request: HttpRequest, *args: Any, **kwargs: Any) -> Answer:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return view(request, *args, **kwargs)
        if len(key) > MOST_CHARACTERS:
            raise Problem(422, "The Idempotency-Key is too long", f"At most {MOST_CHARACTERS}.")
        owner: User = request.auth  # type: ignore[attr-defined]
        with transaction.atomic():
            kept, is_first = _first(owner, key, _fingerprint(request))
            if is_first:
                kept.status, kept.body = view(request, *args, **kwargs)
                kept.save(update_fields=["status", "body"])
        return kept.status, kept.body

    return once


def _first(owner: User, key: str, fingerprint: str) -> tuple[IdempotentRequest, bool]:
    try:
        with transaction.atomic():
            kept = IdempotentRequest.objects.create(owner=owner, key=key, fingerprint=fingerprint)
            return kept, True
    except IntegrityError:
        kept = IdempotentRequest.objects.get(owner=owner, key=key)
    if kept.fingerprint != fingerprint:
        raise Problem(
            422, "The Idempotency-Key was used before", "Another request had it; take a new one."
        )
    return kept, False


def _fingerprint(request: HttpRequest) -> str:
    """What makes two requests the same: method, path and content, files included. It is keyed, as
    the content may hold a password."""
    digest = hmac.new(settings.SECRET_KEY.encode(), digestmod=hashlib.sha256)
    digest.update(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type != "multipart/form-data":
        digest.update(request.body)
        return digest.hexdigest()
    digest.update(request.POST.urlencode().encode())
    for field, files in request.FILES.lists():
        for file in files:
            digest.update(f"\n{field} {file.name} {file.size}\n".encode())
            for chunk in file.chunks():
                digest.update(chunk)
            file.seek(0)
    return digest.hexdigest()


def forget() -> None:
    """Delete what is older than a day."""
    IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
