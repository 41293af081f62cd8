"""What a client that lags is sent in place of everything: the classes of `docs/protocol.md`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from realtime.events import LATEST, MAX_EVENT_BYTES
from realtime.log import Entry


def coalesced(entries: Sequence[Entry]) -> list[Entry]:
    """The latest of what only the latest matters of, and adjacent pieces of a text as one.

    A state event stays where it is, and nothing moves past it.
    """
    result: list[Entry | None] = []
    places: dict[str, int] = {}  # where in the result the last of a name is
    for entry in entries:
        name = entry.coalesce
        if not name:
            places.clear()
        elif name in places:
            earlier = result[places[name]]
            assert earlier
            merged = entry if name.startswith(LATEST) else _merged(earlier, entry)
            if merged:
                result[places[name]] = None
                entry = merged
        if name:
            places[name] = len(result)
        result.append(entry)
    return [entry for entry in result if entry]


def _put_blocks_before(event: dict[str, Any], begin: int, blocks: list[str]) -> bool:
    """Those of an earlier event that the event does not replace. False when some are missing
    between the two."""
    kept = blocks[: max(0, event["blocksFrom"] - begin)]
    if begin + len(kept) < event["blocksFrom"]:
        return False
    event["blocks"] = kept + event["blocks"]
    event["blocksFrom"] -= len(kept)
    return True


def _merged(earlier: Entry, later: Entry) -> Entry | None:
    """Two pieces as one, if they are adjacent and fit into one event."""
    if len(earlier.payload) + len(later.payload) > MAX_EVENT_BYTES:
        return None
    field = later.coalesce.partition(":")[0]
    before, after = msgspec.json.decode(earlier.payload), msgspec.json.decode(later.payload)
    start = f"{field}Offset"
    same = before.get("attempt") == after.get("attempt")
    if not same or after[start] != before[start] + len(before[field]):
        return None
    if "blocks" in before and not (
        "blocks" in after  # they would hide a later piece that has none
        and _put_blocks_before(after, before["blocksFrom"], before["blocks"])
    ):
        return None
    after[field], after[start] = before[field] + after[field], before[start]
    return Entry(later.offset, msgspec.json.encode(after), later.coalesce)
