"""Text of pictures, by Debian's tesseract where it is installed, else by the package rapidocr."""

import importlib
import io
import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from typing import Any

from PIL import Image

from documents.source import Unreadable

Picture = Image.Image
SECONDS = 60  # for one picture
MISSING = (
    "No OCR is installed on this server, so pictures of text are not read: "
    "its operator can install tesseract-ocr."
)
# By its own settings rapidocr takes 1.2 GB for a page, where a reader has 1 GB; with these it takes
# 0.7, and finds as many words.
_FRUGAL = {
    "Global.log_level": "error",
    "Global.max_side_len": 1400,
    "Rec.rec_batch_num": 1,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


@cache
def _tesseract() -> str | None:
    return shutil.which("tesseract")


@cache
def is_there() -> bool:
    return bool(_tesseract() or find_spec("rapidocr"))


def recognise(picture: Picture) -> str:
    """The text in a picture, line by line. Raises Unreadable."""
    program = _tesseract()
    return _by_tesseract(program, picture) if program else _by_rapidocr(picture)


def _by_tesseract(program: str, picture: Picture) -> str:
    stream = io.BytesIO()
    picture.convert("L").save(stream, "PPM")
    languages = os.environ.get("OCR_LANGUAGES", "eng").replace(",", "+")
    # Mode 1 finds out how the page is turned; two threads would only wait for each other.
    command = [program, "stdin", "stdout", "--psm", "1", "--dpi", "200", "-l", languages]
    try:
        done = subprocess.run(
            command,
            input=stream.getvalue(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        )
    except subprocess.TimeoutExpired:
        raise Unreadable(f"Recognising one page took longer than {SECONDS} s.") from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[:1]
        raise Unreadable(f"The text recognition failed: {' '.join(reason)[:200]}")
    return done.stdout.decode(errors="replace").replace("\f", "").strip()


def _by_rapidocr(picture: Picture) -> str:
    found = _engine()(picture.convert("RGB"))
    return "\n".join(found.txts or ())


@cache
def _engine() -> Any:
    """By name: it is an extra, and takes a second to load."""
    return importlib.import_module("rapidocr").RapidOCR(params=_FRUGAL)
