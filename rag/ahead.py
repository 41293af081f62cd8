"""Groups of texts to vectors, one group ahead: to write vectors into a large index takes a while,
in which the next ones can be made."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from rag.embedder import Check, Embedder, Vectors

LOOK = 0.1  # seconds between two checks while vectors are made


class _Ended(Exception):
    """Nobody waits for the vectors any more."""


def embed_ahead(
    groups: Sequence[list[str]],
    embedder: Embedder,
    check: Check,
    write: Callable[[int, Vectors], None],
) -> None:
    """Call `write` with each group's place and vectors, in order, and `check` with how many texts
    are embedded; both in the caller's thread. What they raise ends it."""
    ended, finished, done = threading.Event(), 0, 0

    def count(number: int) -> None:
        nonlocal done
        done = finished + number
        if ended.is_set():
            raise _Ended

    if len(groups) == 1:
        return write(0, embedder.embed_passages(groups[0], check))
    with ThreadPoolExecutor(1) as thread:
        try:
            coming = [thread.submit(embedder.embed_passages, group, count) for group in groups[:1]]
            for place, group in enumerate(groups):
                while wait(coming, timeout=LOOK).not_done:
                    check(done)
                (rows,) = [each.result() for each in coming]
                finished += len(group)
                following = groups[place + 1 : place + 2]
                coming = [thread.submit(embedder.embed_passages, each, count) for each in following]
                check(finished)
                write(place, rows)
        finally:
            ended.set()
    return None
