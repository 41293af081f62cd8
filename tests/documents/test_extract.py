"""Real files of each kind through the real parsers; nothing needs a database."""

import io
import zipfile
from pathlib import Path

import pytest

from documents.extract import Extracted, extract
from documents.media_types import DOCX, HTML, MARKDOWN, PDF, PLAIN, ZIP
from documents.source import MOST_MARKUP
from realtime.work import Failure, SilentReport
from tests.documents.samples import pdf, word


def read(folder: Path, name: str, content: bytes) -> Extracted:
    path = folder / "stored"  # as in the product, the stored file does not have the name
    path.write_bytes(content)
    return extract(path, name, SilentReport())


def refusal(folder: Path, name: str, content: bytes) -> str:
    with pytest.raises(Failure) as caught:
        read(folder, name, content)
    return str(caught.value)


def test_a_pdf_gives_the_text_of_each_page(tmp_path: Path) -> None:
    found = read(tmp_path, "two.pdf", pdf("The first page.", "The second page."))
    assert found.media_type == PDF
    assert [page.strip() for page in found.pages] == ["The first page.", "The second page."]


def test_a_word_hyphenated_at_a_line_end_is_one_word(tmp_path: Path) -> None:
    found = read(tmp_path, "a.pdf", pdf("All about informa-\ntion retrieval.\nAnd more."))
    assert "information retrieval.\nAnd more." in found.pages[0]


def test_a_blank_page_among_others_is_kept_so_that_numbers_stay_right(tmp_path: Path) -> None:
    found = read(tmp_path, "a.pdf", pdf("One.", "", "Three."))
    assert len(found.pages) == 3
    assert not found.pages[1].strip()


def test_a_pdf_under_another_name_is_read_as_the_pdf_it_is(tmp_path: Path) -> None:
    assert read(tmp_path, "report.txt", pdf("Words.")).media_type == PDF


def test_an_encrypted_pdf_is_refused_in_plain_words(tmp_path: Path) -> None:
    assert "protected by a password" in refusal(tmp_path, "a.pdf", pdf("x", password="b"))


def test_a_broken_pdf_is_refused_in_plain_words(tmp_path: Path) -> None:
    assert "damaged" in refusal(tmp_path, "a.pdf", b"%PDF-1.7\nnot really a pdf")
    assert "damaged" in refusal(tmp_path, "b.pdf", pdf("Words.")[:300])


def test_a_pdf_of_blank_pages_is_said_to_hold_no_text(tmp_path: Path) -> None:
    assert refusal(tmp_path, "blank.pdf", pdf("", "")) == "The file holds no text."


def test_text_named_pdf_is_called_what_it_is(tmp_path: Path) -> None:
    assert "its content is plain text" in refusal(tmp_path, "a.pdf", b"Just some words.\n" * 20)


def test_a_zip_named_docx_is_read_as_what_it_is_and_said_so(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "words " * 50)
    found = read(tmp_path, "a.docx", stream.getvalue())
    assert found.media_type == ZIP
    assert "named .docx" in found.notes[0]


def test_a_damaged_docx_is_refused_in_plain_words(tmp_path: Path) -> None:
    assert "damaged" in refusal(tmp_path, "a.docx", word("Words.")[:1500])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("word/document.xml", "<w:document")
    assert "damaged" in refusal(tmp_path, "b.docx", stream.getvalue())


def test_an_old_office_file_is_told_how_to_help_itself(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    assert "Save it as .docx" in refusal(tmp_path, "a.doc", ole)


def test_rich_text_is_not_taken_for_plain_text(tmp_path: Path) -> None:
    assert "can be read" in refusal(tmp_path, "a.rtf", b"{\\rtf1\\ansi Hello.}" * 9)


def test_a_word_file_becomes_markdown(tmp_path: Path) -> None:
    found = read(tmp_path, "a.docx", word("Some words, déjà vu."))
    assert found.media_type == DOCX
    assert found.pages == ["# A heading\n\nSome words, déjà vu."]


def test_html_loses_its_scripts_and_keeps_its_words(tmp_path: Path) -> None:
    page = "<!doctype html><body><h1>Größe</h1><p>Text.</p><script>alert(1)</script></body>"
    found = read(tmp_path, "a.html", page.encode())
    assert found.media_type == HTML
    assert found.pages == ["# Größe\n\nText."]


def test_deeply_nested_html_does_no_harm(tmp_path: Path) -> None:
    nested = b"<html><body>" + b"<div>" * 20_000 + b"deep" + b"</div>" * 20_000
    try:
        words = read(tmp_path, "a.html", nested).pages[0]
    except Failure as failure:
        words = str(failure)
    assert "deep" in words


def test_markdown_and_text_are_kept_as_they_are(tmp_path: Path) -> None:
    found = read(tmp_path, "a.md", b"# Title\r\n\r\nSome *text*.\r\n")
    assert (found.media_type, found.pages) == (MARKDOWN, ["# Title\n\nSome *text*.\n"])
    assert read(tmp_path, "a", b"words").media_type == PLAIN


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_text_in_other_encodings_is_read(tmp_path: Path, encoding: str) -> None:
    text = "Die Straße führt über die Brücke nach Köln; dort wäre es schöner. " * 20
    assert read(tmp_path, "a.txt", text.encode(encoding)).pages == [text]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    assert "named .txt but its content is" in refusal(tmp_path, "a.txt", bytes(range(256)) * 40)
    late = b"text " * 2000 + b"\0\1\2" + b"text " * 100
    assert "The file is" in refusal(tmp_path, "a.txt", late)


def test_blank_text_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.txt", b" \n\t\n") == "The file holds no text."


def test_text_that_speaks_of_pdf_is_text(tmp_path: Path) -> None:
    words = b"# Formats\n\nA PDF begins with `%PDF-1.7`.\n"
    assert read(tmp_path, "formats.md", words).media_type == MARKDOWN


def test_a_word_file_that_unfolds_to_too_much_is_not_unfolded(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (MOST_MARKUP + 1))
    words = refusal(tmp_path, "small.docx", packed.getvalue())
    assert "more than 16 MB of text and markup" in words


def test_html_that_would_take_the_memory_is_refused(tmp_path: Path) -> None:
    page = b"<html><p>word</p>" + b" " * MOST_MARKUP
    assert "Split it" in refusal(tmp_path, "long.html", page)
