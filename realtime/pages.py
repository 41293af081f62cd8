"""Pages that events complete: rendered from rows, the stream's position being read before them."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import redis
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from realtime import log

logger = logging.getLogger(__name__)

Context = dict[str, Any]


def owner(request: HttpRequest) -> User:
    """The signed-in person, where every lookup starts."""
    return cast("User", request.user)


def live_page(template: str) -> Callable[..., Callable[..., HttpResponse]]:
    """A page, or a part of one, for a signed-in person; the view returns the template's context.

    `live_after` in the context and the header `X-Live-After` say which event the rows already
    hold: a tab applies what comes after it. A view whose rows are older than that says so by a
    `live_after` of its own. Without the log's server the page is still shown, and the position is
    empty.
    """

    def decorate(view: Callable[..., Context]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                if "X-Part" in request.headers:
                    return HttpResponse("You are signed out.", status=401)
                return redirect_to_login(request.get_full_path())
            after = position(request.user.pk)
            context = view(request, *args, **kwargs)
            after = context.get("live_after") or after
            response = render(request, template, {**context, "live_after": after})
            response["X-Live-After"] = after
            response["Cache-Control"] = "private, no-store"
            return response

        return page

    return decorate


def position(user_id: int) -> str:
    try:
        return log.head(user_id)
    except redis.RedisError as error:
        logger.warning("a page without a position, the log does not answer: %s", error)
        return ""


def shown(request: HttpRequest, step: int, most: int = 1000, *, by: str = "show") -> int:
    """How many rows of a list to show: `?show=`, which "Show more" raises by a step."""
    asked = request.GET.get(by, "")
    return max(step, min(int(asked), most)) if asked.isdecimal() and len(asked) < 6 else step
