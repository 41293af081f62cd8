"""The command `ingest`; with `--wait` it is tested on the running product."""

import io
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from documents.models import Document


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.MEDIA_ROOT = tmp_path / "stored"
    folder = tmp_path / "given"
    (folder / "inner").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("hidden")
    (folder / "a.txt").write_text("words")
    (folder / "inner" / "b.txt").write_text("other words")
    return folder


def ingest(*paths: Path, owner: str = "ann") -> tuple[list[dict[str, str]], str]:
    """The JSON lines, and the error."""
    stdout, error = io.StringIO(), ""
    try:
        call_command("ingest", *map(str, paths), "--json", owner=owner, stdout=stdout)
    except CommandError as raised:
        error = str(raised)
    return [json.loads(line) for line in stdout.getvalue().splitlines()], error


def test_a_folder_is_taken_in_with_its_folders_but_not_what_is_hidden(
    ann: User, folder: Path
) -> None:
    lines, error = ingest(folder)
    assert [(Path(line["path"]).name, line["status"]) for line in lines] == [
        ("a.txt", "QUEUED"),
        ("b.txt", "QUEUED"),
    ]
    assert not error
    assert Document.objects.filter(owner=ann).count() == 2


def test_one_bad_file_stops_none_of_the_others(ann: User, folder: Path) -> None:
    (folder / "a.txt").write_text("")
    lines, error = ingest(folder / "nowhere.txt", folder)
    assert [line["status"] for line in lines] == ["FAILED", "FAILED", "QUEUED"]
    assert "No such file" in lines[0]["error"]
    assert lines[1]["error"] == "The file is empty."
    assert error == "2 failed."


def test_what_is_there_already_is_told(ann: User, folder: Path) -> None:
    ingest(folder / "a.txt")
    lines, error = ingest(folder / "a.txt")
    assert (lines[0]["change"], lines[0]["status"]) == ("same", "QUEUED")
    (folder / "copy.txt").write_text("words")
    lines, error = ingest(folder / "copy.txt")
    assert lines[0]["duplicateOf"] == lines[0]["documentId"]
    assert not error


@pytest.mark.django_db
def test_an_unknown_owner_is_named(folder: Path) -> None:
    assert ingest(folder, owner="nobody") == ([], "There is no user nobody.")
