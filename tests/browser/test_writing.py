"""An answer that a language model writes, slowly enough to look on; the model is at our command."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_ask import QUESTION, ask, herons
from tests.stack import LiveStack, started

__all__ = ["herons"]  # a fixture
PIECES = ["**Willow** twigs ", "[1], says the book. ", "And 𝔸 was seen. ", "<script>x</script>\n\n"]
PIECES += [f"- point {number} \n" for number in range(60)]


class Model(ThreadingHTTPServer):
    """Speaks the OpenAI protocol, one piece after the other; broken, it has none."""

    daemon_threads = True
    pause = 0.15
    broken = False


class Writing(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400 if self.server.broken else 200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            for piece in [] if self.server.broken else PIECES:
                self.say({"delta": {"content": piece}, "finish_reason": None})
                time.sleep(self.server.pause)
            self.say({"delta": {}, "finish_reason": "stop"})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            pass  # stopped reading

    def say(self, choice: dict[str, object]) -> None:
        body = json.dumps({"choices": [{"index": 0, **choice}]})
        self.wfile.write(f"data: {body}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model(("127.0.0.1", 0), Writing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def stack(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack of its own, that asks our model."""
    url = f"http://127.0.0.1:{model.server_address[1]}/v1"
    folder = Path(tmp_path_factory.mktemp("writing")) / "var"
    yield from started(folder, LLM_BASE_URL=url, LLM_MODEL="a-model", LLM_API_KEY="none")


@pytest.fixture
def writes(page: Page, herons: str, model: Model) -> Page:
    """A page on which the answer to a question is being written."""
    model.broken = False
    page.goto("/ask/")
    ask(page, QUESTION)
    expect(page.locator(".streaming")).to_contain_text("says the book")
    return page


def test_the_answer_grows_before_it_is_rendered(writes: Page) -> None:
    streaming = writes.locator(".streaming")
    expect(streaming).to_have_attribute("aria-busy", "true")
    expect(streaming).to_contain_text(
        "**Willow** twigs [1], says the book. And 𝔸 was seen. <script>"
    )
    expect(writes.locator(".source").first).to_be_visible()
    expect(writes.locator(".job-stage")).to_have_text("Writing the answer")
    rendered = writes.locator(".answer.prose")
    expect(rendered.locator("strong")).to_have_text("Willow", timeout=40_000)
    expect(rendered.locator("li")).to_have_count(60)
    expect(rendered.locator(".citation")).to_have_text("[1]")
    expect(rendered).to_contain_text("And 𝔸 was seen. <script>x</script>")
    expect(writes.locator(".stage-line")).to_contain_text("Written by a-model")
    expect(writes.locator("#notices")).to_contain_text("The answer is complete")


def test_a_reload_and_a_second_tab_see_all_of_it(writes: Page) -> None:
    other = writes.context.new_page()
    other.goto(writes.url)
    writes.reload()
    for tab in (writes, other):
        expect(tab.locator(".streaming")).to_contain_text("**Willow** twigs [1], says the book.")
        expect(tab.locator(".streaming")).to_contain_text("point 20", timeout=20_000)
    texts = [tab.locator(".streaming").inner_text() for tab in (writes, other)]
    assert texts[1].startswith(texts[0])
    assert texts[0].count("says the book") == 1


def test_the_web_server_dies_and_no_word_is_missing(writes: Page, stack: LiveStack) -> None:
    for process in stack.processes("daphne"):
        process.kill()
    rendered = writes.locator(".answer.prose")
    expect(rendered.locator("li")).to_have_count(60, timeout=40_000)


def test_stop_keeps_what_was_written(writes: Page) -> None:
    writes.get_by_role("button", name="Stop").click()
    expect(writes.locator(".stage-line")).to_contain_text("Stopped.")
    expect(writes.locator(".answer.prose")).to_contain_text("Willow twigs")
    expect(writes.locator(".answer.prose")).not_to_contain_text("point 59")


def test_a_failure_is_told_and_retry_begins_again(page: Page, herons: str, model: Model) -> None:
    model.broken = True
    page.goto("/ask/")
    ask(page, QUESTION)
    expect(page.locator(".stage-line .problem")).to_contain_text("Failed while writing the answer")
    model.broken = False
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".streaming")).to_contain_text("**Willow** twigs [1]")
    expect(page.locator(".answer.prose li")).to_have_count(60, timeout=40_000)
