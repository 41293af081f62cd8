"""Jobs of a kind are taken up fairly: whose turn it is, and how long the line is."""

import threading
import uuid

import pytest
from django.contrib.auth.models import User
from django.db import connection

from realtime import jobs, turns, work
from realtime.models import Job, Status
from tests.realtime.conftest import KIND

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


def create(owner: User, number: int = 1) -> list[Job]:
    return [jobs.create(owner, KIND, uuid.uuid4()) for _ in range(number)]


def serve(number: int) -> list[User]:
    """Whose jobs are done, one after the other."""
    served: list[User] = []

    def note(subject: uuid.UUID, _: work.Report) -> str:
        served.append(Job.objects.get(subject=subject).owner)
        return "done"

    for _ in range(number):
        work.run_next(KIND, note)
    return served


def test_a_thousand_jobs_of_one_do_not_hold_up_a_single_one_of_another(
    ann: User, bob: User
) -> None:
    create(ann, 30)
    assert serve(3) == [ann] * 3
    create(bob)
    assert serve(3) == [bob, ann, ann]


def test_two_who_have_many_are_served_in_turn_and_each_in_order(ann: User, bob: User) -> None:
    of_ann, of_bob = create(ann, 4), create(bob, 3)
    places = turns.line(KIND)
    in_line = [of_ann[0], of_bob[0], of_ann[1], of_bob[1], of_ann[2], of_bob[2], of_ann[3]]
    assert sorted(places, key=lambda pk: places[pk]) == [job.pk for job in in_line]
    done: list[uuid.UUID] = []
    for _ in range(7):
        work.run_next(KIND, lambda subject, _: str(done.append(subject)))
    assert done == [job.subject for job in in_line]
    assert turns.next_job(KIND) is None


def test_a_message_too_many_does_nothing(ann: User) -> None:
    create(ann)
    assert serve(3) == [ann]


def test_workers_that_are_free_at_once_do_each_job_once(ann: User) -> None:
    create(ann, 8)
    done: list[uuid.UUID] = []
    barrier = threading.Barrier(4)

    def worker() -> None:
        barrier.wait()
        try:
            for _ in range(2):
                work.run_next(KIND, lambda subject, _: str(done.append(subject)))
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(set(done)) == 8
    assert not Job.objects.exclude(status=Status.DONE).exists()


def test_another_kind_is_left_alone(ann: User) -> None:
    create(ann)
    assert turns.next_job("another") is None
    assert turns.line("another") == {}
