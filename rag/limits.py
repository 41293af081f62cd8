"""What a question is limited to."""

import uuid
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models import Q

from documents.models import Collection, Document


class Limited(Protocol):
    """A row that names documents and collections: a question, or a conversation."""

    documents: Any
    collections: Any


@dataclass(frozen=True)
class Limits:
    """These documents, and those in these collections; with neither, all of the owner's."""

    documents: tuple[uuid.UUID, ...] = ()
    collections: tuple[uuid.UUID, ...] = ()

    @classmethod
    def of(cls, row: Limited) -> "Limits":
        names = (row.documents, row.collections)
        return cls(*(tuple(one.order_by().values_list("pk", flat=True)) for one in names))

    @property
    def condition(self) -> Q:
        """On documents of the owner."""
        chosen = Q(pk__in=self.documents) | Q(collection__in=self.collections)
        return chosen if self != ALL else Q()

    def parameters(self) -> dict[str, Any]:
        """For SQL: `everything`, `documents` and `collections`."""
        return {
            "everything": self == ALL,
            "documents": list(self.documents),
            "collections": list(self.collections),
        }


ALL = Limits()


def chosen(
    owner_id: int, documents: list[uuid.UUID], collections: list[uuid.UUID]
) -> tuple[list[Document], list[Collection]]:
    """The owner's documents and collections of these ids. Raises DoesNotExist for others."""
    found = list(Document.objects.filter(owner_id=owner_id, pk__in=documents))
    places = list(Collection.objects.filter(owner_id=owner_id, pk__in=collections))
    if len(found) != len(set(documents)):
        raise Document.DoesNotExist
    if len(places) != len(set(collections)):
        raise Collection.DoesNotExist
    return found, places
