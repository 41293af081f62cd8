"""What was published against what each tab applied: is the promise of the protocol kept?

For every tab, what it applied follows on without a hole and without a repetition, or a `resync`
lies between; nothing of an older attempt comes after a newer one of the same job; everything that
must not be lost was applied, or was said before rows that the tab fetched after a resync; and in
the end it shows what a fresh snapshot shows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """One event that was published. `began` and `at`: Unix seconds around it; `subject` and
    `attempt` for that of a job."""

    user: str
    mark: str
    durable: bool
    began: float
    at: float
    subject: str = ""
    attempt: int = 0


@dataclass
class Account:
    """What one tab did."""

    tab: str
    faults: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)  # of the events that it applied
    applied: dict[str, str] = field(default_factory=dict)  # ids by marks
    times: dict[str, float] = field(default_factory=dict)  # Unix seconds of applying, by marks
    resyncs: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    fetched: list[float] = field(default_factory=list)  # when rows were asked for, Unix seconds
    merged: int = 0  # events that came as part of a later one
    attempts: dict[str, int] = field(default_factory=dict)  # the last, by subject

    @property
    def user(self) -> str:
        return self.tab.partition("-")[0]


def account(tab: str, lines: Iterable[Line]) -> Account:
    """Follow a tab's journal, in its order."""
    result, position = Account(tab), ""
    for line in lines:
        match line["did"]:
            case "snapshot":
                result.fetched.append(line["began"] / 1000)
                position = position or line["id"]
            case "resync":
                result.resyncs[line["reason"]] += 1
                position = line["id"]
            case "closed":
                result.codes[line["code"]] += 1
            case "applied":
                result.merged += _follows(result, position, line)
                _is_of_the_newest_attempt(result, line)
                position = line["id"]
                result.ids.add(line["id"])
                if line["mark"].startswith("#"):
                    result.applied.setdefault(line["mark"], line["id"])
                    result.times.setdefault(line["mark"], line["at"] / 1000)
    return result


def _follows(result: Account, position: str, line: Line) -> int:
    """Note a fault if the event does not follow on; how many it stands for besides itself."""
    (epoch, last), (own, offset), (before, previous) = map(
        _parsed, (position, line["id"], line["prev"])
    )
    if own != epoch:
        result.faults.append(f"{line['id']} after {position} without a resync")
    elif offset <= last:
        result.faults.append(f"{line['id']} after {position}: applied twice or out of order")
    elif before != epoch or previous > last:
        result.faults.append(f"{line['id']} after {position}: {line['prev']} is missing")
    else:
        return offset - last - 1
    return 0


def _is_of_the_newest_attempt(result: Account, line: Line) -> None:
    subject, attempt = line.get("subject"), line.get("attempt")
    if not subject or attempt is None:
        return
    if attempt < result.attempts.get(subject, 0):
        newest = result.attempts[subject]
        result.faults.append(f"{line['id']}: attempt {attempt} of {subject} after {newest}")
    result.attempts[subject] = attempt


def _parsed(position: str) -> tuple[str, int]:
    epoch, _, offset = position.partition("-")
    return epoch, int(offset or 0)


def lost(tab: Account, said: Iterable[Said]) -> list[str]:
    """The marks of this tab's person that had to arrive, did not, and are in no rows it fetched.

    What is said of an attempt once the next has spoken is void: it need not arrive.
    """
    fetched = max(tab.fetched[1:], default=0.0)  # the first are the page's own
    return [
        event.mark
        for event in said
        if event.user == tab.user
        and event.durable
        and event.mark not in tab.applied
        and event.began > fetched
        and event.attempt >= tab.attempts.get(event.subject, 0)
    ]


def disagreements(accounts: Sequence[Account]) -> list[str]:
    """Marks that came to tabs of one person under different ids of one epoch."""
    found, ids = [], dict[tuple[str, str, str], str]()
    for tab in accounts:
        for mark, event_id in tab.applied.items():
            first = ids.setdefault((tab.user, mark, _parsed(event_id)[0]), event_id)
            if first != event_id:
                found.append(f"{mark} is {first} and {event_id} to {tab.tab}")
    return found


def differences(tab: Line, snapshot: Line) -> list[str]:
    """Where what a tab shows is not what a fresh snapshot says."""
    shown = {subject: _content(event) for subject, event in tab["rows"].items()}
    fresh = {_subject(event): _content(event) for event in snapshot["events"]}
    found = [f"{subject} is shown but has ended" for subject in shown.keys() - fresh.keys()]
    found += [f"{subject} is not shown" for subject in fresh.keys() - shown.keys()]
    for subject in shown.keys() & fresh.keys():
        if shown[subject] != fresh[subject]:
            found.append(f"{subject}: {shown[subject]} is not {fresh[subject]}")
    for message in snapshot["messages"]:
        text = tab["texts"].get(message["messageId"])
        if text != message["content"]:
            found.append(f"{message['messageId']}: {text!r} is not {message['content']!r}")
    return found


def _subject(event: Line) -> str:
    return str(event.get("documentId") or event["queryId"])


def _content(event: Line) -> Line:
    """Without its place in the stream and time, and what is the same when left out."""
    return {
        name: value
        for name, value in event.items()
        if name not in {"id", "prev", "ts"} and (name, value) != ("terminal", False)
    }
