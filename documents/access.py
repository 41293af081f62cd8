"""Who may see a document or a collection, and who may change it: every lookup starts here.

An owner may do all; an editor may cancel and retry processing; a viewer may look. What somebody may
do with a collection holds for all that is in it; an editor may also add to it, for its owner.
"""

import uuid
from collections.abc import Collection as Some
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from documents.models import Collection, Document, Role, Share
from realtime.models import Job
from realtime.topics import Question, Topic

OWNER = "owner"
TOPIC = "document"
_RANKS = (Role.VIEWER, Role.EDITOR, OWNER)
_REFUSALS = {
    Role.EDITOR: "You may only view this {kind}. {owner} can make you an editor of it.",
    OWNER: "Only {owner}, whose {kind} this is, may do that.",
}

# Asked with every event: as a union each part uses its index.
_SHARED_WITH = """
SELECT user_id FROM documents_share WHERE document_id = %(document)s
UNION SELECT user_id FROM documents_share JOIN documents_document USING (collection_id)
WHERE documents_document.id = %(document)s
"""


def visible(user: User) -> QuerySet[Document]:
    """The user's own documents and those shared with the user, by themselves or with their
    collection, each with the user's `role`."""
    shares = Share.objects.filter(user=user).order_by()
    # A union of ids uses an index for each part; a condition with OR would use none.
    mine = Document.objects.filter(owner=user).values("pk").order_by()
    lent = shares.exclude(document=None).values("document")
    inside = Document.objects.filter(collection__in=shares.values("collection")).order_by()
    ids = mine.union(lent, inside.values("pk"))
    here = Q(document=OuterRef("pk")) | Q(collection=OuterRef("collection"))
    found = Document.objects.filter(pk__in=ids).annotate(role=_role(user, shares.filter(here)))  # type: ignore[no-redef]
    return found.select_related("job", "owner", "collection")


def collections(user: User) -> QuerySet[Collection]:
    """The user's own collections and those shared with the user, each with the user's `role`."""
    shares = Share.objects.filter(user=user).order_by()
    found = Collection.objects.filter(Q(owner=user) | Q(pk__in=shares.values("collection")))
    here = shares.filter(collection=OuterRef("pk"))
    return found.annotate(role=_role(user, here)).select_related("owner")  # type: ignore[no-redef]


def _role(user: User, shares: QuerySet[Share]) -> Case:
    return Case(
        When(owner=user, then=Value(OWNER)),
        When(Exists(shares.filter(role=Role.EDITOR)), then=Value(Role.EDITOR.value)),
        default=Value(Role.VIEWER.value),
    )


def require(found: Document | Collection, needed: str) -> None:
    """Raises PermissionDenied, in words for the person, when the role found is less than needed."""
    if _RANKS.index(found.role) < _RANKS.index(needed):
        owner, kind = found.owner.get_username(), type(found).__name__.lower()
        raise PermissionDenied(_REFUSALS[needed].format(owner=owner, kind=kind))


def topic_of(document: Document) -> Topic:
    """Where people who look at the document meet."""
    return Topic(TOPIC, str(document.pk))


def shared_with(job: Job) -> Iterable[int]:
    """The ids of the users with whom the document that the job works on is shared."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARED_WITH, {"document": job.subject})
        return [user_id for (user_id,) in cursor.fetchall()]


def lent_to(user: User) -> Iterable[uuid.UUID]:
    """The ids of the documents that are shared with the user."""
    shares = Share.objects.filter(user=user).order_by()
    inside = Document.objects.filter(collection__in=shares.values("collection"))
    alone = shares.exclude(document=None).values_list("document_id", flat=True)
    return alone.union(inside.order_by().values_list("pk", flat=True))


def who_may_be_there(questions: Some[Question]) -> set[Question]:
    """Those of (document id, user id) where the user may see the document."""
    ids = {uuid.UUID(pk) for pk, _ in questions}
    owners = Document.objects.filter(pk__in=ids, owner__is_active=True)
    shares = Share.objects.filter(document__in=ids, user__is_active=True)
    inside = Document.objects.filter(pk__in=ids, collection__shares__user__is_active=True)
    pairs = [
        *owners.values_list("pk", "owner_id"),
        *shares.values_list("document_id", "user_id"),
        *inside.values_list("pk", "collection__shares__user_id"),
    ]
    return {(str(pk), user_id) for pk, user_id in pairs}.intersection(questions)
