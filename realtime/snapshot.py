"""What runs now for a person, as the very events that tell of it; a stream completes it.

Events after `as_of`, applied as docs/protocol.md says, lead from an old snapshot to a fresh one.
Apps contribute what is not a job.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec
from django.contrib.auth.models import User

from realtime import jobs, log
from realtime.events import Event
from realtime.models import Job

Section = Literal["messages"]
Part = Callable[[User], Iterable[Event]]

_parts: dict[Section, list[Part]] = defaultdict(list)


def contribute(section: Section, part: Part) -> None:
    """Let a part of an app be in every snapshot; called when the app is ready.

    It must know of all that the stream has told: rows are written before the news of them, or else
    it reads the stream, too.
    """
    _parts[section].append(part)


def take(owner: User) -> dict[str, Any]:
    """The owner's snapshot. Raises redis.RedisError when the log's server is away."""
    as_of = log.head(owner.pk)  # before the rows: what happens meanwhile comes as an event, too
    active = jobs.active(owner)
    return {
        "as_of": as_of,
        "jobs": [_described(job) for job in active],
        "events": [_as_json(jobs.event_of(job)) for job in active],
        "messages": [_as_json(event) for part in _parts["messages"] for event in part(owner)],
    }


def _described(job: Job) -> dict[str, Any]:
    fields = ("kind", "status", "stage", "progress", "message", "attempt")
    return {"job_id": str(job.pk), "subject": str(job.subject)} | {
        name: getattr(job, name) for name in fields
    }


def _as_json(event: Event) -> dict[str, Any]:
    """As the event goes over the wire, but without its place in the stream and time."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields
