"""The time at the log's server, as this machine's monotonic clock tells it."""

import time


class LogClock:
    """Steps of this machine's clock do not matter to it; a difference between the two machines, and
    steps of the server's clock, are made up for whenever the server says what time it is."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()  # until told otherwise, both agree

    def since(self, at: float) -> float:
        """Seconds since a moment of the server's clock; never negative."""
        return max(0.0, time.monotonic() + self._ahead - at)

    def told(self, at: float, asked: float, answered: float) -> None:
        """The server's clock said `at` between two moments of the monotonic clock. What we believe
        is changed by no more than that demands: an answer that was long under way says little."""
        self._ahead = min(max(self._ahead, at - answered), at - asked)
