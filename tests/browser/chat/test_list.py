"""All conversations: found, named, deleted, taken away as a file; and what is typed in each."""

import json
import re
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Download, Page, expect

from tests.browser.chat.conftest import Say, complete, reply
from tests.browser.conftest import NewPage
from tests.browser.test_pages import sign_in
from tests.stack import LiveStack


def from_menu(page: Page) -> None:
    page.get_by_text("What can be done with this chat").locator("xpath=..").click()


def test_a_conversation_is_named_by_the_model_and_found_under_its_day(page: Page, say: Say) -> None:
    say(page, "Repeat: Marmalade")
    expect(page.get_by_role("heading", level=1)).to_have_text("Well")  # the model's idea
    expect(page).to_have_title("Well · Product Demo")
    newest = page.locator(".past li").nth(1)
    expect(newest).to_contain_text("Well")
    expect(page.locator(".past li").first).to_have_text("Today")


def test_a_conversation_is_found_by_any_word_in_it(page: Page, say: Say) -> None:
    say(page, "Repeat: the axolotl walks")
    complete(page)
    expect(page.locator(".past a").first).to_contain_text("Well")
    page.get_by_label("Search chats").press_sequentially("axolotl")
    expect(page.locator(".past a")).to_have_count(1)
    page.get_by_label("Search chats").fill("xylophone")
    expect(page.locator("chat-list")).to_contain_text("No chat holds these words.")
    page.get_by_label("Search chats").fill("")
    expect(page.locator(".past a").first).to_have_attribute("aria-current", "page")


def test_a_menu_stays_open_when_the_title_comes(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    from_menu(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Well")
    expect(page.get_by_role("button", name="Rename")).to_be_visible()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Title of this chat").fill("Of")
    say_in_another_tab(page, say)
    expect(page.locator(".wrote")).to_have_count(2)
    expect(page.get_by_label("Title of this chat")).to_have_value("Of")


def say_in_another_tab(page: Page, say: Say) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    say(other, "Repeat: Two")


def test_a_new_name_is_there_in_every_tab(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Well")
    other = page.context.new_page()
    other.goto(page.url)
    from_menu(page)
    page.get_by_role("button", name="Rename").click()
    field = page.get_by_label("Title of this chat")
    expect(field).to_be_focused()
    field.fill("Of herons")
    field.press("Enter")
    for tab in (page, other):
        expect(tab.get_by_role("heading", level=1)).to_have_text("Of herons")
        expect(tab.locator(".past a").first).to_contain_text("Of herons")
        expect(tab).to_have_title("Of herons · Product Demo")
    from_menu(page)
    page.get_by_role("button", name="Rename").click()
    field.fill("Never mind")
    field.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("Of herons")


def test_a_deleted_conversation_is_gone_in_every_tab(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    url = page.url
    other = page.context.new_page()
    other.goto(url)
    from_menu(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New chat")
    expect(other.get_by_role("heading", level=1)).to_have_text("This chat was deleted")
    answer = page.goto(url)
    assert answer
    assert answer.status == 404


def test_a_conversation_is_taken_away_as_markdown_and_as_json(page: Page, say: Say) -> None:
    say(page, "Repeat: **Marmalade**")
    complete(page)
    from_menu(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as Markdown").click()
    text = saved(download.value).read_text()
    assert "**Marmalade**" in text
    from_menu(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as JSON").click()
    messages = json.loads(saved(download.value).read_text())["messages"]
    assert [message["content"] for message in messages] == [
        "Repeat: **Marmalade**",
        "**Marmalade**",
    ]


def saved(download: Download) -> Path:
    assert download.suggested_filename.endswith((".md", ".json"))
    return Path(download.path())


def test_what_was_typed_is_kept_for_each_conversation(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    first = page.url
    page.get_by_label("Message").press_sequentially("To the first")
    page.goto("/chat/")
    expect(page.get_by_label("Message")).to_have_value("")
    page.get_by_label("Message").press_sequentially("To a new one")
    page.reload()
    expect(page.get_by_label("Message")).to_have_value("To a new one")
    page.goto(first)
    expect(page.get_by_label("Message")).to_have_value("To the first")
    page.keyboard.press("Enter")
    complete(page)
    expect(page.locator(".wrote")).to_have_count(2)
    page.reload()
    expect(page.get_by_label("Message")).to_have_value("")


def test_what_was_typed_is_there_after_the_session_has_ended(
    new_page: NewPage, say: Say, stack: LiveStack
) -> None:
    page = new_page("")
    page.goto("/sign-in/?next=/chat/")
    sign_in(page)
    page.wait_for_url("**/chat/")
    page.wait_for_load_state()
    say(page, "Repeat: One")
    complete(page)
    page.get_by_label("Message").press_sequentially("Not sent yet")
    end_session(stack, page)
    expect(page.get_by_role("dialog", name="You are signed out")).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    sign_in(page)
    expect(page.get_by_label("Message")).to_have_value("Not sent yet")
    expect(reply(page)).to_have_text("One")


def end_session(stack: LiveStack, page: Page) -> None:
    key = next(c["value"] for c in page.context.cookies() if c["name"] == "sessionid")
    with psycopg.connect(stack.running()["environment"]["DATABASE_URL"]) as database:
        database.execute("DELETE FROM realtime_session WHERE session_key = %s", (key,))


def test_what_cannot_be_sent_is_not_lost(page: Page, say: Say) -> None:
    page.get_by_label("Message").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Write a message first.")
    words = "word " * 8_000
    page.get_by_label("Message").evaluate("(field, words) => field.value = words", words)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("too long")
    expect(page.get_by_label("Message")).to_have_value(words.strip())
    expect(page.locator(".wrote")).to_have_count(0)
    page.route("**/api/chat/**", lambda route: route.abort())
    page.get_by_label("Message").fill("Repeat: At last")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(page.get_by_label("Message")).to_have_value("Repeat: At last")
    page.unroute("**/api/chat/**")
    page.keyboard.press("Enter")
    expect(reply(page)).to_have_text("At last")


def test_a_message_whose_answer_was_lost_is_not_sent_twice(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)

    def lose(route: object) -> None:
        route.fetch()  # type: ignore[attr-defined]
        route.abort()  # type: ignore[attr-defined]

    page.route("**/messages", lose)
    page.get_by_label("Message").fill("Repeat: Two")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/messages")
    page.get_by_label("Message").press("Enter")
    expect(page.locator(".wrote")).to_have_text(["Repeat: One", "Repeat: Two"])
    complete(page)
    page.reload()
    expect(page.locator(".wrote")).to_have_text(["Repeat: One", "Repeat: Two"])


def test_an_example_is_a_beginning_that_is_sent_by_hand(page: Page) -> None:
    page.get_by_role("button", name=re.compile("column of a CSV")).click()
    expect(page.get_by_label("Message")).to_be_focused()
    expect(page.get_by_label("Message")).to_have_value(re.compile("adds up one column"))
    page.get_by_label("Message").fill("Repeat: One")
    page.keyboard.press("Enter")
    expect(reply(page)).to_have_text("One")
    expect(page.get_by_role("button", name=re.compile("column of a CSV"))).to_be_hidden()


@pytest.mark.parametrize("hidden", [True, False])
def test_the_title_counts_work_where_nobody_looks(page: Page, say: Say, hidden: bool) -> None:
    expect(say(page, "Count to 100")).to_contain_text(" 5 ")
    page.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
    expect(page).to_have_title(re.compile(r"^\(1\) Count" if hidden else "^Count"))
    complete(page)
    expect(page).to_have_title(re.compile("^Well"))
