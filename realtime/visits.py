"""What a person sees of their sessions: the device of the sign-in, and when it was last here."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from realtime.models import Session
from realtime.session_store import SessionStore

REFRESH = timedelta(minutes=1)
MOST_AGENT = 200  # characters


@receiver(user_logged_in)
def remember_the_device(request: HttpRequest, **_: Any) -> None:
    """Written with the session itself, at the end of the request."""
    if isinstance(request.session, SessionStore):
        agent = request.META.get("HTTP_USER_AGENT", "").replace("\0", "")
        address = request.META.get("REMOTE_ADDR") or None
        request.session.device = {"user_agent": agent[:MOST_AGENT], "ip": address}


class Visits(MiddlewareMixin):
    """Notes that a session was seen, at most once a minute."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        row, now = getattr(getattr(request, "session", None), "row", None), timezone.now()
        if row and row.last_seen_at < now - REFRESH:
            Session.objects.filter(pk=row.pk).update(last_seen_at=now)
        return response
