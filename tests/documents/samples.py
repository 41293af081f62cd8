"""Real files of each kind, made here."""

import io
import zipfile
from email.message import EmailMessage
from pathlib import Path

import docx
import openpyxl
from fpdf import FPDF
from odfdo import Document as Odf
from odfdo import Header, Paragraph
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def pdf(*pages: str, password: str = "") -> bytes:
    file = FPDF()
    file.set_font("helvetica", size=12)
    for text in pages:
        file.add_page()
        file.multi_cell(0, 6, text)
    if password:
        file.set_encryption(owner_password=password + "o", user_password=password)
    return bytes(file.output())


def word(*paragraphs: str) -> bytes:
    document = docx.Document()
    document.add_heading("A heading", 1)
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def slides(*titles: str) -> bytes:
    show = Presentation()
    for title in titles:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"What {title} is about."
    stream = io.BytesIO()
    show.save(stream)
    return stream.getvalue()


def book(**sheets: list[list[object]]) -> bytes:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def opendocument(heading: str, *paragraphs: str) -> bytes:
    document = Odf("text")
    document.body.clear()
    document.body.append(Header(1, heading))
    for paragraph in paragraphs:
        document.body.append(Paragraph(paragraph))
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def epub(*chapters: str) -> bytes:
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": "<container><rootfiles>"
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf">'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for n, chapter in enumerate(chapters):
        files[f"OPS/text/c {n}.xhtml"] = (
            f"<html xmlns='http://www.w3.org/1999/xhtml'><body>{chapter}</body></html>"
        )
    return archive(files)


def mail(body: str, **attachments: bytes) -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Ann <ann@example.com>", "bob@example.com"
    message["Subject"], message["Date"] = "Größe der Anlage", "Tue, 24 Nov 2026 10:00:00 +0000"
    message.set_content(body)
    for name, content in attachments.items():
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name
        )
    return message.as_bytes()


def archive(files: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return stream.getvalue()


def picture(*lines: str, size: tuple[int, int] = (1240, 700)) -> Image.Image:
    """Black letters on white, as a scanner gives them."""
    image = Image.new("L", size, "white")
    drawing = ImageDraw.Draw(image)
    font = ImageFont.load_default(40)
    for number, line in enumerate(lines):
        drawing.text((60, 60 + 70 * number), line, fill="black", font=font)
    return image


def image_file(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def scanned(*pages: str | Image.Image) -> bytes:
    """A PDF whose pages are text, or pictures that fill them."""
    file = FPDF()
    file.set_font("helvetica", size=12)
    for page in pages:
        file.add_page()
        if isinstance(page, str):
            file.multi_cell(0, 6, page)
        else:
            file.image(page, x=0, y=0, w=file.w, h=file.h)
    return bytes(file.output())


def columns(*names: str) -> bytes:
    """A PDF page with a column of numbered words for each name."""
    file = FPDF()
    file.add_page()
    file.set_font("helvetica", size=11)
    for place, name in enumerate(names):
        for number in range(20):
            file.text(20 + 90 * place, 30 + 8 * number, f"{name}{number}")
    return bytes(file.output())
