"""The main job once, in web process and workers, with the log on a Valkey Cluster."""

import signal
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import WebSocketException

from tests.live.tab import Tab
from tests.stack import LiveStack, started, until
from tests.valkeys import cluster


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        folder = tmp_path_factory.mktemp("on-a-cluster") / "var"
        yield from started(folder, REALTIME_REDIS_URL=nodes.url)


def opened(stack: LiveStack, client: httpx.Client) -> Tab | None:
    try:
        return Tab(stack, client)
    except (OSError, WebSocketException):
        return None


def test_from_an_upload_to_an_answer_across_a_killed_web_server(
    stack: LiveStack, ann: httpx.Client
) -> None:
    parts = httpx.get(f"{stack.url}/readyz", timeout=10).json()["parts"]
    assert parts["valkey"]
    tab = Tab(stack, ann).resume()
    cursor = tab.next()["id"]
    text = "A conffile is a file that the packaging system asks about before it changes it. " * 50
    ann.post("/api/documents", files={"file": ("manual.txt", text.encode())}).raise_for_status()
    stages = []
    while (event := tab.next())["status"] != "READY":
        stages.append(event["stage"])
    assert {"EXTRACTING", "CHUNKING", "EMBEDDING", "INDEXING"} <= set(stages)
    document = {"documentId": event["documentId"]}
    tab.say(type="subscribe", topic=f"document:{event['documentId']}")
    tab.say(type="activity", action="viewing_document", **document)
    while (seen := tab.next())["type"] != "user_activity":
        pass
    assert (seen["username"], seen["documentId"]) == ("ann", event["documentId"])
    [web, *_] = stack.processes("demo.asgi:application")
    web.send_signal(signal.SIGKILL)
    again = until(lambda: opened(stack, ann)).resume(cursor)
    replayed = []
    while (frame := again.next())["type"] != "resumed":
        replayed.append(frame)
    assert replayed[-1] == event
    assert frame["replayed"] == len(stages) + 1
    answer = ann.post("/api/rag/queries", json={"question": "What is a conffile?"})
    query_id, text = answer.raise_for_status().json()["queryId"], ""
    while (event := again.next()).get("stage") != "COMPLETE":
        text += event.get("content", "")
    assert event["queryId"] == query_id
    assert event["result"]["answer"] == text
    assert "conffile" in text
