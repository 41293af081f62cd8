"""Where is searched: whose documents, and which of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Sum

from documents.access import visible
from documents.models import Document, Share
from rag.models import Indexed
from rag.parts import Source
from realtime.models import Status

# Of a table with owner_id and document_id.
CONDITION = """owner_id = ANY(%(owners)s)
    AND (%(documents)s::uuid[] IS NULL OR document_id = ANY(%(documents)s::uuid[]))
    AND NOT document_id = ANY(%(unready)s::uuid[])"""


@dataclass(frozen=True)
class Scope:
    """The finished documents of `owners`; of them only `documents`, unless that is None."""

    owners: tuple[int, ...]
    documents: tuple[uuid.UUID, ...] | None = None
    unready: tuple[uuid.UUID, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of CONDITION."""
        documents = None if self.documents is None else list(self.documents)
        return {
            "owners": list(self.owners),
            "documents": documents,
            "unready": list(self.unready),
        }


@dataclass(frozen=True)
class Corpus:
    """How much there is to search, and in which languages, the most frequent first."""

    chunks: int
    terms: int
    languages: tuple[str, ...]


def scope_of(
    owner_id: int, documents: Sequence[uuid.UUID] | None = None, source: Source = "mine"
) -> Scope:
    """What a person searches: their own documents, those shared with them, or both; or of all that
    they may see, the given ones."""
    chosen = None if documents is None else tuple(documents)
    owners: tuple[int, ...] = (owner_id,)
    if chosen is not None or source != "mine":
        seen = Document.objects.filter(pk__in=_seen(owner_id, source if chosen is None else "all"))
        if chosen is not None:
            seen = seen.filter(pk__in=chosen)
        rows = list(seen.order_by().values_list("pk", "owner_id"))
        chosen = tuple(pk for pk, _ in rows)
        owners = tuple({owner for _, owner in rows})
    unready = Document.objects.filter(owner__in=owners).exclude(job__status=Status.DONE)
    return Scope(owners, chosen, tuple(unready.order_by().values_list("pk", flat=True)))


def _seen(owner_id: int, source: Source) -> Any:
    user = User(pk=owner_id)
    if source == "shared":
        return Share.objects.filter(user=user).values("document").order_by()
    return visible(user).values("pk").order_by()


def corpus_of(scope: Scope) -> Corpus:
    rows = Indexed.objects.filter(owner__in=scope.owners).exclude(document__in=scope.unready)
    if scope.documents is not None:
        rows = rows.filter(document__in=scope.documents)
    groups = (
        rows.order_by()
        .values("language")
        .annotate(documents=Count("pk"), chunks=Sum("chunks"), terms=Sum("terms"))
    )
    found = sorted(groups, key=lambda group: -group["documents"])
    return Corpus(
        sum(group["chunks"] for group in found),
        sum(group["terms"] for group in found),
        tuple(group["language"] for group in found),
    )
