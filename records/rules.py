"""Decide with an uncertain value: the rules of ILAC-G8:09/2019, 4.2.1 to 4.2.3, and ISO 14253-1.

`U` is the expanded uncertainty of a value (k = 2), and the guard band w = r × U. Ties are inside.

    simple           passes up to the limit
    guarded r        passes up to the limit - w
    non-binary r     passes up to the limit; from the limit - w to the limit + w it is marginal

A value is marginal when it may be on the other side of the limit: with `simple` within U of it,
with the others within w. It is marginal on the side on which it is.

A limit is not decided, and neither passed nor failed, when its rule needs an uncertainty and none
is known; when the uncertainty is larger than what the limit says it needs, and the value is not
clear of the limit by more than that; and when the guard bands leave nothing between two limits.
"""

import functools
from typing import NamedTuple, Self

from records.limits import Limit
from records.verdicts import Verdict
from records.words import Value

SIMPLE, GUARDED, NON_BINARY = "simple", "guarded", "non-binary"
COVERAGE_FACTOR = 2.0
"""k: 95 % of a normal distribution."""

USUAL_R = {SIMPLE: 0.0, GUARDED: 1.0, NON_BINARY: 1.0}
FALSE_ACCEPT_PERCENT = {0.0: 50.0, 0.83: 5.0, 1.0: 2.5, 1.5: 0.16}
"""The risk that a device at the acceptance limit is no good, at the most: ILAC-G8, table 1."""

UNKNOWN = "limit.uncertainty_unknown"
TOO_LARGE = "limit.uncertainty_too_large"
NO_ROOM = "limit.guards_meet"
"""Ids of the reasons why a limit is not decided."""


class Rule(NamedTuple):
    """A decision rule and its r; as text in records `simple`, `guarded 0.83`, `non-binary 1`."""

    name: str
    r: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rule that a record or a profile names. Raises `ValueError`."""
        name, _, figure = text.partition(" ")
        if name not in USUAL_R or (name == SIMPLE and figure):
            raise ValueError(f"{text!r} is no decision rule: {', '.join(USUAL_R)}")
        r = float(figure) if figure else USUAL_R[name]
        if name != SIMPLE and not 0 < r <= 3:
            raise ValueError(f"{text!r}: r is above 0 and at most 3")
        return cls(name, r)

    def __str__(self) -> str:
        return self.name if self.name == SIMPLE else f"{self.name} {self.r:g}"

    @property
    def false_accept_percent(self) -> float | None:
        """Return the largest risk at the acceptance limit in per cent, where the table has it."""
        r = self.r if self.name == GUARDED else 0.0
        return FALSE_ACCEPT_PERCENT.get(r)


class Decision(NamedTuple):
    """The verdict of a rule on a value, or None and `why` it is not decided."""

    verdict: Verdict | None
    marginal: bool = False
    why: str = ""


@functools.lru_cache(maxsize=64)
def rule(text: str) -> Rule:
    """Return the rule of this text, and `simple` for none. Raises `ValueError`."""
    return Rule.parse(text or SIMPLE)


def decide(limit: Limit, value: Value, expanded: float | None, by: Rule) -> Decision:
    """Return the decision on a value with this expanded uncertainty (k = 2), None where unknown.

    Raises `TypeError` for a value that the limit cannot be compared with.
    """
    inside = limit.judge(value)
    if limit.equals is not None or isinstance(value, str) or not isinstance(value, float):
        return Decision(inside)  # a count, an answer and a text are exact
    if expanded is None:
        why = undecidable(limit, None, by)
        return Decision(None, why=why) if why else Decision(inside)
    w = by.r * expanded
    near = w or expanded
    nearest = min(abs(value - bound) for bound in (limit.min, limit.max) if bound is not None)
    if inside is Verdict.FAIL and nearest > max(near, expanded):
        return Decision(Verdict.FAIL)  # clear of the limit, however little room there is inside it
    why = undecidable(limit, expanded, by)
    if why and (why == NO_ROOM or nearest <= expanded):
        return Decision(None, why=why)
    if inside is Verdict.FAIL:
        return Decision(Verdict.FAIL, marginal=nearest <= near)
    clear = _within(limit, value, near)
    failed = by.name == GUARDED and not clear
    return Decision(Verdict.FAIL if failed else Verdict.PASS, marginal=not clear)


def undecidable(limit: Limit, expanded: float | None, by: Rule) -> str:
    """Return why values near a limit are not decided with this uncertainty; empty if they are."""
    if limit.equals is not None:
        return ""
    if expanded is None:
        return UNKNOWN if by.name != SIMPLE or limit.uncertainty is not None else ""
    both = limit.min is not None and limit.max is not None
    if both and 2 * by.r * expanded > (limit.max or 0.0) - (limit.min or 0.0):
        return NO_ROOM
    if limit.uncertainty is not None and expanded > limit.uncertainty:
        return TOO_LARGE
    return ""


def _within(limit: Limit, value: float, w: float) -> bool:
    """Tell whether a value is inside by w or more."""
    above = limit.min is None or value >= limit.min + w
    return above and (limit.max is None or value <= limit.max - w)
