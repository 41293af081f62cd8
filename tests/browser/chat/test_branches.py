"""Other versions of questions and answers, and other models."""

import re

from playwright.sync_api import Page, expect

from tests.browser.chat.conftest import Say, complete, reply
from tests.browser.conftest import NewPage
from tests.stack import LiveStack

MESSAGES = re.compile(r"/chat/messages/.+/part/")


def test_an_edit_makes_a_branch_and_the_switcher_goes_back(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    say(page, "Repeat: Two")
    complete(page)
    page.locator("chat-message.user").first.hover()
    page.get_by_role("button", name="Edit what you wrote").first.click()
    field = page.get_by_label("What you wrote", exact=True)
    expect(field).to_be_focused()
    field.fill("Repeat: Changed")
    field.press("Enter")
    expect(page.locator(".reply")).to_have_text(["Changed"])
    complete(page)
    expect(page.locator(".versions")).to_have_text(["2 of 2"])
    page.get_by_role("button", name="The version before").click()
    expect(page.locator(".reply")).to_have_text(["One", "Two"])
    expect(page.get_by_role("button", name="The next version")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".reply")).to_have_text(["Changed"])
    page.reload()
    expect(page.locator(".wrote")).to_have_text(["Repeat: Changed"])


def test_enter_twice_sends_an_edit_once(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    page.locator("chat-message.user").hover()
    page.get_by_role("button", name="Edit what you wrote").click()
    field = page.get_by_label("What you wrote", exact=True)
    field.fill("Repeat: Two")
    # Both before the first is answered.
    field.evaluate("""(field) => {
        const enter = { key: "Enter", bubbles: true, cancelable: true };
        for (const _ of [1, 2]) field.dispatchEvent(new KeyboardEvent("keydown", enter));
    }""")
    expect(reply(page)).to_have_text("Two")
    complete(page)
    page.reload()
    expect(page.locator("chat-message.user")).to_contain_text("2 of 2")


def test_an_edit_that_is_left_changes_nothing(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    page.get_by_label("Message").press("ArrowUp")
    field = page.get_by_label("What you wrote", exact=True)
    expect(field).to_be_focused()
    field.fill("Repeat: Changed")
    field.press("Escape")
    expect(page.locator(".wrote")).to_have_text(["Repeat: One"])
    expect(page.locator(".versions")).to_have_count(0)


def test_another_answer_is_written_by_another_model_and_both_are_kept(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_text("Write another answer").locator("xpath=..").click()
    page.get_by_role("button", name="With model-b").click()
    expect(page.locator(".versions")).to_have_text(["2 of 2"])
    complete(page)
    expect(page.locator(".figures summary")).to_have_text("model-b")
    for tab in (page, other):
        expect(tab.get_by_label("Model", exact=True)).to_have_value("model-b")
        expect(tab.locator(".versions")).to_have_text(["2 of 2"])
    page.get_by_role("button", name="The version before").click()
    for tab in (page, other):
        expect(tab.locator(".figures summary")).to_have_text("model-a")


def test_the_model_that_is_chosen_answers_and_stays_chosen(page: Page, say: Say) -> None:
    page.get_by_label("Model", exact=True).select_option("model-b")
    say(page, "Repeat: One")
    complete(page)
    expect(page.locator(".figures summary")).to_have_text("model-b")
    page.reload()
    expect(page.get_by_label("Model", exact=True)).to_have_value("model-b")
    page.get_by_label("Model", exact=True).select_option("model-a")
    say(page, "Repeat: Two")
    complete(page)
    expect(page.locator(".figures summary").last).to_have_text("model-a")


def test_what_fails_says_why_and_retry_works(page: Page, say: Say) -> None:
    say(page, "Fail with 401 once")
    problem = page.locator(".problem")
    expect(problem).to_contain_text("refuses our key")
    expect(page.locator("#notices")).to_contain_text("refuses our key")
    problem.get_by_role("button", name="Retry").click()
    expect(reply(page)).to_have_text("Well.")
    expect(problem).to_have_count(0)


def test_a_passing_failure_is_waited_for_in_words(page: Page, say: Say) -> None:
    say(page, "Fail with 500 once, and twice")
    expect(page.locator(".reply-words")).to_contain_text("Trying again in 2 s")
    expect(reply(page)).to_have_text("Well.")


def test_a_stream_that_breaks_off_keeps_its_text_and_offers_to_retry(page: Page, say: Say) -> None:
    answer = say(page, "Break off")
    expect(page.locator(".problem")).to_contain_text("broke off")
    expect(answer).to_have_text("This is only the")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_a_killed_worker_leaves_its_text_and_retry(page: Page, say: Say, stack: LiveStack) -> None:
    expect(say(page, "Count to 900")).to_contain_text(" 40 ")
    for worker in stack.processes("--queues=interactive"):
        worker.kill()
    expect(page.locator(".problem")).to_contain_text("Interrupted", timeout=30_000)
    expect(reply(page)).to_contain_text("1 2 3 4 5 ")
    page.get_by_role("button", name="Stop").wait_for(state="hidden")
    page.get_by_role("button", name="Retry").click()
    expect(reply(page)).to_contain_text(" 20 ", timeout=30_000)
    page.get_by_role("button", name="Stop").click()
    complete(page)


def test_bob_sees_nothing_of_anns(page: Page, say: Say, new_page: NewPage) -> None:
    say(page, "Repeat: A secret of Ann's")
    complete(page)
    message = page.locator("chat-message").first.get_attribute("data-part")
    bob = new_page("bob")
    for url in (page.url, f"{page.url}part/", message):
        answer = bob.request.get(str(url))
        assert answer.status == 404, url
    bob.goto("/chat/")
    expect(bob.locator("chat-list")).to_contain_text("Your chats are kept here.")
    say(page, "Repeat: Another secret")
    expect(bob.locator(".past a")).to_have_count(0)
