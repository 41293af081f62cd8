"""Collections: made, renamed, deleted, and documents moved between them."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from documents.cut import Cut
from documents.intake import remove
from documents.models import Collection, Document
from documents.sharing import hold_all, tell_of_collection, tell_of_its_end

MOST_NAME = 100
MOST_COLLECTIONS = 1000  # of one owner


class NotFiled(Exception):
    """It cannot be done; `str()` is what the owner is told."""


def create(owner: User, name: str) -> Collection:
    """An empty collection. Raises NotFiled for a name that cannot be had."""
    if Collection.objects.filter(owner=owner).count() >= MOST_COLLECTIONS:
        raise NotFiled(f"There are {MOST_COLLECTIONS} collections already.")
    collection = Collection(owner=owner)
    rename(collection, name)
    return collection


def rename(collection: Collection, name: str) -> None:
    """Raises NotFiled for a name that cannot be had."""
    name = " ".join(name.encode("utf-8", "ignore").decode().replace("\0", "").split())
    if not name:
        raise NotFiled("A collection needs a name.")
    if len(name) > MOST_NAME:
        raise NotFiled(f"The name is too long: at most {MOST_NAME} characters.")
    collection.name = name
    try:
        with transaction.atomic():
            collection.save()
            tell_of_collection(collection)
    except IntegrityError:
        raise NotFiled(f"There is a collection called {name} already.") from None


def cut_as(collection: Collection, cut: Cut) -> None:
    """How what comes into it from now on is cut into chunks."""
    collection.chunk_tokens, collection.chunk_overlap = cut.tokens, cut.overlap
    with transaction.atomic():
        collection.save(update_fields=["chunk_tokens", "chunk_overlap"])
        tell_of_collection(collection)


def delete(collection: Collection, *, with_documents: bool) -> None:
    """Delete a collection; its documents go too, or are in none afterwards."""
    if with_documents:
        for document in collection.documents.select_related("job"):
            remove(document)
    with transaction.atomic():
        Collection.objects.select_for_update().filter(pk=collection.pk).first()
        hold_all(collection.documents.all())
        tell_of_its_end(collection)
        Collection.objects.filter(pk=collection.pk).delete()


def move(documents: QuerySet[Document], target: Collection | None) -> int:
    """Put documents of the target's owner into it, or into none; how many."""
    ids = list(documents.order_by().values_list("pk", flat=True))
    chosen = Document.objects.filter(pk__in=ids)
    with transaction.atomic():
        hold_all(chosen)
        left = Collection.objects.filter(documents__in=chosen).distinct()
        changed = {*left, *([target] if target else [])}
        moved = chosen.update(collection=target)
        for collection in sorted(changed, key=lambda one: one.pk):
            tell_of_collection(collection)
    return moved
