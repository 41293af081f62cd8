"""The pages that belong to no single app: home, sign-in, and the activity of all of them."""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from realtime import self_test_runs
from realtime.models import ACTIVE, Job, Status
from realtime.pages import Context, live_page, owner, shown

STEP = 50


class Activity(NamedTuple):
    """One job for its owner's eyes: what it does, to what, and where to ask for a change.

    The percents of an `unsteady` job say how far it is, not how long it will take. `ends` is the
    command that ends it.
    """

    job: Job
    kind: str
    name: str
    url: str
    commands: str
    unsteady: bool = False
    ends: str = "cancel"


class SignIn(LoginView):
    template_name = "demo/sign_in.html"
    authentication_form = AuthenticationForm
    redirect_authenticated_user = True


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("documents:list")


@require_safe
@live_page("demo/activity.html")
def activity_page(request: HttpRequest) -> Context:
    return _list(request)


@require_safe
@live_page("demo/_activity.html")
def activity_part(request: HttpRequest) -> Context:
    return _list(request)


@require_safe
@live_page("demo/_activity_rows.html")
def activity_rows(request: HttpRequest) -> Context:
    """The rows named by `?id=`, which are ids of what the jobs are about."""
    try:
        ids = [uuid.UUID(text) for text in request.GET.getlist("id")[:100]]
    except ValueError:
        ids = []
    return {"rows": _rows(_mine(request).filter(subject__in=ids))}


def _mine(request: HttpRequest) -> QuerySet[Job]:
    return Job.objects.filter(owner=owner(request)).select_related(
        "document", "query", "chat_message__session", "installation__server__host"
    )


def _list(request: HttpRequest) -> Context:
    jobs, show, chosen = _mine(request), shown(request, STEP), request.GET.get("status", "")
    if chosen == "working":
        jobs = jobs.filter(status__in=ACTIVE)
    elif chosen == "failed":
        jobs = jobs.filter(status=Status.FAILED)
    count = jobs.count()
    return {
        "rows": _rows(jobs[:show]),
        "chosen": chosen,
        "next_show": show + STEP if count > show else 0,
    }


def _rows(jobs: Iterable[Job]) -> list[Activity]:
    return [_activity(job) for job in jobs]


def _activity(job: Job) -> Activity:
    if document := getattr(job, "document", None):
        url = reverse("documents:document", args=[document.pk])
        commands = f"/api/documents/{document.pk}"
        return Activity(job, "Read a document", document.name, url, commands)
    if query := getattr(job, "query", None):
        url = reverse("rag:query", args=[query.pk])
        return Activity(
            job, "Answer a question", query.question, url, f"/api/rag/queries/{query.pk}"
        )
    if reply := getattr(job, "chat_message", None):
        url = reverse("chat:session", args=[reply.session_id])
        return Activity(
            job,
            "Reply in a chat",
            str(reply.session),
            url,
            f"/api/chat/messages/{reply.pk}",
            unsteady=True,
            ends="stop",
        )
    if job.kind == "rag.reindex":
        return Activity(job, "Index all documents anew", "All documents", "", "")
    if run := getattr(job, "installation", None):
        does = f"{run.get_action_display()} a server"
        url = reverse("servers:run", args=[run.pk])
        return Activity(job, does, str(run.server), url, f"/api/mcp/installs/{run.pk}", True)
    if job.kind == self_test_runs.KIND:
        return Activity(job, "Prove that nothing is lost", "Self-test", reverse("status"), "", True)
    return Activity(job, job.kind, "removed since", "", "")
