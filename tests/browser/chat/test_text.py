"""Texts that are hard to show: long, wide, from right to left, hostile, or read further up."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat.conftest import Say, complete, reply
from tests.browser.conftest import NewPage
from tests.model_server import ModelServer

LINES = 2_000
CODE = "\n".join(f"x{n} = f({n})" for n in range(LINES))
ARABIC = "مرحبا بالعالم، هذا نص طويل."


@pytest.fixture
def quick(model: ModelServer) -> ModelServer:
    model.rate = 800
    return model


def fill(page: Page, words: str) -> None:
    """At once: the browser takes seconds to type so many lines."""
    page.get_by_label("Message").evaluate("(field, words) => field.value = words", words)


def test_code_of_2000_lines_is_followed_while_it_is_written_and_complete_afterwards(
    page: Page, quick: ModelServer
) -> None:
    fill(page, f"Repeat: Here:\n\n```python\n{CODE}\n```\n\nThat was **all**.")
    page.keyboard.press("Enter")
    expect(reply(page)).to_contain_text("x700 = f(700)", timeout=30_000)
    assert page.locator(".reply .code").count() == 1
    left = page.evaluate("document.documentElement.scrollHeight - scrollY - innerHeight")
    assert left < 100
    expect(reply(page).locator("strong")).to_have_text("all", timeout=60_000)
    complete(page)
    assert reply(page).locator("pre").inner_text().rstrip("\n") == CODE
    expect(reply(page).locator(".code .mi").last).to_have_text(str(LINES - 1))
    expect(reply(page).locator(".block")).to_have_count(3)
    page.reload()
    assert reply(page).locator("pre").inner_text().rstrip("\n") == CODE


def test_what_comes_after_long_code_never_stands_in_it(page: Page, quick: ModelServer) -> None:
    fill(page, f"Repeat: ```\n{CODE[:12_000]}\n```\n\nAfter it.\n\n{'word ' * 3_000}end")
    page.keyboard.press("Enter")
    expect(reply(page).locator("p", has_text="After it.")).to_be_visible(timeout=30_000)
    expect(reply(page)).to_have_attribute("aria-busy", "true")
    expect(reply(page).locator("pre")).not_to_contain_text("After it.")
    complete(page)


def test_text_from_right_to_left_is_set_so_and_code_in_it_is_not(page: Page, say: Say) -> None:
    answer = say(page, f"Repeat: {ARABIC}\n\n```\na = 1\n```\n\nEnglish again.\n\n- {ARABIC}")
    complete(page)
    wanted = {"p >> nth=0": "rtl", ".code pre": "ltr", "p >> text=English": "ltr", "ul": "rtl"}
    for selector, direction in wanted.items():
        element = answer.locator(selector)
        assert element.evaluate("(e) => getComputedStyle(e).direction") == direction, selector
    right = answer.locator("p").first.evaluate(
        """(e) => {
          const range = document.createRange();
          range.selectNodeContents(e);
          return e.getBoundingClientRect().right - range.getBoundingClientRect().right;
        }"""
    )
    assert right < 2
    page.get_by_label("Message").fill(ARABIC)
    direction = "(e) => getComputedStyle(e).direction"
    assert page.get_by_label("Message").evaluate(direction) == "rtl"


def test_a_very_long_word_never_makes_the_page_scroll_sideways(
    page: Page, say: Say, new_page: NewPage
) -> None:
    word = "Donaudampfschiff" * 60
    table = f"| a | b |\n|---|---|\n| {word} | {'c ' * 40}|"
    say(page, f"Repeat: {word}\n\n`{word}`\n\n    {word}\n\n{table}\n\n- {word}")
    complete(page)
    narrow = new_page("ann", width=320)
    narrow.goto(page.url)
    for one in (page, narrow):
        wider = one.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0


def test_a_models_markup_is_text_its_pictures_are_not_loaded_and_its_links_say_nothing_of_us(
    page: Page, say: Say
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = say(
        page,
        "Repeat: <img src=https://elsewhere.example/a.png><script>window.bad = 1</script>\n\n"
        "![p](https://elsewhere.example/b.png) [site](https://example.org) [x](javascript:bad())",
    )
    complete(page)
    expect(answer).to_contain_text("<script>window.bad = 1</script>")
    expect(answer.locator("img, script")).to_have_count(0)
    assert page.evaluate("window.bad") is None
    assert not [url for url in asked if "elsewhere" in url]
    links = answer.locator("a[href]").evaluate_all("all => all.map((link) => link.rel)")
    assert len(links) == 2  # the site, and where the picture is
    assert all({"noopener", "noreferrer"} <= set(rel.split()) for rel in links)


def test_who_reads_above_is_left_there_and_told_of_new_text(page: Page, say: Say) -> None:
    say(page, "Repeat: " + "Line\n\n" * 60)
    complete(page)
    say(page, "Count to 300")
    below = page.get_by_role("button", name="New text below")
    expect(reply(page)).to_contain_text(" 20 ")
    expect(below).to_be_hidden()
    page.mouse.move(600, 300)
    page.mouse.wheel(0, -400)
    expect(below).to_be_visible()
    place = page.evaluate("scrollY")
    count = len(reply(page).inner_text().split())
    expect(reply(page)).to_contain_text(f" {count + 50} ")
    assert page.evaluate("scrollY") == place
    below.click()
    expect(below).to_be_hidden()
    expect(reply(page)).to_contain_text(" 300")
    complete(page)
    expect(below).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollHeight - scrollY - innerHeight") < 3


def test_code_and_answers_are_copied(page: Page, say: Say) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = say(page, "Repeat: Try:\n\n```sh\nls -l\n```")
    complete(page)
    expect(answer.locator(".code-head")).to_contain_text("sh")
    answer.get_by_role("button", name="Copy").click()
    expect(page.locator("#notices")).to_contain_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "ls -l\n"
    page.get_by_role("button", name="Copy the answer").click()
    expect(page.locator("#notices p", has_text="Copied.")).to_have_count(2)
    assert page.evaluate("navigator.clipboard.readText()") == "Try:\n\n```sh\nls -l\n```"


def test_the_figures_of_an_answer_are_shown_on_demand(page: Page, say: Say) -> None:
    say(page, "Count to 20")
    complete(page)
    figures = page.locator(".figures")
    expect(figures.get_by_text("tokens/s")).to_be_hidden()
    figures.get_by_text("model-a").click()
    expect(figures).to_contain_text("First token after")
    expect(figures).to_contain_text("tokens/s · 7 tokens read · 20 written")
