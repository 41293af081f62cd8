"""What a question is limited to."""

import uuid
from dataclasses import dataclass
from typing import Any, Protocol

from django.contrib.auth.models import User
from django.db.models import Q

from documents.access import visible
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
        """On documents."""
        chosen = Q(pk__in=self.documents) | Q(collection__in=self.collections)
        return chosen if self != ALL else Q()


ALL = Limits()


def chosen(
    owner_id: int, documents: list[uuid.UUID], collections: list[uuid.UUID]
) -> tuple[list[Document], list[Collection]]:
    """The documents of these ids that a person may see, and their own collections. Raises
    DoesNotExist for others."""
    found = list(visible(User(pk=owner_id)).filter(pk__in=documents))
    places = list(Collection.objects.filter(owner_id=owner_id, pk__in=collections))
    if len(found) != len(set(documents)):
        raise Document.DoesNotExist
    if len(places) != len(set(collections)):
        raise Collection.DoesNotExist
    return found, places
