"""Who may look at a query: its owner, and whom the owner shows it to once it is finished."""

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from rag.models import Query
from realtime.models import ENDED


class NotShown(Exception):
    """The query cannot be shown to them; `str()` is what its owner is told."""


def readable(user: User) -> QuerySet[Query]:
    """The user's own queries and those shown to the user."""
    shown = Query.readers.through.objects.filter(user=user).values("query")
    return Query.objects.filter(Q(owner=user) | Q(pk__in=shown)).select_related("job", "owner")


def show_to(query: Query, username: str) -> User:
    """Let another person look at a finished query of one's own. Raises NotShown."""
    if query.job.status not in ENDED:
        raise NotShown("The question is still being answered. Share it when it is finished.")
    reader = User.objects.filter(username=username.strip(), is_active=True).first()
    if reader is None:
        raise NotShown(f"There is nobody called {username.strip()[:150]} here.")
    if reader.pk == query.owner_id:
        raise NotShown("It is yours already.")
    query.readers.add(reader)
    return reader
