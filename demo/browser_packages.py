"""Files of JavaScript packages that pages load, from where `deno install` put them.

Only these are served, each under its package's short name; the import map leads modules to them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage

MODULES = {"@xterm/xterm": "xterm/lib/xterm.mjs"}  # by what is imported: the static name
FILES = (*MODULES.values(), "xterm/css/xterm.css")
_FOLDERS = {"xterm": "@xterm/xterm"}


class PackageFinder(BaseFinder):
    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Any]]:
        for name in FILES:
            package, _, path = name.partition("/")
            storage: Any = FileSystemStorage(settings.BASE_DIR / "node_modules" / _FOLDERS[package])
            storage.prefix = package
            if not storage.exists(path):
                raise ImproperlyConfigured(f"{storage.path(path)} is missing: run make install")
            yield path, storage

    def find(self, path: str, find_all: bool = False, **_: Any) -> Any:
        """The file of a static name; with `find_all` a list of it, empty when there is none."""
        found = [
            storage.path(inner)
            for inner, storage in self.list(None)
            if f"{storage.prefix}/{inner}" == path
        ]
        return found if find_all or not found else found[0]
