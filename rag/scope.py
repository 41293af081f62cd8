"""Where is searched: whose documents, and which of them."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet, Sum

from documents.access import lent_to, visible
from documents.models import Document
from rag.limits import ALL, Limits
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


def scope_of(owner_id: int, limits: Limits = ALL, source: Source = "mine") -> Scope:
    """What a person searches: their own documents, those shared with them, or both; or of all that
    they may see, those within limits."""
    chosen: tuple[uuid.UUID, ...] | None = None
    owners: tuple[int, ...] = (owner_id,)
    if limits != ALL or source != "mine":
        seen = asked_documents(owner_id, limits, source)
        rows = list(seen.order_by().values_list("pk", "owner_id"))
        chosen = tuple(pk for pk, _ in rows)
        owners = tuple({owner for _, owner in rows})
    unready = Document.objects.filter(owner__in=owners).exclude(job__status=Status.DONE)
    return Scope(owners, chosen, tuple(unready.order_by().values_list("pk", flat=True)))


def asked_documents(owner_id: int, limits: Limits, source: Source) -> QuerySet[Document]:
    """The documents that a question is asked of, finished or not."""
    user = User(pk=owner_id)
    if limits != ALL:
        # Few rows, so that the condition with OR, which no index serves, is cheaper than `visible`.
        mine_or_lent = Q(owner=user) | Q(pk__in=lent_to(user))
        return Document.objects.filter(limits.condition).filter(mine_or_lent)
    if source == "chosen":
        return Document.objects.none()  # what was chosen is gone
    if source == "mine":
        return Document.objects.filter(owner=user)
    return visible(user) if source == "all" else visible(user).exclude(owner=user)


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
