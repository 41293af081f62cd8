"""Answers from documents: found, cited, and led back to the passage."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat.conftest import Say, complete, reply
from tests.browser.files import pdf, prose
from tests.browser.test_ask import HERONS
from tests.browser.test_documents import ready
from tests.stack import LiveStack

QUESTION = "Repeat: Of willow twigs [1]. The night heron of Lake Tarn builds its nest of them."


@pytest.fixture
def herons(page: Page, tmp_path: Path) -> str:
    """The name of a document of three pages that knows about herons, on its second."""
    name = f"herons-{prose(1)[:-1]}.pdf"
    path = pdf(tmp_path, name, prose(120), f"{HERONS}\n\n{prose(20)}", prose(120))
    ready(page, path)
    page.goto("/chat/")
    return name


def answer_from(page: Page, name: str) -> None:
    """One document alone; others may know about herons, too."""
    page.get_by_text("My documents", exact=True).click()
    page.get_by_text("All of them").click()
    page.get_by_label(name).check()
    expect(page.locator(".pick summary").first).to_have_text("1 chosen")
    page.keyboard.press("Escape")


def test_a_citation_opens_the_passage_it_rests_on(page: Page, say: Say, herons: str) -> None:
    answer_from(page, herons)
    say(page, QUESTION)
    complete(page)
    citation = reply(page).locator(".citation")
    expect(citation).to_have_text("[1]")
    sources = page.locator(".reply-sources")
    expect(sources.locator("summary")).to_contain_text("1 cited")
    expect(sources.locator(".source").first).to_be_hidden()
    sources.locator("summary").click()
    expect(sources.locator(".source.cited")).to_contain_text(herons)
    citation.click()
    expect(page.locator("#passage")).to_be_in_viewport()
    expect(page.locator(".page-text mark").filter(has_text="willow twigs")).to_have_count(1)


def test_the_steps_to_an_answer_are_told(page: Page, say: Say, herons: str) -> None:
    page.evaluate(
        """() => {
          window.told = new Set();
          const look = () => told.add(document.querySelector(".reply-words")?.textContent);
          new MutationObserver(look).observe(document.body,
            { subtree: true, childList: true, characterData: true });
        }"""
    )
    page.get_by_text("My documents", exact=True).click()
    say(page, QUESTION)
    complete(page)
    told = page.evaluate("[...told].filter(Boolean)")
    # Those of one turn of the browser are seen as one.
    assert [words for words in told if words.startswith(("Generating", "Found"))], told


def test_only_chosen_documents_are_answered_from(page: Page, say: Say, herons: str) -> None:
    answer_from(page, herons)
    say(page, QUESTION)
    complete(page)
    page.locator(".reply-sources summary").click()
    names = page.locator(".source-head bdi").all_inner_texts()
    assert set(names) == {herons}
    page.reload()
    expect(page.get_by_label("My documents")).to_be_checked()
    expect(page.locator(".pick summary").first).to_have_text("1 chosen")


def test_a_switch_is_the_same_in_every_tab(page: Page, say: Say, herons: str) -> None:
    say(page, "Repeat: One")
    complete(page)
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_text("My documents", exact=True).click()
    expect(other.get_by_label("My documents")).to_be_checked()
    expect(other.get_by_text("All of them")).to_be_visible()


def test_a_source_whose_document_was_removed_is_still_shown(
    page: Page, say: Say, herons: str, stack: LiveStack
) -> None:
    answer_from(page, herons)
    say(page, QUESTION)
    complete(page)
    with stack.client() as client:
        for document in client.get("/api/documents").json()["documents"]:
            if document["name"] == herons:
                client.delete(f"/api/documents/{document['documentId']}").raise_for_status()
    page.reload()
    reply(page).locator(".citation").click()
    source = page.locator(".source.cited")
    expect(source).to_be_visible()
    expect(source).to_contain_text("(removed since)")
