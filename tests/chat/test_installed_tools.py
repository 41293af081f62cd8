"""Servers that are installed on a host of ann's, used in her conversations."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from chat import approve
from chat.models import Message, ToolCall
from mcp_install import warm
from mcp_install.models import McpServer, SshHost, State
from mcp_install.provider import InstalledServers
from realtime import background
from realtime.models import Status
from tests.chat.talk import begun, job_of, say, status_of, written
from tests.mcp_install.installed import built, host_of, installed
from tests.mcp_install.programs import modern, myself
from tests.model_server import ModelServer
from tests.sshd import Account, Sshd, running
from tests.stack import until

pytestmark = pytest.mark.django_db(transaction=True)
ADD = 'Use add {"a": 1, "b": 2}'


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def me() -> Iterator[Account]:
    with myself() as account:
        yield account


@pytest.fixture
def host(ann: User, sshd: Sshd, me: Account) -> SshHost:
    return host_of(ann, sshd, me)


@pytest.fixture
def sums(ann: User, host: SshHost, me: Account) -> Iterator[McpServer]:
    async def end() -> None:
        for one in list(warm._kept.values()):
            one.end()

    yield installed(ann, host, me, modern(), secrets={"TOKEN": "s3cret-s3cret"})
    background.run(end())
    until(lambda: not warm._kept)


def asked(owner: User, server: McpServer, words: str) -> Message:
    """A reply that waits for its owner to allow what it wants to use."""
    reply = written(say(begun(owner, mcp_server_ids=[str(server.pk)]), words))
    assert status_of(reply) == Status.WAITING, job_of(reply).error
    return reply


def call_of(reply: Message) -> ToolCall:
    return ToolCall.objects.select_related("message__session").get(message=reply)


def test_a_tool_on_a_host_is_used_once_its_owner_allows_it(
    ann: User, model: ModelServer, sums: McpServer
) -> None:
    reply = asked(ann, sums, ADD)
    assert not warm._kept, "nothing was started to ask"
    call = call_of(reply)
    assert (call.server_name, call.name) == ("Sums", "add")
    assert approve.approve(call)
    reply = written(reply)
    assert (status_of(reply), call_of(reply).result) == (Status.DONE, "3")
    assert sums.pk in warm._kept


def test_secrets_of_the_server_reach_neither_the_model_nor_the_row(
    ann: User, model: ModelServer, sums: McpServer
) -> None:
    reply = asked(ann, sums, 'Use environment {"name": "TOKEN"}')
    approve.approve(call_of(reply))
    assert call_of(written(reply)).result == "••••"


def test_arguments_that_do_not_fit_are_told_to_the_model(
    ann: User, model: ModelServer, sums: McpServer
) -> None:
    reply = asked(ann, sums, 'Use add {"a": "one"}')
    approve.approve(call_of(reply))
    call = call_of(written(reply))
    assert call.status == "failed"
    assert "b: needed" in call.result
    assert not warm._kept


def test_another_build_asks_for_approval_again(
    ann: User, model: ModelServer, sums: McpServer, me: Account
) -> None:
    reply = asked(ann, sums, ADD)
    assert approve.approve(call_of(reply), always=True)
    reply = written(reply)
    again = written(say(reply.session, ADD))
    assert status_of(again) == Status.DONE, "always is always"
    sums.active = built(sums, me, modern("1.0"))
    sums.save()
    assert status_of(written(say(reply.session, ADD))) == Status.WAITING


def test_what_was_allowed_is_not_used_of_another_build(
    ann: User, model: ModelServer, sums: McpServer, me: Account
) -> None:
    reply = asked(ann, sums, ADD)
    assert approve.approve(call_of(reply))
    sums.active = built(sums, me, modern("2.0"))
    sums.save()
    call = call_of(written(reply))
    assert (call.status, "another version" in call.result) == ("failed", True)


def test_only_what_works_is_offered_and_only_to_its_owner(
    ann: User, bob: User, sums: McpServer, sshd: Sshd, me: Account
) -> None:
    (offered,) = InstalledServers().servers(ann.pk)
    assert (offered.id, offered.name) == (str(sums.pk), "Sums")
    assert InstalledServers().servers(bob.pk) == []
    other = installed(ann, host_of(ann, sshd, me, "attic"), me, modern())
    names = sorted(server.name for server in InstalledServers().servers(ann.pk))
    assert names == ["Sums on attic", "Sums on box"]
    for state in (State.BROKEN, State.REMOVED, State.NOT_INSTALLED):
        McpServer.objects.filter(pk=other.pk).update(state=state)
        assert [one.id for one in InstalledServers().servers(ann.pk)] == [str(sums.pk)]


def test_a_host_that_is_away_is_told_to_the_model(
    ann: User, model: ModelServer, sums: McpServer
) -> None:
    reply = asked(ann, sums, ADD)
    SshHost.objects.update(port=1)
    approve.approve(call_of(reply))
    call = call_of(written(reply))
    assert call.status == "failed"
    assert "Nothing listens at that port" in call.result
