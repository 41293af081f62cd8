"""Things die in the middle of work: it is taken up again, nothing is doubled, no bar is stuck."""

import signal
import time
from typing import Any

import httpx
import pytest

from tests.live.tab import Tab
from tests.stack import LiveStack, until

WORDS = "The quick brown fox jumps over the lazy dog near the river bank number {}. "


def upload(client: httpx.Client, name: str, sentences: int) -> str:
    text = "".join(WORDS.format(number) for number in range(sentences))
    files = {"file": (name, f"{name}\n\n{text}".encode(), "text/plain")}
    answer = client.post("/api/documents", files=files)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["documents"][0]["documentId"])


def show(client: httpx.Client, document_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = client.get(f"/api/documents/{document_id}").json()
    return shown


def is_embedding(client: httpx.Client, document_id: str) -> bool:
    return show(client, document_id)["stage"] == "EMBEDDING"


def is_ready(client: httpx.Client, document_id: str) -> bool:
    shown = show(client, document_id)
    assert shown["status"] not in ("FAILED", "CANCELLED"), shown
    return bool(shown["status"] == "READY")


def chunks(client: httpx.Client, document_id: str) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        answer = client.get(
            f"/api/documents/{document_id}/chunks", params={"cursor": cursor} if cursor else {}
        ).json()
        found += answer["chunks"]
        if not (cursor := answer.get("next") or ""):
            return found


def kill_pool_process(stack: LiveStack) -> None:
    """The process that does the work, not its parent."""
    _, *pool = stack.processes("--queues=documents")
    assert pool
    for process in pool:
        process.send_signal(signal.SIGKILL)


def kill_worker(stack: LiveStack) -> None:
    for process in stack.processes("--queues=documents"):
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_pool_process, kill_worker])
def test_a_killed_worker_s_ingest_is_taken_up_and_not_doubled(
    stack: LiveStack, ann: httpx.Client, kill: Any
) -> None:
    tab = Tab(stack, ann).resume()
    tab.next()
    document_id = upload(ann, f"{kill.__name__}.txt", 4000)
    until(lambda: is_embedding(ann, document_id), within=60)
    kill(stack)
    killed = time.monotonic()
    attempts: dict[int, list[int]] = {}
    while True:
        event = tab.next()
        if event.get("documentId") != document_id:
            continue
        tab.say(type="ack", id=event["id"])
        attempts.setdefault(event["attempt"], []).append(event["progress"])
        if event["attempt"] == 2 and len(attempts[2]) == 1:
            assert time.monotonic() - killed < 60
        if event["terminal"]:
            break
    assert event["status"] == "READY"
    assert sorted(attempts) == [1, 2] or sorted(attempts) == [0, 1, 2]
    for told in attempts.values():
        assert told == sorted(told), "the bar went backwards"
    found = chunks(ann, document_id)
    assert len(found) == show(ann, document_id)["chunks"]
    places = [(chunk["page"], chunk["start"]) for chunk in found]
    assert len(set(places)) == len(places)


def test_valkey_restarted_in_the_middle_jobs_go_on_and_tabs_resync(
    stack: LiveStack, ann: httpx.Client
) -> None:
    tab = Tab(stack, ann).resume()
    tab.next()
    document_id = upload(ann, "valkey.txt", 3500)
    until(lambda: is_embedding(ann, document_id), within=60)
    [valkey, *_] = stack.processes("valkey-server")
    valkey.send_signal(signal.SIGKILL)
    while (frame := tab.next())["type"] != "resync":
        pass
    assert frame["reason"] == "epoch"
    until(lambda: is_ready(ann, document_id), within=90)
    while not (frame := tab.next()).get("terminal"):
        pass
    assert frame["documentId"] == document_id


def test_another_document_is_taken_after_all_that(stack: LiveStack, ann: httpx.Client) -> None:
    document_id = upload(ann, "after.txt", 5)
    until(lambda: is_ready(ann, document_id), within=60)


def test_cancel_ends_an_ingest_within_two_seconds(stack: LiveStack, ann: httpx.Client) -> None:
    document_id = upload(ann, "cancel.txt", 4500)
    until(lambda: is_embedding(ann, document_id), within=60)
    began = time.monotonic()
    assert ann.post(f"/api/documents/{document_id}/cancel").status_code in (200, 202, 204)
    until(lambda: show(ann, document_id)["status"] == "CANCELLED")
    assert time.monotonic() - began < 2
    assert ann.delete(f"/api/documents/{document_id}").status_code == 204
    assert ann.get(f"/api/documents/{document_id}").status_code == 404


def test_a_document_deleted_in_the_middle_leaves_nothing(
    stack: LiveStack, ann: httpx.Client
) -> None:
    document_id = upload(ann, "deleted.txt", 4600)
    until(lambda: is_embedding(ann, document_id), within=60)
    assert ann.delete(f"/api/documents/{document_id}").status_code == 204
    assert not list((stack.folder / "files").rglob(document_id))
    after = upload(ann, "after-deletion.txt", 6)
    until(lambda: is_ready(ann, after), within=60)
