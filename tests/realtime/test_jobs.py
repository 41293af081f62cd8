"""Jobs: claimed once, fenced by attempt, cancelled, retried, taken up when a worker is lost."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from realtime import jobs, log, work
from realtime.models import Job, OutboxEvent, Status
from tests.realtime.conftest import KIND, counted

pytestmark = pytest.mark.django_db(transaction=True)
Events = Callable[[User], list[dict[str, object]]]


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def claimed(job: Job) -> Job:
    mine = jobs.claim(str(job.pk), "worker@here")
    assert mine
    return mine


def lose_lease(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_job_is_claimed_once(queued: Job) -> None:
    first = claimed(queued)
    assert (first.status, first.attempt, first.worker) == (Status.RUNNING, 1, "worker@here")
    assert jobs.claim(str(queued.pk), "another@here") is None


def test_work_goes_through_its_stages_to_done(queued: Job, ann: User, events_of: Events) -> None:
    def count(subject: uuid.UUID, report: work.Report) -> str:
        assert subject == queued.subject
        report("COUNTING", 10, "Counting")
        report("CHECKING", 90, "Checking")
        return "Counted to 3"

    work.run(str(queued.pk), count)
    job = fresh(queued)
    assert (job.status, job.progress, job.message) == (Status.DONE, 100, "Counted to 3")
    assert set(job.timings) == {"COUNTING", "CHECKING"}
    told = [(e["stage"], e["progress"], e["status"], e["terminal"]) for e in events_of(ann)]
    assert told == [
        ("", 0, "RUNNING", False),
        ("COUNTING", 10, "RUNNING", False),
        ("CHECKING", 90, "RUNNING", False),
        ("CHECKING", 100, "DONE", True),
    ]


def test_an_audience_is_told_what_the_owner_is_told(
    queued: Job, ann: User, bob: User, events_of: Events
) -> None:
    def count(_: uuid.UUID, report: work.Report) -> str:
        assert jobs.active(bob) == jobs.active(ann) == [queued]
        for percent in (10, 40):
            report("COUNTING", percent, "Counting")
        return "Counted to 3"

    def subjects(user: User) -> list[uuid.UUID]:
        return [queued.subject] if user == bob else []

    audience = jobs.Audience(users=lambda _: [bob.pk], subjects=subjects)
    jobs.register(jobs.Kind(KIND, "nobody-listens", counted, audience))
    work.run(str(queued.pk), count)
    jobs.announce(queued, durable=False)  # late: it is over, for the audience too
    told = [[{**event, "ts": ""} for event in events_of(user)] for user in (ann, bob)]
    assert told[0] == told[1]
    assert [event["status"] for event in told[0]] == ["RUNNING", "RUNNING", "RUNNING", "DONE"]
    stranger = User.objects.create_user("carol")
    assert (events_of(stranger), jobs.active(stranger)) == ([], [])


def test_a_redelivered_task_does_nothing(queued: Job) -> None:
    work.run(str(queued.pk), lambda *_: "once")
    work.run(str(queued.pk), lambda *_: pytest.fail("it ran twice"))
    assert fresh(queued).attempt == 1


def test_progress_never_falls_and_its_last_word_is_never_left_out(
    queued: Job, ann: User, events_of: Events
) -> None:
    def hurry(_: uuid.UUID, report: work.Report) -> str:
        for percent in (1, 40, 20, 55):
            report("HURRYING", percent, f"at {percent}")
        report("RESTING", 60)
        return "done"

    work.run(str(queued.pk), hurry)
    told = [event["progress"] for event in events_of(ann)]
    assert told == [0, 1, 55, 60, 100]


def test_percent_alone_is_told_at_most_four_times_a_second(
    queued: Job, ann: User, events_of: Events
) -> None:
    def flood(_: uuid.UUID, report: work.Report) -> str:
        for percent in range(1, 99):
            report("FLOODING", percent)
        return "done"

    work.run(str(queued.pk), flood)
    seconds = fresh(queued).timings["FLOODING"] / 1000
    assert len(events_of(ann)) <= 4 + 4 * seconds


def test_a_failure_is_told_in_its_own_words(queued: Job, ann: User, events_of: Events) -> None:
    def fail(_: uuid.UUID, report: work.Report) -> str:
        report("READING", 5)
        raise work.Failure("This file is protected by a password.")

    work.run(str(queued.pk), fail)
    job = fresh(queued)
    assert (job.status, job.stage) == (Status.FAILED, "READING")
    assert job.error == "This file is protected by a password."
    assert events_of(ann)[-1]["terminal"] is True


def test_an_unexpected_error_shows_a_reference_and_no_details(queued: Job) -> None:
    work.run(str(queued.pk), lambda *_: str(1 / 0))
    job = fresh(queued)
    assert job.status == Status.FAILED
    assert "reference" in job.error
    assert "division" not in job.error


def test_a_job_whose_database_went_away_is_taken_up_again(queued: Job) -> None:
    def lose_it(*_: object) -> str:
        raise OperationalError("the connection is lost")

    work.run(str(queued.pk), lose_it)
    assert fresh(queued).status == Status.RUNNING
    lose_lease(queued)
    assert jobs.reap() == 1
    work.run(str(queued.pk), lambda *_: "done")
    assert (fresh(queued).status, fresh(queued).attempt) == (Status.DONE, 2)


def test_a_queued_job_is_cancelled_at_once(queued: Job) -> None:
    assert jobs.cancel(queued)
    assert fresh(queued).status == Status.CANCELLED
    work.run(str(queued.pk), lambda *_: pytest.fail("it ran"))


def test_a_running_job_is_cancelled_at_its_next_report(queued: Job) -> None:
    def work_on(_: uuid.UUID, report: work.Report) -> str:
        report("FIRST", 10)
        assert jobs.cancel(fresh(queued))
        report("SECOND", 20)
        return pytest.fail("it went on")

    work.run(str(queued.pk), work_on)
    assert fresh(queued).status == Status.CANCELLED


def test_what_has_ended_is_not_cancelled(queued: Job) -> None:
    work.run(str(queued.pk), lambda *_: "done")
    assert not jobs.cancel(queued)
    assert not jobs.retry(queued)


def test_retry_is_a_new_attempt_with_a_clean_slate(queued: Job) -> None:
    work.run(str(queued.pk), lambda *_: str(1 / 0))
    assert jobs.retry(queued)
    job = fresh(queued)
    assert (job.status, job.error, job.cancel_requested) == (Status.QUEUED, "", False)
    work.run(str(queued.pk), lambda *_: "done")
    assert (fresh(queued).status, fresh(queued).attempt) == (Status.DONE, 2)


def test_a_lost_worker_s_job_is_taken_up_again(queued: Job) -> None:
    claimed(queued)
    assert jobs.reap() == 0
    lose_lease(queued)
    assert jobs.reap() == 1
    assert fresh(queued).status == Status.QUEUED
    assert claimed(queued).attempt == 2


def test_a_superseded_attempt_can_write_nothing(queued: Job) -> None:
    old = work.Report(claimed(queued))
    lose_lease(queued)
    jobs.reap()
    claimed(queued)
    with pytest.raises(work.Superseded):
        old("LATE", 50)
    with pytest.raises(work.Superseded), old.fence():
        pytest.fail("it passed the fence")
    assert not jobs.finish(old.job, Status.DONE)
    assert fresh(queued).status == Status.RUNNING


@pytest.mark.parametrize("end", [jobs.retry, lambda _: None])
def test_a_worker_that_was_stopped_between_its_write_and_the_news_of_it_is_not_heard_of(
    queued: Job, ann: User, events_of: Events, end: Callable[[Job], object]
) -> None:
    written = claimed(queued)
    written.stage, written.progress = "COUNTING", 40
    jobs.finish(written, Status.FAILED, error="Lost.")
    end(queued)
    before = events_of(ann)
    jobs.announce(written, durable=False)
    assert events_of(ann) == before
    jobs.retry(queued)
    jobs.announce(claimed(queued), durable=False)
    assert events_of(ann)[-1]["attempt"] == 2


def test_a_job_that_is_withdrawn_ends_whoever_works_on_it(queued: Job) -> None:
    report = work.Report(claimed(queued))
    assert jobs.withdraw(queued)
    assert fresh(queued).status == Status.CANCELLED
    with pytest.raises(work.Superseded):
        report("LATE", 50)
    assert not jobs.withdraw(queued)


def test_a_job_that_takes_down_three_workers_fails(queued: Job) -> None:
    for _ in range(jobs.MOST_LOSSES):
        claimed(queued)
        lose_lease(queued)
        jobs.reap()
    job = fresh(queued)
    assert job.status == Status.FAILED
    assert "lost 3 times" in job.error


def test_a_lost_worker_s_cancelled_job_ends(queued: Job) -> None:
    claimed(queued)
    jobs.cancel(fresh(queued))
    lose_lease(queued)
    jobs.reap()
    assert fresh(queued).status == Status.CANCELLED


def test_a_worker_that_starts_frees_what_its_predecessor_held(queued: Job) -> None:
    claimed(queued)
    jobs.abandon("another@here")
    assert jobs.reap() == 0
    jobs.abandon("worker@here")
    assert jobs.reap() == 1


def test_a_lease_is_renewed_while_the_work_is_silent(
    queued: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "RENEW", 0.05)
    leases = set()

    def be_silent(_: uuid.UUID, report: work.Report) -> str:
        with transaction.atomic():
            pass
        deadline = timezone.now() + timedelta(seconds=5)
        while len(leases) < 3 and timezone.now() < deadline:
            leases.add(fresh(queued).lease_until)
        return "done"

    work.run(str(queued.pk), be_silent)
    assert len(leases) >= 3


@pytest.mark.parametrize("age", [2, -60], ids=["long ago", "before the clock was set back"])
def test_a_queued_job_whose_message_was_lost_is_sent_again(
    queued: Job, valkey: redis.Redis, age: int
) -> None:
    assert valkey.llen("nobody-listens") == 1
    valkey.flushall()
    Job.objects.filter(pk=queued.pk).update(queued_at=timezone.now() - jobs.SEND_AGAIN * age)
    jobs.reap()
    jobs.reap()
    assert valkey.llen("nobody-listens") == 1


def test_a_job_that_is_never_committed_is_never_sent(ann: User, valkey: redis.Redis) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        jobs.create(ann, KIND, uuid.uuid4())
        raise ZeroDivisionError
    assert valkey.llen("nobody-listens") == 0
    assert not Job.objects.exists()


@contextmanager
def elsewhere(change: Callable[[], object]) -> Iterator[None]:
    """Another process makes a change, and commits it after the block and no sooner."""
    made, may_commit = threading.Event(), threading.Event()

    def process() -> None:
        with transaction.atomic():
            change()
            made.set()
            may_commit.wait(10)
        connection.close()

    thread = threading.Thread(target=process)
    thread.start()
    assert made.wait(10)
    try:
        yield
    finally:
        may_commit.set()
        thread.join()


def test_a_cancel_that_comes_while_a_lost_job_is_taken_up_is_not_forgotten(queued: Job) -> None:
    claimed(queued)
    lose_lease(queued)
    with elsewhere(lambda: jobs.cancel(queued)):
        jobs.reap()
    jobs.reap()
    assert fresh(queued).status == Status.CANCELLED


def test_a_job_that_its_late_worker_is_writing_is_not_taken_away(queued: Job) -> None:
    claimed(queued)
    lose_lease(queued)
    Job.objects.update(losses=jobs.MOST_LOSSES - 1)

    def renew() -> None:
        Job.objects.update(lease_until=timezone.now() + jobs.LEASE)

    with elsewhere(renew):
        assert jobs.reap() == 0
    assert jobs.reap() == 0
    assert fresh(queued).status == Status.RUNNING


def test_a_long_queue_is_not_made_longer_by_sending_its_jobs_again(
    ann: User, valkey: redis.Redis
) -> None:
    waiting = [jobs.create(ann, KIND, uuid.uuid4()) for _ in range(3)]
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        for minutes in range(1, 5):
            jobs.reap(timezone.now() + timedelta(minutes=2 * minutes))
        assert broker.llen("nobody-listens") == 3
        broker.delete("nobody-listens")  # the messages are lost
        jobs.reap(timezone.now() + timedelta(minutes=20))
        assert broker.llen("nobody-listens") == len(waiting)


def test_what_becomes_of_the_news_cannot_undo_what_is_committed(
    ann: User, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction.atomic():
        job = jobs.create(ann, KIND, uuid.uuid4())
        jobs.announce(job)
        monkeypatch.setattr(log, "append", lambda *_, **__: 1 / 0)
    assert fresh(job).status == Status.QUEUED
    assert OutboxEvent.objects.count() == 1
