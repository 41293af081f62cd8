"""Static files under names that change with their content, and the import map that goes with them.

Django would rewrite the imports inside our modules by regular expressions, which fails on some and
leaves others unhashed, so that a module is loaded twice. Instead modules stay as they are written,
and the page's import map leads every module, by its bare name (`realtime/socket.js`) and by its
unhashed URL, to the hashed one.

Pages are sent our modules and style sheets without comments and white space.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.templatetags.static import static
from rcssmin import cssmin
from rjsmin import jsmin
from whitenoise.storage import CompressedManifestStaticFilesStorage

from demo.browser_packages import MODULES


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    support_js_module_import_aggregation = False

    def _save(self, name: str, content: Any) -> str:
        if name.partition("/")[0] in _folders():
            content = ContentFile(lean(name, b"".join(content.chunks())))  # from its beginning
        return str(super()._save(name, content))


def lean(name: str, content: bytes) -> bytes:
    """A file of ours as it is sent."""
    match name.rpartition(".")[2]:
        case "js":
            return bytes(jsmin(content))
        case "css":
            return bytes(cssmin(content))
        case _:
            return content


def collect() -> bool:
    """Collect, hash and compress, unless nothing changed since the last time; did it?"""
    stamp = Path(settings.STATIC_ROOT) / "collected-from"
    state = _state_of_sources()
    if stamp.exists() and stamp.read_text() == state:
        return False
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(state)
    return True


def _state_of_sources() -> str:
    # The storage counts too: with DEBUG on, nothing is hashed.
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    digest.update(Path(__file__).read_bytes())
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = Path(storage.path(name)).stat()
            digest.update(f"{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def modules() -> list[str]:
    """Our own JavaScript modules by their static names, as `realtime/socket.js`."""
    ours = [folder / "static" for folder in _folders().values()]
    return sorted(
        file.relative_to(folder).as_posix() for folder in ours for file in folder.rglob("*.js")
    )


@cache
def _folders() -> dict[str, Path]:
    """Those of our apps, by name."""
    folders = [Path(app.path) for app in apps.get_app_configs()]
    return {folder.name: folder for folder in folders if folder.parent == settings.BASE_DIR}


def import_map() -> str:
    return _listed() if settings.DEBUG else _cached()


def _listed() -> str:
    imports = {package: static(name) for package, name in MODULES.items()}
    for name in modules():
        imports[name] = imports[settings.STATIC_URL + name] = static(name)
    # Inside <script> nothing may look like a tag.
    return json.dumps({"imports": imports}, separators=(",", ":")).replace("<", "\\u003c")


_cached = cache(_listed)
