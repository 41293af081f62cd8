"""The web server dies, is told to end, is replaced; with 500 sockets where that matters."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from demo.stack import answers, free_port
from tests.chaos.conftest import Play
from tests.chaos.scene import Scene
from tests.chaos.world import TabOf, World, tabs_of
from tests.stack import PASSWORD, ROOT, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

WEB = "demo.asgi:application"
OTHERS, SOCKETS_OF_ONE = 5, 96  # with the 24 tabs: 504 sockets


@pytest.fixture(scope="module")
def crowd(world: World) -> list[TabOf]:
    """Sockets of other people, who are only there."""
    names = [f"other{number}" for number in range(OTHERS)]
    lines = "from django.contrib.auth.models import User\n" + "".join(
        f"User.objects.create_user({name!r}, password={PASSWORD!r})\n" for name in names
    )
    world.stack.manage("shell", "--no-imports", "--command", lines).check_returncode()
    tabs = []
    for name in names:
        with world.stack.client(name) as client:
            tabs += tabs_of(name, client, SOCKETS_OF_ONE, quiet=True)
    return tabs


def all_are_back(scene: Scene, since: float) -> None:
    until(lambda: not scene.are_open(), within=10)
    until(scene.are_open, within=60, every=0.2)
    scene.notes.append(f"all sockets back in {time.time() - since:.1f} s")


def test_the_web_server_is_killed_with_500_sockets(
    world: World, play: Play, crowd: list[TabOf]
) -> None:
    with play(world, quiet=crowd) as scene:
        world.kill(WEB)
        scene.mended()
        all_are_back(scene, scene.healed)
        scene.heard()


def test_the_web_server_is_told_to_end_with_500_sockets(
    world: World, play: Play, crowd: list[TabOf]
) -> None:
    with play(world, quiet=crowd) as scene:
        web = world.process(WEB)
        web.send_signal(signal.SIGTERM)
        scene.mended()
        until(lambda: not web.is_running() or web.status() == "zombie", within=10)
        scene.notes.append(f"ended in {time.time() - scene.healed:.1f} s")
        all_are_back(scene, scene.healed)
        scene.heard()
    assert world.figures[-1].codes[1012] == 24, "every tab was told"


@contextmanager
def another_web_server(world: World, **environment: str) -> Iterator[int]:
    """One more process on the same servers; its port."""
    port = free_port()
    command = ["-m", "demo.web", "-b", "127.0.0.1", "-p", str(port), "demo.asgi:application"]
    servers = world.stack.running()["environment"]
    with (world.folder / "log/another-web.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "--access-log", os.devnull],
            cwd=ROOT,
            env=servers | world.stack.environment | environment,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        yield port
    finally:
        process.terminate()
        process.wait(10)


def test_the_secret_key_is_rotated(world: World, play: Play) -> None:
    """As an operator does it: a web server with the new key comes, the one with the old goes."""
    old = world.stack.environment["SECRET_KEY"]
    keys = {"SECRET_KEY": "a-new-secret-" * 5, "SECRET_KEY_FALLBACKS": old}
    with another_web_server(world, **keys) as port, play(world) as scene:
        world.web_port = port
        world.process(WEB).send_signal(signal.SIGTERM)
        scene.mended()
        until(lambda: not scene.are_open(), within=10)
        scene.heard()
        assert {tab["reason"] for tab in scene.where()} == {""}, "nobody was signed out"
    world.web_port = 0
    assert world.figures[-1].codes == {1012: 24}
