"""Static files are collected when something changed, and only then."""

from pathlib import Path
from typing import Any

import pytest

from demo.static_files import collect

PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path / "static"
    return tmp_path / "static"


def test_unchanged_files_are_collected_once(own_folder: Path) -> None:
    assert collect()
    assert (own_folder / "staticfiles.json").exists()
    assert not collect()


def test_leaving_debug_makes_the_hashed_names_again(settings: Any, own_folder: Path) -> None:
    hashed = settings.STORAGES
    settings.STORAGES = {**hashed, "staticfiles": {"BACKEND": PLAIN}}
    assert collect()
    assert not (own_folder / "staticfiles.json").exists()
    settings.STORAGES = hashed
    assert collect()
    assert (own_folder / "staticfiles.json").exists()
