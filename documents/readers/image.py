"""Pictures: the text that OCR finds in them, frame by frame."""

import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from documents import ocr
from documents.formats import MEGABYTE, Format
from documents.source import Section, Source, Unreadable

MOST_PIXELS = 60_000_000
MOST_FRAMES = 500
LONGEST = 5000  # pixels of a side that are looked at
SHORTEST = 1000  # a smaller picture is enlarged: letters need some 20 pixels

_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"BM": "image/bmp",
}


def _type(source: Source) -> str:
    if source.head[:4] == b"RIFF" and source.head[8:12] == b"WEBP":
        return "image/webp"
    if source.head.startswith(b"BM") and source.head[6:10] != b"\0" * 4:
        return ""  # a text that begins so
    return next((name for mark, name in _TYPES.items() if source.head.startswith(mark)), "")


def _read(source: Source) -> Iterator[Section]:
    if not ocr.is_there():
        raise Unreadable(f"The file is a picture. {ocr.MISSING}")
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with Image.open(source.path) as image:
            total = getattr(image, "n_frames", 1) if _type(source) == "image/tiff" else 1
            if total > MOST_FRAMES:
                raise Unreadable(f"The picture has more than {MOST_FRAMES} pages.")
            for index, frame in enumerate(ImageSequence.Iterator(image)):
                if index == total:
                    break
                source.tell(index, total, f"Recognising page {index + 1} of {total}")
                yield Section(ocr.recognise(_prepared(frame)))
    except Image.DecompressionBombError:
        raise Unreadable(
            f"The picture has more than {MOST_PIXELS // 10**6} million pixels."
        ) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise Unreadable("The picture is damaged: it cannot be opened.") from None


def _prepared(image: Image.Image) -> Image.Image:
    """Upright, on white, and of a size at which letters are told apart."""
    if image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    image = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    picture = Image.alpha_composite(white, image).convert("L")
    scale = min(LONGEST / max(picture.size), max(1.0, SHORTEST / max(picture.size)))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size)


FORMAT = Format(
    media_type="image/png",
    label="pictures (PNG, JPEG, TIFF, WebP, GIF, BMP)",
    suffixes=(".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".bmp", ".webp"),
    recognise=lambda source: bool(_type(source)),
    read=_read,
    most_bytes=64 * MEGABYTE,
    binary=True,
    type_of=_type,
)
