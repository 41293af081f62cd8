"""An answer while it is written: it belongs to a worker, never to a tab."""

import re

from playwright.sync_api import Page, expect

from tests.browser.chat.conftest import Say, complete, reply
from tests.browser.conftest import NewPage
from tests.stack import LiveStack

COUNT = "Count to 150"  # three seconds
COUNTED = " ".join(str(n) for n in range(1, 151))
# Some of everything, with two blocks that begin alike.
RICH = """# Reading

To **read** a file, see [the manual](https://example.org) and `open`:

```python
with open("a") as file:
    print(file.read())
```

| name | size |
|------|------|
| a    | 1    |

1. One
2. Two
   - more
   - and more

> A quote of *two*
> lines

The end &amp; more, in two
lines."""


def test_the_first_message_begins_a_conversation_on_the_same_page(page: Page, say: Say) -> None:
    page.evaluate("window.here = true")
    expect(page.get_by_label("Message")).to_be_focused()
    say(page, "Repeat: Good morning to you")
    page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/$"))
    expect(reply(page)).to_have_text("Good morning to you")
    complete(page)
    assert page.evaluate("window.here")
    expect(page.get_by_label("Message")).to_be_focused()
    expect(page.locator(".wrote")).to_have_count(1)
    expect(page.locator(".echo")).to_have_count(0)
    expect(page.locator("chat-list .past a[aria-current=page]")).to_have_count(1)
    expect(page.locator("#notices")).to_contain_text("The answer is complete.")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("New chat")


def test_a_reload_in_mid_answer_shows_all_of_it(page: Page, say: Say) -> None:
    expect(say(page, COUNT)).to_contain_text(" 30 ")
    page.reload()
    expect(reply(page)).to_have_attribute("aria-busy", "true")
    expect(reply(page)).to_contain_text("1 2 3 4 5 ")
    complete(page)
    expect(reply(page)).to_have_text(COUNTED)


def test_a_second_tab_shows_all_of_it(page: Page, say: Say) -> None:
    expect(say(page, COUNT)).to_contain_text(" 20 ")
    other = page.context.new_page()
    other.goto(page.url)
    expect(reply(other)).to_contain_text(" 60 ")
    expect(reply(other)).to_have_attribute("aria-busy", "true")
    for tab in (page, other):
        complete(tab)
        expect(reply(tab)).to_have_text(COUNTED)


def test_what_is_sent_in_one_tab_is_there_in_the_other(page: Page, say: Say) -> None:
    say(page, "Repeat: One")
    complete(page)
    other = page.context.new_page()
    other.goto(page.url)
    say(page, "Repeat: Two")
    expect(reply(other)).to_have_text("Two")
    expect(other.locator(".wrote")).to_have_text(["Repeat: One", "Repeat: Two"])


def test_with_every_tab_closed_the_answer_goes_on(page: Page, say: Say) -> None:
    expect(say(page, COUNT)).to_contain_text(" 10 ")
    context, url = page.context, page.url
    page.close()
    later = context.new_page()
    later.goto("/chat/")
    expect(later.locator("chat-list .past a").first).to_contain_text("Writing")
    expect(later.locator("chat-list .past a").first).not_to_contain_text("Writing")
    later.goto(url)
    complete(later)
    expect(reply(later)).to_have_text(COUNTED)


def test_the_web_server_dies_and_no_word_is_missing(page: Page, say: Say, stack: LiveStack) -> None:
    expect(say(page, "Count to 400")).to_contain_text(" 10 ")
    for process in stack.processes("demo.web"):
        process.kill()
    expect(reply(page)).to_contain_text(" 399 400", timeout=40_000)
    complete(page)
    expect(reply(page)).to_have_text(" ".join(str(n) for n in range(1, 401)))


def test_a_tab_that_slept_shows_all_of_it_when_it_wakes(page: Page, say: Say) -> None:
    expect(say(page, "Count to 300")).to_contain_text(" 10 ")
    browser = page.context.new_cdp_session(page)
    browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    other = page.context.new_page()
    other.goto(page.url)
    expect(reply(other)).to_contain_text(" 250 ")
    browser.send("Page.setWebLifecycleState", {"state": "active"})
    expect(reply(page)).to_contain_text(" 250 ", timeout=5_000)
    complete(page)
    expect(reply(page)).to_have_text(" ".join(str(n) for n in range(1, 301)))


def test_stop_keeps_the_text(page: Page, say: Say) -> None:
    expect(say(page, "Count to 500")).to_contain_text(" 20 ")
    expect(page.get_by_role("button", name="Send")).to_be_hidden()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".stopped")).to_have_text("Stopped.", timeout=3_000)
    kept = reply(page).inner_text()
    assert kept.startswith("1 2 3 4 5 ")
    assert len(kept.split()) < 200
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    page.reload()
    assert reply(page).inner_text() == kept


def test_a_follow_up_is_queued_shown_as_such_and_answered_in_its_turn(page: Page, say: Say) -> None:
    say(page, "Count to 500")
    page.get_by_label("Message").fill("Repeat: And this")
    page.get_by_role("button", name="Queue").click()
    waiting = page.locator("chat-message.assistant").nth(1)
    expect(waiting).to_contain_text("Queued: it is answered after the one before")
    say(page, "Repeat: Not this")
    page.get_by_role("button", name="Cancel").nth(1).click()
    expect(page.locator("chat-message.assistant").nth(2)).to_contain_text("Stopped before it began")
    expect(waiting).to_contain_text("Queued")
    complete(page)
    counted = " ".join(str(n) for n in range(1, 501))
    expect(page.locator(".reply")).to_have_text([counted, "And this", ""])


def test_block_by_block_it_becomes_what_a_reload_shows(
    page: Page, say: Say, new_page: NewPage
) -> None:
    say(page, "Repeat: Well.")
    complete(page)
    # Without the last look at the server, what was written as it came stays.
    page.route("**/chat/messages/*/part/", lambda route: route.abort())
    expect(say(page, f"Repeat: {RICH}")).to_contain_text("in two\nlines.", use_inner_text=True)
    plain = new_page("ann", java_script_enabled=False)
    plain.goto(page.url)
    expect(plain.locator(".reply-state")).to_have_count(0)
    for place in (page, plain):
        expect(reply(place).locator("strong, a, pre, table, li, blockquote")).to_have_count(9)
    assert blocks(page) == blocks(plain)


def blocks(page: Page) -> list[str]:
    return reply(page).locator(".block").evaluate_all("all => all.map((one) => one.outerHTML)")


def test_what_is_finished_is_not_touched_while_the_rest_is_written(page: Page, say: Say) -> None:
    say(page, f"Repeat: {RICH}")
    complete(page)
    page.evaluate("window.finished = [...document.querySelectorAll('chat-message *')]")
    answer = say(page, f"Repeat: {RICH}")
    expect(answer.locator("pre")).to_be_visible()
    page.evaluate(
        """() => {
          const blocks = [...document.querySelectorAll(".reply")].at(-1).children;
          window.finished.push(...[...blocks].slice(0, -1));
        }"""
    )
    complete(page)
    assert page.evaluate("finished.length") > 50
    assert page.evaluate("finished.filter((e) => !e.isConnected).map((e) => e.outerHTML)") == []
