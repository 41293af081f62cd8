"""Many documents: folders of them, batches, what is there already, collections, choosing many."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.files import prose, text
from tests.browser.test_documents import SLOW, ready, row, sending, upload


def drop(page: Page, number: int, mark: str) -> None:
    """Let many small files fall onto the page, as a person's mouse would."""
    page.evaluate(
        """([number, mark]) => {
            const dropped = new DataTransfer();
            for (let n = 0; n < number; n++) {
                const words = `# Note ${n}\\n\\n${mark} says ${n}.`;
                dropped.items.add(new File([words], `${mark}-${n}.md`));
            }
            const options = { dataTransfer: dropped, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent("drop", options));
        }""",
        [number, mark],
    )


def test_two_hundred_dropped_files_are_one_row_and_one_summary(page: Page) -> None:
    page.goto("/documents/")
    mark = prose(3).split()[0]
    drop(page, 200, mark)
    batch = page.locator("upload-batch").filter(has_text="200 files")
    expect(batch.locator(".batch-sent")).to_contain_text("of 200 sent")
    expect(batch.locator(".batch-sent")).to_be_empty(timeout=SLOW)
    expect(batch.locator(".batch-words")).to_contain_text(" of 200 ready")
    batch.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the rest").click()
    expect(batch.locator(".job-stage")).to_have_text("Done", timeout=SLOW)
    expect(batch.locator(".batch-words")).to_contain_text("cancelled")
    expect(page.locator(".uploads .row")).to_have_count(0)
    expect(page.locator("live-list .row").first).to_contain_text(mark)
    expect(page.locator("live-list .more")).to_contain_text("50 of")
    assert page.locator("live-list .row").count() <= 50
    drop(page, 12, mark)
    asked = sending(page, "12 files")
    expect(asked.get_by_role("alert")).to_have_text("You already have 12 files of these.")
    asked.get_by_role("button", name="Skip").click()
    expect(asked).to_have_count(0)
    expect(page.locator("upload-batch").last).to_contain_text("12 there already")
    page.locator("upload-batch").last.get_by_role("button", name="Dismiss").click()
    expect(page.locator("upload-batch")).to_have_count(1)


def test_what_a_tab_that_is_left_has_not_sent_is_not_waited_for(
    page: Page, new_page: NewPage
) -> None:
    page.goto("/documents/")
    drop(page, 150, prose(3).split()[0])
    batch = page.locator("upload-batch").filter(has_text="150 files")
    expect(batch.locator(".batch-sent")).to_contain_text("of 150 sent")
    other = new_page("ann")
    other.goto("/documents/")
    page.goto("/activity/")
    left = other.locator("upload-batch").filter(has_text="150 files")
    expect(left.locator(".batch-words")).to_contain_text("not sent")
    expect(left.locator(".job-stage")).to_have_text("Done", timeout=SLOW)
    words = left.locator(".batch-words").inner_text()
    counted = [int(number) for number in re.findall(r"(\d+) (?:of 150 )?(?:ready|not sent)", words)]
    assert sum(counted) == 150
    expect(left.get_by_role("link", name="Show failed")).to_be_hidden()


def test_a_batch_is_one_row_in_a_tab_that_was_open_before(page: Page, new_page: NewPage) -> None:
    page.goto("/documents/")
    other = new_page("ann")
    other.goto("/documents/")
    drop(page, 60, prose(3).split()[0])
    there = other.locator("upload-batch").filter(has_text="60 files")
    expect(there).to_have_count(1)
    there.get_by_role("button", name="Cancel").click()
    other.get_by_role("dialog").get_by_role("button", name="Cancel the rest").click()
    for tab in (other, page):
        batch = tab.locator("upload-batch").filter(has_text="60 files")
        expect(batch).to_have_count(1)
        expect(batch.locator(".job-stage")).to_have_text("Done", timeout=SLOW)
    there.get_by_role("button", name="Dismiss").click()
    expect(there).to_have_count(0)


@pytest.mark.parametrize(("policy", "rows"), [("skip", 1), ("replace", 1), ("keep", 2)])
def test_what_becomes_of_what_is_there_can_be_said_before(
    page: Page, tmp_path: Path, policy: str, rows: int
) -> None:
    path = text(tmp_path, f"said-{policy}.txt")
    first = ready(page, path).get_attribute("id")
    page.select_option("#policy", policy)
    page.set_input_files("#files", path)
    if policy == "skip":
        expect(sending(page, path.name).get_by_role("alert")).to_contain_text("You already have")
    else:
        expect(page.locator(f"#{first}")).to_have_count(0 if policy == "replace" else 1)
    expect(row(page, path.name)).to_have_count(rows)
    expect(row(page, path.name).locator(".badge")).to_have_text(["Ready"] * rows, timeout=SLOW)


def test_a_collection_is_made_filled_shared_and_deleted(
    page: Page, new_page: NewPage, tmp_path: Path
) -> None:
    path = text(tmp_path, "filed.txt")
    ready(page, path)
    page.get_by_role("button", name="New collection").click()
    page.get_by_label("Name", exact=True).fill("Harbour")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Harbour", level=1)).to_be_visible()
    expect(page.get_by_text("Nothing is in here yet")).to_be_visible()
    inside = text(tmp_path, "inside.txt")
    page.set_input_files("#files", inside)
    expect(row(page, inside.name)).to_be_visible()
    page.goto("/documents/?collection=none")
    row(page, path.name).get_by_role("checkbox").check()
    page.get_by_label("Move to").select_option(label="Harbour")
    expect(row(page, path.name)).to_have_count(0)
    expect(page.locator("collection-nav").get_by_text("Harbour 2")).to_be_visible()
    bob = new_page("bob")
    bob.goto("/documents/")
    expect(row(bob, path.name)).to_have_count(0)
    page.get_by_role("link", name="Harbour").click()
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("bob")
    dialog.get_by_role("button", name="Share").click()
    expect(dialog.get_by_text("bob", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    expect(row(bob, path.name)).to_contain_text("Shared by ann")
    expect(bob.get_by_role("link", name="Harbour")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Documents", level=1)).to_be_visible()
    expect(row(page, path.name)).to_be_visible()
    expect(row(bob, path.name)).to_have_count(0)


def test_many_are_chosen_and_removed_together(page: Page, tmp_path: Path) -> None:
    mark = prose(3).split()[0]
    paths = [text(tmp_path, f"{mark}-{number}.txt") for number in range(3)]
    upload(page, *paths)
    expect(row(page, mark).locator(".badge")).to_have_text(["Ready"] * 3, timeout=SLOW)
    page.goto(f"/documents/?q={mark}")
    row(page, paths[0].name).get_by_role("checkbox").check()
    bar = page.locator("choose-documents")
    expect(bar).to_contain_text("1 chosen")
    bar.get_by_role("button", name="All in this list").click()
    expect(bar).to_contain_text("3 chosen")
    bar.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Removed: 3 of 3.")).to_be_visible()
    expect(row(page, mark)).to_have_count(0)
    expect(bar).to_be_hidden()
