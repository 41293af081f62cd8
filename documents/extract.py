"""From a stored upload to the text of its pages, read in a process of its own.

What a file does to its reader — a crash, a loop, all the memory — ends that reading alone, in words
for the owner. Cancelled work ends within a quarter of a second, whatever the reader is doing.
"""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from documents.reader_frames import (
    Done,
    Drawn,
    Found,
    Frame,
    Frames,
    Limits,
    Noted,
    Picture,
    Read,
    Refused,
    Sectioned,
    Told,
    pack,
)
from realtime.work import Failure, Report

DONE = 20  # percent of the job when the text is there
GRACE = 5  # seconds that a reader has to end itself
CHECK = 0.2  # seconds between two looks at whether the work is still wanted
_PIECE = 1 << 16
_ROOT = Path(__file__).resolve().parent.parent
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "OCR_LANGUAGES", "TESSDATA_PREFIX")


class PasswordNeeded(Failure):
    """The file can only be read with a password; none, or a wrong one, was given."""


@dataclass(frozen=True)
class Extracted:
    """The media type found in the content; the text and the title of each page, in order; and what
    could not be read, or was guessed, in words."""

    media_type: str
    pages: list[str]
    titles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def extract(path: Path, name: str, report: Report, password: str = "") -> Extracted:
    """The text of the file at `path` that was uploaded as `name`, reported from 0 to 20 percent.

    Raises Failure in words for the owner when it cannot be read, PasswordNeeded among them.
    """
    report("EXTRACTING", 0, "Reading the file")
    media_type, pages, titles, notes = "", [], [], []
    settings.UNPACKED_ROOT.mkdir(parents=True, exist_ok=True)
    with path.open("rb"), tempfile.TemporaryDirectory(dir=settings.UNPACKED_ROOT) as folder:
        request = Read(str(path), name, folder, password, _limits())
        for frame in _frames(request, report):
            match frame:
                case Found():
                    media_type = frame.media_type
                case Told():
                    percent = DONE * frame.done // max(1, frame.total)
                    report("EXTRACTING", percent, frame.words)
                case Noted():
                    notes.append(frame.words)
                case Sectioned():
                    pages.append(frame.text)
                    titles.append(frame.title)
    if not any(page.strip() for page in pages):
        raise Failure(f"The file holds no text. {' '.join(notes[:5])}".strip())
    return Extracted(media_type, pages, titles, notes)


def draw(path: Path, page: int, width: int, start: int, end: int, report: Report) -> Drawn:
    """A page of a PDF as a picture, and where its characters `start` to `end` stand on it.

    Raises Failure.
    """
    request = Picture(str(path), page, width, start, end, _limits())
    drawn = [frame for frame in _frames(request, report) if isinstance(frame, Drawn)]
    return drawn[0]


def _limits() -> Limits:
    return Limits(seconds=settings.READER_PAGE_SECONDS, memory=settings.READER_MEMORY_MB * 1024**2)


def _frames(request: Read | Picture, report: Report) -> Iterator[Frame]:
    """What the reader says, up to its end. Raises Failure, and what `report.check` raises."""
    refused: Refused | None = None
    with _borrowed() as reader:
        for frame in reader.work(request, report):
            if isinstance(frame, Refused):
                refused = frame
            else:
                yield frame
    if refused:
        raise (PasswordNeeded if refused.is_locked else Failure)(refused.words)


class Reader:
    """A reader process of this worker, for one file at a time; see `documents.reader_process`."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(5)
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "documents.reader_process", str(theirs.fileno())],
                cwd=_ROOT,
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # so that it is ended with all that it started
            )

    def work(self, request: Read | Picture, report: Report) -> Iterator[Frame]:
        """Frames up to Done; raises Failure when the child ends without it."""
        incoming, theirs = os.pipe()
        try:
            try:
                socket.send_fds(self._control, [pack(request)[4:]], [theirs])
            finally:
                os.close(theirs)
            ended = False
            for frame in self._received(incoming, report):
                ended = ended or isinstance(frame, Done)
                yield frame
            if not ended:
                raise Failure(self._why())
            self._control.recv(4)
        finally:
            os.close(incoming)

    def _received(self, incoming: int, report: Report) -> Iterator[Frame]:
        frames = Frames()
        heard = began = time.monotonic()
        while True:
            readable, _, _ = select.select([incoming], [], [], CHECK)
            report.check()
            now = time.monotonic()
            if now - began > settings.READER_SECONDS:
                raise Failure(f"Reading it took longer than {settings.READER_SECONDS} s.")
            if not readable:
                if now - heard > settings.READER_PAGE_SECONDS + GRACE:
                    raise Failure(_too_slow())
                continue
            piece = os.read(incoming, _PIECE)
            if not piece:
                return
            heard = now
            yield from frames.feed(piece)

    def _why(self) -> str:
        """Why the child ended in the middle, by the signal that ended it."""
        try:
            status = int.from_bytes(self._control.recv(4), "big")
        except OSError:
            status = 0
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if number in (signal.SIGALRM, signal.SIGXCPU):
            return _too_slow()
        return (
            "The file could not be read: its reader crashed, or needed more than "
            f"{settings.READER_MEMORY_MB} MB of memory. The file may be damaged."
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """End it with whatever it is doing."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._control.close()


def _too_slow() -> str:
    return f"Reading one page took longer than {settings.READER_PAGE_SECONDS} s, and was stopped."


_idle: list[Reader] = []
_lock = threading.Lock()


@contextmanager
def _borrowed() -> Iterator[Reader]:
    """A reader for one file. One that was not read to its end is ended."""
    with _lock:
        reader = _idle.pop() if _idle else None
    if reader is None or not reader.is_alive():
        reader = Reader()
    try:
        yield reader
    except BaseException:
        reader.end()
        raise
    with _lock:
        _idle.append(reader)


def _end_readers() -> None:
    while _idle:
        _idle.pop().end()


# Those of a process are not those of one that it forks.
os.register_at_fork(after_in_child=_idle.clear)
atexit.register(_end_readers)
