"""What a web process counts and measures of live delivery, for Prometheus.

They are touched where things happen; `docs/operations.md` says what each is good for. On the way
of an event to its sockets there is one observation for each event and process, not for each socket.
What is asked for only when somebody scrapes is in `realtime.scrape`.
"""

from typing import Literal, get_args

from prometheus_client import Counter, Gauge, Histogram

from realtime.close_codes import CloseCode
from realtime.frames import ResyncReason

GapSource = Literal["announcement", "head_check", "reconnect"]
SocketKind = Literal["websocket", "sse"]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CUT_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120)
CLIENTS_CODES = (1000, 1001, 1005, 1006)  # that have a label each; clients may send any number

SOCKETS_CLOSED = Counter(
    "realtime_sockets_closed",
    "Connections that ended, by close code and by who ended them: us, or the client.",
    ["kind", "code", "by"],
)
APPEND_TO_SOCKET = Histogram(
    "realtime_append_to_socket_seconds",
    "From an event's place in the log until it was written to the sockets that keep up.",
    buckets=SECONDS,
)
GAPS = Counter(
    "realtime_gaps",
    "Times that events were found in the log which had not been announced, by what found them.",
    ["source"],
)
RESUMES = Counter(
    "realtime_resumes",
    "Connections that were sent all they had missed, by whether they came with a cursor.",
    ["cursor"],
)
REPLAYED = Counter("realtime_replayed_events", "Events that were sent in resumes.")
RESYNCS = Counter(
    "realtime_resyncs", "Times that a client was told to fetch its rows again.", ["reason"]
)
REPLAYS_WAITING = Gauge("realtime_replays_waiting", "Reads of the log that wait for their turn.")
REVOCATION_TO_CUT = Histogram(
    "realtime_revocation_to_cut_seconds",
    "From the end of a session or token in the database until its sockets were cut.",
    buckets=CUT_SECONDS,
)
PRESENCE_HEALED = Counter(
    "realtime_presence_healed",
    "Members of topics that the log's server had lost, and that were put back.",
)

# A series that is there from the beginning can be alerted on when it first moves.
for _source in get_args(GapSource):
    GAPS.labels(_source)
for _reason in get_args(ResyncReason):
    RESYNCS.labels(_reason)
for _given in ("given", "none"):
    RESUMES.labels(_given)


def closed(kind: SocketKind, code: int | None, *, by_us: bool) -> None:
    """A connection ended. A code that the protocol does not know counts as `other`; SSE responses
    that clients end have none."""
    known = tuple(CloseCode) if by_us else CLIENTS_CODES
    name = "none" if code is None else str(int(code)) if code in known else "other"
    SOCKETS_CLOSED.labels(kind, name, "server" if by_us else "client").inc()
