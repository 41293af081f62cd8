"""Workers die and come back from the dead, while they work for people who watch."""

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import psutil
import pytest

from tests.chaos.conftest import Play
from tests.chaos.scene import Scene
from tests.chaos.world import World
from tests.live.test_faults import chunks, is_embedding, is_ready, show, upload
from tests.stack import ROOT, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

DOCUMENTS, INTERACTIVE = "--queues=documents", "--queues=interactive"


def ann(world: World) -> httpx.Client:
    return world.clients[0][1]


def is_doubled(client: httpx.Client, document_id: str) -> bool:
    found = chunks(client, document_id)
    places = {(chunk["page"], chunk["start"]) for chunk in found}
    return not (len(places) == len(found) == show(client, document_id)["chunks"] > 0)


def test_workers_are_killed_in_the_middle_of_an_ingest_and_an_answer(
    world: World, play: Play
) -> None:
    client = ann(world)
    with play(world, within=120) as scene:
        document_id = upload(client, "killed.txt", 3_000)
        until(lambda: is_embedding(client, document_id), within=60)
        asked = client.post("/api/rag/queries", json={"question": "What does the fox do?"}).json()
        heard_of(scene, asked["queryId"])
        for words in (DOCUMENTS, INTERACTIVE):
            for process in world.stack.processes(words):
                process.send_signal(signal.SIGKILL)
        scene.mended()
        until(lambda: is_ready(client, document_id), within=120, every=0.25)
        path = f"/api/rag/queries/{asked['queryId']}"
        until(lambda: client.get(path).json()["stage"] == "COMPLETE", within=60, every=0.25)
    assert not is_doubled(client, document_id)


def heard_of(scene: Scene, subject: str) -> None:
    """Wait until a tab was told of a subject."""
    until(lambda: any(line.get("subject") == subject for line in scene.of_tab("ann-0-0")))


@contextmanager
def another_worker(world: World) -> Iterator[None]:
    command = ["-m", "celery", "-A", "demo", "worker", DOCUMENTS, "--hostname=another@%h"]
    log = world.folder / "log/another-worker.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command, "--concurrency=1", "--loglevel=INFO"],
            cwd=ROOT,
            env=world.stack.environment,
            stdout=file,
            stderr=file,
        )
    try:
        until(lambda: b" ready." in log.read_bytes(), within=60)
        yield
    finally:
        process.terminate()
        process.wait(30)


def pool_process(world: World) -> psutil.Process:
    _, pool = world.stack.processes(DOCUMENTS)
    return pool


def attempt(world: World, document_id: str) -> int:
    statement = "SELECT attempt FROM realtime_job WHERE subject = %s"
    return int(world.sql(statement, document_id)[0][0])


def test_a_worker_that_was_taken_for_dead_comes_back(world: World, play: Play) -> None:
    """Two attempts of one job at once: the older changes and says nothing any more."""
    client = ann(world)
    with play(world, within=120) as scene, ExitStack() as others:
        document_id = upload(client, "undead.txt", 3_000)
        until(lambda: is_embedding(client, document_id), within=60)
        stopped = pool_process(world)
        stopped.send_signal(signal.SIGSTOP)
        try:
            others.enter_context(another_worker(world))
            until(lambda: attempt(world, document_id) == 2, within=60, every=0.2)
            until(lambda: is_embedding(client, document_id), within=60)
        finally:
            stopped.send_signal(signal.SIGCONT)
        scene.mended()
        until(lambda: is_ready(client, document_id), within=120, every=0.25)
    assert attempt(world, document_id) == 2
    assert not is_doubled(client, document_id)


@contextmanager
def speaking(world: World, attempt: int, subject: str, job: str) -> Iterator[None]:
    """A process that publishes as an attempt of a job, until the end."""
    program = f"from tests.chaos.attempts import speak; speak({attempt}, {subject!r}, {job!r})"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", program]
    process = subprocess.Popen(
        command, cwd=ROOT, env=world.stack.environment, stdin=subprocess.PIPE
    )
    try:
        yield
    finally:
        process.communicate(timeout=30)


def test_two_attempts_publish_at_once(world: World, play: Play) -> None:
    """What the older says after the newer has spoken is in no stream, whoever is the quicker."""
    subject, job = str(uuid.uuid4()), str(uuid.uuid4())

    def heard(attempt: int) -> int:
        lines = [line for line in scene.of_tab("ann-0-0") if line.get("subject") == subject]
        return sum(line["attempt"] == attempt for line in lines)

    with play(world) as scene:
        with ExitStack() as older:
            older.enter_context(speaking(world, 1, subject, job))
            until(lambda: heard(1) > 100)
            with speaking(world, 2, subject, job):
                until(lambda: heard(2) > 100)
                before = heard(1)
                older.close()
                assert heard(1) == before
        scene.notes.append(f"of the older {heard(1)}, of the newer {heard(2)} events")
