"""Records that were sent and have no receipt, and when to send each again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

log = logging.getLogger(__name__)


class _Sent(NamedTuple):
    """A record is sent again at `again_s`, `pause_s` after it was sent."""

    again_s: float
    pause_s: float


class InFlight:
    """Remembers what was sent. Pauses double from the shortest to the longest, in seconds."""

    def __init__(self, shortest_s: float, longest_s: float) -> None:
        self._shortest_s, self._longest_s = shortest_s, longest_s
        self._sent: dict[str, _Sent] = {}
        self._sending = ""

    @contextmanager
    def sending(self, record_id: str, now_s: float) -> Iterator[None]:
        """Note that a record is being sent. One whose sending breaks off is under suspicion."""
        before = self._sent.get(record_id)
        pause_s = self._shortest_s if before is None else before.pause_s * 2
        pause_s = min(pause_s, self._longest_s)
        self._sent[record_id] = _Sent(now_s + pause_s, pause_s)
        if before is not None and pause_s > 4 * self._shortest_s >= before.pause_s:
            log.warning(
                "record %s was sent three times and has no receipt: does a host listen on this"
                " broker, and may this station publish there?",
                record_id,
            )
        self._sending = record_id
        yield
        self._sending = ""

    def received(self, record_id: str) -> None:
        """Forget a record that has its receipt."""
        self._sent.pop(record_id, None)

    def on_their_way(self, now_s: float) -> list[str]:
        """Return the records whose pause is not over."""
        return [record_id for record_id, sent in self._sent.items() if sent.again_s > now_s]

    def forget(self) -> None:
        """Let everything be sent again, on a new connection.

        But a record that was being sent when the last one broke waits its pause: a broker throws
        out a station that sends it a record too large for it, and the others must get past that.
        """
        suspect = self._sent.get(self._sending)
        self._sent.clear()
        if suspect is not None:
            self._sent[self._sending] = suspect
        self._sending = ""
