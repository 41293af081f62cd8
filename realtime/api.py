"""Sign-in for programs, and the snapshot that a stream completes."""

from typing import Any, cast

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.middleware.csrf import get_token
from ninja import Router

from realtime import asyncapi, snapshot
from realtime.problems import CamelSchema, Problem
from realtime.session_store import SessionStore
from realtime.text import Text

EVENTS = {
    "parameters": [{"in": "header", "name": "Last-Event-ID", "schema": {"type": "string"}}],
    "responses": {200: {"description": "OK", "content": {"text/event-stream": {}}}},
}

session = Router(tags=["session"])
realtime = Router(tags=["realtime"])
contract = Router(tags=["realtime"])


class Credentials(CamelSchema):
    username: Text
    password: Text


class SessionState(CamelSchema):
    user_id: str
    username: str
    expires_in: int
    csrf_token: str


def state(request: HttpRequest, user: User) -> dict[str, Any]:
    session = cast("SessionStore", request.session)
    return {
        "user_id": str(user.pk),
        "username": user.get_username(),
        "expires_in": session.expires_in(),
        "csrf_token": get_token(request),
    }


@session.post("", auth=None, response=SessionState, by_alias=True)
def sign_in(request: HttpRequest, credentials: Credentials) -> dict[str, Any]:
    """Sign in, for programs that keep cookies. Send `csrfToken` back as `X-CSRFToken`."""
    if request.content_type != "application/json":  # a form on a foreign page cannot send this
        raise Problem(415, "Send JSON")
    user = authenticate(request, username=credentials.username, password=credentials.password)
    if not isinstance(user, User):
        raise Problem(401, "Wrong name or password")
    login(request, user)
    return state(request, user)


@session.get("", response=SessionState, by_alias=True)
def show(request: HttpRequest) -> dict[str, Any]:
    return state(request, request.auth)  # type: ignore[attr-defined]


@session.post("/extend", response=SessionState, by_alias=True)
def extend(request: HttpRequest) -> dict[str, Any]:
    """Begin the session's time anew, and the cookie's; every tab of the session is told."""
    request.session.modified = True
    return state(request, request.auth)  # type: ignore[attr-defined]


@session.delete("", response={204: None})
def sign_out(request: HttpRequest) -> tuple[int, None]:
    logout(request)
    return 204, None


@contract.get("/asyncapi.json", auth=None)
def asyncapi_document(request: HttpRequest) -> dict[str, Any]:
    """What goes over the socket at `/ws`, as AsyncAPI 3.0."""
    return asyncapi.document()


class ActiveJob(CamelSchema):
    job_id: str
    kind: str
    subject: str
    status: str
    stage: str
    progress: int
    message: str
    attempt: int


class Snapshot(CamelSchema):
    """`events` and `messages` hold messages of `/api/asyncapi.json`, without `id`, `prev`, `ts`."""

    as_of: str
    jobs: list[ActiveJob]
    events: list[dict[str, Any]]
    messages: list[dict[str, Any]]


@realtime.get("/snapshot", response=Snapshot, by_alias=True)
def get_snapshot(request: HttpRequest) -> dict[str, Any]:
    """What waits or runs now, and what is being written, as far as it is.

    Each job as the event that tells of it, each text as one `message_chunk`. Events after `asOf`
    complete it.
    """
    return snapshot.take(request.auth)  # type: ignore[attr-defined]


@realtime.get("/events", openapi_extra=EVENTS)
def events(request: HttpRequest, after: str = "") -> None:
    """The live events after an id, or from now on, as Server-Sent Events: what `/ws` sends, one
    JSON object each. A response ends after some; come back with `after`, or `Last-Event-ID`."""
    raise Problem(501, "Live events need ASGI", "Serve the ASGI application.")
