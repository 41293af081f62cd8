"""Reading documents in the running product: cancelled and deleted in the middle of OCR, protected,
seen as it looks."""

import io
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from PIL import Image

from tests.documents import samples
from tests.live.test_faults import is_ready, show
from tests.stack import LiveStack, command_of, until

PASSWORD = b"wasps-in-July-1977"


def put(client: httpx.Client, name: str, content: bytes) -> str:
    answer = client.post("/api/documents", files={"file": (name, content)})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["documents"][0]["documentId"])


def scan(pages: int) -> bytes:
    lines = [f"Line {n} of a letter about bees, their honey and its price." for n in range(20)]
    return samples.scanned(*[samples.picture(*lines, size=(1240, 1754))] * pages)


def is_recognising(client: httpx.Client, document_id: str) -> bool:
    return "Recognising page" in show(client, document_id)["message"]


def test_work_ends_within_two_seconds_in_the_middle_of_ocr(
    stack: LiveStack, ann: httpx.Client
) -> None:
    document_id = put(ann, "long.pdf", scan(40))
    until(lambda: is_recognising(ann, document_id), within=60)
    began = time.monotonic()
    assert ann.post(f"/api/documents/{document_id}/cancel").status_code == 202
    until(lambda: show(ann, document_id)["status"] == "CANCELLED", within=10, every=0.02)
    assert time.monotonic() - began < 2


def test_a_document_is_deleted_while_it_is_read(stack: LiveStack, ann: httpx.Client) -> None:
    document_id = put(ann, "deleted.pdf", scan(41))
    until(lambda: is_recognising(ann, document_id), within=60)
    stored = list((stack.folder / "files").rglob(document_id))
    assert len(stored) == 1
    assert ann.delete(f"/api/documents/{document_id}").status_code == 204
    until(lambda: not stored[0].exists(), within=5)
    readers = psutil.Process(stack.process.pid).children(recursive=True)
    until(lambda: not [each for each in readers if "tesseract" in command_of(each)], within=5)
    next_id = put(ann, "next.txt", b"The next one is read at once.")
    until(lambda: is_ready(ann, next_id), within=30)


def test_a_protected_pdf_is_read_and_its_password_is_nowhere(
    stack: LiveStack, ann: httpx.Client
) -> None:
    document_id = put(ann, "secret.pdf", samples.pdf("Secret.", password=PASSWORD.decode()))
    until(lambda: show(ann, document_id)["status"] == "FAILED", within=60)
    assert show(ann, document_id)["needsPassword"]
    body = {"password": PASSWORD.decode()}
    assert ann.post(f"/api/documents/{document_id}/password", json=body).status_code == 202
    until(lambda: is_ready(ann, document_id), within=60)
    kept = [path for path in stack.folder.rglob("*") if path.is_file()]
    assert len(kept) > 100
    assert not [path for path in kept if holds(path, PASSWORD)]


def holds(path: Path, words: bytes) -> bool:
    try:
        return words in path.read_bytes()
    except FileNotFoundError:  # a temporary file of a database
        return False


def test_a_page_is_seen_as_it_looks_with_its_passage(stack: LiveStack, ann: httpx.Client) -> None:
    document_id = put(ann, "looks.pdf", samples.pdf("The bees of Gotland.", "Page two."))
    until(lambda: is_ready(ann, document_id), within=60)
    page = f"/api/documents/{document_id}/pages/1"
    picture = ann.get(f"{page}/picture").raise_for_status()
    assert Image.open(io.BytesIO(picture.content)).width == 800
    ((left, top, right, bottom),) = ann.get(f"{page}/boxes?start=4&end=8").json()["boxes"]
    assert 0 < left < right < 0.5
    assert 0 < top < bottom < 0.2
    preview = ann.get(f"/api/documents/{document_id}/preview?chunkTokens=40&chunkOverlap=0").json()
    assert preview["isAll"]
    assert preview["chunks"][0]["text"].startswith("The bees of Gotland.")


def test_the_worker_of_a_killed_reader_goes_on(stack: LiveStack, ann: httpx.Client) -> None:
    document_id = put(ann, "crash.pdf", scan(42))
    until(lambda: is_recognising(ann, document_id), within=60)
    parents = [each.parent() for each in stack.descendants() if "tesseract" in command_of(each)]
    for reader in filter(None, parents):
        reader.send_signal(signal.SIGSEGV)
    until(lambda: show(ann, document_id)["status"] == "FAILED", within=20)
    shown: dict[str, Any] = show(ann, document_id)
    assert "its reader crashed" in shown["error"]
    next_id = put(ann, "after.txt", b"The one after it is read.")
    until(lambda: is_ready(ann, next_id), within=30)
