"""Waiting until the host has confirmed what a simulated line has tested."""

import time as system_time
from collections.abc import Callable

from drivers.buses import Time
from station.console import DeliveryNotice, Notice
from station.delivery.outbox import Counts

STANDS_STILL_S = 60.0
"""After this time without progress, waiting ends."""
SAYS_EVERY_S = 10.0
LOOK_S = 0.05


class Handover:
    """Knows from the station's notices whether its broker is there, and was ever."""

    def __init__(self) -> None:
        self.connected = False
        self.was_connected = False

    def hear(self, notice: Notice) -> None:
        if isinstance(notice, DeliveryNotice):
            self.connected = notice.connected
            self.was_connected = self.was_connected or notice.connected

    def wait(
        self, counts: Callable[[], Counts], say: Callable[[str], None], time: Time = system_time
    ) -> Counts:
        """Wait until nothing waits in the outbox, as long as there is progress; return its counts.

        Progress is a record that the host has confirmed or refused, and the first connection to the
        broker: one that comes and goes is none. What is waited for is said every `SAYS_EVERY_S`,
        and what was missing when it was given up, after `STANDS_STILL_S` without progress.
        """
        before = counts()
        moved_s = said_s = time.monotonic()
        seen = (before.waiting, self.was_connected)
        while (now := counts()).waiting:
            now_s = time.monotonic()
            if (now.waiting, self.was_connected) != seen:
                seen, moved_s = (now.waiting, self.was_connected), now_s
            still_s = now_s - moved_s
            if still_s >= STANDS_STILL_S:
                say(f"gave up waiting for {self._missing(now, before, still_s)}")
                break
            if now_s - said_s >= SAYS_EVERY_S:
                said_s = now_s
                say(f"waiting for {self._missing(now, before, still_s)}")
            time.sleep(LOOK_S)
        return now

    def _missing(self, now: Counts, before: Counts, still_s: float) -> str:
        there = "there" if self.connected else "away" if self.was_connected else "not found yet"
        return (
            f"the host's word on {now.waiting} of {before.waiting} records: no progress for"
            f" {still_s:.0f} s, the broker is {there}, {now.rejected} records are refused"
        )
