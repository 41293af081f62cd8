"""One streamed request to a language model: text, calls of tools, and what it cost.

Imported by workers only.
"""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
from openai import AsyncOpenAI

from chat.offers import Offer
from chat.prompt import Messages
from rag.language_model import MOST_SECONDS, Broken

# Seconds; between two pieces, and before the first one, which a long prompt delays.
TIMEOUT = httpx.Timeout(120, connect=5)
MOST_CHARACTERS = 200_000  # of one reply, whatever the server sends
MOST_CALLS = 8  # of tools, in one round
MOST_ARGUMENTS = 64 * 1024  # characters


@dataclass
class Asked:
    """A call of a tool that the model asked for; `arguments` is JSON as it wrote it."""

    id: str = ""
    name: str = ""
    arguments: str = ""

    def parsed(self) -> dict[str, Any]:
        """Raises ValueError for what is not a JSON object."""
        arguments = json.loads(self.arguments or "{}")
        if not isinstance(arguments, dict):
            raise ValueError("the arguments are not an object")
        return arguments


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
def _client(base_url: str, api_key: str) -> AsyncOpenAI:
    """One for each server, whose connections stay open; belongs to the worker's loop."""
    return AsyncOpenAI(
        base_url=base_url,
        api_key=api_key or "none",
        timeout=TIMEOUT,
        max_retries=0,
        http_client=httpx.AsyncClient(
            timeout=TIMEOUT, limits=httpx.Limits(max_connections=None, keepalive_expiry=60)
        ),
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
    for a stream that ends before it is complete.
    """
    parameters: dict[str, Any] = {"messages": messages, "max_tokens": most_tokens}
    if tools:
        parameters["tools"] = tools
    stream = await _client(offer.base_url, offer.api_key).chat.completions.create(
        model=offer.name, stream=True, stream_options={"include_usage": True}, **parameters
    )
    length = 0
    async with stream:
        async for event in stream:
            piece = _read(event, result)[: MOST_CHARACTERS - length]
            if piece:
                length += len(piece)
                yield piece
            if length >= MOST_CHARACTERS or time.monotonic() - result.began > MOST_SECONDS:
                result.finish = "length"
                break
    result.ended = time.monotonic()
    if not result.finish:
        raise Broken("broke off in the middle of the answer")
    if not length and not result.asked:
        raise Broken("sent an empty answer")


def _read(event: Any, result: Generation) -> str:
    """One event of the stream into the result; returns its text. A bad server leaves things out."""
    if usage := getattr(event, "usage", None):
        result.prompt_tokens = usage.prompt_tokens
        result.completion_tokens = usage.completion_tokens
    choices = getattr(event, "choices", None)
    if not choices:
        return ""
    choice = choices[0]
    result.finish = choice.finish_reason or result.finish
    if choice.delta is None:
        return ""
    for delta in choice.delta.tool_calls or ():
        _add(delta, result.asked)
    piece = (choice.delta.content or "").replace("\r", "").replace("\0", "")
    if result.first_piece is None and (piece or result.asked):
        result.first_piece = time.monotonic()
    return piece


def _add(delta: Any, asked: list[Asked]) -> None:
    """A call comes in pieces: its name first, then its arguments. Some servers count them all 0 but
    begin each with an id."""
    place = delta.index if delta.index is not None else len(asked)
    is_new = place >= len(asked) or (delta.id and asked[place].id and delta.id != asked[place].id)
    if is_new:
        if len(asked) >= MOST_CALLS:
            return
        asked.append(Asked())
        place = len(asked) - 1
    call = asked[place]
    call.id = delta.id or call.id
    if delta.function:
        call.name += delta.function.name or ""
        if len(call.arguments) < MOST_ARGUMENTS:
            call.arguments += delta.function.arguments or ""
