"""Jobs, sessions and tokens in the Django admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from realtime.models import ApiToken, Job, Session, Status
from tests.realtime.people import device, key_of, program

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(bob: User, client: Client, settings: Settings) -> Client:
    """Bob, who may look at jobs."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    bob.is_staff = True
    bob.save()
    bob.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(bob)
    return client


def cancel(client: Client, job: Job) -> None:
    chosen = {"action": "cancel", "_selected_action": [str(job.pk)]}
    client.post("/admin/realtime/job/", chosen)


def test_who_may_only_look_at_jobs_cannot_cancel_them(
    staff: Client, bob: User, queued: Job
) -> None:
    assert staff.get("/admin/realtime/job/").status_code == 200
    cancel(staff, queued)
    assert Job.objects.get().status == Status.QUEUED
    bob.user_permissions.add(Permission.objects.get(codename="change_job"))
    cancel(staff, queued)
    assert Job.objects.get().status == Status.CANCELLED


def allow(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def test_staff_see_sessions_without_their_keys_and_end_them(
    staff: Client, ann: User, bob: User
) -> None:
    allow(bob, "view_session")
    client, session = device(ann)
    Client().get("/sign-in/")  # a visitor is nobody's session
    chosen = {"action": "end_sessions", "_selected_action": [str(session.pk)]}
    for url in ("/admin/realtime/session/", f"/admin/realtime/session/{session.pk}/change/"):
        page = staff.get(url).content.decode()
        assert str(session.pk) in page
        assert key_of(client) not in page
        assert session.session_data not in page
    staff.post("/admin/realtime/session/", chosen)
    assert client.get("/api/session").status_code == 200
    allow(bob, "delete_session")
    staff.post("/admin/realtime/session/", chosen)
    assert client.get("/api/session").status_code == 401
    assert Session.objects.get().user == bob


def test_staff_see_tokens_without_their_hashes(staff: Client, ann: User, bob: User) -> None:
    allow(bob, "view_apitoken")
    _, pk = program(ann)
    digest = ApiToken.objects.get().digest
    for url in ("/admin/realtime/apitoken/", f"/admin/realtime/apitoken/{pk}/change/"):
        page = staff.get(url).content.decode()
        assert "a program" in page
        assert digest not in page
