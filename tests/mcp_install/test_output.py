"""A run's output: kept before it is told, bounded, the same for whoever comes late."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Sum
from django.db.models.functions import Length
from django.utils import timezone

from mcp_install import run_log
from mcp_install.models import Installation, SshHost
from mcp_install.output import Output
from realtime import jobs
from realtime.background import in_thread
from realtime.models import Job, Status
from realtime.work import Cancelled, Report, Superseded
from tests.mcp_install.conftest import HostOf
from tests.mcp_install.hosts import begun, fresh, log_of
from tests.mcp_install.test_plan import HOST

Events = Callable[[User], list[dict[str, Any]]]
MIB = 1024 * 1024


@pytest.fixture
def run(transactional_db: None, ann: User, host_of: HostOf, valkey: Any) -> Installation:
    made: SshHost = host_of(ann, host_key="ssh-ed25519 AAAA", facts=HOST.as_json())
    return begun(ann, made)


def attempt(run: Installation) -> tuple[Output, Report]:
    """A worker's, that has just taken the run up."""
    job = jobs.claim(str(run.job_id), "a worker")
    assert job
    report = Report(job)
    report("EXECUTING", 20, "Working")
    return Output(fresh(run), report), report


async def said(output: Output, *texts: str, progress: int = 30) -> None:
    for text in texts:
        output.put(text)
        await output.flush(progress, "Working")


def kept_bytes(run: Installation) -> int:
    size = Length("text", function="OCTET_LENGTH")
    total: int = run.log.aggregate(total=Sum(size))["total"]
    return total


async def test_what_is_told_is_what_is_kept(
    run: Installation, ann: User, events_of: Events
) -> None:
    output, _ = await in_thread(attempt, run)
    texts = [f"line {number} → 日本語 \x1b[31mred\x1b[0m\r\n" * 20 for number in range(40)]
    await said(output, *texts)
    told = [event for event in events_of(ann) if "output" in event]
    assert "".join(event["output"] for event in told) == "".join(texts)
    at = 0
    for event in told:
        assert (event["outputOffset"], event["stage"], event["progress"]) == (at, "EXECUTING", 30)
        at += len(event["output"])
    assert await in_thread(log_of, run) == "".join(texts)
    rows = await in_thread(lambda: list(run.log.values_list("text", flat=True)))
    assert len(rows) < 10, "pieces are put together"
    assert all(len(row.encode()) <= 16 * 1024 for row in rows)
    assert (await in_thread(fresh, run)).log_length == at


async def test_a_late_comer_is_told_from_any_character_on(run: Installation) -> None:
    output, _ = await in_thread(attempt, run)
    whole = "".join(f"{number} naïve 🎈\r\n" for number in range(9_000))
    await said(output, *(whole[at : at + 3000] for at in range(0, len(whole), 3000)))
    for after in (0, 1, 2999, 3000, 50_001, len(whole) - 1, len(whole), len(whole) + 5):
        pieces = await in_thread(lambda: list(run_log.pieces(run, after)))  # noqa: B023
        assert "".join(piece.text for piece in pieces) == whole[after:]
        assert not any(piece.left_out for piece in pieces)
        assert not pieces or pieces[0].offset == after


async def test_of_a_flood_the_beginning_and_the_end_are_kept_and_the_cut_is_said(
    run: Installation,
) -> None:
    output, _ = await in_thread(attempt, run)
    whole = "".join(f"{number:06}é\r\n" for number in range(400_000))
    await said(output, *(whole[at : at + 200_000] for at in range(0, len(whole), 200_000)))
    assert await in_thread(kept_bytes, run) <= MIB
    assert await in_thread(kept_bytes, run) > 0.9 * MIB
    pieces = await in_thread(lambda: list(run_log.pieces(run)))
    [cut] = [piece for piece in pieces if piece.left_out]
    kept = "".join(piece.text for piece in pieces)
    begin = cut.offset - cut.left_out
    assert kept == whole[:begin] + whole[cut.offset :]
    assert 200_000 < begin < 256 * 1024
    row = await in_thread(fresh, run)
    assert (row.log_length, row.log_dropped) == (len(whole), cut.left_out)
    words = f"\n[{cut.left_out:,} characters were left out here]\n"
    assert words in await in_thread(run_log.as_text, run)


async def test_another_attempt_goes_on_where_the_last_one_ended(
    run: Installation, ann: User, events_of: Events
) -> None:
    output, report = await in_thread(attempt, run)
    await said(output, "the first\r\n", "x" * 300_000)
    await in_thread(lambda: jobs.finish(report.job, Status.FAILED, error="it failed"))
    assert await in_thread(jobs.retry, run.job)
    again, _ = await in_thread(attempt, run)
    await again.load()
    await said(again, "the second\r\n", "y" * 1_500_000)
    assert await in_thread(kept_bytes, run) <= MIB
    told = [event for event in events_of(ann) if event.get("output", "").startswith("the second")]
    assert [event["outputOffset"] for event in told] == [300_011]
    assert (await in_thread(log_of, run)).startswith("the first\r\n")


async def test_an_attempt_that_is_over_can_say_nothing_more(run: Installation) -> None:
    output, report = await in_thread(attempt, run)
    await said(output, "before\r\n")
    await in_thread(jobs.cancel, run.job)
    output.put("after\r\n")
    with pytest.raises(Cancelled):
        await output.flush(30, "Working")
    await output.flush(30, "Working", also_cancelled=True)
    await in_thread(lambda: jobs.finish(report.job, Status.CANCELLED))
    output.put("much later\r\n")
    with pytest.raises(Superseded):
        await output.flush(30, "Working", also_cancelled=True)
    assert await in_thread(log_of, run) == "before\r\nafter\r\n"


async def test_a_month_after_its_end_a_log_is_forgotten(run: Installation) -> None:
    output, report = await in_thread(attempt, run)
    await said(output, "long ago\r\n")
    await in_thread(lambda: jobs.finish(report.job, Status.DONE))
    for days, kept in ((29, True), (31, False)):
        before = timezone.now() - timedelta(days=days)
        await in_thread(lambda: Job.objects.update(finished_at=before))  # noqa: B023
        await in_thread(run_log.forget)
        assert await in_thread(run.log.exists) is kept
