"""The folder that servers are put into, judged by its path alone."""

import posixpath
import re

from mcp_install.troubles import Trouble

MOST_PATH = 512  # characters
MOST_NAME = 255  # bytes of each name in a path, as file systems have it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SYSTEM = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run",
    "/sbin", "/sys", "/usr", "/System", "/Library",
)  # fmt: skip
_NOT_SYSTEM = ("/usr/local", "/run/user")
_ONLY_ABOVE = ("/", "/home", "/Users", "/var", "/usr/local", "/run/user")


def checked_directory(text: str, home: str) -> str:
    """The folder that servers are put into, by its whole path. Raises Trouble."""
    path = text
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    if not path.startswith("/"):
        raise Trouble("path_not_absolute", text[:200], field="directory")
    if wrong := _wrong(path):
        raise Trouble("bad_path", wrong, field="directory")
    path = "/" + posixpath.normpath(path).lstrip("/")
    refuse_system(path)
    return path


def _wrong(path: str) -> str:
    """What is the matter with it, and what to do; nothing where it can be used."""
    if len(path) > MOST_PATH:
        return f"it is longer than {MOST_PATH} characters"
    if has_controls(path):
        return "it holds control characters"
    if path != path.encode("utf-8", "ignore").decode():
        return "it is not UTF-8"
    names = path.split("/")
    if ".." in names:
        return "give it without .."
    if long := next((name for name in names if len(name.encode()) > MOST_NAME), ""):
        return f"“{long[:20]}…” is longer than {MOST_NAME} bytes: give that folder a shorter name"
    return ""


def has_controls(text: str) -> bool:
    """Characters that no field of a form keeps, and nobody sees."""
    return bool(_CONTROL.search(text))


def refuse_system(path: str) -> None:
    """Raises Trouble for a folder that is not a person's."""
    inside = any(path == top or path.startswith(f"{top}/") for top in _SYSTEM)
    excepted = any(path.startswith(f"{top}/") for top in _NOT_SYSTEM)
    if path in _ONLY_ABOVE or (inside and not excepted):
        raise Trouble("system_path", path, field="directory")
