"""Valkey dies, forgets, freezes; the lines to it go dark."""

import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import Play
from tests.chaos.scene import Scene
from tests.chaos.world import World
from tests.live.tab import Tab
from tests.live.test_faults import is_ready, upload
from tests.stack import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]


def test_valkey_is_killed(world: World, play: Play) -> None:
    with play(world) as scene:
        world.kill("valkey-server")
        scene.mended()
        scene.heard()


def test_valkey_comes_back_empty(world: World, play: Play) -> None:
    with play(world) as scene:
        world.kill_valkey(data=None)
        scene.mended()
        scene.heard()


def test_valkey_comes_back_with_an_old_dump(world: World, play: Play, tmp_path: Path) -> None:
    with play(world) as scene:
        dump = Path(shutil.copytree(world.valkey_data, tmp_path / "dump"))
        scene.flow(5)
        world.kill_valkey(data=dump)
        scene.mended()
        scene.heard()


def test_valkey_is_frozen_for_30_s(world: World, play: Play) -> None:
    with play(world) as scene:
        valkey, frozen = world.process("valkey-server"), time.monotonic()
        valkey.send_signal(signal.SIGSTOP)
        try:
            assert_a_new_tab_is_sent_away(world)
            document_id = upload_in_passing(world, scene)
            scene.flow(30 - (time.monotonic() - frozen))
        finally:
            valkey.send_signal(signal.SIGCONT)
        scene.mended()
        scene.heard()
        client = world.clients[0][1]
        until(lambda: is_ready(client, document_id), within=90, every=0.25)


def assert_a_new_tab_is_sent_away(world: World) -> None:
    """It cannot be promised anything: it is told to come again."""
    with world.stack.client("admin") as admin:
        tab = Tab(world, admin).resume()
        while (frame := tab.next())["type"] != "closing":
            pass
        assert frame["code"] == tab.closed_with() == 1013


def upload_in_passing(world: World, scene: Scene) -> str:
    """People still upload; how long the answer takes is noted."""
    began = time.monotonic()
    document_id = upload(world.clients[0][1], "frozen.txt", 3)
    scene.notes.append(f"an upload was answered in {time.monotonic() - began:.1f} s")
    return document_id


def test_the_subscription_goes_dark_for_ever(world: World, play: Play) -> None:
    with play(world) as scene:
        world.log_line.darken_subscriptions()
        scene.flow(20)
        scene.mended()
        scene.heard()
        scene.flow(20)


def test_all_lines_to_valkey_are_dark_for_a_while(world: World, play: Play) -> None:
    with play(world) as scene:
        world.log_line.darken()
        scene.flow(20)
        world.log_line.light()
        scene.mended()
        scene.heard()
        scene.flow(3)
