"""Documents, as a person sees them come in."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import NewPage
from tests.browser.files import long_pdf, pdf, prose, text
from tests.stack import LiveStack, until

SLOW = 90_000  # milliseconds, for the slowest machine we care about


def row(page: Page, name: str) -> Locator:
    return page.locator("live-list .row").filter(has_text=name)


def sending(page: Page, name: str) -> Locator:
    return page.locator(".uploads .row").filter(has_text=name)


def upload(page: Page, *paths: Path) -> None:
    page.goto("/documents/")
    page.set_input_files("#files", list(paths))


def ready(page: Page, path: Path) -> Locator:
    upload(page, path)
    shown = row(page, path.name)
    expect(shown.locator(".badge")).to_have_text("Ready", timeout=SLOW)
    return shown


def percent(page: Page, name: str) -> int:
    """What the row's bar shows; -1 without one."""
    said = re.search(
        r"(\d+) %", row(page, name).inner_text()
    )  # one look: the bar may go any moment
    return int(said.group(1)) if said else -1


def test_a_file_chosen_before_the_script_has_loaded_is_not_lost(page: Page, tmp_path: Path) -> None:
    held: list[Route] = []
    page.route("**/documents/upload*.js", lambda route: held.append(route))
    with page.expect_request("**/documents/upload*.js"):
        page.goto("/documents/", wait_until="commit")
    path = text(tmp_path, "early.txt")
    page.set_input_files("#files", path)
    [script] = held
    script.continue_()
    expect(row(page, path.name)).to_be_visible()


def test_an_upload_is_watched_to_its_end_in_two_tabs(page: Page, tmp_path: Path) -> None:
    path = long_pdf(tmp_path, "watched.pdf", 12)
    other = page.context.new_page()
    other.goto("/documents/")
    upload(page, path)
    expect(row(other, path.name).locator(".job-stage")).to_have_text("Embedding", timeout=SLOW)
    seen: list[int] = []

    def has_ended() -> bool:
        if (now := percent(page, path.name)) >= 0:
            seen.append(now)
        return row(page, path.name).locator(".badge").count() > 0

    until(has_ended, within=SLOW / 1000)
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    for tab in (page, other):
        expect(row(tab, path.name)).to_contain_text("Ready")
        expect(row(tab, path.name)).to_contain_text("chunks,")
        expect(row(tab, path.name)).to_contain_text("12 pages")


def test_a_reload_in_the_middle_shows_the_same_and_goes_on(page: Page, tmp_path: Path) -> None:
    path = long_pdf(tmp_path, "reloaded.pdf")
    upload(page, path)
    expect(row(page, path.name).locator(".job-message")).to_contain_text(" of ", timeout=SLOW)
    before = percent(page, path.name)
    page.reload()
    expect(row(page, path.name).locator("progress")).to_be_visible()
    assert percent(page, path.name) >= before > 0
    row(page, path.name).get_by_role("link", name=path.name).click()
    expect(page.locator(".job-stage")).to_have_text("Embedding")
    expect(page.get_by_role("link", name="Ask about this")).to_be_visible(timeout=SLOW)
    expect(page.locator(".facts")).to_contain_text("Embedding")


def test_the_web_server_dies_and_the_page_misses_nothing(
    page: Page, stack: LiveStack, tmp_path: Path
) -> None:
    path = long_pdf(tmp_path, "cut.pdf")
    upload(page, path)
    expect(row(page, path.name).locator(".job-message")).to_contain_text(" of ", timeout=SLOW)
    for process in stack.processes("daphne"):
        process.kill()
    expect(row(page, path.name).locator(".badge")).to_have_text("Ready", timeout=SLOW)
    expect(page.locator("connection-status")).to_be_empty()


def test_dropped_files_are_taken_in(page: Page) -> None:
    page.goto("/documents/")
    dropped = page.evaluate_handle(
        """text => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([text], "dropped.md", { type: "text/markdown" }));
            return dropped;
        }""",
        f"# Dropped\n\n{prose(30)}",
    )
    page.dispatch_event("main", "dragenter", {"dataTransfer": dropped})
    expect(page.locator("body")).to_have_class("shell dropping")
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    expect(row(page, "dropped.md").locator(".badge")).to_have_text("Ready", timeout=SLOW)
    expect(page.locator("body")).to_have_class("shell")


def test_a_file_that_cannot_be_read_says_why_and_disturbs_no_other(
    page: Page, tmp_path: Path
) -> None:
    empty = tmp_path / "nothing-in-it.txt"
    empty.touch()
    wrong = tmp_path / "wrong.pdf"
    wrong.write_bytes(b"%PDF-1.7 and no more " + prose(5).encode())
    good = text(tmp_path, "good.txt")
    upload(page, empty, wrong, good)
    expect(sending(page, empty.name).get_by_role("alert")).to_have_text("The file is empty.")
    expect(row(page, empty.name)).to_have_count(0)
    expect(row(page, wrong.name).locator(".badge")).to_have_text("Failed", timeout=SLOW)
    expect(row(page, wrong.name)).to_contain_text("while reading")
    expect(row(page, wrong.name).locator(".error-words")).to_contain_text("damaged")
    expect(row(page, wrong.name).get_by_role("button", name="Retry")).to_be_visible()
    expect(row(page, good.name).locator(".badge")).to_have_text("Ready", timeout=SLOW)


def test_a_file_over_the_limit_is_not_even_sent(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "huge.pdf"
    with path.open("wb") as file:
        file.truncate(101 * 1024 * 1024)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto("/documents/")
    page.locator("upload-zone").evaluate(
        "(zone, size) => zone.add([new File([new Uint8Array(size)], 'huge.pdf')])",
        path.stat().st_size,
    )
    expect(sending(page, path.name).get_by_role("alert")).to_have_text(
        "The file is larger than 100 MB."
    )
    assert "POST" not in sent
    sending(page, path.name).get_by_role("button", name="Dismiss").click()
    expect(sending(page, path.name)).to_have_count(0)


@pytest.mark.parametrize(("choice", "rows"), [("Skip", 1), ("Keep both", 2), ("Replace", 1)])
def test_the_same_file_twice_is_told(page: Page, tmp_path: Path, choice: str, rows: int) -> None:
    path = text(tmp_path, f"twice-{choice.split()[0].lower()}.txt")
    ready(page, path)
    first = row(page, path.name).get_attribute("id")
    page.set_input_files("#files", path)
    expect(sending(page, path.name).get_by_role("alert")).to_have_text(
        f"You already have this file: {path.name}."
    )
    sending(page, path.name).get_by_role("button", name=choice).click()
    expect(sending(page, path.name)).to_have_count(0)
    expect(row(page, path.name)).to_have_count(rows)
    expect(row(page, path.name).locator(".badge")).to_have_text(["Ready"] * rows, timeout=SLOW)
    kept = page.locator(f"#{first}")
    expect(kept).to_have_count(0 if choice == "Replace" else 1)


def test_cancel_ends_the_work_and_retry_begins_it_again(page: Page, tmp_path: Path) -> None:
    path = long_pdf(tmp_path, "cancelled.pdf", 20)
    upload(page, path)
    expect(row(page, path.name).locator(".job-message")).to_contain_text(" of ", timeout=SLOW)
    row(page, path.name).get_by_role("button", name=f"Cancel {path.name}").click()
    expect(row(page, path.name).locator(".badge")).to_have_text("Cancelled")
    row(page, path.name).get_by_role("button", name=f"Retry {path.name}").click()
    expect(row(page, path.name).locator("progress")).to_be_visible()
    expect(row(page, path.name).locator(".badge")).to_have_text("Ready", timeout=SLOW)


def test_removal_asks_first_and_all_tabs_drop_the_row(page: Page, tmp_path: Path) -> None:
    path = text(tmp_path, "removed.txt")
    ready(page, path)
    other = page.context.new_page()
    other.goto("/documents/")
    row(other, path.name).get_by_role("link", name=path.name).first.click()
    row(page, path.name).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(row(page, path.name)).to_be_visible()
    row(page, path.name).get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row(page, path.name)).to_have_count(0)
    expect(other.get_by_text("This document was removed.")).to_be_visible()


def test_the_list_is_filtered_by_name_and_status(page: Page, tmp_path: Path) -> None:
    ready(page, text(tmp_path, "needle.txt"))
    page.fill("#q", "needl")
    page.keyboard.press("Enter")
    expect(page.locator("live-list .row")).to_have_count(1)
    page.select_option("#status", "failed")
    expect(page.get_by_text("No document matches")).to_be_visible()


def test_a_name_is_shown_as_text_whatever_is_in_it(page: Page, tmp_path: Path) -> None:
    path = text(tmp_path, "<img src=x onerror=alert(1)>.txt")
    expect(ready(page, path).locator("bdi")).to_have_text(path.name)


def test_the_title_counts_the_work_while_nobody_looks(page: Page, tmp_path: Path) -> None:
    upload(page, long_pdf(tmp_path, "counted.pdf", 15))
    expect(row(page, "counted.pdf").locator("progress")).to_be_visible(timeout=SLOW)
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(page).to_have_title("(1) Documents · Product Demo")
    expect(page).to_have_title("Documents · Product Demo", timeout=SLOW)


def test_another_person_finds_nothing_of_mine(
    page: Page, new_page: NewPage, tmp_path: Path
) -> None:
    path = pdf(tmp_path, "mine.pdf", prose(50))
    url = ready(page, path).get_by_role("link", name=path.name).first.get_attribute("href") or ""
    bob = new_page("bob")
    bob.goto("/documents/")
    expect(row(bob, path.name)).to_have_count(0)
    answer = bob.goto(url)
    assert answer
    assert answer.status == 404
