"""A document's page: a PDF as it looks with its passage marked, other cuts, a password."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.files import pdf, prose, text
from tests.browser.test_documents import ready, upload
from tests.browser.test_sharing import share
from tests.documents import samples
from tests.stack import LiveStack

ARABIC = "مرحبا بالعالم، هذه وثيقة عربية."
HEBREW = "שלום עולם, זה מסמך בעברית עם 123 מילים."


def opened(page: Page, path: Path) -> None:
    ready(page, path).get_by_role("link", name=path.name, exact=True).click()
    expect(page.get_by_role("heading", name=path.name)).to_be_visible()


def place(page: Page, selector: str) -> dict[str, Any]:
    box = page.locator(selector).first.bounding_box()
    assert box
    return dict(box)


def test_a_passage_is_marked_on_the_page_as_it_looks(page: Page, tmp_path: Path) -> None:
    name = f"looks-{prose(1)[:-1]}.pdf"
    opened(page, pdf(tmp_path, name, prose(60), f"{prose(60)}\n\nThe night heron.\n\n{prose(60)}"))
    page.get_by_role("link", name="Chunks").click()
    page.get_by_role("link", name="Page 2").first.click()
    expect(page.locator("page-picture img")).to_be_visible()
    expect(page.locator("page-picture rect").first).to_be_in_viewport()
    picture, line = place(page, "page-picture img"), place(page, "page-picture rect")
    assert picture["x"] < line["x"] < picture["x"] + picture["width"]
    assert picture["y"] < line["y"] < picture["y"] + picture["height"]
    expect(page.locator(".page-text mark").first).to_be_attached()


def test_a_passage_of_several_pages_is_marked_on_each_of_them(page: Page, tmp_path: Path) -> None:
    name = f"short-{prose(1)[:-1]}.pdf"
    opened(page, pdf(tmp_path, name, "On bees.", "The contract ends in May.", "On wasps."))
    page.get_by_role("link", name="Chunks").click()
    page.get_by_role("link", name="Page 1–3").click()
    pictures = page.locator("page-picture")
    expect(pictures).to_have_count(3)
    for number in range(3):
        expect(pictures.nth(number).locator("rect").first).to_be_attached()
    expect(page.locator("#passage")).to_be_in_viewport()


def test_other_cuts_are_previewed_and_made(page: Page, tmp_path: Path) -> None:
    name = f"cut-{prose(1)[:-1]}.txt"
    opened(page, text(tmp_path, name, prose(300)))
    page.get_by_role("link", name="Chunks").click()
    page.get_by_text("Cut it otherwise").click()
    page.get_by_label("Tokens in a chunk, at most").fill("50")
    page.get_by_label("Tokens that two share").fill("0")
    page.get_by_role("button", name="Preview").click()
    expect(
        page.get_by_text("as they would be").or_(page.get_by_text("It would be"))
    ).to_be_visible()
    expect(page.locator(".preview li").nth(5)).to_be_visible()
    page.get_by_role("button", name="Cut it so").click()
    expect(page.get_by_text("of 50 tokens at most")).to_be_visible()
    expect(page.locator(".reader > .chunks li").nth(5)).to_be_visible()


def test_one_chunk_is_called_one(page: Page, tmp_path: Path) -> None:
    opened(page, text(tmp_path, f"one-{prose(1)[:-1]}.txt", prose(3)))
    page.get_by_role("link", name="Chunks").click()
    page.get_by_text("Cut it otherwise").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("It would be 1 chunk.")).to_be_visible()


def test_a_protected_pdf_asks_for_its_password(page: Page, tmp_path: Path) -> None:
    path = tmp_path / f"secret-{prose(1)[:-1]}.pdf"
    path.write_bytes(samples.pdf(prose(20), password="bees"))
    upload(page, path)
    page.get_by_role("link", name=path.name, exact=True).click()
    words = page.locator(".error-words")
    expect(words.filter(has_text="protected by a password")).to_be_visible()
    page.get_by_label("Password of the file").fill("wasps")
    page.get_by_role("button", name="Read it").click()
    expect(words.filter(has_text="The password is not right.")).to_be_visible()
    page.get_by_label("Password of the file").fill("bees")
    page.get_by_role("button", name="Read it").click()
    expect(page.locator(".page-text")).not_to_be_empty()
    expect(page.get_by_label("Password of the file")).to_have_count(0)


def test_what_is_typed_stays_when_the_page_is_renewed(
    page: Page, stack: LiveStack, tmp_path: Path
) -> None:
    path = tmp_path / f"typed-{prose(1)[:-1]}.pdf"
    path.write_bytes(samples.pdf(prose(20), password="bees"))
    upload(page, path)
    page.get_by_role("link", name=path.name, exact=True).click()
    field = page.get_by_label("Password of the file")
    field.fill("bee")
    facts = page.get_by_role("complementary", name="Facts")
    expect(facts).to_contain_text("nobody")
    with stack.client("ann") as client:
        share(client, urlsplit(page.url).path)
    expect(facts).not_to_contain_text("nobody")
    expect(field).to_have_value("bee")
    expect(field).to_be_focused()


def test_what_could_not_be_read_is_listed(page: Page, tmp_path: Path) -> None:
    path = tmp_path / f"mixed-{prose(1)[:-1]}.zip"
    path.write_bytes(samples.archive({"a.txt": prose(20), "cut.pdf": samples.pdf("x")[:200]}))
    opened(page, path)
    page.locator("summary").filter(has_text="1 note on how it was read").click()
    expect(page.get_by_text("cut.pdf: The PDF is damaged")).to_be_visible()


def test_right_to_left_pdfs_are_read_in_order(page: Page, tmp_path: Path) -> None:
    page.set_content(f"<html dir=rtl><p>{HEBREW}</p><p>{ARABIC}</p></html>")
    path = tmp_path / f"rtl-{prose(1)[:-1]}.pdf"
    path.write_bytes(page.pdf())
    opened(page, path)
    expect(page.locator(".page-text")).to_contain_text(HEBREW)
    expect(page.locator(".page-text")).to_contain_text(ARABIC)
