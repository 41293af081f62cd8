"""The reader process: forks a child for each file, with limits, and says how the child ended.

Run as `python -m documents.reader_process FD` by `documents.extract`, one for each worker process.
It has the parsers loaded, so that a child begins within milliseconds and shares their memory; what
a child does to itself, no other sees. It is given no settings and no secrets.
"""

import os
import resource
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from documents import page_picture
from documents.formats import formats, read, recognise
from documents.reader_frames import (
    Done,
    Found,
    Frame,
    Limits,
    Noted,
    Picture,
    Read,
    Refused,
    Sectioned,
    Told,
    pack,
    unpack_request,
)
from documents.source import Locked, Source, Unreadable

MOST_NOTES = 50
MOST_CHARACTERS = 64_000_000  # of one document
TELL_RATE = 0.1  # seconds


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    formats()
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 1)
        if not descriptors:
            return  # the worker is gone
        child = os.fork()
        if not child:
            control.close()
            _work(unpack_request(data), descriptors[0])
        os.close(descriptors[0])
        control.sendall(os.waitpid(child, 0)[1].to_bytes(4, "big"))


def _work(request: Read | Picture, descriptor: int) -> None:
    """In the child; never returns."""
    out = Out(descriptor, request.limits)
    try:
        _answer(request, out)
    except BrokenPipeError:
        pass  # nobody reads any more
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _answer(request: Read | Picture, out: "Out") -> None:
    try:
        for frame in _frames(request, out):
            out.write(frame)
    except Unreadable as why:
        out.write(Refused(str(why), isinstance(why, Locked)))
    except MemoryError:
        out.write(Refused(_too_much(request.limits), False))
    out.write(Done())


def _too_much(limits: Limits) -> str:
    return f"Reading it takes more than {limits.memory // 1024**2} MB of memory."


class Out:
    """Where a child writes. Each frame is a sign of life, and gives it time for the next."""

    def __init__(self, descriptor: int, limits: Limits) -> None:
        self._descriptor = descriptor
        self._limits = limits
        self._told, self._kind = 0.0, ""
        self._notes = 0
        _limit_memory(limits.memory)
        self._wind_up()

    def write(self, frame: Frame) -> None:
        view = memoryview(pack(frame))
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._wind_up()

    def tell(self, done: int, total: int, words: str) -> None:
        now, kind = time.monotonic(), words.partition(" ")[0]
        if now - self._told >= TELL_RATE or done == total or kind != self._kind:
            self._told, self._kind = now, kind
            self.write(Told(done, total, words))

    def note(self, words: str) -> None:
        self._notes += 1
        if self._notes <= MOST_NOTES:
            self.write(Noted(words))

    def _wind_up(self) -> None:
        signal.alarm(self._limits.seconds)
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + self._limits.seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))


def _limit_memory(size: int) -> None:
    """On top of what the process has mapped already."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size += pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _frames(request: Read | Picture, out: Out) -> Iterator[Frame]:
    if isinstance(request, Picture):
        yield page_picture.draw(request)
        return
    tempfile.tempdir = request.folder
    source = Source(
        path=Path(request.path),
        name=request.name,
        folder=Path(request.folder),
        tell=out.tell,
        note=out.note,
        password=request.password,
    )
    found = recognise(source)
    yield Found(found.found_in(source))
    characters = 0
    for section in read(source, found):
        characters += len(section.text)
        if characters > MOST_CHARACTERS:
            raise Unreadable(
                f"Its text has more than {MOST_CHARACTERS // 10**6} million characters. Split it."
            )
        yield Sectioned(section.text, section.title)


if __name__ == "__main__":
    main()
