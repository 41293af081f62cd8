"""Static files are collected when something changed, and only then."""

from pathlib import Path
from typing import Any

import pytest

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


def test_comments_stay_at_home_and_lines_keep_their_numbers() -> None:
    code = b"""// @ts-check
/**
 * Words.
 */
const a = "// no comment"; // stays
  /** @type {any} */ (a).b("/* no comment */");
  /** Alone. */
  // alone
"""
    sent = lean("realtime/a.js", code)
    assert sent.count(b"\n") == code.count(b"\n")
    assert (
        sent.split()
        == b"""const a = "// no comment"; // stays
        /** @type {any} */ (a).b("/* no comment */");""".split()
    )


def test_no_module_has_text_that_looks_like_a_line_of_comment() -> None:
    """`lean` would take it away."""
    for name in modules():
        text = (ROOT / name.partition("/")[0] / "static" / name).read_text()
        for text_over_lines in text.split("`")[1::2]:
            assert not [
                line for line in text_over_lines.splitlines()[1:] if line.strip()[:1] == "/"
            ]


def test_style_sheets_lose_the_space_at_the_ends_of_lines_alone() -> None:
    css = b'a,\nb {\n  margin: 0 1px;\n  content: "{ }";\n}\n'
    assert lean("demo/a.css", css) == b'a,b{margin: 0 1px;content: "{ }"}'


def test_only_what_is_ours_is_sent_lean(own_folder: Path) -> None:
    collect()
    for sent in (own_folder / "realtime").glob("socket*.js"):  # under its name, and the hashed one
        assert b"class LiveSocket" in sent.read_bytes()
        assert b"@ts-check" not in sent.read_bytes()
    assert b"\n    " in (own_folder / "admin/css/base.css").read_bytes()
