"""What lets people in is sealed: bound to its place, under keys that can be changed."""

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pydantic import SecretStr
from pytest_django import Settings

from mcp_install import seal
from mcp_install.models import SshHost
from tests.mcp_install.conftest import HostOf

OLD, NEW = "an old key of more than 32 characters", "a new key of more than 32 characters!"


def test_a_secret_comes_back_from_its_place_alone(ann: User, host_of: HostOf) -> None:
    one, other = host_of(ann, "one"), host_of(ann, "other", password="swordfish")
    assert seal.take(SshHost.objects.get(pk=one.pk), "password").get_secret_value() == "open sesame"
    other.password, other.private_key = one.password, other.password
    for field in ("password", "private_key"):  # another row's; another column's
        with pytest.raises(seal.CannotOpen):
            seal.take(other, field)


def test_nothing_of_the_secret_is_in_what_is_stored(ann: User, host_of: HostOf) -> None:
    one, other = host_of(ann, "one"), host_of(ann, "other")
    assert b"sesame" not in bytes(one.password)
    assert bytes(one.password)[seal.ID :] != bytes(other.password)[seal.ID :]


def test_a_changed_byte_is_noticed(ann: User, host_of: HostOf) -> None:
    host = host_of(ann)
    for place in range(len(bytes(host.password))):
        changed = bytearray(host.password)
        changed[place] ^= 1
        with pytest.raises(seal.CannotOpen):
            seal.unseal(seal.place_of(host, "password"), bytes(changed))
    with pytest.raises(seal.CannotOpen):
        seal.unseal(seal.place_of(host, "password"), b"short")


def test_no_secret_is_nothing_stored() -> None:
    assert seal.seal("anywhere", SecretStr("")) == b""
    assert seal.unseal("anywhere", b"").get_secret_value() == ""


def test_keys_are_changed_by_a_command(ann: User, host_of: HostOf, settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = [OLD]
    host, empty = host_of(ann), host_of(ann, "empty", password="")
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    later = host_of(ann, "later")
    said = io.StringIO()
    call_command("rotatekeys", stdout=said)
    assert said.getvalue() == "1 sealed anew.\n"
    settings.CREDENTIAL_KEYS = [NEW]
    for row in (host, later):
        row.refresh_from_db()
        assert seal.take(row, "password").get_secret_value() == "open sesame"
    empty.refresh_from_db()
    assert seal.take(empty, "password").get_secret_value() == ""


def test_what_no_key_opens_is_named_and_left_as_it_is(
    ann: User, host_of: HostOf, settings: Settings
) -> None:
    settings.CREDENTIAL_KEYS = [OLD]
    host = host_of(ann)
    settings.CREDENTIAL_KEYS = [NEW]
    with pytest.raises(CommandError, match=f"mcp_install.sshhost:{host.pk}:password"):
        call_command("rotatekeys", stdout=io.StringIO())
    settings.CREDENTIAL_KEYS = [OLD]
    host.refresh_from_db()
    assert seal.take(host, "password").get_secret_value() == "open sesame"


def test_the_admin_shows_hosts_without_what_lets_in(
    ann: User, bob: User, host_of: HostOf, client: Client, settings: Settings
) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    User.objects.filter(pk=bob.pk).update(is_staff=True, is_superuser=True)
    host = host_of(ann)
    client.force_login(bob)
    for url in ("/admin/mcp_install/sshhost/", f"/admin/mcp_install/sshhost/{host.pk}/change/"):
        page = client.get(url).content.decode()
        assert "192.0.2.7" in page
        assert not {"field-password", "field-private_key"} & set(page.replace('"', " ").split())
    assert 'field-username"' in page
