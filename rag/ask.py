"""How a question comes in. Imported by the web process: no model is loaded here."""

import uuid
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from documents.models import Document
from rag.limits import chosen
from rag.models import Query
from rag.parts import ALL, Parts, Source
from realtime import jobs

MOST_CHARACTERS = 4000
TOP_K = 5
MOST_TOP_K = 20


class NotAsked(Exception):
    """The question cannot be taken; `str()` is what its owner is told."""


def ask(
    owner: User,
    question: str,
    documents: list[uuid.UUID] | None = None,
    top_k: int = TOP_K,
    *,
    collections: list[uuid.UUID] | None = None,
    source: Source = "mine",
    parts: Parts = ALL,
) -> Query:
    """A queued question to the owner's documents, to those shared with them, to both, or to the
    given ones of these and those in some collections.

    Raises NotAsked for words that are no question, ObjectDoesNotExist for documents that the owner
    may not see, or collections of others.
    """
    question = checked(question, parts)
    found, places = chosen(owner.pk, documents or [], collections or [])
    with transaction.atomic():
        query = Query(
            owner=owner,
            question=question,
            top_k=max(1, min(top_k, MOST_TOP_K)),
            source="chosen" if found or places else source,
            parts=parts.left_out,
        )
        query.job = jobs.create(owner, "rag.answer", query.pk)
        query.save(force_insert=True)
        query.documents.set(found)
        query.collections.set(places)
        jobs.announce(query.job)
    return query


def ask_again(query: Query) -> Query:
    """The same question as a query of its own, so that both can be compared. Raises NotAsked when
    the documents that were asked are gone."""
    documents = list(query.documents.values_list("pk", flat=True))
    collections = list(query.collections.values_list("pk", flat=True))
    if query.source == "chosen" and not (documents or collections):
        raise NotAsked("The documents that were asked are not there any more.")
    source = cast("Source", query.source)
    parts = Parts(**query.parts)
    try:
        return ask(
            query.owner,
            query.question,
            documents,
            query.top_k,
            collections=collections,
            source=source,
            parts=parts,
        )
    except ObjectDoesNotExist:
        raise NotAsked("Some of the documents that were asked cannot be seen any more.") from None


def follow_version(old: Document, new: Document, **_: Any) -> None:
    """Questions that were limited to a document are limited to its new version."""
    limits = Query.documents.through
    ids = limits.objects.filter(document=old).values_list("query_id", flat=True)
    limits.objects.bulk_create(
        [limits(query_id=pk, document=new) for pk in ids], ignore_conflicts=True
    )


def checked(question: str, parts: Parts = ALL) -> str:
    """The question as it is kept. Raises NotAsked when it is empty or too long, or nothing would
    search for it."""
    if not (parts.dense or parts.lexical):
        raise NotAsked("Search by meaning, by words, or by both.")
    # Without what PostgreSQL refuses: NUL, and halves of surrogate pairs.
    question = question.encode("utf-8", "ignore").decode().replace("\0", "").strip()
    if not any(character.isalnum() for character in question):
        raise NotAsked("Write a question first.")
    if len(question) > MOST_CHARACTERS:
        raise NotAsked(
            f"The question is too long: {len(question):,} characters, "
            f"and at most {MOST_CHARACTERS:,} can be asked."
        )
    return question
