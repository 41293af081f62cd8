"""Valkey dies, forgets, freezes; the lines to it go dark."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.chaos.conftest import Play
from tests.chaos.world import World

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
        valkey = world.process("valkey-server")
        valkey.send_signal(signal.SIGSTOP)
        try:
            scene.flow(30)
        finally:
            valkey.send_signal(signal.SIGCONT)
        scene.mended()
        scene.heard()
        scene.flow(3)


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
