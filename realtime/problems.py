"""Errors of the HTTP API: RFC 9457 problem documents, in words that say what to do."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel
from redis import RedisError

PROBLEM = "application/problem+json"


class Problem(Exception):
    """Ends the request with a problem document; `errors` maps a field to what is wrong with it.
    More members, such as a code for programs, are put in as they are. `retry_after`: seconds."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        errors: Mapping[str, list[str]] | None = None,
        *,
        retry_after: int = 0,
        **more: Any,
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail, self.errors = status, title, detail, errors
        self.more, self.retry_after = more, retry_after


class EveryErrorIsAProblem(MiddlewareMixin):
    """Under `/api/`, also what Django itself refuses, and what failed without being foreseen."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not request.path.startswith("/api/") or response.status_code < 400:
            return response
        if response.get("Content-Type") == PROBLEM:
            return response
        problem = document(Problem(response.status_code, _phrase(response.status_code)))
        if "Allow" in response:
            problem["Allow"] = response["Allow"]
        return problem


class CamelSchema(Schema):
    """A body in camelCase, as the events are."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


def document(problem: Problem) -> HttpResponse:
    """The problem as a response."""
    body: dict[str, Any] = {"type": "about:blank", "title": problem.title, "status": problem.status}
    if problem.detail:
        body["detail"] = problem.detail
    if problem.errors:
        body["errors"] = problem.errors
    body = problem.more | body
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after else None
    return JsonResponse(body, status=problem.status, content_type=PROBLEM, headers=headers)


def told(api: NinjaAPI, error_class: type[Exception], problem_of: Callable[[Any], Problem]) -> None:
    """Have errors of a class told as the problem that they are."""
    api.add_exception_handler(error_class, lambda _request, error: document(problem_of(error)))


def install(api: NinjaAPI) -> None:
    """Make every error of the API a problem document."""
    handle = partial(told, api)
    handle(Problem, lambda problem: problem)
    handle(Http404, lambda _: Problem(404, "Not found", "There is nothing of yours here."))
    handle(PermissionDenied, lambda error: Problem(403, "Forbidden", str(error)))
    handle(AuthenticationError, lambda _: Problem(401, "Sign in first"))
    handle(ValidationError, _invalid)
    handle(RequestDataTooBig, lambda _: Problem(413, "The request is too large"))
    handle(RedisError, lambda _: Problem(503, "The event log does not answer", "Try again."))
    handle(
        HttpError, lambda error: Problem(error.status_code, _phrase(error.status_code), str(error))
    )


def _invalid(error: ValidationError) -> Problem:
    errors: dict[str, list[str]] = {}
    for item in error.errors:
        errors.setdefault(str(item["loc"][-1]), []).append(str(item["msg"]))
    return Problem(
        422, "The request is not valid", "; ".join(m for e in errors.values() for m in e), errors
    )


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A page or program whose token is missing or old."""
    words = "Your sign-in changed since this page was opened. Reload it and try again."
    if request.path.startswith("/api/"):
        return document(Problem(403, "CSRF token missing or old", words))
    return render(
        request, "problem.html", {"title": "Please try again", "detail": words}, status=403
    )
