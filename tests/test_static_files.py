"""Static files are collected when something changed, and only then."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pygments.lexers.javascript import JavascriptLexer
from pygments.token import Comment

from demo.browser_packages import MODULES, PackageFinder
from demo.static_files import collect, lean, modules

ROOT = Path(__file__).resolve().parent.parent
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path / "static"
    return tmp_path / "static"


def test_unchanged_files_are_collected_once(own_folder: Path) -> None:
    assert collect()
    assert (own_folder / "staticfiles.json").exists()
    assert not collect()


def test_every_collected_file_of_ours_holds_something(own_folder: Path) -> None:
    collect()
    files = [path for app in ("chat", "demo", "realtime") for path in (own_folder / app).iterdir()]
    assert len(files) > 30
    assert [path.name for path in files if not path.stat().st_size] == []


def test_leaving_debug_makes_the_hashed_names_again(settings: Any, own_folder: Path) -> None:
    hashed = settings.STORAGES
    settings.STORAGES = {**hashed, "staticfiles": {"BACKEND": PLAIN}}
    assert collect()
    assert not (own_folder / "staticfiles.json").exists()
    settings.STORAGES = hashed
    assert collect()
    assert (own_folder / "staticfiles.json").exists()


def tokens(code: bytes) -> list[tuple[Any, str]]:
    """All but comments, white space, and the line breaks that may stand for a semicolon."""
    found = JavascriptLexer().get_tokens(code.decode())
    return [(kind, text) for kind, text in found if kind not in Comment and text.strip()]


@pytest.mark.parametrize("name", modules())
def test_a_module_is_sent_without_comments_and_means_the_same(name: str) -> None:
    code = (ROOT / name.partition("/")[0] / "static" / name).read_bytes()
    sent = lean(name, code)
    assert tokens(sent) == tokens(code)
    assert b"@ts-check" not in sent


def test_only_what_is_ours_is_sent_lean(own_folder: Path) -> None:
    collect()
    for sent in (own_folder / "realtime").glob("socket*.js"):  # under its name, and the hashed one
        assert b"class LiveSocket" in sent.read_bytes()
        assert b"@ts-check" not in sent.read_bytes()
    assert b"\n    " in (own_folder / "admin/css/base.css").read_bytes()


def test_of_packages_only_what_pages_load_is_collected(own_folder: Path) -> None:
    collect()
    sent = sorted(path.name for path in (own_folder / "xterm").rglob("*.*js"))
    assert len(sent) == 2  # under its name, and the hashed one
    assert (own_folder / MODULES["@xterm/xterm"]).exists()


def test_a_package_that_was_not_installed_is_told_at_once(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    with pytest.raises(ImproperlyConfigured, match="make install"):
        list(PackageFinder().list(None))
