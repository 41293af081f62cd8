from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.figures import Figures
from tests.chaos.scene import Scene, played
from tests.chaos.world import World

Play = Callable[..., AbstractContextManager[Scene]]

_figures = pytest.StashKey[list[Figures]]()


def made(folder: Path, config: pytest.Config, **environment: str) -> Iterator[World]:
    """For fixtures: a world with its people, ended afterwards."""
    world = World(folder, config.stash.setdefault(_figures, []), **environment)
    try:
        world.make_people()
        yield world
    finally:
        world.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[World]:
    yield from made(Path(tmp_path_factory.mktemp("chaos")) / "var", pytestconfig)


@pytest.fixture
def play(tmp_path: Path, request: pytest.FixtureRequest) -> Play:
    """`with play(world) as scene:` tabs are open and work speaks to them."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    return partial(played, name, tmp_path)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for figures in config.stash.get(_figures, []):
        terminalreporter.write_line(str(figures))
