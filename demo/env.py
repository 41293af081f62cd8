"""Typed readers of the environment: the one place where settings come from outside.

Each reader takes the variable's name and a default. A secret may come from the
file named by `<NAME>_FILE`. What the variables mean is said in `docs/operations.md`.
"""

import contextlib
import json
import os
import secrets
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import NamedTemporaryFile

import psutil
from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The variable, or the content of the file that `<NAME>_FILE` names."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read {path}: {error}") from None
    return os.environ.get(name) or default


def integer(name: str, default: int) -> int:
    value = text(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from None


def fraction(name: str, default: float) -> float:
    value = text(name)
    try:
        found = float(value) if value else default
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise ImproperlyConfigured(f"{name} must be a number from 0 to 1, not {value!r}")
    return found


def flag(name: str, default: bool = False) -> bool:
    value = text(name).lower()
    if value in {"", "0", "1", "true", "false", "yes", "no", "on", "off"}:
        return value in {"1", "true", "yes", "on"} if value else default
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}")


def words(name: str, default: list[str]) -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or default


def generated_secret(path: Path) -> str:
    """A secret that is made once and kept in a file only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Another process may do the same now, and must not read a file that is still empty.
        with NamedTemporaryFile("w", dir=path.parent, encoding="utf-8") as file:  # mode 0600
            file.write(secrets.token_urlsafe(48))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Running:
    """What a running `manage.py up` has written down about itself in `stack.json`."""

    pid: int
    started: float  # the supervisor's start time, so that a reused pid does not fool us
    address: str
    environment: dict[str, str]  # the URLs of its servers, by the names of the settings

    @staticmethod
    def path(data_dir: Path) -> Path:
        return data_dir / "stack.json"

    @classmethod
    def read(cls, data_dir: Path) -> "Running | None":
        """The running stack that owns this data folder, or None."""
        try:
            running = cls(**json.loads(cls.path(data_dir).read_text(encoding="utf-8")))
            alive = abs(psutil.Process(running.pid).create_time() - running.started) < 1
        except (OSError, ValueError, TypeError, psutil.Error):
            return None
        return running if alive else None


def packaged(package: str, ending: str) -> Path | None:
    """A model file inside an installed package, which is never imported."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    found = next((file for file in files if str(file).endswith(ending)), None)
    return Path(str(found.locate())) if found else None
