"""When a question's stages, passages and text come to a socket, alone and twenty at once; and what
is added to a language model's first token."""

import statistics
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from openai import OpenAI

from bench.bars import at_most
from tests.live.listener import Listener
from tests.model_server import running
from tests.stack import LiveStack, until

TEXT = (
    "The night heron of Lake Tarn builds its nest from willow twigs in early April.\n\n"
    "A queen bee lays up to 2,000 eggs a day.\n\nThe harbour was built in 1872.\n"
)
QUESTION = "How many eggs does a queen bee lay a day?"
ASKED, WARM = 20, 2
STARTED, PASSAGES, WORDS, COMPLETE = "STARTED", "first passage", "first text", "COMPLETE"


class Asker:
    """One tab of a person; when the stages of their questions came."""

    def __init__(self, stack: LiveStack) -> None:
        self.client = stack.client("ann")
        line = stack.client("ann")
        line.timeout = None  # silent while others are measured
        self.line = Listener(line).resumed()
        self.seen: dict[str, dict[str, float]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(httpx.HTTPError):  # the stack's end
            for frame in self.line.for_ever():
                if query := frame.get("queryId"):
                    stage = frame.get("stage") or WORDS
                    if frame.get("message", "").startswith("Found"):
                        stage = PASSAGES
                    self.seen.setdefault(query, {}).setdefault(stage, time.perf_counter())

    def ask(self, question: str) -> tuple[str, float]:
        began = time.perf_counter()
        answer = self.client.post("/api/rag/queries", json={"question": question})
        return answer.raise_for_status().json()["queryId"], began

    def ended(self, query: str) -> dict[str, float]:
        until(lambda: self._is_over(query), within=120, every=0.005)
        return self.seen[query]

    def _is_over(self, query: str) -> bool:
        return bool({COMPLETE, "FAILED"} & self.seen.get(query, {}).keys())

    def alone(self, question: str) -> list[dict[str, float]]:
        """Milliseconds by stage, of one question after the other."""
        found = []
        for _ in range(ASKED + WARM):
            query, began = self.ask(question)
            found.append({stage: (at - began) * 1000 for stage, at in self.ended(query).items()})
        return found[WARM:]


def asker(stack: LiveStack) -> Asker:
    with stack.client("ann") as client:
        files = {"file": ("facts.txt", TEXT.encode(), "text/plain")}
        client.post("/api/documents", files=files).raise_for_status()
        until(lambda: client.get("/api/documents").json()["documents"][0]["status"] == "READY")
    return Asker(stack)


def questions(stack: LiveStack) -> None:
    """Answers are quoted."""
    tab = asker(stack)
    came = tab.alone(QUESTION)
    for stage, most in ((STARTED, 100.0), (PASSAGES, 300.0)):
        middle = statistics.median(one[stage] for one in came)
        at_most(f"question to {stage} at a socket, median", middle, most, " ms")
    print(f"  to the first text: median {statistics.median(one[WORDS] for one in came):.0f} ms")
    single = statistics.median(one[COMPLETE] for one in came)
    asked = [tab.ask(QUESTION) for _ in range(ASKED)]
    times = [(tab.ended(query), began) for query, began in asked]
    at_most(f"of {ASKED} questions at once, failed", sum("FAILED" in seen for seen, _ in times), 0)
    spent = [(seen[COMPLETE] - began) * 1000 for seen, began in times if COMPLETE in seen]
    print(f"  one alone takes {single:.0f} ms")
    at_most("their p95", float(np.percentile(spent, 95)), 20 * single, " ms")


def first_token() -> None:
    """A model server writes the answers; asked through the product, and directly the same."""
    with running() as server, tempfile.TemporaryDirectory() as folder:
        url = server.url
        stack = LiveStack(Path(folder) / "var", LLM_BASE_URL=url, LLM_MODEL="m", LLM_API_KEY="none")
        try:
            stack.make_users()
            came = asker(stack).alone("Count to 20")
            direct = statistics.median(directly(url, server.asked[-1]["messages"]))
        finally:
            stack.stop()
    found = statistics.median(one[PASSAGES] for one in came)
    after = statistics.median(one[WORDS] - one[PASSAGES] for one in came)
    print(
        f"  a model's first token, asked directly: {direct:.1f} ms; from the question to its"
        f" passages {found:.0f} ms, from there to the token at a socket {after:.1f} ms"
    )
    at_most("from the passages to the first token, more than directly", after - direct, 60, " ms")


def directly(url: str, messages: Any) -> list[float]:
    """Milliseconds to the first token, by the official client that stays connected."""
    spent = []
    with OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        for _ in range(ASKED + WARM):
            began = time.perf_counter()
            stream = client.chat.completions.create(model="m", messages=messages, stream=True)
            came = [time.perf_counter() for event in stream if event.choices]
            spent.append((came[0] - began) * 1000)
    return spent[WARM:]
