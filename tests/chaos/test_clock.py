"""The machine's clock is stepped, under all processes of the product at once."""

import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.chaos.conftest import Play, made
from tests.chaos.proxy import Proxy
from tests.chaos.world import World
from tests.live.tab import Tab
from tests.live.test_faults import is_embedding, is_ready, kill_worker, upload
from tests.stack import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

HOUR = 3600


class Clock:
    """How far the clock is from the real one; see clock.c."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "clock", folder / "clock.so"
        source = str(Path(__file__).with_name("clock.c"))
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(self._library), source, "-ldl"]
        subprocess.run(command, check=True)
        self._file.write_bytes(bytes(8))
        for path in (folder, self._file, self._library):
            path.chmod(0o755)  # PostgreSQL runs as another user

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "CLOCK": str(self._file)}

    def step(self, seconds: int) -> None:
        with self._file.open("r+b") as file:  # not another file: this one is mapped into memory
            file.write(struct.pack("q", seconds))


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(Path(tmp_path_factory.mktemp("clock")))


@pytest.fixture(scope="module")
def stepped(
    clock: Clock, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[World]:
    """A world that lives by this clock."""
    folder = Path(tmp_path_factory.mktemp("stepped")) / "var"
    yield from made(folder, pytestconfig, **clock.environment)


def test_the_clock_is_stepped_forward_and_back(stepped: World, clock: Clock, play: Play) -> None:
    with play(stepped) as scene:
        for hours in (1, -1, 0):
            clock.step(hours * HOUR)
            scene.flow(6)
        scene.mended()
        scene.heard()
    assert stepped.figures[-1].silence < 3


def test_after_a_step_back_the_dead_are_noticed(stepped: World, clock: Clock, play: Play) -> None:
    """A killed worker's job is taken up, and a tab whose line went dark is given up."""
    client = stepped.clients[0][1]
    line = Proxy(lambda: ("127.0.0.1", stepped.stack.port))
    with play(stepped, within=120) as scene:
        Tab(SimpleNamespace(url=f"http://localhost:{line.port}"), client, origin=stepped.url)
        assert is_held(stepped, line)
        document_id = upload(client, "stepped.txt", 2_000)
        until(lambda: is_embedding(client, document_id), within=60)
        clock.step(-HOUR)
        line.darken()
        kill_worker(stepped.stack)
        scene.mended()
        until(lambda: is_ready(client, document_id), within=120, every=0.25)
        scene.notes.append(f"job done {time.time() - scene.healed:.0f} s after its worker's end")
        until(lambda: not is_held(stepped, line), within=90, every=0.25)
        scene.notes.append(f"dark line given up after {time.time() - scene.healed:.0f} s")
    clock.step(0)
    line.close()


def is_held(world: World, line: Proxy) -> bool:
    """Does the web server hold a connection that came over this line?"""
    held = world.process("demo.asgi:application").net_connections("tcp")
    open_ones = {end.raddr.port for end in held if end.status == psutil.CONN_ESTABLISHED}
    return bool(open_ones & line.far_ports())
