"""Several web processes: any of them serves any tab."""

from typing import Any

import httpx

from tests.live.tab import Tab
from tests.live.test_socket import publish
from tests.stack import LiveStack


def test_a_tab_comes_back_to_another_web_process_and_has_missed_nothing(
    stack: LiveStack, ann: httpx.Client, other: Any
) -> None:
    here, there = Tab(stack, ann).resume(), Tab(other, ann).resume()
    assert here.next()["type"] == there.next()["type"] == "resumed"
    publish(stack, "ann", range(20))
    events = [here.next() for _ in range(20)]
    assert [event["content"] for event in events] == [str(n) for n in range(20)]
    assert [there.next() for _ in range(20)] == events
    here.socket.close()
    publish(stack, "ann", range(20, 40))
    back = Tab(other, ann).resume(events[-1]["id"])
    missed = [back.next() for _ in range(20)]
    assert missed == [there.next() for _ in range(20)]
    assert missed[0]["prev"] == events[-1]["id"]
    assert back.next()["type"] == "resumed"
