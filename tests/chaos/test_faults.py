"""The short set: what breaks every day. Every scene ends with the same question, asked of 24 tabs:
was each event applied once and in order, and do they show what the database says?"""

import time

from tests.chaos.conftest import Play
from tests.chaos.scene import Scene
from tests.chaos.world import World
from tests.stack import until


def test_a_share_of_the_announcements_is_lost(world: World, play: Play) -> None:
    with play(world) as scene:
        world.log_line.loss = 0.15
        scene.flow(8)
        world.log_line.loss = 0.0
        scene.mended()
    figures = world.figures[-1]
    assert figures.repaired == figures.lost > 30
    assert figures.gaps["announcement"] > 30


def test_the_lines_to_valkey_and_to_the_tabs_are_cut(world: World, play: Play) -> None:
    with play(world) as scene:
        for _ in range(3):
            assert world.log_line.cut()
            scene.flow(1)
            assert world.tab_line.cut() >= 24
            scene.flow(1)
        scene.mended()
        scene.heard()


def test_the_web_server_is_killed(world: World, play: Play) -> None:
    with play(world) as scene:
        world.kill("demo.asgi:application")
        scene.mended()
        scene.heard()


def test_a_session_row_is_deleted(world: World, play: Play) -> None:
    """Its tabs are cut within a second and hear nothing more; the others notice nothing."""
    person, client = world.clients[1]
    own = [tab.name for tab in world.tabs() if tab.name.startswith(f"{person}-1-")]
    sessions = client.get("/api/sessions").json()["sessions"]
    row = next(session["sessionId"] for session in sessions if session["current"])
    with play(world) as scene:
        deleted = time.time()
        world.sql("DELETE FROM realtime_session WHERE public_id = %s", row)
        scene.cut |= set(own)
        until(lambda: all("closed" in dids(scene, tab) for tab in own))
        scene.flow(2)
        scene.mended()
        scene.heard()
        ends = [scene.of_tab(tab) for tab in own]
    world.sign_in()
    for lines in ends:
        last = max(line["at"] for line in lines if line["did"] == "applied")
        closed = next(line for line in lines if line["did"] == "closed")
        assert closed["code"] == 4403
        assert closed["at"] / 1000 - deleted < 1
        assert last <= closed["at"]
        assert [line["status"] for line in lines if line["did"] == "told"] == ["revoked"]
        assert (lines[-1]["state"], lines[-1]["reason"]) == ("stopped", "revoked")
    assert world.figures[-1].codes == {4403: len(own)}


def dids(scene: Scene, tab: str) -> set[str]:
    return {line["did"] for line in scene.of_tab(tab)}
