"""Letting other people see a document, and taking it back. Both are told at once to the person and
to the owner, and who is there without a right to be is sent away."""

from typing import Literal, cast

from django.contrib.auth.models import User
from django.db import transaction

from documents.access import topic_of
from documents.events import DocumentShared
from documents.models import Document, Share
from realtime import jobs, members
from realtime.models import Job
from realtime.publish import publish

MOST_SHARES = 100  # of one document: each of these people is sent its events
GivenRole = Literal["viewer", "editor"]


class NotShared(Exception):
    """`field` (username, or none) is why; `str()` is what the owner is told."""

    def __init__(self, words: str, field: str = "") -> None:
        super().__init__(words)
        self.field = field


def share(document: Document, username: str, role: GivenRole) -> tuple[Share, bool]:
    """Give a person a role in the document; the share, and whether it is new.

    Raises NotShared, or Document.DoesNotExist when the document is removed at the same time.
    """
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise NotShared(f"There is nobody called {username} here.", "username")
    if person.pk == document.owner_id:
        raise NotShared("The document is theirs already.", "username")
    with transaction.atomic():
        job = _hold(document)
        shares = Share.objects.filter(document=document)
        known = shares.filter(user=person).first()
        if known is None and shares.count() >= MOST_SHARES:
            raise NotShared(f"A document is shared with at most {MOST_SHARES} people.")
        made = known or Share(document=document, user=person)
        if made.role != role:
            made.role = role
            made.save()
            _tell(document, person, role)
        if known is None:
            publish(person.pk, jobs.event_of(job), durable=True, job=job)
    return made, known is None


def unshare(document: Document, share: Share) -> None:
    """Take the document back from a person, who is sent away from it at once."""
    with transaction.atomic():
        _hold(document)
        if Share.objects.filter(pk=share.pk).delete()[0]:
            _tell(document, share.user, "none")
            members.send_away(topic_of(document), [share.user_id])


def hand_on(old: Document, new: Document) -> None:
    """Let those who see a document see its new version as well, in the same roles.

    In the caller's transaction, which holds the new one's job and tells of it afterwards.
    """
    known = new.shares.order_by().values("user")
    for share in old.shares.exclude(user__in=known).select_related("user"):
        Share.objects.create(document=new, user=share.user, role=share.role)
        _tell(new, share.user, cast("GivenRole", share.role))


def _hold(document: Document) -> Job:
    """Wait for what is under way with the document: see `realtime.jobs.Audience`."""
    job = Job.objects.select_for_update().get(pk=document.job_id)
    Document.objects.only("pk").get(pk=document.pk)
    return job


def _tell(document: Document, person: User, role: GivenRole | Literal["none"]) -> None:
    event = DocumentShared(
        document_id=str(document.pk),
        user_id=str(person.pk),
        username=person.get_username(),
        role=role,
    )
    for user_id in (person.pk, document.owner_id):
        publish(user_id, event, durable=True)
