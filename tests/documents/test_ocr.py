"""Both engines that recognise text in pictures, each alone in a real reader."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from documents.extract import _end_readers
from tests.documents import samples
from tests.documents.test_extract import read

LINES = ("The beekeeper of Gotland", "sells 240 jars.")


@pytest.fixture(params=["tesseract", "rapidocr"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Readers that have this one alone."""
    name = str(request.param)
    programs = tmp_path / "bin"
    programs.mkdir()
    if name == "tesseract":
        program = shutil.which(name)
        if not program:
            pytest.skip("tesseract-ocr is not installed")
        (programs / name).symlink_to(program)
    elif not find_spec(name):
        pytest.skip("the extra ocr is not installed")
    _end_readers()
    monkeypatch.setenv("PATH", str(programs))
    yield name
    _end_readers()


def test_a_scanned_page_is_found_by_its_text(engine: str, tmp_path: Path) -> None:
    scan = samples.picture(*LINES, size=(1240, 1754))
    found = read(tmp_path, "a.pdf", samples.scanned("Printed words.", scan))
    assert [page.split() for page in found.pages] == [
        ["Printed", "words."], " ".join(LINES).split(),
    ]  # fmt: skip
    assert not found.notes


def test_a_photo_is_found_by_its_text(engine: str, tmp_path: Path) -> None:
    photo = samples.image_file(samples.picture(*LINES), "JPEG")
    assert read(tmp_path, "a.jpg", photo).pages[0].split() == " ".join(LINES).split()
