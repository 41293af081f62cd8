"""What people and attackers upload: a reason on the row, and nothing else left of it."""

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from documents.extract import PasswordNeeded, extract
from documents.intake import remove, take_in
from documents.media_types import DOCX, MARKDOWN, PLAIN, XLSX
from documents.models import Chunk, Document, Page
from documents.process import process
from documents.signals import chunked
from documents.source import MOST_MARKUP
from realtime.work import Failure, SilentReport
from tests.documents import samples
from tests.documents.test_extract import read, refusal

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(
        f'<!ENTITY lol{n} "{f"&lol{n - 1 if n else str()};" * 10}">' for n in range(1, 10)
    ).replace("&lol0;", "&lol;")
    + "]><document>&lol9;</document>"
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    "<document>&f;</document>"
)


def changed(package: bytes, name: str, content: str | bytes) -> bytes:
    """A zipped format with one of its files exchanged."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(stream, "w") as new:
        for item in old.infolist():
            new.writestr(item, content if item.filename == name else old.read(item))
        if name not in old.namelist():
            new.writestr(name, content)
    return stream.getvalue()


def bomb(name: str = "a.txt", size: int = 300 * 1024**2) -> bytes:
    """A small ZIP that unfolds to much."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open(name, "w", force_zip64=True) as file,
    ):
        for _ in range(size // 1024**2):
            file.write(b"\0" * 1024**2)
    return stream.getvalue()


def nested(depth: int) -> bytes:
    inner: bytes = b"The innermost words."
    name = "inner.txt"
    for level in range(depth):
        inner, name = samples.archive({name: inner}), f"level{level}.zip"
    return inner


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut.pdf": (lambda: samples.pdf("Words.")[:300], "damaged"),
    "cut.docx": (lambda: samples.word("Words.")[:1500], "damaged"),
    "cut.zip": (lambda: samples.archive({"a.txt": "words"})[:-30], "damaged"),
    "cut.png": (lambda: samples.image_file(samples.picture("Words"))[:2000], "damaged"),
    "locked.pdf": (lambda: samples.pdf("Words.", password="bees"), "protected by a password"),
    "bomb.zip": (bomb, "unfolds to more than 256 MB"),
    "bomb.docx": (
        lambda: bomb("word/document.xml", MOST_MARKUP + 1024**2),
        "more than 16 MB of text and markup",
    ),
    "laughs.docx": (
        lambda: changed(samples.word("x"), "word/document.xml", LAUGHS),
        "declares XML entities",
    ),
    "laughs.odt": (
        lambda: changed(samples.opendocument("x"), "content.xml", LAUGHS),
        "declares XML entities",
    ),
    "outside.xlsx": (
        lambda: changed(samples.book(A=[["x"]]), "xl/workbook.xml", OUTSIDE),
        "declares XML entities",
    ),
    "outside.epub": (
        lambda: changed(samples.epub("<p>x</p>"), "META-INF/container.xml", OUTSIDE),
        "declares XML entities",
    ),
    "zeros.txt": (lambda: b"\0" * 10_000_000, "The file is"),
    "locked.odt": (
        lambda: changed(
            samples.opendocument("x"), "META-INF/manifest.xml", "<m><encryption-data/></m>"
        ),
        "protected by a password",
    ),
    "named.pdf": (lambda: b"Just some words.\n" * 20, "its content is plain text"),
    "unknown.xyz": (lambda: bytes(range(256)) * 40, "not a format we know"),
    "wide.png": (
        lambda: samples.image_file(Image.new("1", (9000, 8000))),
        "more than 60 million pixels",
    ),
    "empty.zip": (lambda: samples.archive({}), "holds no text"),
    "deep.zip": (lambda: nested(6), "more than 3 archives"),
    "locked.zip": (lambda: locked_zip(), "protected by a password"),
}


def locked_zip() -> bytes:
    """As if it were encrypted: the bit is set, in the entry and in the directory."""
    packed = bytearray(samples.archive({"a.txt": "words"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(mark) + offset] |= 1
    return bytes(packed)


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads are stored, and what is unpacked of them."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.UNPACKED_ROOT = tmp_path / "unpacked"
    monkeypatch.setattr(chunked, "receivers", [])
    return tmp_path


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_has_a_reason_and_leaves_nothing(
    ann: User,
    folder: Path,
    name: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    content, reason = BAD[name][0](), BAD[name][1]
    bad = take_in(ann, ContentFile(content), name).document
    good = take_in(ann, ContentFile(b"The next of the batch."), "next.txt").document
    with pytest.raises(Failure, match=reason):
        process(bad.pk, SilentReport())
    assert process(good.pk, SilentReport()) == "1 chunk from 1 page"
    assert not Page.objects.filter(document=bad).exists()
    assert not Chunk.objects.filter(document=bad).exists()
    with django_capture_on_commit_callbacks(execute=True):
        remove(bad)
        remove(good)
    assert not Document.objects.exists()
    assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("begins", "size", "reason"),
    [
        (b"", 1024**3, r"named \.txt but its content is"),
        (b"A text begins. " * 300, 1024**3, "has 1024 MB; of text.* at most 32 MB are read"),
        (b"A text begins. " * 300, 30 * 1024**2, "but its content is"),
    ],
)
def test_zeros_that_are_called_text_are_refused_in_little_memory(
    tmp_path: Path, settings: Settings, begins: bytes, size: int, reason: str
) -> None:
    settings.READER_MEMORY_MB = 128
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.write(begins)
        file.truncate(size)
    began = time.monotonic()
    with pytest.raises(Failure, match=reason):
        extract(path, "zeros.txt", SilentReport())
    assert time.monotonic() - began < 10


def test_a_large_upload_is_stored_in_little_memory(
    ann: User, folder: Path, settings: Settings
) -> None:
    settings.MAX_UPLOAD_MB = 1024
    with (folder / "zeros").open("wb+") as file:
        file.truncate(256 * 1024**2)
        tracemalloc.start()
        document = take_in(ann, file, "zeros.txt").document
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert document.size == 256 * 1024**2
    assert peak < 16 * 1024**2


def test_a_text_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    words = refusal(tmp_path, "long.txt", b"A line of a long text.\n" * 1_500_000)
    assert "at most 32 MB are read" in words


def test_ten_thousand_empty_pages_are_seen_through(tmp_path: Path) -> None:
    began = time.monotonic()
    assert "holds no text" in refusal(tmp_path, "blank.pdf", blank_pdf(10_000))
    assert time.monotonic() - began < 30


def blank_pdf(pages: int) -> bytes:
    """Written by hand: a library takes minutes for as many pages."""
    kids = " ".join(f"{number} 0 R" for number in range(3, pages + 3))
    bodies = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {pages}>>"]
    bodies += ["<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"] * pages
    file, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, 1):
        places.append(len(file))
        file += f"{number} 0 obj{body}endobj\n".encode()
    start = len(file)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    file += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}".encode()
    file += f"trailer<</Size {len(bodies) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(file)


def test_macros_are_not_looked_at(tmp_path: Path) -> None:
    macro = changed(samples.word("The words."), "word/vbaProject.bin", b"\xd0\xcf\x11\xe0" * 99)
    found = read(tmp_path, "a.docm", macro)
    assert (found.media_type, found.pages) == (DOCX, ["# A heading\n\nThe words."])
    macro = changed(samples.book(Fruit=[["Apple"]]), "xl/vbaProject.bin", b"\xd0\xcf\x11\xe0" * 99)
    assert read(tmp_path, "a.xlsm", macro).media_type == XLSX


def test_archives_in_archives_are_read_to_a_depth(tmp_path: Path) -> None:
    found = read(tmp_path, "a.zip", nested(3))
    assert found.pages == ["The innermost words."]
    assert found.titles == ["level1.zip: level0.zip: inner.txt"]


def test_a_name_that_leads_out_of_an_archive_is_only_a_name(tmp_path: Path) -> None:
    packed = samples.archive({"../../escaped.txt": "Words.", "/etc/escaped.txt": "More."})
    (tmp_path / "in" / "here").mkdir(parents=True)
    found = read(tmp_path / "in" / "here", "a.zip", packed)
    assert found.pages == ["Words.", "More."]
    assert not list(tmp_path.rglob("escaped*"))


def test_one_bad_file_in_an_archive_does_not_disturb_the_others(tmp_path: Path) -> None:
    packed = samples.archive({"cut.pdf": samples.pdf("x")[:200], "good.txt": "Good words."})
    found = read(tmp_path, "a.zip", packed)
    assert found.pages == ["Good words."]
    assert found.notes == ["cut.pdf: The PDF is damaged: it cannot be opened."]


def test_text_in_two_encodings_is_read_and_said_so(tmp_path: Path) -> None:
    text = "Die Straße führt über die Brücke.\n".encode() * 30 + "Größe\n".encode("cp1252")
    found = read(tmp_path, "a.txt", text)
    assert found.pages[0].startswith("Die Straße führt")
    assert "another encoding" in found.notes[0]


def test_null_bytes_after_the_beginning_are_found(tmp_path: Path) -> None:
    assert "The file is" in refusal(tmp_path, "a.txt", b"text " * 2000 + b"\0\1\2" + b"text " * 100)


def test_five_megabytes_of_text_are_pages_that_can_be_shown(tmp_path: Path) -> None:
    found = read(tmp_path, "a.md", b"A line of a very long text.\n" * 190_000)
    assert found.media_type == MARKDOWN
    assert max(map(len, found.pages)) <= 200_000
    assert "\n".join(found.pages).count("very long") == 190_000


def test_a_line_of_five_megabytes_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, "a.txt", b"word " * 1_000_000)
    assert found.media_type == PLAIN
    assert sum(page.count("word") for page in found.pages) >= 999_900


def test_a_protected_pdf_is_read_with_its_password(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(samples.pdf("Secret words.", password="bees"))
    with pytest.raises(PasswordNeeded, match="not right"):
        extract(path, "a.pdf", SilentReport(), "wasps")
    pages = extract(path, "a.pdf", SilentReport(), "bees").pages
    assert [page.strip() for page in pages] == ["Secret words."]
