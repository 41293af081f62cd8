"""The tree of a session's messages, and the path through it that is shown."""

import uuid
from collections import defaultdict
from dataclasses import dataclass

from chat.models import ChatSession, Message


@dataclass(frozen=True)
class Step:
    """A message on the path; `versions` are it and its siblings, the oldest first."""

    message: Message
    versions: list[uuid.UUID]

    @property
    def version(self) -> int:
        """Counted from 1."""
        return self.versions.index(self.message.pk) + 1


class Tree:
    """All messages of one session, read once."""

    def __init__(self, session: ChatSession) -> None:
        self._messages = {message.pk: message for message in session.messages.select_related("job")}
        self._children: dict[uuid.UUID | None, list[uuid.UUID]] = defaultdict(list)
        for message in self._messages.values():  # in order of time
            self._children[message.parent_id].append(message.pk)

    def path(self, leaf: uuid.UUID | None) -> list[Message]:
        """From the first message to `leaf`; empty without one."""
        path: list[Message] = []
        while leaf is not None and (message := self._messages.get(leaf)):
            path.append(message)
            leaf = message.parent_id
        return path[::-1]

    def steps(self, leaf: uuid.UUID | None) -> list[Step]:
        return [Step(message, self._children[message.parent_id]) for message in self.path(leaf)]

    def newest_below(self, message_id: uuid.UUID) -> uuid.UUID:
        """The end of the path that goes on from a message with the newest version each time."""
        while children := self._children.get(message_id):
            message_id = children[-1]
        return message_id
