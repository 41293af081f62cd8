"""What a host prints: colours stay, what speaks to the terminal itself goes."""

import random

import pytest

from mcp_install.screen import Screen, plain

NONCE = "0badcafe"


def shown(data: bytes, size: int = 0) -> tuple[str, list[str]]:
    screen = Screen(NONCE)
    size = size or len(data)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    told = [pair for piece in pieces for pair in screen.feed(piece)]
    told += screen.feed(b"", is_last=True)
    return "".join(text for text, _ in told), [mark for _, mark in told if mark]


KEPT = [
    "plain\r\n", "\x1b[31mred\x1b[0m", "\x1b[38;5;12mblue", "\x1b[2K\r", "\x1b[1A", "\x1b[10;2H",
    "\x1b[?25l", "\x1b[?25h", "50 %\r60 %", "a\bb", "naïve → 日本語 🎈", "\x1b[38:2::1:2:3mtrue",
]  # fmt: skip
DROPPED = [
    "\x1b]0;a title\x07", "\x1b]52;c;aGVsbG8=\x07", "\x1b]8;;http://x\x1b\\", "\x1bPq#0\x1b\\",
    "\x1b_Gf=100\x1b\\", "\x1b^private\x1b\\", "\x1bXsos\x1b\\", "\x1b[6n", "\x1b[c", "\x1b[>c",
    "\x1b[?1049h", "\x1b[?2004h", "\x1b[21t", "\x1bc", "\x1b(0", "\x1b7", "\x07", "\x00", "\x0e",
    "\x9d0;title\x9c", "\x9b6n", "\x1b[!p", "\x1b[5i", "\x7f", "\x1b]777;notify;a;b\x07",
    "\x1b]777;another;mark\x07",
]  # fmt: skip


@pytest.mark.parametrize("sequence", KEPT)
def test_colours_and_movements_stay(sequence: str) -> None:
    for size in (0, 1, 2):
        assert shown(f"<{sequence}>".encode(), size) == (f"<{sequence}>", [])


@pytest.mark.parametrize("sequence", DROPPED)
def test_what_speaks_to_the_terminal_is_dropped(sequence: str) -> None:
    for size in (0, 1, 2):
        assert shown(f"<{sequence}>".encode(), size) == ("<>", [])


def test_marks_are_told_in_their_place_and_never_shown() -> None:
    data = f"one\x1b]777;{NONCE};22 Make\x07two\x1b]777;{NONCE};end\x1b\\three".encode()
    for size in (0, 1, 3, 7):
        assert shown(data, size) == ("onetwothree", ["22 Make", "end"])


@pytest.mark.parametrize("seed", range(20))
def test_no_split_changes_what_is_shown(seed: int) -> None:
    chance = random.Random(seed)
    data = "".join(chance.choice(KEPT + DROPPED) for _ in range(60)).encode() + b"\xff\xc3"
    whole = shown(data)
    for _ in range(10):
        assert shown(data, chance.randint(1, 40)) == whole
    assert "\x1b]" not in whole[0]


def test_a_sequence_without_an_end_hides_no_more_than_a_little() -> None:
    text, _ = shown(b"<\x1b]0;" + b"x" * 10_000 + b">", 1000)
    assert text.startswith("<")
    assert text.endswith(">")
    assert len(text) > 5_000
    assert shown(b"<\x1b]0;never") == ("<", [])
    assert shown(b"<\x1b") == ("<", [])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\x1b[31mred\x1b[0m\r\n", "red\n"),
        ("10 %\r50 %\r100 %\r\ndone", "100 %\ndone"),
        ("a longer one\rshort", "shortger one"),
        ("a longer one\r\x1b[Kshort", "short"),
        ("⠙\x1b[1G\x1b[0K⠹\x1b[1G\x1b[0Kdone", "done"),
        ("ab\b\bxy", "xy"),
        ("", ""),
    ],
)
def test_a_log_reads_as_its_screen_did(text: str, read: str) -> None:
    assert plain(text) == read
