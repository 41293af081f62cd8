"""Many documents on the running product: fair, told of as one, and followed in a folder."""

import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx

from tests.live.tab import Tab
from tests.stack import ROOT, LiveStack, until


def uploaded(client: httpx.Client, words: str, **fields: str) -> str:
    files = {"file": (f"{uuid.uuid4().hex}.md", words.encode())}
    answer = client.post("/api/documents", files=files, data=fields).raise_for_status()
    return str(answer.json()["documents"][0]["documentId"])


def shown(client: httpx.Client, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(path).raise_for_status().json()
    return answer


def test_many_files_are_told_of_as_one_and_do_not_hold_up_another_person(
    stack: LiveStack,
) -> None:
    with stack.client("ann") as ann, stack.client("bob") as bob:
        batch = ann.post("/api/documents/batches", json={"total": 60}).json()["batchId"]
        for number in range(60):
            words = f"File {number} of {batch}. " + " ".join(f"Word {n}." for n in range(400))
            uploaded(ann, words, batchId=batch)
        of_bob = uploaded(bob, f"Bob's only one, {uuid.uuid4()}.")
        until(lambda: shown(bob, f"/api/documents/{of_bob}")["status"] == "READY", within=60)
        tab = Tab(stack, ann).resume()
        assert not shown(ann, f"/api/documents/batches/{batch}")["ended"], "too few for this test"
        while True:
            event = tab.next(within=120)
            if "id" in event:
                tab.say(type="ack", id=event["id"])
            if event["type"] == "batch_progress" and event.get("terminal"):
                break
        assert (event["total"], event["ready"], event["progress"]) == (60, 60, 100)
        tab.socket.close()


def test_a_new_version_answers_from_when_it_is_ready(stack: LiveStack) -> None:
    words = f"The harbour master's dog is called {uuid.uuid4().hex}."
    with stack.client("ann") as ann:
        old = uploaded(ann, words)
        until(lambda: shown(ann, f"/api/documents/{old}")["status"] == "READY", within=60)
        new = uploaded(ann, words, ifDuplicate="replace")
        assert new != old
        until(lambda: ann.get(f"/api/documents/{old}").status_code == 404, within=60)
        assert shown(ann, f"/api/documents/{new}")["status"] == "READY"


def test_a_watched_folder_is_followed_until_it_is_told_to_end(
    stack: LiveStack, tmp_path: Path
) -> None:
    (tmp_path / "first.md").write_text(f"# First\n\nIt is {uuid.uuid4()}.")
    command = ["ingest", str(tmp_path), "--owner", "bob", "--watch", "--delete", "--json"]
    watching = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdout

    def said(name: str, *statuses: str) -> dict[str, Any]:
        assert watching.stdout
        for line in watching.stdout:
            found: dict[str, Any] = json.loads(line)
            if Path(found["path"]).name == name and found["status"] in statuses:
                return found
        raise AssertionError(f"it ended before {name} was {statuses}")

    try:
        first = said("first.md", "READY")
        (tmp_path / "second.md").write_text(f"# Second\n\nIt is {uuid.uuid4()}.")
        said("second.md", "READY")
        (tmp_path / "first.md").write_text(f"# First\n\nIt is now {uuid.uuid4()}.")
        changed = said("first.md", "READY")
        assert changed["documentId"] != first["documentId"]
        (tmp_path / "second.md").unlink()
        assert said("second.md", "DELETED")["change"] == "removed"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
