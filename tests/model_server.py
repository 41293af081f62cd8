"""The remote end of a conversation: a server that speaks the OpenAI protocol and does as told.

`python -m tests.model_server [tokens a second]` prints its URL. The last message says what to do:

    Repeat: TEXT                the text, in pieces of a token or so
    Count to N                  the numbers, a token each
    Write N lines               of code, in a block
    Use NAME {JSON}             a call of the tool whose name ends so; then what it gave, repeated
    Use NAME forever {JSON}     the same call again and again
    Fail with STATUS            and `retry-after: 1` with 429, or `after SECONDS`; `once` behind it:
                                then "Well."
    Send [DELTA, …]             those deltas; with `finish_reason` or `usage` in one, that
    Break off | Say nothing | Hang | Be too long for WORDS | Know another limit
"""

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# What a person said before, and had no reply to, comes in one message with the last command.
_COMMAND = re.compile(r"\n\n(?=(?:Repeat|Count|Write|Use|Fail|Send|Break|Say|Hang|Be|Know)\b)")
KEY = "sk-a-secret-that-nobody-may-see"
Body = dict[str, Any]


class ModelServer:
    """Belongs to one event loop; `asked` are the requests' bodies."""

    def __init__(self, rate: float = 50.0) -> None:
        self.rate = rate
        self.asked: list[Body] = []
        self.failed: set[str] = set()
        self.url = ""

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1])) if length else b"{}"
                if not await self._answer(json.loads(body), writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: Body, writer: asyncio.StreamWriter) -> bool:
        """False when the connection is to be closed."""
        self.asked.append(body)
        told = str(body["messages"][-1].get("content") or "")
        said = next(str(m["content"]) for m in reversed(body["messages"]) if m["role"] == "user")
        said = _COMMAND.split(said.rpartition("Question: ")[2])[-1]
        if found := re.match(r"Fail with (\d+)(?: after (\d+))?( once)?", said):
            if not (found[3] and said in self.failed):
                self.failed.add(said)
                return await _refuse(writer, int(found[1]), "no", after=found[2] or "1")
            said = "Repeat: Well."
        if said == "Know another limit" and "max_tokens" in body:
            return await _refuse(writer, 400, "use 'max_completion_tokens' instead")
        if (found := re.search(r"Be too long for (\d+)", said)) and _size(body) > int(found[1]):
            return await _refuse(writer, 400, "the context length is exceeded")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        if said == "Hang":
            await asyncio.sleep(600)
        pieces = self._pieces(body, said, told)
        return await self._stream(writer, pieces, breaks_off=said == "Break off")

    def _pieces(self, body: Body, said: str, told: str) -> Iterator[Body]:
        """Deltas."""
        is_result = body["messages"][-1]["role"] == "tool"
        if found := re.match(r"Use (\S+?)( forever)? (\{.*\})", said, re.DOTALL):
            if not is_result or found[2]:
                names = [tool["function"]["name"] for tool in body.get("tools", [])]
                name = next((n for n in names if n.endswith(found[1])), found[1])
                function = {"name": name, "arguments": ""}
                call = {"index": 0, "id": f"call-{len(self.asked)}", "type": "function"}
                yield {"content": "I use a tool. "}
                yield {"tool_calls": [call | {"function": function}]}
                yield {"tool_calls": [{"index": 0, "function": {"arguments": found[3]}}]}
                return
            said = f"Repeat: The tool said: {told}"
        if said.startswith("Send "):
            yield from json.loads(said[5:])
        elif said.startswith("Repeat: "):
            yield from ({"content": piece} for piece in re.findall(r"\s*\S{1,6}|\s+", said[8:]))
        elif found := re.match(r"Count to (\d+)", said):
            yield from ({"content": f"{n} "} for n in range(1, int(found[1]) + 1))
        elif found := re.match(r"Write (\d+) lines", said):
            yield {"content": "Before.\n\n```python\n"}
            yield from ({"content": f"x{n} = {n} + 1  # a line\n"} for n in range(int(found[1])))
            yield {"content": "```\n\nAfter *it*.\n\n- The end"}
        elif said == "Break off":
            yield from ({"content": piece} for piece in ("This is ", "only the "))
        elif said != "Say nothing":
            yield {"content": "Well."}

    async def _stream(
        self, writer: asyncio.StreamWriter, pieces: Iterator[Body], *, breaks_off: bool
    ) -> bool:
        began, count, end = time.monotonic(), 0, "stop"
        usage: Any = None
        for count, delta in enumerate(pieces, 1):
            end = delta.pop("finish_reason", "tool_calls" if "tool_calls" in delta else end)
            usage = delta.pop("usage", usage)
            await _event(writer, choices=[{"index": 0, "delta": delta, "finish_reason": None}])
            await asyncio.sleep(max(0.0, began + count / self.rate - time.monotonic()))
        if breaks_off:
            return False
        await _event(writer, choices=[{"index": 0, "delta": {}, "finish_reason": end}])
        usage = usage or {"prompt_tokens": 7, "completion_tokens": count}
        await _event(writer, choices=[], usage=usage | {"total_tokens": count + 7})
        await _chunk(writer, b"data: [DONE]\n\n")
        await _chunk(writer, b"")
        return True


def _size(body: Body) -> int:
    return len(" ".join(str(message.get("content")) for message in body["messages"]).split())


async def _refuse(writer: asyncio.StreamWriter, status: int, words: str, after: str = "1") -> bool:
    body = json.dumps({"error": {"message": words, "code": words}}).encode()
    writer.write(f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n".encode())
    if status == 429:
        writer.write(f"retry-after: {after}\r\n".encode())
    writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    return True


async def _event(writer: asyncio.StreamWriter, **fields: Any) -> None:
    await _chunk(writer, f"data: {json.dumps({'id': 'x', 'created': 0, **fields})}\n\n".encode())


async def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


@contextmanager
def running(rate: float = 50.0) -> Iterator[ModelServer]:
    """The server, on a thread of its own."""
    server, ready, over = ModelServer(rate), threading.Event(), asyncio.Event()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        listening = await server.start()
        ready.set()
        await over.wait()
        listening.close()  # without waiting for clients, whose connections stay open

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)


async def main(rate: float) -> None:
    server = ModelServer(rate)
    listening = await server.start()
    print(server.url, flush=True)  # noqa: T201
    async with listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 50.0))
