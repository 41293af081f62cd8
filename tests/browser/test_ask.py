"""Questions and answers, as a person sees them written."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.files import pdf, prose
from tests.browser.test_documents import ready

HERONS = (
    "The grey heron waits for fish in shallow water.\n\n"
    "The night heron of Lake Tarn builds its nest from willow twigs in early April.\n\n"
    "Herons belong to the family Ardeidae."
)
QUESTION = "What does the night heron of Lake Tarn build its nest from?"


@pytest.fixture
def herons(page: Page, tmp_path: Path) -> str:
    """The address of a document of three pages that knows about herons, on its second."""
    name = f"herons-{prose(1)[:-1]}.pdf"
    path = pdf(tmp_path, name, prose(120), f"{HERONS}\n\n{prose(20)}", prose(120))
    link = ready(page, path).get_by_role("link", name=name, exact=True)
    return link.get_attribute("href") or ""


def ask(page: Page, question: str) -> None:
    page.get_by_label("Question").fill(question)
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    page.get_by_label("Question").press("Enter")


def test_an_answer_comes_with_sources_that_open_the_passage(page: Page, herons: str) -> None:
    page.goto(herons)
    page.get_by_role("link", name="Ask about this").click()
    ask(page, QUESTION)
    expect(page.get_by_role("heading", name=QUESTION)).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("willow twigs")
    expect(page.locator(".stage-line")).to_contain_text("Quoted from your documents")
    expect(page.locator(".stage-line")).to_contain_text("source")
    assert "/ask/" in page.url
    expect(page).to_have_title(f"{QUESTION[:60]} · Product Demo")
    page.reload()
    expect(page.locator(".answer")).to_contain_text("willow twigs")
    page.locator(".citation").first.click()
    expect(page.locator("#passage")).to_be_in_viewport()
    expect(page.locator(".page-text mark").filter(has_text="willow twigs")).to_have_count(1)


def test_a_second_tab_sees_the_answer_being_written(page: Page, herons: str) -> None:
    page.goto("/ask/")
    ask(page, QUESTION)
    page.wait_for_url("**/ask/*-*/")
    other = page.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        expect(tab.locator(".answer.prose")).to_contain_text("willow twigs")
        expect(tab.locator(".source").first).to_contain_text("herons-")
    expect(page.locator("#past a").first).to_have_attribute("aria-current", "page")


def test_the_next_question_is_asked_from_the_answer(page: Page, herons: str) -> None:
    page.goto("/ask/")
    ask(page, QUESTION)
    expect(page.locator(".answer.prose")).to_contain_text("willow twigs")
    first = page.url
    ask(page, "To which family do herons belong?")
    expect(page.locator(".answer.prose")).to_contain_text("Ardeidae")
    page.go_back()
    page.wait_for_url(first)
    expect(page.locator(".answer.prose")).to_contain_text("willow twigs")


def test_a_question_is_limited_and_parts_of_its_search_are_switched_off(
    page: Page, herons: str
) -> None:
    page.goto("/ask/")
    composer = page.locator("ask-composer")
    composer.get_by_text("All of them").click()
    composer.locator(f"[name=document][value='{herons.split('/')[2]}']").check()
    expect(composer.get_by_text("1 chosen")).to_be_visible()
    composer.get_by_text("How to search").click()
    composer.get_by_label("By meaning").uncheck()
    expect(composer.get_by_text("How to search (1 off)")).to_be_visible()
    ask(page, QUESTION)
    expect(page.locator(".answer.prose")).to_contain_text("willow twigs")
    expect(page.locator(".query .chip")).to_have_count(1)
    page.get_by_text("How it was found").click()
    expect(page.get_by_role("row", name="dense switched off")).to_be_visible()
    page.reload()
    expect(composer.get_by_text("1 chosen")).to_be_visible()
    composer.get_by_text("How to search (1 off)").click()
    composer.get_by_label("By words").uncheck()
    ask(page, QUESTION)
    expect(page.get_by_role("alert")).to_contain_text("by words, or by both")


def test_a_question_that_nothing_answers_is_told_so(page: Page, herons: str) -> None:
    page.goto("/ask/")
    ask(page, "Who won the chess tournament in Reykjavik in 1972?")
    expect(page.locator(".answer.prose")).to_contain_text("I found nothing")
    expect(page.locator(".stage-line")).not_to_contain_text("Quoted")


def test_a_question_that_is_refused_is_not_lost(page: Page) -> None:
    page.goto("/ask/")
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    page.get_by_label("Question").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Type a question first.")
    question = "Why? " * 4_000
    ask(page, question)
    expect(page.get_by_role("alert")).to_contain_text("too long")
    expect(page.get_by_label("Question")).to_have_value(question.strip())


def test_enter_twice_asks_once_and_what_is_typed_meanwhile_stays(page: Page) -> None:
    page.goto("/ask/")
    field = page.get_by_label("Question")
    field.fill("Who nests here?")
    expect(page.get_by_role("button", name="Ask")).to_be_enabled()
    held: list[Route] = []
    page.route("**/api/rag/queries", lambda route: held.append(route))
    with page.expect_request("**/api/rag/queries"):
        field.press("Enter")
    field.press("Enter")
    field.press_sequentially("And ")
    [asking] = held
    asking.continue_()
    page.wait_for_url("**/ask/*-*/")
    expect(page.locator("rag-query")).to_be_visible()
    page.keyboard.type("where?")
    expect(field).to_have_value("And where?")
    expect(page.locator("ask-composer .error-words")).to_be_empty()
    page.reload()
    expect(field).to_have_value("And where?")


def test_what_was_typed_survives_a_reload(page: Page) -> None:
    page.goto("/ask/")
    page.get_by_label("Question").press_sequentially("Half a quest")
    page.reload()
    expect(page.get_by_label("Question")).to_have_value("Half a quest")
