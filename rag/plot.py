"""A bar chart as PNG: drawn as a page of PDF, which the reader of PDFs at hand renders."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import pypdfium2

WIDTH, LEFT, TOP, ROW, BAR = 720, 170, 60, 22, 11  # points
SCALE = 2  # pixels a point
MEASURES = (("nDCG@10", "0.13 0.37 0.66"), ("Recall@10", "0.56 0.70 0.86"))


def bars(title: str, figures: dict[str, dict[str, float]]) -> bytes:
    """For each search a bar of nDCG@10 and one of Recall@10, from 0 to 1."""
    height = TOP + len(figures) * (2 * BAR + ROW) + 40
    drawn = "\n".join(_drawn(title, figures, height))
    with pypdfium2.PdfDocument(_pdf(drawn, height)) as document:
        image = document[0].render(scale=SCALE, rev_byteorder=True).to_numpy()
    return _png(image.shape[1], image.shape[0], image[:, :, :3].tobytes())


def _drawn(title: str, figures: dict[str, dict[str, float]], height: int) -> Iterator[str]:
    yield _words(20, height - 30, 15, title)
    for place, (measure, colour) in enumerate(MEASURES):
        yield f"{colour} rg {LEFT + 180 * place} {height - 32} 10 10 re f"
        yield _words(LEFT + 180 * place + 15, height - 31, 10, measure)
    y = height - TOP
    for name, values in figures.items():
        yield _words(20, y - BAR - 4, 11, name)
        for measure, colour in MEASURES:
            length = (WIDTH - LEFT - 60) * values[measure]
            y -= BAR
            yield f"{colour} rg {LEFT} {y} {length:.1f} {BAR - 1} re f"
            yield _words(LEFT + length + 5, y + 2, 9, f"{values[measure]:.3f}")
        y -= ROW


def _words(x: float, y: float, size: int, words: str) -> str:
    plain = words.encode("latin-1", "replace").decode("latin-1")
    escaped = plain.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"0.1 0.1 0.1 rg BT /F {size} Tf {x:.1f} {y:.1f} Td ({escaped}) Tj ET"


def _pdf(drawn: str, height: int) -> bytes:
    content = drawn.encode("latin-1")
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {WIDTH} {height}]/Contents 4 0 R"
        "/Resources<</Font<</F 5 0 R>>>>>>".encode(),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    file, offsets = BytesIO(b"%PDF-1.4\n"), []
    file.seek(0, 2)
    for number, body in enumerate(objects, 1):
        offsets.append(file.tell())
        file.write(b"%d 0 obj%s endobj\n" % (number, body))
    start = file.tell()
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file.write(b"xref\n0 6\n0000000000 65535 f \n" + rows)
    file.write(b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % start)
    return file.getvalue()


def _png(width: int, height: int, pixels: bytes) -> bytes:
    """Three bytes a pixel, row by row."""
    row = 3 * width
    rows = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(*part) for part in parts)


def _part(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check
