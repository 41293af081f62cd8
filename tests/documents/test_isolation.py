"""A file that crashes its reader, never ends, or takes the memory; and work that is cancelled."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image
from pytest_django import Settings

from documents.extract import extract
from documents.pictures import KEPT_SECONDS, tidy
from realtime.work import Cancelled, Failure, SilentReport
from tests.documents import samples


class Acting(SilentReport):
    """Does something once, while a page is being recognised; `began` is when."""

    def __init__(self, act: str) -> None:
        super().__init__()
        self.act = act
        self.began = 0.0
        self.recognising = False

    def __call__(self, stage: str, progress: int, message: str = "") -> None:
        super().__call__(stage, progress, message)
        self.recognising = self.recognising or message.startswith("Recognising")

    def check(self) -> None:
        programs = [process for process in reading() if process.name() == "tesseract"]
        if self.recognising and programs and not self.began:
            self.began = time.monotonic()
            if self.act == "cancel":
                raise Cancelled
            programs[0].parent().send_signal(getattr(signal, self.act))  # type: ignore[union-attr]


def reading() -> list[psutil.Process]:
    """The processes that readers of this one have started."""
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return [process for process in mine if process.is_running()]


def scan(folder: Path, pages: int = 3) -> Path:
    lines = [f"Line {n} of a letter about bees, their honey and its price." for n in range(20)]
    path = folder / "scan.pdf"
    path.write_bytes(samples.scanned(*[samples.picture(*lines, size=(1240, 1754))] * pages))
    return path


def is_still_read(folder: Path) -> bool:
    path = folder / "next.txt"
    path.write_bytes(b"The next file.")
    return extract(path, "next.txt", SilentReport()).pages == ["The next file."]


def test_a_reader_that_crashes_fails_its_document_in_words(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="its reader crashed"):
        extract(scan(tmp_path), "scan.pdf", Acting("SIGSEGV"))
    assert is_still_read(tmp_path)


def test_work_is_cancelled_in_the_middle_of_ocr(tmp_path: Path) -> None:
    report = Acting("cancel")
    with pytest.raises(Cancelled):
        extract(scan(tmp_path), "scan.pdf", report)
    assert time.monotonic() - report.began < 1
    assert not [process for process in reading() if process.name() == "tesseract"]
    assert is_still_read(tmp_path)


def test_a_page_that_takes_too_long_is_stopped(tmp_path: Path, settings: Settings) -> None:
    settings.READER_PAGE_SECONDS = 1
    lines = [f"Line {n} " + "of a letter about bees and their honey " * 3 for n in range(65)]
    path = tmp_path / "large.png"
    path.write_bytes(samples.image_file(samples.picture(*lines, size=(4500, 4700))))
    with pytest.raises(Failure, match="took longer than 1 s"):
        extract(path, "large.png", SilentReport())
    assert is_still_read(tmp_path)


def test_a_reader_that_stands_still_is_ended(tmp_path: Path, settings: Settings) -> None:
    settings.READER_PAGE_SECONDS = 1
    with pytest.raises(Failure, match="took longer than"):
        extract(scan(tmp_path), "scan.pdf", Acting("SIGSTOP"))
    assert is_still_read(tmp_path)


def test_all_the_work_on_a_file_has_an_end(tmp_path: Path, settings: Settings) -> None:
    settings.READER_SECONDS = 1
    with pytest.raises(Failure, match="Reading it took longer than 1 s"):
        extract(scan(tmp_path, pages=40), "scan.pdf", SilentReport())
    settings.READER_SECONDS = 60
    assert is_still_read(tmp_path)


def test_a_file_that_takes_too_much_memory_fails_alone(tmp_path: Path, settings: Settings) -> None:
    settings.READER_MEMORY_MB = 64
    path = tmp_path / "large.png"  # takes ten times that in memory
    path.write_bytes(samples.image_file(Image.new("1", (7000, 7000))))
    with pytest.raises(Failure, match="more than 64 MB of memory"):
        extract(path, "large.png", SilentReport())
    assert is_still_read(tmp_path)


def test_a_reader_is_told_no_secrets(tmp_path: Path) -> None:
    assert is_still_read(tmp_path)
    readers = [each for each in reading() if "documents.reader_process" in each.cmdline()]
    assert readers
    for each in readers:
        assert not {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} & set(each.environ())


def test_reading_leaves_nothing_behind(tmp_path: Path, settings: Settings) -> None:
    settings.UNPACKED_ROOT = tmp_path / "unpacked"
    path = tmp_path / "a.zip"
    path.write_bytes(samples.archive({"a.txt": "One.", "b.pdf": samples.pdf("Two.")}))
    assert len(extract(path, "a.zip", SilentReport()).pages) == 2
    assert not list(settings.UNPACKED_ROOT.iterdir())


def test_what_a_killed_worker_left_unpacked_goes_with_time(
    tmp_path: Path, settings: Settings
) -> None:
    settings.UNPACKED_ROOT, settings.PICTURES_ROOT = tmp_path / "unpacked", tmp_path / "pictures"
    for name, age in (("old", 2 * KEPT_SECONDS), ("new", 0)):
        folder = settings.UNPACKED_ROOT / name
        folder.mkdir(parents=True)
        (folder / "member").write_text("words")
        os.utime(folder, (time.time() - age, time.time() - age))
    tidy()
    assert [folder.name for folder in settings.UNPACKED_ROOT.iterdir()] == ["new"]
