"""What ends a session or a token cuts the lines that rest on it, whoever did it and however."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from realtime import grants as watching
from realtime.auth import Identity, authenticate
from realtime.events import Event, SessionUpdate
from realtime.grants import Grants
from realtime.models import ApiToken, Session
from tests.realtime.counted import Change
from tests.realtime.people import device, handshake, identity_of, program

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rows")]


class Line:
    """The far end: remembers what it was told, and when it ended."""

    def __init__(self, identity: Identity) -> None:
        self.id, self.identity = "line", identity
        self.told: list[str] = []
        self.code = 0
        self.changed = asyncio.Event()

    def tell(self, event: Event) -> None:
        assert isinstance(event, SessionUpdate)
        self.told.append(event.status)
        self.changed.set()

    def end(self, code: int, reason: str, retry_after_ms: int | None = None) -> None:
        self.code = self.code or code
        self.changed.set()

    async def until(self, condition: Callable[[], Any], within: float = 5.0) -> None:
        async with asyncio.timeout(within):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def is_cut_with(self, code: int, within: float = 1.0) -> None:
        await self.until(lambda: self.code, within)
        assert self.code == code


@pytest.fixture
async def grants() -> AsyncIterator[Grants]:
    made = Grants()
    yield made
    await made.close()


async def line_of(grants: Grants, client: Client) -> Line:
    """A line that is watched, by somebody who hears the news."""
    line = Line(await identity_of(client))
    grants.watch(line)
    await grants.listening.wait()
    return line


def raw(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


DELETE = "DELETE FROM realtime_session WHERE public_id = %s"


async def test_a_row_deleted_by_hand_cuts_its_lines_only(ann: User, grants: Grants) -> None:
    (one, session), (two, _) = await sync_to_async(lambda: (device(ann), device(ann)))()
    cut, kept = await line_of(grants, one), await line_of(grants, two)
    measured = Change("realtime_revocation_to_cut_seconds_bucket", le="1.0")
    await sync_to_async(raw)(DELETE, session.pk)
    await cut.is_cut_with(4403)
    assert measured() == 1
    assert cut.told == ["revoked"]
    assert kept.told == []
    assert kept.code == 0


async def test_a_deactivated_person_is_cut_everywhere_and_nobody_else(
    ann: User, bob: User, grants: Grants
) -> None:
    (one, _), (two, _) = await sync_to_async(lambda: (device(ann), device(bob)))()
    annes, bobs = await line_of(grants, one), await line_of(grants, two)
    await sync_to_async(raw)("UPDATE auth_user SET is_active = false WHERE id = %s", ann.pk)
    await annes.is_cut_with(4403)
    assert bobs.code == 0


async def test_a_changed_password_cuts_every_session_of_before(ann: User, grants: Grants) -> None:
    client, _ = await sync_to_async(device)(ann)
    line = await line_of(grants, client)
    ann.set_password("another")
    await ann.asave()
    await line.is_cut_with(4403)


async def test_the_session_that_changed_the_password_goes_on(ann: User, grants: Grants) -> None:
    (one, _), (two, _) = await sync_to_async(lambda: (device(ann), device(ann)))()
    own, other = await line_of(grants, one), await line_of(grants, two)
    form = {"old_password": "secret", "new_password1": "heron-9-pond"}
    form["new_password2"] = form["new_password1"]
    answer = await sync_to_async(one.post)("/settings/password/", form)
    assert answer.status_code == 302
    await other.is_cut_with(4403)
    await own.until(lambda: "extended" in own.told)
    await asyncio.sleep(2 * watching.ASK_AGAIN)  # nothing happens, even so long after
    assert own.code == 0
    assert (await identity_of(one)).grant == own.identity.grant


async def test_a_revoked_token_cuts_its_lines(ann: User, grants: Grants) -> None:
    headers, _ = await sync_to_async(program)(ann)
    line = Line(await authenticate(handshake(**headers)))
    grants.watch(line)
    await grants.listening.wait()
    await ApiToken.objects.all().adelete()
    await line.is_cut_with(4403)


async def test_an_end_between_handshake_and_watch_is_found(ann: User, grants: Grants) -> None:
    client, session = await sync_to_async(device)(ann)
    line = Line(await identity_of(client))
    await sync_to_async(raw)(DELETE, session.pk)
    grants.watch(line)
    await line.is_cut_with(4403, within=3)


async def test_what_no_news_told_of_is_found_by_the_sweep(
    ann: User, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, session = await sync_to_async(device)(ann)
    line = await line_of(grants, client)
    measured = Change("realtime_revocation_to_cut_seconds_count")
    await grants.extend(line)
    await line.until(lambda: line.told == ["extended"])
    off, on = (f"ALTER TABLE realtime_session {w} TRIGGER USER" for w in ("DISABLE", "ENABLE"))
    await sync_to_async(raw)(off)
    try:
        await sync_to_async(raw)(DELETE, session.pk)
    finally:
        await sync_to_async(raw)(on)
    monkeypatch.setattr(watching, "SWEEP", 0.1)
    await line.is_cut_with(4403, within=3)
    assert measured() == 0  # nobody knows when it was; the extension was no end


async def test_an_end_that_came_while_nobody_listened_is_found_on_return(
    ann: User, grants: Grants
) -> None:
    client, session = await sync_to_async(device)(ann)
    line = await line_of(grants, client)
    deaf = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
    both = f"WITH deaf AS ({deaf}) {DELETE} AND (SELECT count(*) FROM deaf) > 0"
    await sync_to_async(raw)(both, session.pk)
    await line.is_cut_with(4403, within=5)


async def test_a_session_is_warned_of_then_ends(ann: User, grants: Grants) -> None:
    client, _ = await sync_to_async(device)(ann)
    await Session.objects.aupdate(expire_date=timezone.now() + timedelta(seconds=3))
    line = await line_of(grants, client)
    await line.is_cut_with(4401, within=8)
    assert line.told == ["expiring_soon", "expired"]
    assert time.time() >= (line.identity.expires_at or 0)


async def test_it_is_warned_twice_and_again_after_it_was_extended(
    ann: User, grants: Grants
) -> None:
    client, session = await sync_to_async(device)(ann)

    async def move(seconds: int) -> None:
        ends = timezone.now() + timedelta(seconds=seconds)
        await Session.objects.filter(pk=session.pk).aupdate(expire_date=ends)

    await move(250)
    line = await line_of(grants, client)
    await line.until(lambda: line.told == ["expiring_soon"])
    await move(40)
    await line.until(lambda: line.told == ["expiring_soon"] * 2)
    await grants.extend(line)
    await line.until(lambda: line.told[-1] == "extended")
    await move(200)
    await line.until(lambda: line.told[-1] == "expiring_soon")
    assert line.code == 0


async def test_every_tab_is_told_of_an_extension_by_http(ann: User, grants: Grants) -> None:
    client, _ = await sync_to_async(device)(ann)
    lines = [await line_of(grants, client), await line_of(grants, client)]
    answer = await sync_to_async(client.post)("/api/session/extend")
    assert answer.status_code == 200
    for line in lines:
        await line.until(lambda line=line: line.told == ["extended"])  # type: ignore[misc]


async def test_the_time_of_a_token_cannot_be_extended(ann: User, grants: Grants) -> None:
    headers, _ = await sync_to_async(program)(ann)
    line = Line(await authenticate(handshake(**headers)))
    with pytest.raises(ValueError, match="token"):
        await grants.extend(line)


async def test_when_nobody_can_be_asked_nobody_is_served(
    ann: User, grants: Grants, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = await sync_to_async(device)(ann)
    line = await line_of(grants, client)

    def away(_: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(watching, "by_grants", away)
    monkeypatch.setattr(watching, "BLIND", 2.0)
    await line.is_cut_with(1013, within=8)
    assert line.told == []


async def test_with_no_line_open_no_silence_is_an_outage(
    ann: User, grants: Grants, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = await sync_to_async(device)(ann)
    grants.forget(await line_of(grants, client))
    monkeypatch.setattr(watching, "SWEEP", 0.0)
    monkeypatch.setattr(watching, "BLIND", 0.0)
    swept: set[float] = set()
    async with asyncio.timeout(10):
        while len(swept) < 3:  # so one tick at least was whole
            swept.add(grants._swept_at)
            await asyncio.sleep(watching.TICK / 5)
    assert "could not be checked" not in caplog.text
