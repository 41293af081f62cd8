"""Jobs in the Django admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from realtime.models import Job, Status

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
