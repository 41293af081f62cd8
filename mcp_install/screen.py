"""What a host prints, made safe for a screen: colours and movements stay, all that would speak to
the terminal itself is dropped (titles, links, the clipboard, questions that it would answer).

Marks of our own scripts are such sequences too: `ESC ] 777 ; <nonce> ; <word> BEL`.
"""

import codecs
import re
from collections.abc import Iterator

MOST_SEQUENCE = 4096  # characters; what is longer and has no end is no sequence
# CSI: parameters, intermediates, a final character. Kept: colours, movements, erasing, the cursor.
_CSI = re.compile(r"(?:\x1b\[|\x9b)([0-?]*)([ -/]*)([@-~])")
_OPEN_CSI = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*")
_KEPT_CSI = frozenset("mABCDEFGHJKSTXfdsu@PLM`a")
_CURSOR = ("?25h", "?25l")
_STRINGS = {"]", "P", "_", "^", "X", "\x9d", "\x90", "\x9f", "\x9e", "\x98"}  # OSC DCS APC PM SOS
_STRING_END = re.compile(r"\x07|\x1b\\|\x9c|\x18|\x1a")
_SPECIAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_IN_TEXT = "\b"
_TO_BEGIN = re.compile(r"\x1b\[1?G")
_ERASE = re.compile(r"\x1b\[[02]?K")
_ERASED = "\x0b"
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class Screen:
    """`feed` it bytes as they come, cut anywhere; it yields text and marks in their order."""

    def __init__(self, nonce: str) -> None:
        self._mark = f"777;{nonce};"
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""  # a sequence whose end has not come

    def feed(self, data: bytes, *, is_last: bool = False) -> Iterator[tuple[str, str]]:
        """Pairs of a text and the mark after it, either of which may be empty."""
        text = self._rest + self._decoder.decode(data, is_last)
        self._rest, at, told = "", 0, []
        while special := _SPECIAL.search(text, at):
            begin = special.start()
            told.append(text[at:begin])
            kept, mark, at = self._read(text, begin)
            if at < 0:
                self._rest = "" if is_last else text[begin:]
                at = len(text)
                break
            told.append(kept)
            if mark:
                yield "".join(told), mark
                told = []
        told.append(text[at:])
        yield "".join(told), ""

    def _read(self, text: str, begin: int) -> tuple[str, str, int]:
        """What is kept of what begins there, the mark that it is, and where it ends: -1 when that
        has not come."""
        first = text[begin]
        if first not in "\x1b\x9b" and first not in _STRINGS:
            return (first if first in _IN_TEXT else ""), "", begin + 1
        is_short = len(text) - begin < MOST_SEQUENCE
        kind = text[begin + 1 : begin + 2] if first == "\x1b" else first
        if not kind:
            return "", "", -1
        if kind in _STRINGS:
            return self._read_string(text, begin, is_short)
        if kind in "[\x9b":
            if found := _CSI.match(text, begin):
                return _kept(found), "", found.end()
            is_open = _OPEN_CSI.fullmatch(text, begin) and is_short
            return "", "", -1 if is_open else begin + 1 + (first == "\x1b")
        if " " <= kind <= "/":  # a character set is chosen
            end = re.compile(r"[ -/]*[0-~]").match(text, begin + 1)
            return "", "", end.end() if end else (-1 if is_short else begin + 2)
        return "", "", begin + 2 if kind >= " " else begin + 1

    def _read_string(self, text: str, begin: int, is_short: bool) -> tuple[str, str, int]:
        start = begin + (2 if text[begin] == "\x1b" else 1)
        if end := _STRING_END.search(text, start):
            body = text[start : end.start()]
            mark = body.removeprefix(self._mark) if body.startswith(self._mark) else ""
            return "", mark, end.end()
        return "", "", -1 if is_short else start


def _kept(found: "re.Match[str]") -> str:
    parameters, between, final = found.groups()
    is_private = parameters.startswith(("<", "=", ">", "?"))
    is_kept = not between and not is_private and final in _KEPT_CSI
    return f"\x1b[{parameters}{final}" if is_kept or parameters + final in _CURSOR else ""


def plain(text: str) -> str:
    """As somebody reads it who sees no screen: without colours, each line as it was in the end."""
    text = _ERASE.sub(_ERASED, _TO_BEGIN.sub("\r", text))
    lines = _COLOURS.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(_line(line) for line in lines)


def _line(line: str) -> str:
    """What is left of a line that was written over."""
    if not {"\r", "\b", _ERASED} & set(line):
        return line.rstrip()
    shown: list[str] = []
    place = 0
    for character in line:
        if character == "\r":
            place = 0
        elif character == "\b":
            place = max(0, place - 1)
        elif character == _ERASED:
            del shown[place:]
        else:
            shown += " " * (place - len(shown))
            shown[place : place + 1] = character
            place += 1
    return "".join(shown).rstrip()
