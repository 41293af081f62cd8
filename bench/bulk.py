"""Many small files: `python -m bench.bulk [NUMBER]`, 1,000 by default.

How many chunks a second the product makes of them, from the first upload to the last that is READY,
against the bare chunker and embedder in one process; how soon after an upload is answered the first
event of it is at the socket; and how long another person's single file takes meanwhile.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from bench.bars import at_least, at_most
from tests.browser.files import prose
from tests.live.tab import Tab
from tests.stack import LiveStack, until

AT_ONCE = 3  # as the page
UPLOADS = 100  # whose first event is timed


def bare(texts: list[str]) -> tuple[float, int]:
    """Seconds, and chunks."""
    from documents.chunk import chunk
    from rag.embedder import get_embedder

    embedder = get_embedder()
    embedder.embed_question("so that the model is loaded")
    began, chunks = time.perf_counter(), 0
    for text in texts:
        spans = chunk(text, True, lambda _: None)
        embedder.embed_passages([text[start:end] for start, end in spans])
        chunks += len(spans)
    return time.perf_counter() - began, chunks


def uploaded(client: httpx.Client, name: str, text: str, **fields: str) -> str:
    files = {"file": (name, text.encode())}
    answer = client.post("/api/documents", files=files, data=fields).raise_for_status()
    return str(answer.json()["documents"][0]["documentId"])


def status(client: httpx.Client, document_id: str) -> str:
    return str(client.get(f"/api/documents/{document_id}").json()["status"])


def product(stack: LiveStack, texts: list[str]) -> tuple[float, dict[str, Any], float]:
    """Seconds, the batch at its end, and seconds that bob's single file took in between."""
    with stack.client("ann") as ann, stack.client("bob") as bob:
        warm = uploaded(ann, "warm.md", "So that the model is loaded.")
        until(lambda: status(ann, warm) == "READY", within=60)
        began = time.perf_counter()
        answer = ann.post("/api/documents/batches", json={"total": len(texts)}).raise_for_status()
        batch = answer.json()["batchId"]
        numbers = count()
        with ThreadPoolExecutor(AT_ONCE) as threads:
            sent = threads.map(
                lambda text: uploaded(ann, f"{next(numbers)}.md", text, batchId=batch), texts
            )
            assert len(set(sent)) == len(texts)
        of_bob, asked = uploaded(bob, "single.md", prose(60)), time.perf_counter()
        until(lambda: status(bob, of_bob) == "READY", within=120, every=0.05)
        single = time.perf_counter() - asked
        path = f"/api/documents/batches/{batch}"
        until(lambda: ann.get(path).json()["ended"], within=1800, every=0.25)
        return time.perf_counter() - began, ann.get(path).json(), single


def first_events(stack: LiveStack) -> list[float]:
    """Milliseconds from each answer to the first event of the document at the socket."""
    late: list[float] = []
    with stack.client("ann") as client:
        tab = Tab(stack, client).resume()
        for number in range(UPLOADS):
            document_id = uploaded(client, f"timed-{number}.md", prose(30))
            answered = time.perf_counter()
            while tab.next().get("documentId") != document_id:
                pass
            late.append(1000 * (time.perf_counter() - answered))
        tab.socket.close()
    return late


def main() -> None:
    texts = [f"# Note\n\n{prose(120)}\n" for _ in range(int(sys.argv[1]) if sys.argv[1:] else 1000)]
    with tempfile.TemporaryDirectory() as folder:
        stack = LiveStack(Path(folder) / "var")
        try:
            os.environ |= stack.running()["environment"] | {"DATA_DIR": str(stack.folder)}
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
            import django

            django.setup()
            stack.make_users()
            late = first_events(stack)
            alone, chunks = bare(texts)
            ours, batch, single = product(stack, texts)
        finally:
            stack.stop()
    print(f"{len(texts):,} files, {chunks:,} chunks: bare {alone:.1f} s, product {ours:.1f} s; "
          f"{json.dumps(batch)}")  # fmt: skip
    at_least("chunks a second, product / bare", alone / ours, 0.8, " ×")
    at_most("upload answered → first event, p95", statistics.quantiles(late, n=20)[-1], 300, " ms")
    at_most("another's single file, in files' time", single / (ours / len(texts)), 4, " ×")


if __name__ == "__main__":
    main()
