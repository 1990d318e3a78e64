"""The times at which a fault is there: from, to, again and again, and how it grows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

MOST_EDGES = 10_000


@dataclass(frozen=True)
class Onset:
    """A fault's times, in seconds since the device was plugged in.

    It is there from `from_s` until `to_s`; with `every_s`, only for the first `for_s` of each such
    period. It grows from nothing to its full size within `ramp_s`.
    """

    from_s: float = 0.0
    to_s: float = math.inf
    every_s: float = 0.0
    for_s: float = 0.0
    ramp_s: float = 0.0

    def level(self, at_s: float) -> float:
        """Return the fault's size at a time: 0 is nothing, 1 all of it."""
        if not self.from_s <= at_s < self.to_s:
            return 0.0
        since_s = at_s - self.from_s
        if self.every_s > 0:
            since_s %= self.every_s
            if since_s >= self.for_s:
                return 0.0
        return min(1.0, since_s / self.ramp_s) if self.ramp_s > 0 else 1.0

    def edges(self, end_s: float = math.inf) -> Iterator[float]:
        """Yield the times at which the fault comes, is whole, or goes, in order, up to `end_s`.

        A fault that comes again and again has no more than `MOST_EDGES`.
        """
        last_s = min(end_s, self.to_s)
        for number in count():
            start_s = self.from_s + number * self.every_s
            within = [0.0, self.ramp_s, self.for_s] if self.every_s > 0 else [0.0, self.ramp_s]
            if start_s > last_s or 3 * number > MOST_EDGES:
                break
            yield from (
                start_s + one for one in sorted(set(within)) if start_s + one <= min(last_s, end_s)
            )
            if self.every_s <= 0:
                break
        if self.to_s <= end_s:
            yield self.to_s
