"""How fast a search is, and a question: `python -m bench.search [CHUNKS]`, 100,000 by default.

People ask a running stack. Then an index of that size is filled, in a schema of its own, and
searched: what one has all of, and ten documents of it.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.bars import at_least, at_most
from bench.filled import OWNERS, PARAGRAPHS, Filled
from bench.questions import first_token, questions
from tests.stack import LiveStack

ASKED, WARM = 200, 200


def searches(filled: Filled, chunks: int) -> None:
    from rag.limits import ALL, Limits
    from rag.nearest import exact, nearest
    from rag.retrieve import rank
    from rag.scope import corpus_of, scope_of

    chosen = random.Random(2)
    spent: dict[str, list[float]] = {"all of one's own": [], "ten documents": []}
    parts: dict[str, list[float]] = {"lexical": [], "dense": []}
    recalls: dict[str, list[float]] = {name: [] for name in spent}
    for number in range(ASKED + WARM):
        owner = filled.owners[number // 2 % OWNERS]
        place = chosen.randrange(PARAGRAPHS)
        words = filled.texts[place].split()
        start = chosen.randrange(max(1, len(words) - 8))
        question, vector = " ".join(words[start : start + 8]), filled.around([place])[0]
        own = [pk for pk, whose in filled.documents if whose == owner]
        name = "ten documents" if number % 2 else "all of one's own"
        limits = Limits(tuple(chosen.sample(own, 10))) if number % 2 else ALL
        began = time.perf_counter()
        search = rank(scope_of(owner, limits), question, vector, filled.model)
        if number < WARM:
            continue
        spent[name].append((time.perf_counter() - began) * 1000)
        for part, times in parts.items():
            times.append(search.milliseconds[part])
        scope = scope_of(owner, limits)
        found = nearest(scope, corpus_of(scope), vector, filled.model, 100)[:10]
        best = exact(scope, vector, filled.model, 10)
        recalls[name].append(len(set(found) & set(best)) / max(1, len(best)))
    for part, times in parts.items():
        print(f"  of it {part}: p50 {statistics.median(times):.1f} ms")
    most, least = (60, 0.95) if chunks > 500_000 else (25, 0.97)
    for name, times in spent.items():
        print(f"  search among {name}: p50 {statistics.median(times):.1f} ms")
        at_most(f"p95 among {name}", float(np.percentile(times, 95)), most, " ms")
        at_least(f"recall@10 among {name}", statistics.mean(recalls[name]), least)


def main() -> None:
    chunks = int(sys.argv[1]) if sys.argv[1:] else 100_000
    first_token()
    with tempfile.TemporaryDirectory() as folder:
        stack = LiveStack(Path(folder) / "var")
        try:
            os.environ |= stack.running()["environment"] | {"DATA_DIR": str(stack.folder)}
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
            import django

            django.setup()
            from rag.own_schema import own_schema

            stack.make_users()
            questions(stack)
            with own_schema():
                filled = Filled(chunks)
                filled.fill()
                searches(filled, chunks)
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
