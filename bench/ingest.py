"""What the product adds to ingest: `python -m bench.ingest [FILE]`.

The same file through the same reader, chunker and embedder: bare, in one process, with nothing
stored and nobody told; and as an upload, with queue, rows, events, vectors and postings.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.manual import make_manual
from tests.stack import LiveStack, until

CHAPTERS = (
    "with", "try", "lambda", "import", "global", "slicings", "yield", "async", "class", "function",
    "for", "while", "numbers", "strings", "typesmapping", "typesseq", "context-managers", "raise",
)  # fmt: skip


def bare(path: Path) -> tuple[float, int, int]:
    """Seconds, pages, chunks."""
    from documents.chunk import chunk
    from documents.extract import extract
    from rag.embedder import get_embedder
    from realtime.work import SilentReport

    embedder = get_embedder()
    embedder.embed_question("so that the model is loaded")
    began = time.perf_counter()
    pages = extract(path, path.name, SilentReport()).pages
    text = "\n".join(pages)
    spans = chunk(text, False, lambda _: None)
    embedder.embed_passages([text[start:end] for start, end in spans])
    return time.perf_counter() - began, len(pages), len(spans)


def product(stack: LiveStack, path: Path) -> tuple[float, dict[str, int]]:
    """Seconds from the upload to READY, and milliseconds by stage."""
    with stack.client("ann") as client:
        small = {"file": ("warm-up.txt", b"So that the model is loaded.", "text/plain")}
        client.post("/api/documents", files=small).raise_for_status()

        def all_ready() -> bool:
            shown = client.get("/api/documents").json()["documents"]
            return all(document["status"] == "READY" for document in shown)

        until(all_ready, within=60)
        began = time.perf_counter()
        files = {"file": (path.name, path.read_bytes())}
        taken = client.post("/api/documents", files=files).raise_for_status().json()["documents"]
        until(all_ready, within=600, every=0.25)
        seconds = time.perf_counter() - began
        return seconds, client.get(f"/api/documents/{taken[0]['documentId']}").json()["timings"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if sys.argv[1:] else make_manual(Path(folder) / "m.pdf", CHAPTERS)
        stack = LiveStack(Path(folder) / "var")
        try:
            os.environ |= stack.running()["environment"] | {"DATA_DIR": str(stack.folder)}
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
            import django

            django.setup()
            stack.make_users()
            alone, pages, chunks = bare(path)
            ours, timings = product(stack, path)
        finally:
            stack.stop()
    print(f"{path.name}: {pages} pages, {chunks} chunks")
    print(f"bare {alone:.1f} s ({chunks / alone:.1f} chunks/s); product {ours:.1f} s; "
          f"ratio {ours / alone:.2f}; ms by stage {timings}")  # fmt: skip


if __name__ == "__main__":
    main()
