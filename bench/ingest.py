"""What the product adds to ingest: `python -m bench.ingest [large small first memory full]`.

The same texts through the same parser, chunker and embedder: bare, in one process, with nothing
stored and nobody told; and as uploads, with queue, reader process, rows, events, vectors and
postings. Both embed by the same class with as many threads as there are cores; the product has two
processes for documents, of which one document occupies one. Without a name all is measured, in
about twenty minutes.
"""

import os
import pydoc_data.topics
import statistics
import subprocess
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
from tests.stack import ROOT, LiveStack, until

CHAPTERS = (
    "with", "try", "lambda", "import", "global", "slicings", "yield", "async", "class", "function",
    "for", "while", "numbers", "strings", "typesmapping", "typesseq", "context-managers", "raise",
)  # fmt: skip
LARGE, SMALL, LONG, PRESENT, UPLOADS = 300, 1000, 2000, 100_000, 100
WORDS, SECTIONS = 300, 3  # of a small file


class Bare:
    """The chunker and the embedder, loaded."""

    def __init__(self) -> None:
        from documents.chunk import chunk
        from rag.embedder import get_embedder

        self.embedder = get_embedder()
        self.embedder.embed_question("so that the model is loaded")
        chunk("and the tokenizer")

    def cut(self, text: str, *, markdown: bool = False) -> list[str]:
        """What the product embeds of a text: its chunks, and before each its beginning."""
        from documents.chunk import chunk
        from rag.beginnings import beginning

        pieces = [text[start:end] for start, end in chunk(text, markdown)]
        return pieces[:1] + [f"{beginning(pieces[0])}\n{piece}" for piece in pieces[1:]]

    def embed(self, pieces: list[str]) -> float:
        """Seconds that it takes, all at once."""
        began = time.perf_counter()
        self.embedder.embed_passages(pieces)
        return time.perf_counter() - began


def bare_pdf(path: Path) -> tuple[float, int]:
    """Seconds to read, cut and embed a PDF; and its pages."""
    import pypdfium2

    bare = Bare()
    began = time.perf_counter()
    with pypdfium2.PdfDocument(path) as pdf:
        pages = [page.get_textpage().get_text_range() for page in pdf]
    bare.embed(bare.cut("\n".join(pages).replace("\r\n", "\n")))
    return time.perf_counter() - began, len(pages)


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
    until(lambda: show(client, document_id)["status"] == "READY", within=900, every=0.2)
    return time.perf_counter() - began, show(client, document_id)


def large(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    times = -(-LARGE // 56)  # the chapters are 56 pages
    path = make_manual(folder / "large.pdf", CHAPTERS * times)
    alone, pages = bare_pdf(path)
    ours, shown = ingest(client, path.name, path.read_bytes())
    print(f"{pages} pages, {shown['chunks']} chunks: bare {alone:.1f} s, product {ours:.1f} s; "
          f"ms by stage {shown['timings']}")  # fmt: skip
    at_most("a large PDF, product / bare", ours / alone, 1.15)


def notes() -> list[str]:
    """Small Markdown files of real words, under headings."""
    words = " ".join(pydoc_data.topics.topics.values()).split()
    each, made = WORDS // SECTIONS, []
    for number in range(SMALL):
        begin = number * len(words) // SMALL
        mine = (words + words)[begin : begin + WORDS]
        parts = [" ".join(mine[place : place + each]) for place in range(0, WORDS, each)]
        sections = [f"## Section {place}\n\n{part}" for place, part in enumerate(parts, 1)]
        made.append("\n\n".join([f"# Note {number}", *sections]) + "\n")
    return made


def small(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    """By `ingest`; in the midst of it, another person's single file by HTTP."""
    texts = notes()
    (folder / "notes").mkdir()
    for number, text in enumerate(texts):
        (folder / "notes" / f"{number:04}.md").write_text(text)
    bare = Bare()
    pieces = [piece for text in texts for piece in bare.cut(text, markdown=True)]
    alone = bare.embed(pieces)
    began = time.perf_counter()
    command = [sys.executable, "manage.py", "ingest", str(folder / "notes"), "--owner", "ann"]
    with (
        subprocess.Popen([*command, "--wait"], cwd=ROOT, env=stack.environment,
                         stdout=subprocess.DEVNULL) as running,
        stack.client("bob") as bob,
    ):  # fmt: skip
        time.sleep(alone / 2)
        single, _ = ingest(bob, "single.md", texts[0].encode())
        assert running.wait(1200) == 0
    ours = time.perf_counter() - began
    print(f"{SMALL} files, {len(pieces)} chunks: bare embedder {alone:.1f} s, product {ours:.1f} s")
    at_least("small files, chunks a second, product / bare embedder", alone / ours, 0.8)
    at_most("another's single file meanwhile, in files' time", single / (ours / SMALL), 4)


def first(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    """One upload after another, while the worker is busy with those before."""
    tab = Tab(stack, client).resume()
    delays = []
    for number in range(UPLOADS):
        document_id = put(client, f"first-{number}.txt", f"File number {number}. ".encode() * 100)
        answered, event = time.perf_counter(), tab.next()
        while event.get("documentId") != document_id:
            event = tab.next()
        delays.append(time.perf_counter() - answered)
        if "id" in event:
            tab.say(type="ack", id=event["id"])
    tab.socket.close()
    at_most("upload answered to first event, p95", 1000 * statistics.quantiles(delays, n=20)[-1],
            300, " ms")  # fmt: skip


def memory(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    """All processes of the worker; what they share is counted once."""
    pdf = FPDF()
    pdf.set_font("helvetica", size=11)
    for number in range(LONG):
        pdf.add_page()
        pdf.multi_cell(0, 6, f"Page {number}. " + "A sentence that fills the page. " * 20)
    peak, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.2):
            found = stack.processes("--queues=documents") + stack.processes("reader_process")
            try:
                peak = max(peak, sum(process.memory_full_info().pss for process in found))
            except psutil.NoSuchProcess:
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    _, shown = ingest(client, "long.pdf", bytes(pdf.output()))
    ended.set()
    thread.join()
    print(f"{shown['pages']} pages, {shown['chunks']} chunks, {shown['timings']}")
    at_most("memory of the worker", peak / 1024**2, 600, " MiB")


def full(stack: LiveStack, client: httpx.Client, folder: Path) -> None:
    """The same chapters in other orders, before and after: chunks a second."""
    turned = [make_manual(folder / f"{place}.pdf", CHAPTERS[place:] + CHAPTERS[:place])
              for place in range(4)]  # fmt: skip
    rates = []
    for path in turned:
        if path is turned[2]:
            fill(PRESENT)
        seconds, shown = ingest(client, path.name, path.read_bytes())
        print(f"{path.name}: {shown['chunks']} chunks in {seconds:.1f} s, {shown['timings']}")
        rates.append(shown["chunks"] / seconds)
    at_least(f"speed with {PRESENT} chunks / with none", sum(rates[2:]) / sum(rates[:2]), 0.9)


def fill(count: int) -> None:
    """So many chunks of the same person: those of the newest document again, with vectors around
    theirs and with their terms, written by the server."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, owner_id, chunk_count FROM documents_document "
                       "ORDER BY created_at DESC LIMIT 1")  # fmt: skip
        document, owner, real = cursor.fetchone()
        cursor.execute("SELECT indexdef, indexname FROM pg_indexes WHERE indexname LIKE '%%hnsw%%'")
        definition, name = cursor.fetchone()
        cursor.execute(f"DROP INDEX {name}")
        cursor.execute(
            'INSERT INTO documents_chunk (document_id, index, page, page_to, start, "end", text) '
            'SELECT document_id, 1000000 + n, page, page_to, start, "end", text '
            "FROM generate_series(0, %s - 1) n JOIN documents_chunk "
            "ON document_id = %s AND index = n %% %s",
            [count, document, real],
        )
        cursor.execute(
            "CREATE TEMPORARY TABLE pairs AS SELECT new.id AS new, old.id AS old "
            "FROM documents_chunk new JOIN documents_chunk old ON old.document_id = %s "
            "AND old.index = (new.index - 1000000) %% %s "
            "WHERE new.document_id = %s AND new.index >= 1000000",
            [document, real, document],
        )
        cursor.execute(
            "INSERT INTO rag_embedding (model_id, owner_id, document_id, chunk_id, vector) "
            "SELECT model_id, owner_id, document_id, new, l2_normalize(vector + "
            # Its length is about 0.7, that of the vector 1.
            "(SELECT array_agg((random() - 0.5) * 0.124) FROM generate_series(1, 384 + 0 * new))"
            "::vector) FROM pairs JOIN rag_embedding ON chunk_id = old"
        )
        cursor.execute(
            "INSERT INTO rag_posting (owner_id, document_id, term, chunks, frequencies, lengths) "
            "SELECT owner_id, document_id, term, array_agg(new), array_agg(times), array_agg(size) "
            "FROM rag_posting, unnest(chunks, frequencies, lengths) AS hit (chunk, times, size) "
            "JOIN pairs ON old = chunk WHERE owner_id = %s AND document_id = %s "
            "GROUP BY owner_id, document_id, term, new / 100",  # as many in a row as we write
            [owner, document],
        )
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute(definition)
        cursor.execute("ANALYZE")
        cursor.execute("CHECKPOINT")  # not in the midst of what is measured


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
