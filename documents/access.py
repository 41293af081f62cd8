"""Who may see a document, and who may change it: every lookup starts here.

Its owner may do all; an editor may cancel and retry its processing; a viewer may look.
"""

import uuid
from collections.abc import Collection, Iterable

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Case, OuterRef, QuerySet, Subquery, Value, When

from documents.models import Document, Role, Share
from realtime.models import Job
from realtime.topics import Question, Topic

OWNER = "owner"
TOPIC = "document"
_RANKS = (Role.VIEWER, Role.EDITOR, OWNER)
_REFUSALS = {
    Role.EDITOR: "You may only view this document. {owner} can make you an editor of it.",
    OWNER: "Only {owner}, whose document this is, may do that.",
}


def visible(user: User) -> QuerySet[Document]:
    """The user's own documents and those shared with the user, each with the user's `role`."""
    shares = Share.objects.filter(user=user)
    # A union of ids uses an index for either half; a condition with OR would use none.
    mine = Document.objects.filter(owner=user).values("pk").order_by()
    ids = mine.union(shares.values("document").order_by())
    role = shares.filter(document=OuterRef("pk")).order_by().values("role")
    found = Document.objects.filter(pk__in=ids).annotate(  # type: ignore[no-redef]
        role=Case(When(owner=user, then=Value(OWNER)), default=Subquery(role))
    )
    return found.select_related("job", "owner")


def require(document: Document, needed: str) -> None:
    """Raises PermissionDenied, in words for the person, when the role found is less than needed."""
    if _RANKS.index(document.role) < _RANKS.index(needed):
        raise PermissionDenied(_REFUSALS[needed].format(owner=document.owner.get_username()))


def topic_of(document: Document) -> Topic:
    """Where people who look at the document meet."""
    return Topic(TOPIC, str(document.pk))


def shared_with(job: Job) -> Iterable[int]:
    """The ids of the users with whom the document that the job works on is shared."""
    return Share.objects.filter(document=job.subject).order_by().values_list("user_id", flat=True)


def lent_to(user: User) -> Iterable[uuid.UUID]:
    """The ids of the documents that are shared with the user."""
    return Share.objects.filter(user=user).order_by().values_list("document_id", flat=True)


def who_may_be_there(questions: Collection[Question]) -> set[Question]:
    """Those of (document id, user id) where the user may see the document."""
    ids = {uuid.UUID(pk) for pk, _ in questions}
    owners = Document.objects.filter(pk__in=ids, owner__is_active=True)
    shares = Share.objects.filter(document__in=ids, user__is_active=True)
    pairs = [*owners.values_list("pk", "owner_id"), *shares.values_list("document_id", "user_id")]
    return {(str(pk), user_id) for pk, user_id in pairs}.intersection(questions)
