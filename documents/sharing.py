"""Letting other people see a document, or a collection with all that is in it, and taking it back.
Both are told at once to the person and to the owner, and who is there without a right to be is sent
away."""

from typing import Literal, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from documents.access import OWNER, topic_of
from documents.events import CollectionChanged, DocumentShared
from documents.models import Collection, Document, Share
from realtime import jobs, members
from realtime.models import ACTIVE, Job
from realtime.publish import publish

MOST_SHARES = 100  # of one document or collection: each of these people is sent its events
GivenRole = Literal["viewer", "editor"]
_Told = GivenRole | Literal["owner", "none"]


class NotShared(Exception):
    """`field` (username, or none) is why; `str()` is what the owner is told."""

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(words)
        self.field = field


def share(shared: Document | Collection, username: str, role: GivenRole) -> tuple[Share, bool]:
    """Give a person a role in what is shared; the share, and whether it is new.

    Raises NotShared, or DoesNotExist when it is removed at the same time.
    """
    kind = type(shared).__name__.lower()
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise NotShared(f"There is nobody called {username} here.", "username")
    if person.pk == shared.owner_id:
        raise NotShared(f"The {kind} is theirs already.", "username")
    with transaction.atomic():
        _hold(shared)
        known = shared.shares.filter(user=person).first()
        if known is None and shared.shares.count() >= MOST_SHARES:
            raise NotShared(f"A {kind} is shared with at most {MOST_SHARES} people.")
        made = known or Share(**{kind: shared}, user=person)
        if made.role != role:
            made.role = role
            made.save()
            _tell(shared, person, role)
        if known is None and isinstance(shared, Document):
            job = Job.objects.get(pk=shared.job_id)
            publish(person.pk, jobs.event_of(job), durable=True, job=job)
    return made, known is None


def unshare(shared: Document | Collection, share: Share) -> None:
    """Take it back from a person, who is sent away from the document at once.

    From the documents of a collection a tab of the person goes by itself when it is told, and the
    web processes send the others away as they look again at who may be there.
    """
    with transaction.atomic():
        _hold(shared)
        if Share.objects.filter(pk=share.pk).delete()[0]:
            _tell(shared, share.user, "none")
            if isinstance(shared, Document):
                members.send_away(topic_of(shared), [share.user_id])


def hand_on(old: Document, new: Document) -> None:
    """Let those who see a document see its new version as well, in the same roles.

    In the caller's transaction, which holds the new one's job and tells of it afterwards.
    """
    known = new.shares.order_by().values("user")
    for share in old.shares.exclude(user__in=known).select_related("user"):
        Share.objects.create(document=new, user=share.user, role=share.role)
        _tell(new, share.user, cast("GivenRole", share.role))


def hold_all(documents: QuerySet[Document]) -> None:
    """Wait for what is under way with any of them, as who is told of it is about to change: see
    `realtime.jobs.Audience`."""
    at_work = Job.objects.filter(status__in=ACTIVE, document__in=documents).order_by("pk")
    list(at_work.select_for_update(of=("self",)).values_list("pk"))


def tell_of_collection(collection: Collection) -> None:
    """Tell its owner and its people that it, or what is in it, changed."""
    _publish(collection, collection.owner_id, OWNER)
    for user_id, role in collection.shares.order_by().values_list("user_id", "role"):
        _publish(collection, user_id, cast("GivenRole", role))


def tell_of_its_end(collection: Collection) -> None:
    """Tell the same people, before it is deleted, that it is gone."""
    people = collection.shares.order_by().values_list("user_id", flat=True)
    for user_id in (collection.owner_id, *people):
        _publish(collection, user_id, "none")


def _hold(shared: Document | Collection) -> None:
    if isinstance(shared, Collection):
        Collection.objects.select_for_update().get(pk=shared.pk)
        hold_all(shared.documents.all())
    else:
        Job.objects.select_for_update().get(pk=shared.job_id)
        Document.objects.only("pk").get(pk=shared.pk)


def _tell(shared: Document | Collection, person: User, role: GivenRole | Literal["none"]) -> None:
    if isinstance(shared, Collection):
        _publish(shared, person.pk, role)
        _publish(shared, shared.owner_id, OWNER)
        return
    event = DocumentShared(
        document_id=str(shared.pk),
        user_id=str(person.pk),
        username=person.get_username(),
        role=role,
    )
    for user_id in (person.pk, shared.owner_id):
        publish(user_id, event, durable=True)


def _publish(collection: Collection, user_id: int, role: str) -> None:
    told = cast("_Told", role)
    event = CollectionChanged(collection_id=str(collection.pk), name=collection.name, role=told)
    publish(user_id, event, durable=True)
