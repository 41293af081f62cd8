"""Topics: places where people meet, such as `document:<id>`. Who may be there is for the app to say
whose kind of topic it is; it is asked in threads of their own, many at once."""

import asyncio
import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.db import close_old_connections

from realtime.together import Together

CHECK_SECONDS = 10.0
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Question = tuple[str, int]  # may at the topic of this id the user of that id be?
WhoMay = Callable[[Collection[Question]], Collection[Question]]  # those that may

_kinds: dict[str, WhoMay] = {}
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="topics")


def open_kind(kind: str, who_may: WhoMay) -> None:
    """Let people meet at topics of a kind; called when its app is ready. `who_may` is called
    outside the event loop and may use the ORM."""
    _kinds[kind] = who_may


@dataclass(frozen=True, slots=True)
class Topic:
    """`<kind>:<id>`, the id being a UUID as it is usually written."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, name: str) -> "Topic":
        """Raises ValueError for what is not the name of a topic."""
        kind, _, pk = name.partition(":")
        if kind not in _kinds or not _ID.fullmatch(pk):
            raise ValueError(f"a topic is {' or '.join(_kinds)}, a colon, and an id")
        return cls(kind, pk)

    @property
    def group(self) -> str:
        """Its channel-layer group."""
        return f"topic-{self.kind}-{self.id}"


Asked = tuple[Topic, int]


def _answer(asked: list[Asked]) -> dict[Asked, bool]:
    close_old_connections()
    try:
        answers: dict[Asked, bool] = {}
        for kind in {topic.kind for topic, _ in asked}:
            of_kind = [(topic, user_id) for topic, user_id in asked if topic.kind == kind]
            may = set(_kinds[kind]([(topic.id, user_id) for topic, user_id in of_kind]))
            answers |= {(topic, user_id): (topic.id, user_id) in may for topic, user_id in of_kind}
        return answers
    finally:
        close_old_connections()


_asking: dict[asyncio.AbstractEventLoop, Together[Asked, bool]] = {}


async def may_be_at(topic: Topic, user_id: int) -> bool:
    """May the user be there, as the database says now? Raises DatabaseError or TimeoutError."""
    loop = asyncio.get_running_loop()
    if loop not in _asking:
        _asking[loop] = Together(_answer, _threads, CHECK_SECONDS)
    return bool(await _asking[loop].ask((topic, user_id)))
