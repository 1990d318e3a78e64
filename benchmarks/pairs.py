"""Two programs in turns, so that what drifts on the machine drifts for both."""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

IDLE_SHARE = 0.85
LOOK_S = 0.2
PATIENCE_S = 15.0
PATIENCE_IN_ALL_S = 150.0


class Pairs(NamedTuple):
    """The cost of each of two programs, in the same unit; the pairs belong together."""

    ours: list[float]
    peers: list[float]

    @property
    def times_faster(self) -> float:
        """The peer's cost divided by ours, in the median pair."""
        return median(peer / our for our, peer in zip(self.ours, self.peers, strict=True))

    @property
    def times_the_peer(self) -> float:
        """Our cost divided by the peer's, in the median pair."""
        return median(our / peer for our, peer in zip(self.ours, self.peers, strict=True))


class Patience:
    """Waits until the machine is otherwise idle, but not for ever; counts how often that failed."""

    def __init__(self) -> None:
        self.quiet = 0
        self.noisy = 0
        self._left_s = PATIENCE_IN_ALL_S

    def wait(self) -> None:
        begun_s = time.monotonic()
        self._wait(begun_s + min(PATIENCE_S, self._left_s))
        self._left_s = max(0.0, self._left_s - (time.monotonic() - begun_s))

    def _wait(self, give_up_s: float) -> None:
        while True:
            before = ticks()
            time.sleep(LOOK_S)
            spent = [now - then for now, then in zip(ticks(), before, strict=True)]
            if spent[3] + spent[4] >= IDLE_SHARE * (sum(spent) or 1):  # idle, or waiting for disks
                self.quiet += 1
                return
            if time.monotonic() >= give_up_s:
                self.noisy += 1
                return


def alternate(
    count: int, ours: Callable[[], float], peer: Callable[[], float], patience: Patience
) -> Pairs:
    """Measure `count` pairs after one that warms caches up. The two take turns in being first."""
    pairs = Pairs([], [])
    for number in range(count + 1):
        patience.wait()
        if number % 2:
            mine, theirs = ours(), peer()
        else:
            theirs, mine = peer(), ours()
        if number:
            pairs.ours.append(mine)
            pairs.peers.append(theirs)
    return pairs


def ticks() -> list[int]:
    """proc(5), /proc/stat: user nice system idle iowait irq softirq steal."""
    with open("/proc/stat") as stat:
        return [int(field) for field in stat.readline().split()[1:9]]
