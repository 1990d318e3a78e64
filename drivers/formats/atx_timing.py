"""The times of an ATX supply, from the moments at which its lines changed.

Names as in the ATX12V design guides: T1 PS_ON# to rails, T2 rise from 10 % to 95 %, T3 rails to
PWR_OK, T4 rise of PWR_OK, T5 mains gone to PWR_OK low, T6 from there to the first rail out.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from drivers.board_readings import AtxStart, AtxStop

PS_ON, OK_LOW, OK_HIGH, SB, MAINS = 0, 1, 2, 9, 10
RAILS = {"12v": (3, 4), "5v": (5, 6), "3v3": (7, 8)}
"""The lines above 10 % and above 95 % of each rail."""


class Change(NamedTuple):
    """The lines, a bit each, from `at_s` on."""

    at_s: float
    lines: int


def start_times(changes: Sequence[Change]) -> AtxStart:
    """Return the times of a start. Raises `ValueError` where PS_ON# did not go low."""
    on_s = _falls(changes, PS_ON)
    if on_s is None:
        raise ValueError("PS_ON# did not go low")
    reached = {rail: _rises(changes, high, on_s) for rail, (_, high) in RAILS.items()}
    missing = tuple(rail for rail, at_s in reached.items() if at_s is None)
    rails_s = max((at_s for at_s in reached.values() if at_s is not None), default=None)
    rises = []
    for rail, (low, _) in RAILS.items():
        begin_s, end_s = _rises(changes, low, on_s), reached[rail]
        if begin_s is not None and end_s is not None:
            rises.append(end_s - begin_s)
    ok_s, ok_whole_s = _rises(changes, OK_LOW, on_s), _rises(changes, OK_HIGH, on_s)
    whole = rails_s is not None and not missing
    return AtxStart(
        t1_s=rails_s - on_s if rails_s is not None and whole else None,
        t2_s=max(rises, default=None),
        t3_s=ok_s - rails_s if ok_s is not None and rails_s is not None and whole else None,
        t4_s=ok_whole_s - ok_s if ok_s is not None and ok_whole_s is not None else None,
        ok_falls=_count_falls(changes, OK_HIGH, on_s),
        missing=missing,
    )


def stop_times(changes: Sequence[Change]) -> AtxStop:
    """Return the times after the mains has gone. Raises `ValueError` where it has not."""
    gone_s = _falls(changes, MAINS)
    if gone_s is None:
        raise ValueError("the mains has not gone")
    low_s = _falls(changes, OK_HIGH, gone_s)
    if low_s is None:
        return AtxStop(None, None)
    rails = [_falls(changes, high, gone_s) for _, high in RAILS.values()]
    fell = [at_s for at_s in rails if at_s is not None]
    return AtxStop(low_s - gone_s, min(fell) - low_s if fell else None)


def _edges(changes: Sequence[Change], line: int, *, up: bool) -> list[float]:
    pairs = itertools.pairwise(changes)
    return [
        after.at_s
        for before, after in pairs
        if (before.lines >> line & 1, after.lines >> line & 1) == ((0, 1) if up else (1, 0))
    ]


def _rises(changes: Sequence[Change], line: int, from_s: float = 0.0) -> float | None:
    return next((at_s for at_s in _edges(changes, line, up=True) if at_s >= from_s), None)


def _falls(changes: Sequence[Change], line: int, from_s: float = 0.0) -> float | None:
    return next((at_s for at_s in _edges(changes, line, up=False) if at_s >= from_s), None)


def _count_falls(changes: Sequence[Change], line: int, from_s: float) -> int:
    return sum(at_s >= from_s for at_s in _edges(changes, line, up=False))
