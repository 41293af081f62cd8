"""Streamed text from any OpenAI-compatible server, and its failures in plain words.

The server's host is named in errors, its key never.
"""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
from openai import AsyncOpenAI

from realtime.background import each
from realtime.work import Failure

TIMEOUT = httpx.Timeout(60, connect=5)  # seconds; 60 between two pieces
MOST_SECONDS = 600  # for one answer, whatever the pace
MOST_TOKENS = 800
MOST_CHARACTERS = 8000
PAUSES = (2.0, 4.0)  # seconds before the second and the third try

Messages = list[dict[str, str]]

_TOO_LONG = re.compile(r"context|too long|too many tokens|reduce the length|token count", re.I)


class Broken(Exception):
    """The server's answer ended before it was complete, or held nothing."""


class LanguageModel:
    """A model on a server. `name` is what the answers say they were written by."""

    def __init__(self, base_url: str, model: str, api_key: str = "") -> None:
        self.name = model
        self._url = base_url
        self._client = _client(base_url, api_key or "none")

    def stream(
        self,
        messages: Messages,
        check: Callable[[], None],
        on_retry: Callable[[str], None],
        pauses: tuple[float, ...] = PAUSES,
    ) -> Iterator[str]:
        """The reply in pieces, at most 800 tokens and 8,000 characters.

        What fails before the first piece is tried again after each of `pauses`, and `on_retry` is
        told in words. `check` is called at every piece and while waiting; what it raises ends the
        request at once. Raises Failure in words for the owner.
        """
        started = False
        for pause in (*pauses, None):
            try:
                for piece in each(self._once(messages), check):
                    started = True
                    yield piece
                return
            except (openai.OpenAIError, httpx.HTTPError, ValueError, Broken) as error:
                words, passing = in_words(error, self._url)
                if started or not passing or pause is None:
                    raise Failure(words) from None
                on_retry(f"{words} Trying again in {pause:g} s")
                wait(pause, check)

    async def _once(self, messages: Messages) -> AsyncIterator[str]:
        until = time.monotonic() + MOST_SECONDS
        length, finished = 0, False
        parameters: dict[str, Any] = {"messages": messages, "max_tokens": MOST_TOKENS}
        async with await self._client.chat.completions.create(
            model=self.name or "default", stream=True, temperature=0.2, **parameters
        ) as stream:
            async for event in stream:
                choices = getattr(event, "choices", None)  # a bad server may leave them out
                choice = choices[0] if choices else None
                piece = ((choice.delta.content if choice and choice.delta else "") or "")[
                    : MOST_CHARACTERS - length
                ]
                finished = finished or bool(choice and choice.finish_reason)
                if piece:
                    length += len(piece)
                    yield piece
                if length >= MOST_CHARACTERS or time.monotonic() > until:
                    return
        if not length:
            raise Broken("sent an empty answer")
        if not finished:
            raise Broken("broke off in the middle of the answer")


@cache
def _client(base_url: str, api_key: str) -> AsyncOpenAI:
    """One for all answers: a new one would read certificates and connect first. Belongs to the
    worker's loop."""
    return AsyncOpenAI(base_url=base_url, api_key=api_key, timeout=TIMEOUT, max_retries=0)


def wait(seconds: float, check: Callable[[], None]) -> None:
    """Sleep, but hear of a cancel within a fifth of a second."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        check()
        time.sleep(min(0.2, left))


def in_words(error: Exception, url: str, what: str = "model server") -> tuple[str, bool]:
    """What went wrong with a server, for the owner; and whether it may pass by itself."""
    server = f"The {what} at {urlsplit(url).hostname or url}"
    if isinstance(error, Broken):
        return f"{server} {error}.", True
    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException | TimeoutError):
        return f"{server} takes too long to answer.", True
    if isinstance(error, openai.APIStatusError):
        return _status_in_words(error, server)
    if isinstance(error, httpx.HTTPError) and not isinstance(error, httpx.ConnectError):
        return f"{server} broke off in the middle of the answer.", True
    if isinstance(error, openai.APIConnectionError | httpx.ConnectError):
        return f"{server} does not answer.", True
    if type(error) is openai.APIError:
        return f"{server} reported an error in the middle of the answer.", True
    return f"{server} sent something that is not an answer.", True


def _status_in_words(error: openai.APIStatusError, server: str) -> tuple[str, bool]:
    status = error.status_code
    if status in (401, 403):
        return f"{server} refuses our key. Check LLM_API_KEY.", False
    if status == 404:
        return f"{server} does not know the model. Check LLM_MODEL and LLM_BASE_URL.", False
    if status == 429:
        after = retry_after(error)
        when = f" It asks to be tried again in {after:g} s." if after else ""
        return f"{server} is busy or its quota is used up.{when}", True
    if status >= 500:
        return f"{server} has an error of its own ({status}).", True
    if is_too_long(error):
        return f"{server} finds the question with its passages too long.", False
    return f"{server} refuses the request ({status}).", False


def retry_after(error: Exception) -> float | None:
    """The seconds that a server asks to be left alone for."""
    if not isinstance(error, openai.APIStatusError):
        return None
    text = error.response.headers.get("retry-after", "")
    return float(text) if text.replace(".", "", 1).isdecimal() else None


def is_too_long(error: Exception) -> bool:
    """Was the request refused because it does not fit the model's context?"""
    if not isinstance(error, openai.APIStatusError):
        return False
    refused = error.status_code in (400, 422) and _TOO_LONG.search(error.message) is not None
    return refused or error.status_code == 413
