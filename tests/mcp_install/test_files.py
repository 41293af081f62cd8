"""Folders of a host, with everything odd that is found in them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_install import files, pool
from mcp_install.files import folder, make_folder, of_text, of_token
from mcp_install.login import Login
from mcp_install.pool import Line
from mcp_install.troubles import Trouble
from tests.mcp_install.conftest import login_to
from tests.sshd import Account, running


@pytest.fixture(scope="module")
def place(someone: Account) -> Iterator[Path]:
    """A folder of the account's, with odd things in it."""
    root = someone.home / "look here"
    someone.run(
        "mkdir 'look here' && cd 'look here' && mkdir sub .hidden \"it's\" && touch b.txt A.txt && "
        "ln -s sub to-sub && ln -s b.txt to-file && ln -s nowhere dangling && ln -s loop loop && "
        "touch \"$(printf 'caf\\351')\" \"$(printf 'line\\nbreak')\" naïve.txt && "
        "mkdir -p \"$(printf 'new\\nline')/inner\" 'trail ' && "
        "mkdir -m 0 closed && mkfifo pipe"
    )
    yield root
    someone.run("chmod 700 'look here/closed' && rm -r 'look here'")


@pytest.fixture
async def line(login: Login) -> AsyncIterator[Line]:
    async with pool.borrowed(login) as borrowed:
        yield borrowed
    pool._lines.clear()
    await borrowed.close()


async def code_of(what: Any) -> str:
    with pytest.raises(Trouble) as raised:
        await what
    return raised.value.code


async def test_a_folder_is_listed_folders_first(line: Line, place: Path) -> None:
    found = await folder(line, str(place).encode())
    kinds = {entry["name"]: (entry["kind"], entry["is_link"]) for entry in found["entries"]}
    assert kinds == {
        ".hidden": ("folder", False), "closed": ("folder", False), "it's": ("folder", False),
        "new\\nline": ("folder", False), "sub": ("folder", False), "to-sub": ("folder", True),
        "trail ": ("folder", False), "A.txt": ("file", False),
        "b.txt": ("file", False), "caf\\xe9": ("file", False), "dangling": ("broken", True),
        "line\\nbreak": ("file", False), "loop": ("broken", True), "naïve.txt": ("file", False),
        "pipe": ("other", False), "to-file": ("file", True),
    }  # fmt: skip
    assert list(kinds) == sorted(kinds, key=lambda n: (kinds[n][0] != "folder", n.casefold()))
    assert [e["name"] for e in found["entries"] if e["is_hidden"]] == [".hidden"]
    assert (found["path"], found["next"]) == (str(place), None)
    assert found["free_mb"] > 0
    assert of_token(found["parent"]) == str(place.parent).encode()
    assert [crumb["name"] for crumb in found["crumbs"]] == ["/", *place.parts[1:]]


async def test_every_name_leads_there_by_its_token(line: Line, place: Path) -> None:
    someone_s = await folder(line, str(place).encode())
    names = {entry["name"]: entry for entry in someone_s["entries"]}
    odd = names["caf\\xe9"]
    assert odd["path"] is None
    assert of_token(odd["token"]) == os.fsencode(place) + b"/caf\xe9"
    inside = await folder(line, of_token(names["to-sub"]["token"]))
    assert inside["path"] == f"{place}/sub"  # a link is followed
    assert inside["entries"] == []


async def test_only_what_a_form_keeps_has_a_path(line: Line, place: Path) -> None:
    found = await folder(line, str(place).encode())
    paths = {entry["name"]: entry["path"] for entry in found["entries"]}
    assert paths["new\\nline"] is None
    assert paths["line\\nbreak"] is None
    assert paths["trail "] == f"{place}/trail "
    token = next(e["token"] for e in found["entries"] if e["name"] == "new\\nline")
    inside = await folder(line, of_token(token))
    assert inside["path"] is None
    assert [(e["name"], e["path"]) for e in inside["entries"]] == [("inner", None)]
    trail = await folder(line, of_text(paths["trail "]))
    assert trail["path"] == f"{place}/trail "


async def test_the_home_is_where_one_begins(line: Line, place: Path, someone: Account) -> None:
    assert (await folder(line, of_text("")))["path"] == str(someone.home)
    assert (await folder(line, of_text("~/look here/")))["path"] == str(place)


@pytest.mark.parametrize(
    ("path", "code"),
    [("nowhere", "not_found"), ("b.txt", "not_a_directory"), ("dangling", "not_found"),
     ("loop", "file_error not_found"), ("closed", "permission_denied"),
     ("b.txt/sub", "not_found not_a_directory file_error")],
)  # fmt: skip
async def test_what_cannot_be_listed_is_told(line: Line, place: Path, path: str, code: str) -> None:
    assert await code_of(folder(line, f"{place}/{path}".encode())) in code.split()


@pytest.mark.parametrize("text", ["relative", "./x", "~other", "-", " /x"])
def test_a_typed_path_begins_at_the_root_or_the_home(text: str) -> None:
    with pytest.raises(Trouble, match="begin with / or ~/"):
        of_text(text)


@pytest.mark.parametrize("text", ["/a\0b", "/\udce9", "/" + "x" * 5000])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(Trouble, match="cannot be used"):
        of_text(text)


@pytest.mark.parametrize("text", ["", "!!", files.token(b"etc"), files.token(b"/a\0b"), "é"])
def test_a_token_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(Trouble, match="token"):
        of_token(text)


async def test_a_folder_is_made_and_told_of(line: Line, place: Path, someone: Account) -> None:
    root = str(place).encode()
    made = await make_folder(line, root, "my servers → 1")
    assert made["path"] == f"{place}/my servers → 1"
    assert (place / "my servers → 1").is_dir()
    assert await code_of(make_folder(line, root, "my servers → 1")) == "already_exists"
    assert await code_of(make_folder(line, root, "b.txt")) == "already_exists"
    assert await code_of(make_folder(line, root + b"/closed", "x")) == "permission_denied"
    assert await code_of(make_folder(line, root + b"/nowhere/x")) == "not_found"
    assert (await make_folder(line, b"~/look here/by-path"))["path"] == f"{place}/by-path"
    for name in ("a/b", "..", "x" * 256, "a\nb", "\udce9"):
        assert await code_of(make_folder(line, root, name)) == "bad_path"


async def test_a_very_large_folder_comes_in_pages_the_first_at_once(
    line: Line, someone: Account
) -> None:
    someone.run("mkdir many && cd many && seq -f 'file-%05g' 1 20000 | xargs touch")
    path = f"{someone.home}/many".encode()
    try:
        await line.sftp()
        began = time.monotonic()
        found = await folder(line, path)
        first = time.monotonic() - began
        names = [entry["name"] for entry in found["entries"]]
        assert len(names) == 500
        while found["next"]:
            found = await folder(line, path, found["next"], 1000)
            names += [entry["name"] for entry in found["entries"]]
        everything = time.monotonic() - began
        assert sorted(names) == [f"file-{number:05}" for number in range(1, 20001)]
        assert first < everything / 3, f"first {first:.3f} s, all {everything:.3f} s"
        last = await folder(line, path, 19_900)  # by somebody who begins in the middle
        assert (len(last["entries"]), last["next"]) == (100, None)
    finally:
        someone.run("rm -r many")


async def test_a_host_without_file_transfer_says_so(someone: Account) -> None:
    with running(options="PrintLastLog no") as server:
        async with pool.borrowed(login_to(server, someone)) as line:
            assert await code_of(folder(line, b"/")) == "no_sftp"
        await line.close()


# --- The connections behind it ------------------------------------------------------------------
async def test_many_looks_share_one_connection_and_few_channels(login: Login) -> None:
    at_once: list[int] = []

    async def look() -> Any:
        async with pool.borrowed(login) as line:
            at_once.append(pool.CHANNELS - line.channels._value)
            await asyncio.sleep(0.01)
            return await line.connection()

    connections = {id(one) for one in await asyncio.gather(*(look() for _ in range(30)))}
    assert len(connections) == 1
    assert max(at_once) == pool.CHANNELS
    await pool._lines.pop(login).close()


async def test_a_connection_is_kept_for_a_while_and_then_closed(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "KEPT_SECONDS", 0.2)
    async with pool.borrowed(login) as line:
        first = await line.connection()
    async with pool.borrowed(login) as line:
        assert await line.connection() is first
        await asyncio.sleep(0.3)
        assert not first.is_closed()  # while it is used
    for _ in range(100):
        if first.is_closed():
            break
        await asyncio.sleep(0.05)
    assert first.is_closed()
    assert login not in pool._lines


async def test_a_lost_connection_is_made_anew(login: Login, someone: Account) -> None:
    async with pool.borrowed(login) as line:
        assert (await folder(line, b"~"))["path"] == str(someone.home)
        first = await line.connection()
        first.abort()
        await first.wait_closed()
        assert (await folder(line, b"~"))["path"] == str(someone.home)
        assert await line.connection() is not first
    await pool._lines.pop(login).close()


async def test_another_login_is_another_connection(login: Login) -> None:
    async with pool.borrowed(login) as one:
        pass
    other = Login(**(vars(login) | {"username": "root"}))
    async with pool.borrowed(other) as two:
        assert one is not two
    for known in (login, other):
        await pool._lines.pop(known).close()
