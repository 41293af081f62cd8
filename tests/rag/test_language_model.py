"""A real HTTP server that speaks the OpenAI protocol badly, and the words for each fault."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pytest_django import Settings

from rag.language_model import MOST_CHARACTERS, LanguageModel
from rag.remote_embedder import RemoteEmbedder
from realtime.work import Failure

KEY = "sk-a-secret-that-nobody-may-see"
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the server's answers one after the other, and the last of them from then on."""

    server: "BadServer"

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(self.body)
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: object) -> None: ...


class BadServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[dict[str, object]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


def status(code: int, message: str = "no") -> Answer:
    def answer(handler: Handler) -> None:
        body = json.dumps({"error": {"message": message, "code": message}}).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def event(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


def pieces(*texts: str, finish: bool = True) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for text in texts:
            handler.wfile.write(event(text))
        if finish:
            choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
            handler.wfile.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
            handler.wfile.write(b"data: [DONE]\n\n")

    return answer


@pytest.fixture
def server() -> Iterator[BadServer]:
    with BadServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def stream(url: str, retries: list[str] | None = None) -> Iterator[str]:
    model = LanguageModel(url, "a-model", KEY)
    messages = [{"role": "user", "content": "Hello"}]
    said = retries if retries is not None else []
    return model.stream(messages, lambda: None, said.append, pauses=(0.01, 0.02))


def failure(url: str, retries: list[str] | None = None) -> str:
    with pytest.raises(Failure) as caught:
        list(stream(url, retries))
    assert KEY not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    return str(caught.value)


def test_a_reply_comes_in_pieces(server: BadServer) -> None:
    server.answers = [pieces("Hel", "lo", "", "!")]
    assert list(stream(server.url)) == ["Hel", "lo", "!"]
    assert server.asked[0]["model"] == "a-model"
    assert server.asked[0]["max_tokens"] == 800


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (401, "no", "refuses our key"),
        (403, "no", "refuses our key"),
        (404, "no", "does not know the model"),
        (400, "maximum context length exceeded", "too long"),
        (400, "exceed_context_size_error", "too long"),
        (400, "something else", "refuses the request (400)"),
    ],
)
def test_what_will_not_pass_is_said_at_once(
    server: BadServer, code: int, message: str, words: str
) -> None:
    server.answers = [status(code, message)]
    assert words in failure(server.url)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(429), "busy or its quota is used up"),
        (status(500), "an error of its own (500)"),
        (pieces(), "sent an empty answer"),
        (pieces(finish=False), "sent an empty answer"),
    ],
)
def test_what_may_pass_is_tried_three_times_and_said(
    server: BadServer, answer: Answer, words: str
) -> None:
    server.answers = [answer]
    retries: list[str] = []
    assert words in failure(server.url, retries)
    assert len(server.asked) == 3
    assert len(retries) == 2
    assert words in retries[0]
    assert retries[0].endswith("Trying again in 0.01 s")


def test_a_fault_that_passes_is_not_seen_in_the_answer(server: BadServer) -> None:
    server.answers = [status(503), pieces("All", " well")]
    retries: list[str] = []
    assert list(stream(server.url, retries)) == ["All", " well"]
    assert len(retries) == 1


def test_a_stream_that_breaks_off_is_not_begun_again(server: BadServer) -> None:
    server.answers = [pieces("Half of", finish=False)]
    got: list[str] = []
    with pytest.raises(Failure, match="broke off in the middle"):
        got.extend(stream(server.url))
    assert len(server.asked) == 1


def test_a_server_that_is_away_is_named() -> None:
    retries: list[str] = []
    assert "does not answer" in failure("http://127.0.0.1:1/v1", retries)
    assert len(retries) == 2


def test_what_is_no_answer_at_all_is_said(server: BadServer) -> None:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(b"data: this is not json\n\n")

    server.answers = [answer]
    assert "not an answer" in failure(server.url)


def test_an_endless_reply_is_cut(server: BadServer) -> None:
    server.answers = [pieces(*["x" * 1000] * 20)]
    assert len("".join(stream(server.url))) == MOST_CHARACTERS


def test_a_cancel_ends_the_waiting(server: BadServer) -> None:
    server.answers = [status(500)]

    def check() -> None:
        raise InterruptedError

    model = LanguageModel(server.url, "a-model", KEY)
    with pytest.raises(InterruptedError):
        list(model.stream([{"role": "user", "content": "x"}], check, print))


def test_a_cancel_ends_a_silence(server: BadServer) -> None:
    asked, is_over = threading.Event(), threading.Event()
    waits = [True]

    def silent(handler: Handler) -> None:
        asked.set()
        waits[0] = is_over.wait(20)

    def check() -> None:
        if asked.is_set():
            raise InterruptedError

    server.answers = [silent]
    model = LanguageModel(server.url, "a-model", KEY)
    with pytest.raises(InterruptedError):
        list(model.stream([{"role": "user", "content": "x"}], check, print))
    assert waits == [True], "it was the server that gave up"
    is_over.set()


def test_a_remote_embedder_gives_unit_vectors(server: BadServer, settings: Settings) -> None:
    def answer(handler: Handler) -> None:
        texts = handler.body["input"]
        data = [
            {"object": "embedding", "index": place, "embedding": [3.0, 4.0 * (place + 1)]}
            for place in range(len(texts))
        ]
        body = json.dumps({"object": "list", "data": data, "model": "m"}).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(body)

    server.answers = [answer]
    embedder = RemoteEmbedder(server.url, "m", KEY)
    rows = embedder.embed_passages(["a", "b"])
    assert rows[0].tolist() == pytest.approx([0.6, 0.8])
    assert embedder.dimensions == 2
    server.answers = [status(401)]
    with pytest.raises(Failure, match=r"embedding server at 127.0.0.1 refuses our key"):
        embedder.embed_question("c")
