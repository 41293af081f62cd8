"""What the product adds to ingest: `python -m bench.ingest [large small first memory full]`.

The same texts through the same reader, chunker and embedder: bare, in one process, with nothing
stored and nobody told; and as uploads, with queue, reader process, rows, events, vectors and
postings. Without a name all is measured, in about a quarter of an hour.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from fpdf import FPDF

from bench.bars import at_least, at_most
from tests.live.tab import Tab
from tests.manual import make_manual
from tests.stack import LiveStack, until

CHAPTERS = (
    "with", "try", "lambda", "import", "global", "slicings", "yield", "async", "class", "function",
    "for", "while", "numbers", "strings", "typesmapping", "typesseq", "context-managers", "raise",
)  # fmt: skip
LARGE, SMALL, LONG, PRESENT, UPLOADS = 300, 1000, 2000, 100_000, 40


def bare(texts: list[str]) -> float:
    """Seconds to cut and embed texts, once everything is loaded."""
    from documents.chunk import chunk
    from rag.embedder import get_embedder

    embedder = get_embedder()
    embedder.embed_question("so that the model is loaded")
    chunk("and the tokenizer")
    began = time.perf_counter()
    for text in texts:
        embedder.embed_passages([text[start:end] for start, end in chunk(text)])
    return time.perf_counter() - began


def bare_pdf(path: Path) -> tuple[float, int]:
    """Seconds to read, cut and embed a PDF; and its pages."""
    import pypdfium2

    began = time.perf_counter()
    with pypdfium2.PdfDocument(path) as pdf:
        pages = [page.get_textpage().get_text_range() for page in pdf]
    seconds = time.perf_counter() - began
    return seconds + bare(["\n".join(pages).replace("\r\n", "\n")]), len(pages)


def put(client: httpx.Client, name: str, content: bytes) -> str:
    answer = client.post("/api/documents", files={"file": (name, content)}, timeout=120)
    return str(answer.raise_for_status().json()["documents"][0]["documentId"])


def show(client: httpx.Client, document_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = client.get(f"/api/documents/{document_id}").json()
    return shown


def ingest(client: httpx.Client, name: str, content: bytes) -> tuple[float, dict[str, Any]]:
    """Seconds from an upload to READY, and how it then stands."""
    began = time.perf_counter()
    document_id = put(client, name, content)
    until(lambda: show(client, document_id)["status"] == "READY", within=900, every=0.1)
    return time.perf_counter() - began, show(client, document_id)


def large(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    times = -(-LARGE // 56)  # the chapters are 56 pages
    path = make_manual(folder / "large.pdf", CHAPTERS * times)
    alone, pages = bare_pdf(path)
    ours, shown = ingest(client, path.name, path.read_bytes())
    print(f"{pages} pages, {shown['chunks']} chunks: bare {alone:.1f} s, product {ours:.1f} s; "
          f"ms by stage {shown['timings']}")  # fmt: skip
    at_most("a large PDF, product / bare", ours / alone, 1.15)


def small(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    texts = [
        f"# Note {n}\n\n" + " ".join(f"Word {n * k} of note {n} is here." for k in range(30))
        for n in range(SMALL)
    ]
    (folder / "notes").mkdir()
    for n, text in enumerate(texts):
        (folder / "notes" / f"{n}.md").write_text(text)
    alone = bare(texts)
    began = time.perf_counter()
    stack.manage("ingest", str(folder / "notes"), "--owner", "bob")
    with stack.client("bob") as bob:
        until(lambda: not waiting(bob), within=1200, every=1)
    ours = time.perf_counter() - began
    print(f"{SMALL} small files: bare {alone:.1f} s, product {ours:.1f} s")
    at_least("small files, chunks a second, product / bare", alone / ours, 0.8)


def waiting(client: httpx.Client) -> list[Any]:
    jobs = client.get("/api/realtime/snapshot").json()["jobs"]
    return [job for job in jobs if job["status"] in ("QUEUED", "RUNNING")]


def first(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    tab = Tab(stack, client).resume()
    tab.next()
    delays = []
    for number in range(UPLOADS):
        document_id = put(client, f"first-{number}.txt", f"File number {number}.".encode())
        answered, event = time.perf_counter(), tab.next()
        while event.get("documentId") != document_id:
            event = tab.next()
        delays.append(time.perf_counter() - answered)
        while event.get("documentId") != document_id or not event["terminal"]:
            event = tab.next()
        tab.say(type="ack", id=event["id"])
    at_most("upload answered to first event, p95", 1000 * statistics.quantiles(delays, n=20)[-1],
            300, " ms")  # fmt: skip


def memory(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    pdf = FPDF()
    pdf.set_font("helvetica", size=11)
    for number in range(LONG):
        pdf.add_page()
        pdf.multi_cell(0, 6, f"Page {number}. " + "A sentence that fills the page. " * 20)
    peaks: dict[int, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            found = stack.processes("--queues=documents") + stack.processes("reader_process")
            for process in found:
                try:
                    peaks[process.pid] = max(peaks.get(process.pid, 0), process.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    _, shown = ingest(client, "long.pdf", bytes(pdf.output()))
    ended.set()
    thread.join()
    print(f"{shown['pages']} pages, {shown['chunks']} chunks, {shown['timings']}")
    at_most("memory of the worker's largest process", max(peaks.values()) / 1024**2, 600, " MiB")


def full(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    path = make_manual(folder / "again.pdf", CHAPTERS)
    empty, _ = ingest(client, "before.pdf", path.read_bytes())
    fill(PRESENT)
    path = make_manual(folder / "again.pdf", CHAPTERS[::-1])
    filled, _ = ingest(client, "after.pdf", path.read_bytes())
    print(f"the same PDF: {empty:.1f} s in an empty database, {filled:.1f} s with {PRESENT} chunks")
    at_least(f"speed with {PRESENT} chunks / with none", empty / filled, 0.9)


def fill(count: int) -> None:
    """Chunks of another's, with vectors and postings, written as rows."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM documents_document LIMIT 1")
        (document,) = cursor.fetchone()
        cursor.execute("SELECT indexdef, indexname FROM pg_indexes WHERE indexname LIKE '%%hnsw%%'")
        definition, name = cursor.fetchone()
        cursor.execute(f"DROP INDEX {name}")
        cursor.execute(
            'INSERT INTO documents_chunk (document_id, index, page, page_to, start, "end", text) '
            "SELECT %s, 1000000 + n, 1, 1, 0, 1, 'x' FROM generate_series(1, %s) n",
            [document, count],
        )
        cursor.execute(
            "INSERT INTO rag_embedding (model_id, owner_id, document_id, chunk_id, vector) "
            "SELECT (SELECT min(id) FROM rag_embeddingmodel), d.owner_id, d.id, c.id, "
            "(SELECT array_agg(random() - 0.5) FROM generate_series(1, 384 + 0 * c.id))::vector "
            "FROM documents_chunk c JOIN documents_document d ON d.id = c.document_id "
            "WHERE c.index > 1000000"
        )
        cursor.execute(
            "INSERT INTO rag_posting (owner_id, document_id, term, chunks, frequencies, lengths) "
            "SELECT d.owner_id, d.id, 'term' || (random() * 20000)::int, ARRAY[c.id], '{1}', '{9}' "
            "FROM documents_chunk c JOIN documents_document d ON d.id = c.document_id, "
            "generate_series(1, 40) WHERE c.index > 1000000"
        )
        cursor.execute(definition)
        cursor.execute("ANALYZE")


MEASURES = {each.__name__: each for each in (large, small, first, memory, full)}


def main() -> None:
    chosen = sys.argv[1:] or list(MEASURES)
    with tempfile.TemporaryDirectory() as folder:
        stack = LiveStack(Path(folder) / "var")
        try:
            os.environ |= stack.running()["environment"] | {"DATA_DIR": str(stack.folder)}
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
            import django

            django.setup()
            stack.make_users()
            with stack.client("ann") as client:
                ingest(client, "warm-up.txt", b"So that the models are loaded.")
                for name in chosen:
                    MEASURES[name](stack, client, Path(folder))
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
