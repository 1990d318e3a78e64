"""Time that can be cancelled, and that tests can turn by hand."""

import ctypes
import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from drivers.buses import Time
from records import Phrase

BY_OPERATOR = Phrase("run.stopped_by_operator")


class Cancelled(BaseException):
    """The run was stopped. Not an `Exception`, so that no step swallows it by accident."""


class Clock:
    """The clock that a step waits with. `cancel` may be called from any thread and wakes a sleeper.

    `speed` is how many times faster than ours the time of `source` runs. A source that is not the
    real time has infinite speed unless told otherwise: it is slept on, because nothing else moves
    it, and as that takes no time no sleeper need be woken. `reason` is why it was first cancelled,
    and `in_doubt` whether what was measured may be another device's: then no FAIL of the run
    stands.
    """

    def __init__(self, source: Time = time, *, speed: float | None = None) -> None:
        self._source = source
        self._speed = (1.0 if source is time else math.inf) if speed is None else speed
        self._stop = threading.Event()
        self.reason: Phrase | None = None
        self.in_doubt = False

    def cancel(self, reason: Phrase = BY_OPERATOR, *, in_doubt: bool = False) -> None:
        if in_doubt and not self.in_doubt:
            self.reason, self.in_doubt = reason, True
        self.reason = self.reason or reason
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def check(self) -> None:
        """Raise `Cancelled` when the run was stopped."""
        if self._stop.is_set():
            raise Cancelled

    def now(self) -> datetime:
        """Return the time of day, for records. Durations come from `monotonic`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self._source.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises `Cancelled` at once when the run is stopped."""
        self.check()
        if math.isinf(self._speed):
            self._source.sleep(seconds)
        else:
            self._stop.wait(seconds / self._speed)
        self.check()

    def every(self, period_s: float, count: int) -> Iterator[int]:
        """Yield `count` times, `period_s` apart, without drifting."""
        start = self.monotonic()
        for n in range(count):
            self.sleep(max(0.0, start + n * period_s - self.monotonic()))
            yield n


def clock_is_synchronised() -> bool:
    """Tell whether the kernel believes that the time of day is right (adjtimex(2), TIME_ERROR)."""
    unsynchronised = 5
    buffer = ctypes.create_string_buffer(512)  # a struct timex with modes = 0 only asks
    answer: int = ctypes.CDLL(None).adjtimex(buffer)
    return 0 <= answer < unsynchronised
