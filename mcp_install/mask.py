"""Secrets in a text that comes in pieces: found however it is cut, and replaced.

A secret is also looked for as URLs, JSON and base64 would hold it, and line by line.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from pydantic import SecretStr

from mcp_install.inputs import LEAST_SECRET
from mcp_install.plan import HIDDEN


class Masker:
    """`feed` it pieces, and `end` it. What could be the beginning of a secret is held back."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len)
        self._held = ""
        self._covered = 0  # characters of what is held that belong to a secret already

    def feed(self, text: str) -> str:
        """What can be told by now."""
        if not self._forms or not text:
            return text
        text = self._held + text
        return self._tell(text, self._first_open(text))

    def end(self) -> str:
        """The rest. Most of a secret is as good as all of it."""
        text, covered = self._held, self._covered
        self._held, self._covered = "", 0
        if len(text) >= LEAST_SECRET or covered:
            return "" if covered else HIDDEN
        return text

    def whole(self, text: str) -> str:
        """A text that is complete."""
        return self.feed(text) + self.end()

    def _tell(self, text: str, end: int) -> str:
        """What stands before `end`, where nothing can become a secret any more."""
        covered = self._covered  # up to here a mask was told
        told, at = [], 0
        for begin, over in self._found(text, covered):
            if begin >= end:
                break
            if begin > at:
                told.append(text[max(at, covered) : begin])
            if begin >= covered:
                told.append(HIDDEN)
            at = covered = max(covered, over)
        told.append(text[max(at, covered) : end])
        self._held, self._covered = text[end:], max(0, covered - end)
        return "".join(told)

    def _found(self, text: str, covered: int) -> list[tuple[int, int]]:
        """Where secrets are, those that overlap as one; the first may be told already."""
        found = [(0, covered)] if covered else []
        for form in self._forms:
            at = text.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = text.find(form, at + 1)
        merged: list[tuple[int, int]] = []
        for begin, over in sorted(found):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], over))
            else:
                merged.append((begin, over))
        return merged

    def _first_open(self, text: str) -> int:
        """Where the first secret could begin whose end has not come."""
        first = len(text)
        for form in self._forms:
            at = text.find(form[0], max(0, len(text) - len(form) + 1), first)
            while at >= 0:
                if form.startswith(text[at:]):
                    first = at
                    break
                at = text.find(form[0], at + 1, first)
        return first


def _forms(secret: SecretStr) -> Iterator[str]:
    plain = secret.get_secret_value()
    lines = [line.strip() for line in plain.splitlines()]
    for text in {plain, plain.strip(), *lines}:
        if len(text) < LEAST_SECRET:
            continue
        yield text
        yield from (quote(text), quote(text, safe=""), json.dumps(text)[1:-1])
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield from _in_base64(text.encode("utf-8", "surrogatepass"))


def _in_base64(raw: bytes) -> Iterator[str]:
    """As it looks wherever it begins within what is encoded: without the characters at both ends
    that hold bits of its neighbours."""
    for before in range(3):
        begin = (before * 8 + 5) // 6
        end = (before + len(raw)) * 8 // 6
        coded = base64.b64encode(b"\0" * before + raw).decode()[begin:end]
        if len(coded) >= LEAST_SECRET:
            yield coded
            yield coded.replace("+", "-").replace("/", "_")
