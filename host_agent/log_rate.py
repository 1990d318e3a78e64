"""Lets each kind of line into the log seldom, so that no flood fills a disk with words."""

import logging
import time

BURST = 20
WITHIN_S = 30.0
_MOST_KINDS = 500


class Seldom(logging.Filter):
    """Passes `BURST` lines of a kind in `WITHIN_S`, and then says how many it kept back.

    A kind is a logger with a text, before its values are put in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written; add to it what was kept back before."""
        now_s = time.monotonic()
        kind = (record.name, record.levelno, str(record.msg))
        since_s, number = self._seen.get(kind, (now_s, 0))
        if now_s - since_s > WITHIN_S:
            if number > BURST:
                record.msg = f"{record.getMessage()} (and {number - BURST} such lines before)"
                record.args = None
            since_s, number = now_s, 0
        if kind not in self._seen and len(self._seen) >= _MOST_KINDS:
            self._seen.clear()
        self._seen[kind] = (since_s, number + 1)
        return number < BURST
