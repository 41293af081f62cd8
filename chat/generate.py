"""One streamed request to a language model: text, calls of tools, and what it cost.

Imported by workers only.
"""

import codecs
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import msgspec
from django.conf import settings
from openai import AsyncAPIResponse, AsyncOpenAI, BadRequestError

from chat.offers import Offer
from chat.prompt import Messages
from chat.tools import MOST_ARGUMENTS, Arguments, arguments_of
from rag.language_model import Broken

CONNECT_SECONDS = 5.0
MOST_CHARACTERS = 200_000  # of one reply, whatever the server sends
MOST_CALLS = 8  # of tools, in one round
MOST_COUNT = 2**31 - 1  # that the database can keep
OTHER_LIMIT = "max_completion_tokens"


class Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class CallDelta(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[CallDelta] | None = None


class Choice(msgspec.Struct):
    delta: Delta | None = None
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    prompt_tokens: Any = None
    completion_tokens: Any = None


class Event(msgspec.Struct):
    """What we read of one event of the stream; a bad server leaves things out."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(Event).decode


@dataclass
class Asked:
    """A call of a tool that the model asked for; `arguments` is JSON as the model wrote it."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def parsed(self) -> Arguments:
        """Raises ValueError, in words, for what is not a JSON object or cannot be kept."""
        try:
            arguments = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            raise ValueError("The arguments are not JSON.") from None
        return arguments_of(arguments)


@dataclass
class Generation:
    """What became of a request; filled while its text is read."""

    asked: list[Asked] = field(default_factory=list)
    finish: str = ""  # the server's word for why it ended
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    began: float = field(default_factory=time.monotonic)
    first_piece: float | None = None
    ended: float | None = None


@cache
def _client(base_url: str, api_key: str, silence: float) -> AsyncOpenAI:
    """One for each server, whose connections stay open; belongs to the worker's loop."""
    timeout = httpx.Timeout(silence, connect=CONNECT_SECONDS)
    limits = httpx.Limits(max_connections=None, keepalive_expiry=60)
    return AsyncOpenAI(
        base_url=base_url,
        api_key=api_key or "none",
        timeout=timeout,
        max_retries=0,
        http_client=httpx.AsyncClient(timeout=timeout, limits=limits),
    )


async def generate(
    offer: Offer,
    messages: Messages,
    tools: list[dict[str, Any]],
    most_tokens: int,
    result: Generation,
) -> AsyncIterator[str]:
    """The text of a reply in pieces; `result` holds the rest.

    Raises openai.OpenAIError, httpx.HTTPError or ValueError for what the server does wrong, Broken
    for a stream that ends before it is complete. How long it takes is the caller's to bound.
    """
    parameters: dict[str, Any] = {"messages": messages}
    if tools:
        parameters["tools"] = tools
    reader, length = _Reader(result), 0
    async with _stream(offer, parameters, most_tokens) as response:
        async for event in _events(response):
            if piece := reader.read(event)[: MOST_CHARACTERS - length]:
                length += len(piece)
                yield piece
            if length >= MOST_CHARACTERS:
                result.finish = "length"
                break
    result.ended = time.monotonic()
    _check(result, length)


@asynccontextmanager
async def _stream(
    offer: Offer, parameters: dict[str, Any], most_tokens: int
) -> AsyncIterator[AsyncAPIResponse[Any]]:
    """The server's answer. Newer models take the limit under another name only; which they are, the
    server says."""
    client = _client(offer.base_url, offer.api_key, settings.LLM_TIMEOUT_SECONDS)

    def create() -> Any:
        name = _limits.get((offer.base_url, offer.name), "max_tokens")
        return client.chat.completions.with_streaming_response.create(
            model=offer.name,
            stream=True,
            stream_options={"include_usage": True},
            **parameters | {name: most_tokens},
        )

    async with AsyncExitStack() as stack:
        try:
            response = await stack.enter_async_context(create())
        except BadRequestError as error:
            if OTHER_LIMIT not in error.message or (offer.base_url, offer.name) in _limits:
                raise
            _limits[offer.base_url, offer.name] = OTHER_LIMIT
            response = await stack.enter_async_context(create())
        yield response


_limits: dict[tuple[str, str], str] = {}


async def _events(response: AsyncAPIResponse[Any]) -> AsyncIterator[Event]:
    """The events of a stream. The client's own reading of them makes objects of everything that
    they could hold, which takes five times as long. Raises Broken for what is no event."""
    async for line in response.iter_lines():
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        yield _event(data)


def _event(data: str) -> Event:
    try:
        try:
            event = _decode(data)
        except msgspec.DecodeError:  # half a character, which only Python's own reader takes
            event = msgspec.convert(json.loads(data), Event)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Broken("sent something that is not an answer") from None
    if event.error:
        raise Broken("broke off with an error of its own")
    return event


def _check(result: Generation, length: int) -> None:
    """Raises Broken for an answer that is none."""
    if not result.finish:
        raise Broken("broke off in the middle of the answer")
    if length or result.asked:
        return
    if result.finish == "length":
        raise Broken("used up all its tokens before it wrote a word")
    if result.finish == "content_filter":
        raise Broken("withheld the answer by its content filter")
    raise Broken("sent an empty answer")


class _Reader:
    """Events of a stream into their result. A bad server leaves things out."""

    def __init__(self, result: Generation) -> None:
        self._result = result
        self._calls: dict[int | None, Asked | None] = {}  # those that are being written
        # A character may come in two halves; one half alone is left out.
        self._characters = codecs.getincrementaldecoder("utf-16-le")("ignore")

    def read(self, event: Event) -> str:
        """The event's text."""
        if event.usage:
            self._result.prompt_tokens = _count(event.usage.prompt_tokens)
            self._result.completion_tokens = _count(event.usage.completion_tokens)
        if not event.choices:
            return ""
        choice = event.choices[0]
        self._result.finish = choice.finish_reason or self._result.finish
        if choice.delta is None:
            return ""
        for delta in choice.delta.tool_calls or ():
            self._add(delta)
        piece = self._storable(choice.delta.content or "")
        if self._result.first_piece is None and (piece or self._result.asked):
            self._result.first_piece = time.monotonic()
        return piece

    def _storable(self, text: str) -> str:
        whole = self._characters.decode(text.encode("utf-16-le", "surrogatepass"))
        return whole.replace("\r", "").replace("\0", "")

    def _add(self, delta: CallDelta) -> None:
        """A call comes in pieces: its name first, then its arguments. Some servers count them all 0
        but begin each with an id."""
        call = self._calls.get(delta.index)
        if delta.index not in self._calls or (delta.id and call and call.id not in ("", delta.id)):
            call = Asked() if len(self._result.asked) < MOST_CALLS else None
            self._calls[delta.index] = call
            if call:
                self._result.asked.append(call)
        if call is None:
            return
        call.id = delta.id or call.id
        if delta.function:
            call.name += delta.function.name or ""
            if len(call.arguments) < MOST_ARGUMENTS:
                call.arguments += delta.function.arguments or ""


def _count(value: Any) -> int | None:
    """A server's count, if it can be one."""
    return value if isinstance(value, int) and 0 <= value <= MOST_COUNT else None
