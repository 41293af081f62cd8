"""`/healthz`: this process answers. `/readyz`: so does everything it needs."""

from collections.abc import Callable

import httpx
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse

from realtime import backlog
from realtime.log_server import Address


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when all parts answer, else 503; which ones do not is in the body."""
    found = parts()
    ready = all(found.values())
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", "parts": found}, status=200 if ready else 503
    )


def parts() -> dict[str, bool]:
    """Which of the parts answer."""
    return {name: answers(check) for name, check in CHECKS.items()}


def answers(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:  # whatever is wrong with a part, it does not answer
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _valkey() -> bool:
    options = {"socket_timeout": 1, "socket_connect_timeout": 1}
    for url in {settings.REDIS_URL, settings.REALTIME_REDIS_URL}:
        with Address.parse(url).connect(**options) as client:
            client.ping()
    return True


def _workers() -> bool:
    """A worker listens on each queue."""
    listened = {queue for queues in backlog.workers().values() for queue in queues}
    return {"documents", "interactive", "ssh"} <= listened


def _language_model() -> bool:
    """The server answers, if only to say that it wants a key; true where there is none."""
    url = settings.LLM_BASE_URL or settings.EMBEDDED_LLM_URL
    return not url or httpx.get(f"{url.rstrip('/')}/models", timeout=2).status_code < 500


CHECKS: dict[str, Callable[[], bool]] = {
    "postgresql": _database,
    "valkey": _valkey,
    "workers": _workers,
    "language model": _language_model,
}
