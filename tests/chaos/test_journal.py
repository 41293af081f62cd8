"""The checker itself: it accepts what is right, and fails what is not."""

from typing import Any

from tests.chaos.journal import (
    Account,
    Said,
    account,
    differences,
    disagreements,
    lost,
)


def applied(*offsets: int, epoch: str = "e", at: int = 5_000) -> list[dict[str, Any]]:
    return [
        {
            "did": "applied",
            "id": f"{epoch}-{offset}",
            "prev": f"{epoch}-{offset - 1}",
            "mark": f"#{offset}",
            "at": at,
        }
        for offset in offsets
    ]


def snapshot(position: str, began: int = 1_000) -> dict[str, Any]:
    return {"did": "snapshot", "id": position, "began": began}


def resync(position: str) -> dict[str, Any]:
    return {"did": "resync", "reason": "epoch", "id": position}


def of(*lines: dict[str, Any]) -> Account:
    return account("ann-1", [snapshot("e-3"), *lines])


def test_what_follows_on_is_right() -> None:
    tab = of(*applied(4, 5, 6))
    assert tab.faults == []
    assert tab.applied == {"#4": "e-4", "#5": "e-5", "#6": "e-6"}


def test_a_hole_is_a_fault() -> None:
    assert of(*applied(4, 6)).faults == ["e-6 after e-4: e-5 is missing"]
    assert of(*applied(5)).faults == ["e-5 after e-3: e-4 is missing"]


def test_an_event_twice_is_a_fault() -> None:
    assert len(of(*applied(4, 5, 5)).faults) == 1
    assert len(of(*applied(4, 5, 4)).faults) == 1


def test_another_epoch_without_a_resync_is_a_fault() -> None:
    assert len(of(*applied(4), *applied(5, epoch="f")).faults) == 1


def test_a_resync_in_between_is_right() -> None:
    tab = of(*applied(4), resync("f-9"), snapshot("f-9"), *applied(10, epoch="f"))
    assert tab.faults == []
    assert tab.resyncs == {"epoch": 1}


def test_what_was_merged_is_counted_and_no_hole() -> None:
    [merged] = applied(9)
    tab = of(merged | {"prev": "e-3"})
    assert tab.faults == []
    assert tab.merged == 5


def test_an_older_attempt_after_a_newer_one_is_a_fault() -> None:
    first, second, third = applied(4, 5, 6)
    of_job = {"subject": "s"}
    attempts = [
        first | of_job | {"attempt": 1},
        second | of_job | {"attempt": 2},
        third | {"subject": "another", "attempt": 1},
    ]
    assert of(*attempts).faults == []
    assert len(of(*attempts[:2], third | of_job | {"attempt": 1}).faults) == 1


def said(*offsets: int, durable: bool = True, user: str = "ann", began: float = 5.0) -> list[Said]:
    return [Said(user, f"#{offset}", durable, began, began) for offset in offsets]


def test_what_had_to_arrive_and_did_not_is_lost() -> None:
    tab = of(*applied(4, 5))
    assert lost(tab, said(4, 5)) == []
    assert lost(tab, said(4, 5, 6)) == ["#6"]


def test_what_may_be_dropped_or_is_another_s_is_not_lost() -> None:
    assert lost(of(), said(4, durable=False) + said(5, user="bob")) == []


def test_of_an_older_attempt_nothing_is_lost_once_the_next_has_spoken() -> None:
    [spoken] = applied(4)
    tab = of(spoken | {"subject": "s", "attempt": 1})
    assert lost(tab, [Said("ann", "#5", True, 5.0, 5.0, "s", attempt=0)]) == []
    assert lost(tab, [Said("ann", "#5", True, 5.0, 5.0, "s", attempt=1)]) == ["#5"]
    assert lost(tab, [Said("ann", "#5", True, 5.0, 5.0, "another", attempt=0)]) == ["#5"]


def test_rows_fetched_after_a_resync_hold_what_was_said_before() -> None:
    tab = of(resync("f-1"), snapshot("f-1", began=6_000))
    assert lost(tab, said(4, began=5.9)) == []
    assert lost(tab, said(4, began=6.1)) == ["#4"]


def test_the_page_s_own_rows_excuse_nothing() -> None:
    assert lost(account("ann-1", [snapshot("e-3", began=9_000)]), said(4)) == ["#4"]


def test_one_event_has_one_id_in_all_tabs() -> None:
    one, other = of(*applied(4)), of(*applied(4))
    assert disagreements([one, other]) == []
    other.applied["#4"] = "e-5"
    assert len(disagreements([one, other])) == 1


def job(**fields: Any) -> dict[str, Any]:
    event = {"type": "document_status", "documentId": "s", "attempt": 1, "status": "PROCESSING"}
    return event | {"stage": "EMBEDDING", "progress": 40, "message": "#7"} | fields


def shown(*events: dict[str, Any], **texts: str) -> dict[str, Any]:
    return {"rows": {event["documentId"]: event for event in events}, "texts": texts}


def fresh(*events: dict[str, Any], **texts: str) -> dict[str, Any]:
    messages = [{"messageId": name, "content": text} for name, text in texts.items()]
    return {"events": events, "messages": messages}


def test_what_is_shown_is_what_a_fresh_snapshot_says() -> None:
    assert (
        differences(shown(job(id="e-7", prev="e-6", ts="now", terminal=False)), fresh(job())) == []
    )
    for wrong in ({"attempt": 2}, {"progress": 41}, {"stage": "INDEXING"}, {"message": "#8"}):
        assert len(differences(shown(job(**wrong)), fresh(job()))) == 1


def test_a_row_too_many_or_too_few_is_a_difference() -> None:
    assert differences(shown(job()), fresh()) == ["s is shown but has ended"]
    assert differences(shown(), fresh(job())) == ["s is not shown"]


def test_a_text_that_is_not_whole_is_a_difference() -> None:
    assert differences(shown(m="Hello"), fresh(m="Hello")) == []
    assert differences(shown(done="Bye"), fresh()) == []
    assert len(differences(shown(m="Hel"), fresh(m="Hello"))) == 1
    assert len(differences(shown(), fresh(m="Hello"))) == 1
