"""Retrieval alone, over HTTP: the web process asks a worker, which has the model, and waits."""

from typing import Any

from realtime.ask import NoAnswer, ask

TASK = "rag.search"
SECONDS = 10  # that the web process waits, and that a question is worth answering


class NoReply(Exception):
    """No passages; `str()` is for whoever asked."""


def search(owner_id: int, question: str, top_k: int) -> list[dict[str, Any]]:
    """The passages for a question, in the fields of the API. Raises NoReply."""
    try:
        found = ask(TASK, owner_id, question, top_k, queue="interactive", seconds=SECONDS)
    except NoAnswer:
        raise NoReply("The search takes too long: the workers are busy or away.") from None
    if "error" in found:
        raise NoReply(found["error"])
    passages: list[dict[str, Any]] = found["passages"]
    return passages
