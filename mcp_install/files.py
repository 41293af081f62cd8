"""Folders of a host, over SFTP. Paths are bytes, as there; a token names one exactly."""

import asyncio
import base64
import binascii
import posixpath
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import asyncssh

from mcp_install.ask_worker import PAGE
from mcp_install.directories import MOST_NAME, has_controls
from mcp_install.pool import Line
from mcp_install.troubles import Trouble

MOST_PAGE = 1000
MOST_ENTRIES = 100_000
MOST_PATH = 4096  # bytes
KEPT_LISTINGS = 10
_AT_ONCE = 32  # requests to the host


def token(path: bytes) -> str:
    return base64.urlsafe_b64encode(path).decode().rstrip("=")


def of_token(text: str) -> bytes:
    """Raises Trouble for one that is not ours."""
    try:
        path = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        path = b""
    if not path.startswith(b"/") or b"\0" in path or len(path) > MOST_PATH:
        raise Trouble("bad_path", "the token is not valid", field="token")
    return path


def of_text(text: str) -> bytes:
    """A path that a person typed, to the letter: from / or ~/ on; empty is the home. Raises
    Trouble."""
    path = text or "~"
    if path != "~" and not path.startswith(("/", "~/")):
        raise Trouble("path_not_absolute", text[:200], field="path")
    try:
        typed = path.encode()
    except UnicodeEncodeError:
        raise Trouble("bad_path", "it is not UTF-8", field="path") from None
    if b"\0" in typed or len(typed) > MOST_PATH:
        words = f"at most {MOST_PATH} bytes, none of them zero"
        raise Trouble("bad_path", words, field="path")
    return typed


# --- Looking ------------------------------------------------------------------------------------
class Listing:
    """A folder that is read as far as somebody looked."""

    def __init__(self, entries: AsyncIterator[Any]) -> None:
        self.entries: list[Any] = []
        self.has_ended = False
        self._rest = entries
        self._reading = asyncio.Lock()

    async def upto(self, number: int) -> None:
        async with self._reading:
            while not self.has_ended and len(self.entries) < min(number, MOST_ENTRIES):
                try:
                    entry = await anext(self._rest)
                except StopAsyncIteration:
                    self.has_ended = True
                    return
                if entry.filename not in (b".", b".."):
                    self.entries.append(entry)


async def folder(line: Line, path: bytes, after: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """A folder's entries from number `after` on, in the fields of the API. Raises Trouble.

    A page is sorted, folders first; of a folder that is longer than a page, pages come in the
    host's own order.
    """
    limit = max(1, min(limit, MOST_PAGE))
    sftp = await line.sftp()
    with _told(path):
        real = await _real(sftp, path)
        listing = await _read(line, sftp, real, after, limit)
        page = listing.entries[after : after + limit]
        entries = await _described(sftp, real, page)
    is_more = len(listing.entries) > after + limit or not listing.has_ended
    return {
        **_place(real),
        "parent": token(posixpath.dirname(real)) if real != b"/" else None,
        "crumbs": _crumbs(real),
        "entries": sorted(entries, key=_order),
        "next": after + limit if is_more and after + limit < MOST_ENTRIES else None,
        "free_mb": await _free(sftp, real),
    }


async def make_folder(line: Line, path: bytes, name: str = "") -> dict[str, Any]:
    """Make a folder, or one of this name in it; what it is then. Raises Trouble."""
    sftp = await line.sftp()
    with _told(path):
        whole = await _real(sftp, path) if name else await _whole(sftp, path)
        whole = posixpath.join(whole, _checked_name(name)) if name else whole
        try:
            await sftp.mkdir(whole)
        except asyncssh.SFTPFailure:
            if await sftp.exists(whole):
                raise Trouble("already_exists", _shown(whole)) from None
            raise
    return _place(whole)


async def _read(
    line: Line, sftp: asyncssh.SFTPClient, real: bytes, after: int, limit: int
) -> Listing:
    """Read on where the page before ended, if it was read here."""
    listing: Listing | None = line.kept.get(real) if after else None
    if listing is None or len(listing.entries) < after:
        listing = Listing(sftp.scandir(real))
    line.kept.pop(real, None)
    await listing.upto(after + limit + 1)
    if not listing.has_ended:
        line.kept[real] = listing
        while len(line.kept) > KEPT_LISTINGS:
            line.kept.pop(next(iter(line.kept)))
    return listing


async def _real(sftp: asyncssh.SFTPClient, path: bytes) -> bytes:
    """The folder's own path, without links. Raises Trouble when it is none."""
    real = bytes(await sftp.realpath(await _whole(sftp, path)))
    if not stat.S_ISDIR((await sftp.stat(real)).permissions or 0):
        raise Trouble("not_a_directory", _shown(real))
    return real


async def _whole(sftp: asyncssh.SFTPClient, path: bytes) -> bytes:
    if path == b"~" or path.startswith(b"~/"):
        return posixpath.join(bytes(await sftp.realpath(b".")), path[2:])
    return path


async def _described(
    sftp: asyncssh.SFTPClient, folder: bytes, page: list[Any]
) -> list[dict[str, Any]]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(entry: Any) -> dict[str, Any]:
        path, attributes = posixpath.join(folder, entry.filename), entry.attrs
        is_link = attributes.type == asyncssh.FILEXFER_TYPE_SYMLINK
        if is_link:
            async with gate:
                attributes = await _target(sftp, path)
        modified = attributes.mtime if attributes else None
        return _place(path) | {
            "kind": _kind(attributes),
            "is_link": is_link,
            "is_hidden": entry.filename.startswith(b"."),
            "size": attributes.size if attributes else None,
            "modified_at": _time(modified),
        }

    return list(await asyncio.gather(*map(one, page)))


async def _target(sftp: asyncssh.SFTPClient, path: bytes) -> Any:
    """What a link leads to; None when it leads nowhere, in circles or where one may not look."""
    try:
        return await sftp.stat(path)
    except asyncssh.SFTPError:
        return None


def _kind(attributes: Any) -> str:
    if attributes is None:
        return "broken"
    mode = attributes.permissions or 0
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def _time(seconds: float | None) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else None
    except (OverflowError, ValueError, OSError):
        return None


async def _free(sftp: asyncssh.SFTPClient, path: bytes) -> int | None:
    """Megabytes; None where the host does not say."""
    try:
        found = await sftp.statvfs(path)
    except asyncssh.SFTPError:
        return None
    return int(found.bavail * found.frsize // (1024 * 1024))


# --- Words --------------------------------------------------------------------------------------
def _place(path: bytes) -> dict[str, Any]:
    """`path` is text that leads there again; None for what is not UTF-8, or cannot be typed."""
    return {
        "name": _shown(posixpath.basename(path) or b"/"),
        "token": token(path),
        "path": _text(path),
    }


def _text(path: bytes) -> str | None:
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return None
    return None if has_controls(text) else text


def _shown(path: bytes) -> str:
    """For people: what is no text, or would not be seen, is written out."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _crumbs(path: bytes) -> list[dict[str, Any]]:
    """The folders on the way, from / on, the folder itself included."""
    parts = [part for part in path.split(b"/") if part]
    return [_place(b"/" + b"/".join(parts[:number])) for number in range(len(parts) + 1)]


def _order(entry: dict[str, Any]) -> tuple[bool, str]:
    return entry["kind"] != "folder", entry["name"].casefold()


def _checked_name(name: str) -> bytes:
    try:
        plain = name.encode()
    except UnicodeEncodeError:
        plain = b""
    wrong = not plain or len(plain) > MOST_NAME or name in (".", "..")
    if wrong or any(c == "/" or not c.isprintable() for c in name):
        words = f"a name has 1 to {MOST_NAME} bytes and no /"
        raise Trouble("bad_path", words, field="name")
    return plain


@contextmanager
def _told(path: bytes) -> Iterator[None]:
    """SFTP's errors in words."""
    shown = _shown(path)
    try:
        yield
    except Trouble:
        raise
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPLinkLoop):
        raise Trouble("not_found", shown) from None
    except asyncssh.SFTPNotADirectory:
        raise Trouble("not_a_directory", shown) from None
    except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect):
        raise Trouble("permission_denied", shown) from None
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ConnectionLost):
        raise Trouble("connection_lost") from None
    except asyncssh.SFTPError as error:
        raise Trouble("file_error", f"{shown}: {error.reason}") from None
    except (asyncssh.Error, OSError):
        raise Trouble("connection_lost") from None
