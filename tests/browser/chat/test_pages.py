"""What holds for the pages of conversations: accessible, narrow enough, small, quick, and readable
without scripts."""

import gzip
import re

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.chat.conftest import Say, complete, reply
from tests.browser.chat.test_tools import ADD
from tests.browser.chat.test_writing import RICH
from tests.browser.conftest import NewPage
from tests.browser.test_pages import findings
from tests.stack import LiveStack

EXCHANGES = 100
LONG = f"""
from django.contrib.auth.models import User
from django.utils import timezone
from chat.models import ChatSession, Message
from realtime.models import Job, Status

now, ann, text = timezone.now(), User.objects.get(username="ann"), {RICH!r}
session = ChatSession.objects.create(owner=ann, title="Long", is_titled=True, updated_at=now)
leaf = None
for n in range({EXCHANGES}):
    leaf = Message.objects.create(session=session, parent=leaf, role="user", content=f"Question {{n}}")
    reply = Message(session=session, parent=leaf, role="assistant", content=f"{{text}} {{n}}")
    reply.job = Job.objects.create(
        owner=ann, kind="chat.reply", subject=reply.pk, status=Status.DONE, attempt=1,
        queued_at=now, started_at=now, finished_at=now,
    )
    reply.save()
    leaf = reply
session.leaf = leaf
session.save()
print(session.pk)
"""  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def long_one(stack: LiveStack) -> str:
    """The address of a conversation of 200 messages."""
    made = stack.manage("shell", "--no-imports", "--command", LONG)
    made.check_returncode()
    return f"/chat/{made.stdout.split()[-1]}/"


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_never_scrolls_sideways(
    page: Page, say: Say, new_page: NewPage, scheme: str, width: int
) -> None:
    page.locator("summary", has_text="Tools").click()
    page.get_by_label("Calculator").check()
    page.keyboard.press("Escape")
    say(page, f"Repeat: {RICH}")
    complete(page)
    say(page, "Fail with 401")
    expect(page.locator(".problem")).to_be_visible()
    say(page, ADD)
    expect(page.get_by_role("button", name="Allow once")).to_be_visible()
    say(page, "Repeat: Later")
    shown = new_page("ann", width=width, color_scheme=scheme)
    faults: list[str] = []

    def look(what: str) -> None:
        faults.extend(f"{what}: {finding}" for finding in findings(shown))
        if shown.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{what} is wider than {width}")

    shown.goto("/chat/")
    look("a new one")
    shown.goto(page.url)
    expect(shown.get_by_role("heading", level=1)).to_have_count(1)
    look("a conversation")
    shown.locator(".set-up summary", has_text="Tools").click()
    look("the tools")
    shown.keyboard.press("Escape")
    shown.get_by_text("What can be done with this chat").locator("xpath=..").click()
    look("its menu")
    shown.keyboard.press("Escape")
    shown.get_by_text("Write another answer").first.locator("xpath=..").click()
    look("the models")
    shown.keyboard.press("Escape")
    shown.get_by_label("Message").press("ArrowUp")
    look("an edit")
    if width == 320:
        shown.get_by_role("button", name="Chats").click()
        expect(shown.locator("#chats")).to_be_visible()
        look("the list")
    assert faults == []


def test_every_page_is_small(page: Page, long_one: str) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    for url in ("/chat/", long_one):
        answers.clear()
        page.goto(url, wait_until="networkidle")
        bytes_of = {".js": 0, ".css": 0}
        for answer in answers:
            for ending in bytes_of:
                if answer.url.endswith(ending):
                    bytes_of[ending] += len(gzip.compress(answer.body(), 9))
        assert 0 < bytes_of[".css"] <= 6 * 1024, bytes_of
        assert 0 < bytes_of[".js"] <= 30 * 1024, bytes_of


def test_200_messages_are_shown_from_their_end_and_earlier_ones_on_demand(
    page: Page, long_one: str
) -> None:
    page.goto(long_one)
    expect(page.locator("chat-message")).to_have_count(50)
    expect(page.get_by_text(f"Question {EXCHANGES - 1}", exact=True)).to_be_in_viewport()
    first = page.get_by_text(f"Question {EXCHANGES - 25}", exact=True)
    earlier = page.get_by_role("link", name="Show earlier messages")
    page.evaluate("scrollTo(0, 0)")
    before = first.bounding_box()
    assert before
    earlier.evaluate("(link) => link.click()")
    expect(page.locator("chat-message")).to_have_count(100)
    after = first.bounding_box()
    assert after
    assert abs(before["y"] - after["y"]) < 80  # it stays where one reads
    page.reload()
    expect(page.locator("chat-message")).to_have_count(100)


def test_among_200_messages_a_new_one_changes_nothing_but_its_own_place(
    page: Page, say: Say, long_one: str
) -> None:
    page.goto(f"{long_one}?show=1000")
    expect(page.locator("chat-message")).to_have_count(2 * EXCHANGES)
    page.evaluate(
        """() => {
          window.kept = [...document.querySelectorAll(".messages *")];
          window.changes = 0;
          const count = (records) => changes += records.length;
          for (const message of document.querySelectorAll("chat-message")) {
            new MutationObserver(count).observe(message,
              { subtree: true, childList: true, characterData: true, attributes: true });
          }
        }"""
    )
    say(page, "Count to 60")
    expect(reply(page)).to_contain_text(" 60")
    complete(page)
    assert page.evaluate("kept.filter((element) => !element.isConnected).length") == 0
    assert page.evaluate("changes") == 0
    with_earlier = page.locator("chat-message").count()
    assert with_earlier == 2 * EXCHANGES + 2


def test_reading_needs_no_scripts(page: Page, say: Say, new_page: NewPage) -> None:
    say(page, f"Repeat: {RICH}")
    complete(page)
    plain = new_page("ann", java_script_enabled=False)
    plain.goto(page.url)
    expect(reply(plain).locator("table")).to_be_visible()
    expect(plain.locator("noscript p")).to_have_text(re.compile("reading does not"))
    expect(plain.locator("button:visible")).to_have_count(0)
    plain.goto("/chat/?q=Reading")
    expect(plain.locator(".past a").first).to_be_visible()


def test_the_keyboard_leads_to_a_conversation_and_writes_in_it(page: Page) -> None:
    page.goto("/documents/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("New chat")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Message")).not_to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Message")).to_be_focused()
    page.keyboard.type("Repeat: One")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Two")
    page.keyboard.press("Enter")
    expect(page.locator(".wrote")).to_have_text("Repeat: One\nTwo", use_inner_text=True)
    complete(page)
