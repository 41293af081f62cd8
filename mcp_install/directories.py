"""The folder that servers are put into, judged by its path alone."""

import posixpath
import re

from mcp_install.troubles import Trouble

MOST_PATH = 512  # characters
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
    wrong = ""
    if len(path) > MOST_PATH:
        wrong = f"it is longer than {MOST_PATH} characters"
    elif re.search(r"[\x00-\x1f\x7f-\x9f]", path):
        wrong = "it holds control characters"
    elif path != path.encode("utf-8", "ignore").decode():
        wrong = "it is not UTF-8"
    elif ".." in path.split("/"):
        wrong = "give it without .."
    if wrong:
        raise Trouble("bad_path", wrong, field="directory")
    path = "/" + posixpath.normpath(path).lstrip("/")
    refuse_system(path)
    return path


def refuse_system(path: str) -> None:
    """Raises Trouble for a folder that is not a person's."""
    inside = any(path == top or path.startswith(f"{top}/") for top in _SYSTEM)
    excepted = any(path.startswith(f"{top}/") for top in _NOT_SYSTEM)
    if path in _ONLY_ABOVE or (inside and not excepted):
        raise Trouble("system_path", path, field="directory")
