"""How old rows are, by a clock that may have been set back since they were written."""

from datetime import datetime, timedelta

from django.db.models import Q


def older(field: str, than: timedelta, now: datetime) -> Q:
    """Rows whose time in a field is long ago; or still to come, so that it cannot be told: these
    are not waited for."""
    return Q(**{f"{field}__lt": now - than}) | Q(**{f"{field}__gt": now + than})
