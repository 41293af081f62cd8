"""What a worker and its reader process say to each other: frames of 4 bytes of length, then
MessagePack."""

import struct

import msgspec

_LENGTH = struct.Struct(">I")
MOST = 256 * 1024**2  # bytes of one frame


class Limits(msgspec.Struct, frozen=True):
    """Of one reading: `seconds` without a frame, of the clock and of computing; bytes of memory."""

    seconds: int
    memory: int


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read a file: its sections, notes and how it ended are written to the descriptor that comes
    with it."""

    path: str
    name: str
    folder: str
    password: str
    limits: Limits


class Picture(msgspec.Struct, frozen=True, tag=True):
    """Draw a page of a PDF, `width` pixels wide, and say where its characters `start` to `end`
    stand."""

    path: str
    page: int
    width: int
    start: int
    end: int
    limits: Limits


Request = Read | Picture


class Found(msgspec.Struct, frozen=True, tag=True):
    media_type: str


class Told(msgspec.Struct, frozen=True, tag=True):
    done: int
    total: int
    words: str


class Noted(msgspec.Struct, frozen=True, tag=True):
    words: str


class Sectioned(msgspec.Struct, frozen=True, tag=True):
    text: str
    title: str


class Drawn(msgspec.Struct, frozen=True, tag=True):
    """A picture, and the rectangles (left, top, right, bottom) on it, in parts of its size."""

    picture: bytes
    boxes: list[tuple[float, float, float, float]]


class Refused(msgspec.Struct, frozen=True, tag=True):
    words: str
    is_locked: bool


class Done(msgspec.Struct, frozen=True, tag=True):
    pass


Frame = Found | Told | Noted | Sectioned | Drawn | Refused | Done


def unpack_request(data: bytes) -> "Read | Picture":
    return msgspec.msgpack.decode(data, type=Read | Picture)


def pack(frame: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(frame)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Bytes that come in pieces, to whole frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Frame)

    def feed(self, piece: bytes) -> "list[Frame]":
        """The frames that are whole now. Raises ValueError for what is none of ours."""
        self._bytes += piece
        frames: list[Frame] = []
        while len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            if length > MOST:
                raise ValueError("a frame is too long")
            end = _LENGTH.size + length
            if len(self._bytes) < end:
                break
            frames.append(self._decoder.decode(self._bytes[_LENGTH.size : end]))
            del self._bytes[:end]
        return frames
