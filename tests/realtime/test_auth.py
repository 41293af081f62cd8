"""Who a socket's session or token belongs to."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from realtime.auth import Refused, authenticate
from realtime.models import ApiToken, Session
from tests.realtime.people import Headers, device, handshake, identity_of, key_of, program

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("rows")]


async def refusal(headers: Headers) -> int:
    with pytest.raises(Refused) as refused:
        await authenticate(headers)
    return refused.value.code


async def test_a_session_is_its_active_user_s(ann: User) -> None:
    client, session = await sync_to_async(device)(ann)
    identity = await identity_of(client)
    assert (identity.user_id, identity.username) == (ann.pk, "ann")
    assert identity.grant == f"session:{session.pk}"
    assert 12 * 3600 - 5 < (identity.expires_in or 0) <= 12 * 3600
    await User.objects.aupdate(is_active=False)
    assert await refusal(handshake(key_of(client))) == 4401
    assert await refusal(handshake()) == 4401
    assert await refusal(handshake("nonsense")) == 4401


async def test_an_expired_session_opens_no_socket(ann: User) -> None:
    client, _ = await sync_to_async(device)(ann)
    await Session.objects.aupdate(expire_date=timezone.now())
    assert await refusal(handshake(key_of(client))) == 4401


async def test_a_session_of_before_a_changed_password_opens_no_socket(ann: User) -> None:
    client, _ = await sync_to_async(device)(ann)
    ann.set_password("another")
    await ann.asave()
    assert await refusal(handshake(key_of(client))) == 4401


async def test_a_foreign_page_or_host_is_refused_before_anything_is_asked(ann: User) -> None:
    client, _ = await sync_to_async(device)(ann)
    assert await refusal(handshake(key_of(client), origin="https://evil.example")) == 4403
    assert await refusal(handshake(key_of(client), host="evil.example")) == 4403


async def test_a_socket_after_a_rotation_of_keys_signs_nobody_out(
    ann: User, settings: Settings
) -> None:
    client, session = await sync_to_async(device)(ann)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10
    for _ in range(2):
        assert (await identity_of(client)).grant == f"session:{session.pk}"
    # The next page gives the session another key, for which it is the same session still.
    before = key_of(client)
    assert (await sync_to_async(client.get)("/api/session")).status_code == 200
    assert key_of(client) != before
    assert (await identity_of(client)).grant == f"session:{session.pk}"


async def test_a_token_opens_a_socket_without_an_origin(ann: User) -> None:
    headers, pk = await sync_to_async(program)(ann, "read")
    identity = await authenticate([*handshake(**headers)[:1], *handshake(**headers)[2:]])
    assert (identity.username, identity.grant) == ("ann", f"token:{pk}")
    assert identity.expires_in is None
    assert (await ApiToken.objects.aget()).last_used_at
    assert await refusal(handshake(host="evil.example", **headers)) == 4403
    foreign = [*handshake(**headers)[:1], (b"origin", b"http://evil.example")]
    assert await refusal([*foreign, *handshake(**headers)[2:]]) == 4403


async def test_a_token_that_is_wrong_expired_or_may_not_read_opens_none(ann: User) -> None:
    client, _ = await sync_to_async(device)(ann)
    wrong = {"Authorization": "Bearer wk_nonsense"}
    assert await refusal(handshake(key_of(client), **wrong)) == 4401
    writing, _ = await sync_to_async(program)(ann, "write")
    assert await refusal(handshake(**writing)) == 4403
    past = timezone.now() - timedelta(seconds=1)
    expired, _ = await sync_to_async(program)(ann, "read", expires_at=past)
    assert await refusal(handshake(**expired)) == 4401
    good, _ = await sync_to_async(program)(ann, "read")
    await User.objects.aupdate(is_active=False)
    assert await refusal(handshake(**good)) == 4401


async def test_handshakes_that_arrive_together_are_each_answered_for_their_own(
    ann: User, bob: User
) -> None:
    def devices() -> list[Client]:
        return [device(user)[0] for _ in range(20) for user in (ann, bob)]

    clients = await sync_to_async(devices)()
    who = await asyncio.gather(*(identity_of(client) for client in clients))
    assert [identity.username for identity in who] == ["ann", "bob"] * 20
    assert len({identity.grant for identity in who}) == 40
