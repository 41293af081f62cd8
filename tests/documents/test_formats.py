"""What each format gives: pages, headings, tables, names. Real files through real readers."""

import json
from pathlib import Path

import pytest

from documents.formats import PART, divided
from documents.media_types import CSV, EML, EPUB, JSON, ODT, PLAIN, PPTX, XLSX, ZIP
from documents.tables import ROWS
from tests.documents import samples
from tests.documents.test_extract import read, refusal

TABLE: list[list[object]] = [["Fruit", "Price"], ["Apple", 3], ["Pear | big", 4.5]]


def test_each_slide_is_a_page(tmp_path: Path) -> None:
    found = read(tmp_path, "a.pptx", samples.slides("Bees", "Honey"))
    assert found.media_type == PPTX
    assert found.pages == ["# Bees\nWhat Bees is about.", "# Honey\nWhat Honey is about."]


def test_each_sheet_is_a_table_with_its_name(tmp_path: Path) -> None:
    found = read(tmp_path, "a.xlsx", samples.book(Fruit=TABLE, Empty=[], Other=[["x"], [1]]))
    assert found.media_type == XLSX
    assert found.titles == ["Fruit", "Other"]
    assert found.pages[0] == (
        "| Fruit | Price |\n| --- | --- |\n| Apple | 3 |\n| Pear \\| big | 4.5 |"
    )


def test_a_long_sheet_has_its_head_on_each_page(tmp_path: Path) -> None:
    rows: list[list[object]] = [["Number", "Square"], *([n, n * n] for n in range(ROWS + 10))]
    found = read(tmp_path, "a.xlsx", samples.book(Squares=rows))
    assert found.titles == [f"Squares, rows 1–{ROWS}", f"Squares, rows {ROWS + 1}–{ROWS + 10}"]
    assert all(page.startswith("| Number | Square |\n| --- |") for page in found.pages)
    assert found.pages[1].endswith(f"| {ROWS + 9} | {(ROWS + 9) ** 2} |")


def test_opendocument_keeps_its_headings(tmp_path: Path) -> None:
    found = read(tmp_path, "a.odt", samples.opendocument("A heading", "Déjà vu."))
    assert found.media_type == ODT
    assert found.pages[0].strip() == "# A heading\n\nDéjà vu."


def test_each_part_of_a_book_is_a_page_named_by_its_heading(tmp_path: Path) -> None:
    chapters = ["<h1>One</h1><p>It begins.</p>", "<h2>Two</h2><p>It ends.</p>"]
    found = read(tmp_path, "a.epub", samples.epub(*chapters))
    assert found.media_type == EPUB
    assert found.titles == ["One", "Two"]
    assert found.pages == ["# One\n\nIt begins.", "## Two\n\nIt ends."]


def test_a_message_is_read_with_what_is_attached(tmp_path: Path) -> None:
    message = samples.mail(
        "See the paper, déjà vu.",
        **{
            "paper.pdf": samples.pdf("One.", "Two."),
            "fruit.csv": b"a,b\n1,2\n",
            "x.bin": b"\0" * 9,
        },
    )
    found = read(tmp_path, "saved", message)
    assert found.media_type == EML
    assert found.pages[0].startswith("Subject: Größe der Anlage\nFrom: Ann <ann@example.com>\n")
    assert found.pages[0].endswith("See the paper, déjà vu.\n")
    assert found.titles[1:] == ["paper.pdf", "paper.pdf", "fruit.csv"]
    assert [page.strip() for page in found.pages[1:3]] == ["One.", "Two."]
    assert found.notes[0].startswith("x.bin: ")


def test_a_message_inside_a_message_is_read(tmp_path: Path) -> None:
    outer = samples.mail("Outer.", **{"inner.eml": samples.mail("Inner words.")})
    assert "Inner words." in read(tmp_path, "a.eml", outer).pages[1]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_in_text_is_read_whatever_separates_it(tmp_path: Path, separator: str) -> None:
    lines = [["Name", "Says"], ["Ann", '"One, two; three"'], ["Bob", "No"]]
    text = "\r\n".join(separator.join(line) for line in lines)
    found = read(tmp_path, "a.csv", text.encode())
    assert found.media_type == CSV
    assert found.pages == [
        "| Name | Says |\n| --- | --- |\n| Ann | One, two; three |\n| Bob | No |"
    ]


def test_json_is_laid_out(tmp_path: Path) -> None:
    found = read(tmp_path, "a.json", json.dumps({"name": "Größe", "list": [1, 2]}).encode())
    assert found.media_type == JSON
    assert found.pages == ['{\n  "name": "Größe",\n  "list": [\n    1,\n    2\n  ]\n}']
    assert read(tmp_path, "b.jsonl", b'{"a": 1}\n{"a": 2}\n').pages == ['{"a": 1}\n{"a": 2}\n']


def test_source_code_is_kept_as_it_is(tmp_path: Path) -> None:
    code = "def twice(n):\n    return 2 * n  # größer\n"
    found = read(tmp_path, "twice.py", code.encode())
    assert (found.media_type, found.pages) == (PLAIN, [code])


@pytest.mark.parametrize(
    "text",
    [
        "مرحبا بالعالم، هذه وثيقة عربية من 12 صفحة (مسودة).",
        "تم تحديث Django 5.2 في 2026-11-24.",
        "שלום עולם, זה מסמך בעברית עם 123 מילים.",
    ],
)
def test_right_to_left_text_is_kept_in_the_order_in_which_it_is_read(
    tmp_path: Path, text: str
) -> None:
    assert read(tmp_path, "a.docx", samples.word(text)).pages == [f"# A heading\n\n{text}"]
    html = f"<html dir=rtl><body><p>{text}</p></body></html>".encode()
    assert read(tmp_path, "a.html", html).pages[0].strip() == text
    for encoding in ("utf-8", "utf-16"):
        assert read(tmp_path, "a.txt", text.encode(encoding)).pages == [text]


def test_arabic_in_its_own_old_encoding_is_read(tmp_path: Path) -> None:
    text = "مرحبا بالعالم، هذه وثيقة عربية كتبت قبل زمن طويل.\n" * 20
    assert read(tmp_path, "a.txt", text.encode("cp1256")).pages == [text]


def test_an_archive_gives_each_file_under_its_name(tmp_path: Path) -> None:
    packed = samples.archive(
        {
            "papers/a.pdf": samples.pdf("One.", "Two."),
            "b.docx": samples.word("Words."),
            "book.xlsx": samples.book(Fruit=TABLE),
            "__MACOSX/b.docx": b"junk",
            "photo.bin": bytes(range(256)) * 20,
        }
    )
    found = read(tmp_path, "all.zip", packed)
    assert found.media_type == ZIP
    assert found.titles == ["papers/a.pdf", "papers/a.pdf", "b.docx", "book.xlsx: Fruit"]
    assert [note.partition(":")[0] for note in found.notes] == ["photo.bin"]


def test_a_picture_is_read_by_ocr(tmp_path: Path) -> None:
    image = samples.image_file(samples.picture("The beekeeper of Gotland", "sells 240 jars."))
    found = read(tmp_path, "photo.png", image)
    assert found.media_type == "image/png"
    assert found.pages == ["The beekeeper of Gotland\nsells 240 jars."]


def test_a_picture_that_lies_on_its_side_is_read(tmp_path: Path) -> None:
    lines = [f"Line {n} of the letter about bees and their honey." for n in range(8)]
    image = samples.picture(*lines).rotate(90, expand=True)
    assert (
        "letter about bees" in read(tmp_path, "a.jpg", samples.image_file(image, "JPEG")).pages[0]
    )


def test_each_page_of_a_tiff_is_a_page(tmp_path: Path) -> None:
    first, second = samples.picture("Page number one"), samples.picture("Page number two")
    tiff = samples.image_file(first, "TIFF", save_all=True, append_images=[second])
    assert read(tmp_path, "fax.tif", tiff).pages == ["Page number one", "Page number two"]


def test_scanned_pages_among_others_are_read_by_ocr(tmp_path: Path) -> None:
    scan = samples.picture("A scanned page about bees", size=(1240, 1754))
    found = read(tmp_path, "a.pdf", samples.scanned("Printed words.", scan, "More of them."))
    assert [page.strip() for page in found.pages] == [
        "Printed words.", "A scanned page about bees", "More of them.",
    ]  # fmt: skip
    assert not found.notes


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    text = read(tmp_path, "a.pdf", samples.columns("left", "right")).pages[0]
    words = text.split()
    assert words.index("left19") < words.index("right0")
    assert words == [f"left{n}" for n in range(20)] + [f"right{n}" for n in range(20)]


def test_a_text_without_pages_is_divided_at_its_lines() -> None:
    text = "".join(f"Line {n} of a very long text.\n" for n in range(PART // 10))
    parts = list(divided(text))
    assert len(parts) > 3
    assert all(len(part.text) <= PART for part in parts)
    assert "\n".join(part.text for part in parts) == text


def test_what_cannot_be_read_is_refused_with_what_can(tmp_path: Path) -> None:
    words = refusal(tmp_path, "a.mp3", b"ID3\x03\0\0\0\0\0\x21" + b"\0\xff\xfb\x90" * 400)
    assert words.startswith("The file is")
    assert "PDF" in words
    assert "ZIP archives of all these can be read." in words
