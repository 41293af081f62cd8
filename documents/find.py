"""What of the documents that a person may see is asked for: by name, state and collection."""

import uuid

from django.contrib.auth.models import User
from django.db.models import QuerySet

from documents.access import visible
from documents.models import Document
from realtime.models import ACTIVE, Status

FILTERS = {
    "working": ("In work", ACTIVE),
    "ready": ("Ready", (Status.DONE,)),
    "failed": ("Failed", (Status.FAILED,)),
    "cancelled": ("Cancelled", (Status.CANCELLED,)),
}
UNFILED = "none"


def matching(
    user: User, name: str = "", status: str = "", collection: str = ""
) -> QuerySet[Document]:
    """Those whose name holds `name`, in a state of FILTERS, and in a collection, by its id, or in
    none of the user's own: UNFILED. What is "" is not asked for; what is not known finds nothing.
    """
    found = visible(user)
    if name := name.strip()[:255].replace("\0", ""):
        found = found.filter(name__icontains=name)
    if status:
        found = found.filter(job__status__in=FILTERS[status][1] if status in FILTERS else ())
    if collection == UNFILED:
        return found.filter(owner=user, collection=None)
    if collection:
        try:
            return found.filter(collection=uuid.UUID(collection))
        except ValueError:
            return found.none()
    return found
