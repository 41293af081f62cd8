"""A flood of frames that the protocol does not know, from one tab, while others are served."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.chaos.conftest import Play
from tests.chaos.world import World

MOST = 16 * 1024  # characters of a frame
TOO_BIG = 1024 * 1024  # bytes, past which the server does not even read on
STRIKES = 5
AT_ONCE = 10  # messages of one connection
DROPPED = 1006  # without a close frame: never right

KNOWN = ("resume", "ack", "ping", "subscribe", "unsubscribe", "activity", "extend_session")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
wrong_fields = st.fixed_dictionaries(
    {"type": st.sampled_from(KNOWN), "nonsense": values},
    optional={"lastEventId": values, "id": values, "topic": values, "action": values},
)
wrong_cursors = st.sampled_from(["ack", "resume"]).flatmap(
    lambda kind: st.text(max_size=80).map(
        lambda text: {"type": kind, "id" if kind == "ack" else "lastEventId": text + "?"}
    )
)
nested = st.tuples(st.sampled_from(["[", '{"a":', '{"type":[']), st.integers(50, 2_000)).map(
    lambda pair: pair[0] * pair[1]
)
closed_nesting = st.integers(500, 5_000).map(lambda n: f'{{"a":{"[" * n}{"]" * n},"type":"ping"}}')
long = st.integers(MOST, 300_000).map(lambda size: json.dumps({"type": "ping", "x": "y" * size}))
surrogates = st.sampled_from(['{"type":"ack","id":"\\ud800"}', '"\\udfff"', '{"type":"\\ud83d"}'])
invalid: st.SearchStrategy[str | bytes] = st.one_of(
    st.text().filter(lambda text: not text.strip().startswith("{")),
    st.binary(max_size=2_000),
    values.map(json.dumps),
    wrong_fields.map(json.dumps),
    wrong_cursors.map(json.dumps),
    nested,
    closed_nesting,
    long,
    surrogates,
)


class Flood:
    """Connections of one signed-in tab, one after the other. `sent`: messages so far."""

    def __init__(self, world: World, cookie: str) -> None:
        self._world, self._cookie = world, cookie
        self.sent = 0
        self.codes: dict[int, int] = {}

    def open(self) -> ClientConnection:
        line = connect(
            self._world.url.replace("http", "ws") + "/ws",
            additional_headers={"Cookie": self._cookie},
            origin=self._world.url,  # type: ignore[arg-type]
            compression=None,
        )
        assert json.loads(line.recv(timeout=10))["type"] == "welcome"
        return line

    def send(self, messages: list[str | bytes]) -> tuple[int, int | None]:
        """How many errors came back, and the close code, if there is one."""
        with self.open() as line:
            try:
                for message in messages:
                    line.send(message)
                    self.sent += 1
                line.send('{"type":"ping"}')
            except ConnectionClosed:
                pass
            errors, code = read_to_the_end(line)
        self.codes[code or 0] = self.codes.get(code or 0, 0) + 1
        return errors, code


def read_to_the_end(line: ClientConnection) -> tuple[int, int | None]:
    """Errors until a pong, then None; or until the close, then its code."""
    errors = 0
    try:
        while (frame := json.loads(line.recv(timeout=10)))["type"] != "pong":
            errors += frame["type"] == "error"
    except ConnectionClosed as closed:
        return errors, int(closed.rcvd.code) if closed.rcvd else DROPPED
    return errors, None


def flooded(world: World, messages: int) -> Flood:
    """A flood of random messages; every connection is answered as the protocol says."""
    flood = Flood(world, world.tabs()[0].cookie)

    def said(examples: int) -> Callable[[Any], Any]:
        quick = {"deadline": None, "database": None, "derandomize": True}
        return settings(max_examples=examples, suppress_health_check=list(HealthCheck), **quick)

    @said(messages // AT_ONCE)
    @given(st.lists(invalid, min_size=AT_ONCE, max_size=AT_ONCE))
    def too_many(batch: list[str | bytes]) -> None:
        assert flood.send(batch) == (STRIKES, 4400)

    @said(messages // (AT_ONCE * 10))
    @given(st.lists(invalid, max_size=STRIKES - 1))
    def a_few(batch: list[str | bytes]) -> None:
        assert flood.send(batch) == (len(batch), None)

    too_many()
    a_few()
    return flood


def web_log(world: World) -> str:
    return (world.folder / "log/web.log").read_text()


def flood_while_others_are_served(world: World, play: Play, messages: int) -> None:
    before = web_log(world).count("Traceback")
    web = world.process("demo.asgi:application")
    with play(world) as scene:
        flood = flooded(world, messages)
        scene.notes.append(f"{flood.sent} frames sent, closes of theirs {flood.codes}")
    figures: Any = world.figures[-1]
    assert figures.codes == {}, "others lost their line"
    assert figures.silence < 3
    assert web.is_running()
    assert web_log(world).count("Traceback") == before


def test_a_flood_of_1000_invalid_frames(world: World, play: Play) -> None:
    flood_while_others_are_served(world, play, 1_000)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_flood_of_10000_invalid_frames(world: World, play: Play) -> None:
    flood_while_others_are_served(world, play, 10_000)


def test_a_frame_that_is_far_too_big_is_not_read(world: World) -> None:
    flood = Flood(world, world.tabs()[0].cookie)
    assert flood.send(["x" * (TOO_BIG + 1)]) == (0, 1009)


def test_text_that_is_not_utf_8_is_closed_with_1007(world: World) -> None:
    with Flood(world, world.tabs()[0].cookie).open() as line:
        line.send(b"\xed\xa0\x80", text=True)
        assert read_to_the_end(line) == (0, 1007)


def test_bytes_that_are_no_frame_are_closed_with_1002(world: World) -> None:
    with Flood(world, world.tabs()[0].cookie).open() as line:
        line.socket.sendall(b"\xff" * 64)
        assert read_to_the_end(line) == (0, 1002)
