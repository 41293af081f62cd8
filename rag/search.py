"""Retrieval alone, over HTTP: the web process asks a worker, which has the model, and waits."""

from typing import Any, TypedDict

from rag.parts import Source
from realtime.ask import NoAnswer, ask

TASK = "rag.search"
SECONDS = 10  # that the web process waits, and that a question is worth answering


class NoReply(Exception):
    """No passages; `str()` is for whoever asked."""


class Options(TypedDict, total=False):
    """`documents` and `collections` are ids; `parts` those that are switched off."""

    documents: list[str]
    collections: list[str]
    source: Source
    parts: dict[str, bool]


class Found(TypedDict):
    """Passages in the fields of the API, and what each part of the search contributed."""

    passages: list[dict[str, Any]]
    trace: dict[str, Any]


def search(owner_id: int, question: str, top_k: int, options: Options | None = None) -> Found:
    """The passages for a question. Raises NoReply."""
    arguments = (owner_id, question, top_k, options or {})
    try:
        found: Any = ask(TASK, *arguments, queue="interactive", seconds=SECONDS)
    except NoAnswer:
        raise NoReply("The search takes too long: the workers are busy or away.") from None
    if "error" in found:
        raise NoReply(found["error"])
    return {"passages": found["passages"], "trace": found["trace"]}
