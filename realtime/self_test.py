"""The self-test: a line to the running web server is cut and opened again, and nothing may be lost.

A person of its own is made for it, whose stream nobody else hears. They have no password and a name
that no form accepts, are let in by a token for these minutes alone, and are gone at the end; what a
process that was killed left behind goes with the next test, or within the hour.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from redis import RedisError

from realtime import log, tokens
from realtime.events import MessageChunk
from realtime.line import Frame, Line, LineFailed
from realtime.models import ApiToken
from realtime.publish import publish
from realtime.work import Failure

EVENTS = 50  # in each part: live, around the cut, while away
HEARD_BEFORE_THE_CUT = 20
SECONDS = 10.0  # for any one answer
CUT_SECONDS = 5.0  # from a token's end to that of its line; without news it takes up to 20
LIFE = timedelta(minutes=10)
NAME = "self-test "  # with a space, which no form lets through

Say = Callable[[str, int, str], None]  # a stage, percent, words


@dataclass(frozen=True)
class Tester:
    user: User
    grant: ApiToken
    token: str


def self_test(report: Say, web_url: str = "") -> str:
    """The closing message. Raises work.Failure with what went wrong."""
    forget_leftovers()
    with _tester() as tester:
        try:
            return _Test(report, web_url or settings.WEB_URL, tester).run()
        except LineFailed as failed:
            raise Failure(str(failed)) from None


@contextmanager
def _tester() -> Iterator[Tester]:
    user = User.objects.create_user(NAME + secrets.token_hex(8))
    try:
        grant, token = tokens.make(user, "self-test", ["read"], timezone.now() + LIFE)
        yield Tester(user, grant, token)
    finally:
        _remove(user)


def forget_leftovers() -> None:
    """Remove the testers of processes that died."""
    old = {"date_joined__lt": timezone.now() - LIFE, "password__startswith": "!"}
    for user in User.objects.filter(username__startswith=NAME, **old):
        _remove(user)


def _remove(user: User) -> None:
    user_id = user.pk
    user.delete()
    with suppress(RedisError):  # what is in the log expires by itself
        log.forget(user_id)


class _Test:
    def __init__(self, report: Say, web_url: str, tester: Tester) -> None:
        self._report = report
        self._web_url = web_url
        self._tester = tester
        self._published = self._heard = 0
        self._cursor = ""

    def run(self) -> str:
        self._report("OPENING", 5, f"Opening a line to {self._web_url}")
        line = self._open(None)
        self._report("SENDING", 15, f"Sending {EVENTS} events")
        self._publish()
        self._hear(line, EVENTS)
        self._report("CUTTING", 35, f"Sending {EVENTS} more, and cutting the line in between")
        self._publish()
        self._hear(line, HEARD_BEFORE_THE_CUT)
        line.cut()
        self._report("MISSING", 50, f"Sending {EVENTS} events that nobody hears")
        self._publish()
        self._report("RESUMING", 60, "Coming back with the last event's id")
        line = self._come_back()
        self._report("STALE", 75, "Coming back with an id of another time")
        self._expect_resync()
        self._report("REVOKING", 85, "Ending what lets the line in")
        self._expect_the_end(line)
        missed = EVENTS * 2 - HEARD_BEFORE_THE_CUT
        return (
            f"All {self._published} events came once and in order, "
            f"{missed} of them after the line was cut."
        )

    def _open(self, cursor: str | None) -> Line:
        line = Line(self._web_url, self._tester.token, SECONDS)
        welcome = self._next(line, "the welcome")
        if welcome.get("userId") != str(self._tester.user.pk):
            raise Failure(f"The line greets somebody else: {welcome}")
        line.say(type="resume", lastEventId=cursor)
        if cursor is None:
            self._expect(self._next(line, "the start"), "resumed")
        return line

    def _publish(self) -> None:
        for _ in range(EVENTS):
            self._published += 1
            event = MessageChunk(
                message_id="self-test",
                session_id="",
                content=str(self._published),
                is_complete=False,
                content_offset=self._published,
            )
            publish(self._tester.user.pk, event, durable=True)

    def _hear(self, line: Line, count: int) -> None:
        """So many events, which must be those that are due."""
        for _ in range(count):
            due = self._heard + 1
            frame = self._next(line, f"event {due} of {self._published}")
            self._expect(frame, "message_chunk")
            if (came := int(frame["content"])) != due:
                how = "came twice" if came < due else f"came where {due} was due"
                raise Failure(f"Events are lost or out of order: {came} {how}.")
            self._heard, self._cursor = came, frame["id"]
        line.say(type="ack", id=self._cursor)

    def _come_back(self) -> Line:
        line = self._open(self._cursor)
        missed = self._published - self._heard
        self._hear(line, missed)
        resumed = self._next(line, "the end of what was missed")
        self._expect(resumed, "resumed")
        if resumed["replayed"] != missed:
            raise Failure(f"{missed} events were missed, and {resumed['replayed']} came again.")
        return line

    def _expect_resync(self) -> None:
        line = self._open("anothertime-1")
        frame = self._next(line, "the order to fetch all again")
        self._expect(frame, "resync")
        if frame["reason"] != "epoch":
            raise Failure(f"The resync is for another reason: {frame['reason']}")
        line.close()

    def _expect_the_end(self, line: Line) -> None:
        self._tester.grant.delete()
        began = time.monotonic()
        with suppress(TimeoutError):
            while time.monotonic() - began < CUT_SECONDS:
                try:
                    line.hear()
                except LineFailed as failed:
                    if failed.code == 4403:
                        return
                    raise
        raise Failure(
            f"The line was not cut within {CUT_SECONDS:.0f} s of its token's end: news of "
            "PostgreSQL do not arrive, perhaps because a transaction pooler is before it."
        )

    def _next(self, line: Line, what: str) -> Frame:
        try:
            return line.hear()
        except TimeoutError:
            raise Failure(f"Nothing came for {SECONDS:.0f} s; {what} was due.") from None

    def _expect(self, frame: Frame, kind: str) -> None:
        if frame["type"] != kind:
            raise Failure(f"A `{kind}` was due, and a `{frame['type']}` came: {frame}")
