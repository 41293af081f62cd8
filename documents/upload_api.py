"""Uploads over HTTP: a further operation of `documents.api`."""

import uuid
from collections import Counter
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import File, Form
from ninja.files import UploadedFile

from documents import batches, intake
from documents.access import OWNER, collections, require
from documents.api import router, user_of
from documents.models import Batch, Collection, Role
from realtime.idempotency import idempotent
from realtime.problems import CamelSchema, Problem

__all__ = ["router"]


class Uploaded(CamelSchema):
    """One file of an upload: taken, a duplicate, or FAILED with `error` and no `documentId`."""

    name: str
    status: str
    document_id: uuid.UUID | None = None
    duplicate_of: uuid.UUID | None = None
    error: str | None = None


class Upload(CamelSchema):
    documents: list[Uploaded]


@router.post("", response={202: Upload}, by_alias=True, exclude_none=True)
@idempotent
def upload(
    request: HttpRequest,
    file: File[list[UploadedFile]],
    ifDuplicate: Form[intake.IfDuplicate] = "skip",
    collectionId: Form[uuid.UUID | None] = None,
    batchId: Form[uuid.UUID | None] = None,
) -> tuple[int, dict[str, Any]]:
    """Take in one file or several. Those that are refused do not disturb the others.

    They come into the collection `collectionId`, if one is named: mine, or one of which I am an
    editor; then they belong to its owner, only what is in it counts as a duplicate, and nothing can
    be replaced. `ifDuplicate` says what becomes of
    content that I have already: `skip` it; `replace` the old document, which answers questions
    until the new one is READY; or `keep` both. When all are refused, the answer is a problem with
    the reasons by file name; not so where `batchId` names the batch in which they were announced,
    which counts them. While very much of mine waits, the answer is 429, with `Retry-After`.
    """
    user = user_of(request)
    place = _place(user, collectionId, ifDuplicate) if collectionId else None
    owner = place.owner if place else user
    batch = get_object_or_404(Batch, owner=user, pk=batchId) if batchId else None
    try:
        intake.check_room(owner)
    except intake.TooMany as error:
        words = str(error)
        raise Problem(429, "Too much waits", words, retry_after=error.seconds) from None
    how = {"if_duplicate": ifDuplicate, "collection": place, "batch": batch}
    outcomes = [_take_in(owner, one, by_editor=owner != user, **how) for one in file]
    if batch:
        batches.note(batch, Counter(outcome for outcome, _, _ in outcomes))
    taken = [answer for _, answer, _ in outcomes]
    if batch is None and all(outcome == "refused" for outcome, _, _ in outcomes):
        raise _all_refused(taken, too_large=all(too_large for _, _, too_large in outcomes))
    return 202, {"documents": taken}


def _place(user: User, collection_id: uuid.UUID, if_duplicate: intake.IfDuplicate) -> Collection:
    """A collection to which the user may add."""
    place = get_object_or_404(collections(user), pk=collection_id)
    require(place, OWNER if if_duplicate == "replace" else Role.EDITOR)
    return place


def _take_in(owner: User, file: UploadedFile, **how: Any) -> tuple[str, dict[str, Any], bool]:
    """What became of one file: taken, skipped or refused; the answer; and was it too large?"""
    name = file.name or ""
    try:
        made = intake.take_in(owner, file, name, **how)
    except intake.Refused as refusal:
        name = intake.clean_name(name)
        answer = {"name": name, "status": "FAILED", "error": str(refusal)}
        return "refused", answer, refusal.too_large
    outcome = "skipped" if made.duplicate_of == made.document.pk else "taken"
    return outcome, _uploaded(made), False


def _uploaded(taken: intake.Taken) -> dict[str, Any]:
    return {
        "name": taken.document.name,
        "status": taken.document.status,
        "document_id": taken.document.pk,
        "duplicate_of": taken.duplicate_of,
    }


def _all_refused(taken: list[dict[str, Any]], *, too_large: bool) -> Problem:
    errors: dict[str, list[str]] = {}
    for item in taken:
        errors.setdefault(item["name"], []).append(item["error"])
    words = " ".join(f"{name}: {' '.join(errors[name])}" for name in errors)
    return Problem(413 if too_large else 422, "The upload was refused", words, errors)
