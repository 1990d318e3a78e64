"""Remembers which values runs have, so that a filter without hits is answered without a search.

A combination is what a run has in all columns of few values; a site has some hundreds of them. The
text by which units are found is kept as one piece for many runs: looking through it takes a
millisecond for 50 000.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from records import Verdict
from records.verdicts import OF_A_RUN

MARGINAL = "marginal"
VERDICTS = (Verdict.PASS.value, MARGINAL, *(one.value for one in OF_A_RUN[1:]))
"""The words for a verdict that a filter takes: a marginal run is a pass as well."""

CHOICES = ("station", "slot", "kind", "plan", "profile")
"""The columns of which a filter takes only values that a run has."""

FEW = 500
"""The most runs with a part of a tag that are named to the database, instead of searched there."""

_ROWS_OF_A_PIECE = 8192


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that are wanted: of each filter one of its values; an empty one means any.

    `asset_tag` is compared as a whole; `unit` is a part of an asset tag or a serial number, in
    either case. Runs that began at `begin` or later and before `end`, as `text.utc_text` has them.
    """

    station: tuple[str, ...] = ()
    slot: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    profile: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    simulated: tuple[bool, ...] = ()
    asset_tag: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    begin: str = ""
    end: str = ""


class Combination(NamedTuple):
    """The values of a run in the columns that have few."""

    station: str
    slot: str
    kind: str
    plan: str
    profile: str
    verdict: str
    marginal: bool
    simulated: bool

    def is_wanted(self, which: Wanted) -> bool:
        """Return whether a run with these values can be one of those that are wanted."""
        for name in (*CHOICES, "simulated"):
            wanted = getattr(which, name)
            if wanted and getattr(self, name) not in wanted:
                return False
        if not which.verdict or self.verdict in which.verdict:
            return True
        return MARGINAL in which.verdict and self.marginal and self.verdict == Verdict.PASS


class Combinations:
    """The combinations of all runs up to `last`, each with the days, in UTC, on which it began."""

    def __init__(self) -> None:
        self.last = 0
        self._days: dict[Combination, set[str]] = {}

    def add(self, last: int, rows: Iterable[Sequence[object]]) -> None:
        """Take in runs up to `last`: rows of a combination's values, and the day."""
        for *values, day in rows:
            self._days.setdefault(Combination(*values), set()).add(str(day))  # type: ignore[arg-type]
        self.last = last

    def values(self, name: str) -> set[str]:
        """Return the values that runs have in a column."""
        return {getattr(one, name) for one in self._days}

    def may_have(self, which: Wanted) -> bool:
        """Return False if certainly no run is wanted. Tags and parts of them are not looked at."""
        first, last = which.begin[:10], which.end[:10]
        return any(
            combination.is_wanted(which)
            and (not first or any(first <= day for day in days))
            and (not last or any(day <= last for day in days))
            and (not (first and last) or any(first <= day <= last for day in days))
            for combination, days in self._days.items()
        )


class _Piece:
    """The texts of some runs as one, with NUL between them."""

    def __init__(self, rows: Sequence[tuple[int, str]]) -> None:
        self.rows = rows if len(rows) < _ROWS_OF_A_PIECE else ()
        self.ids = array("q", (run_id for run_id, _ in rows))
        self.starts = array("q")
        at = 0
        for _, text in rows:
            self.starts.append(at)
            at += len(text) + 1
        self.text = "\0".join(text for _, text in rows)

    def with_part(self, part: str) -> Iterator[int]:
        """Yield the runs whose text has a part."""
        at = self.text.find(part)
        while at >= 0:
            place = bisect_right(self.starts, at)
            yield self.ids[place - 1]
            if place == len(self.starts):
                return
            at = self.text.find(part, self.starts[place])


class Units:
    """The texts by which units are found, of all runs up to `last`."""

    def __init__(self) -> None:
        self.last = 0
        self._pieces: list[_Piece] = []

    def add(self, last: int, rows: Sequence[tuple[int, str]]) -> None:
        """Take in runs up to `last`: the number of each, and its text."""
        self.last = last
        if rows and self._pieces and self._pieces[-1].rows:
            rows = [*self._pieces.pop().rows, *rows]
        for start in range(0, len(rows), _ROWS_OF_A_PIECE):
            self._pieces.append(_Piece(rows[start : start + _ROWS_OF_A_PIECE]))

    def with_parts(self, parts: Iterable[str]) -> list[int] | None:
        """Return the runs whose text has one of these parts; None where they are not few."""
        found: set[int] = set()
        for part in parts:
            for piece in self._pieces:
                for run_id in piece.with_part(part):
                    found.add(run_id)
                    if len(found) > FEW:
                        return None
        return sorted(found)
