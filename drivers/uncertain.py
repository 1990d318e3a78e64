"""Numbers that know what makes them uncertain: first-order propagation (GUM, 5.1.2 and 5.2.2).

An `Uncertain` is a float. Beside its value it holds how far one standard uncertainty of each cause
of error moves it, with its sign. Two numbers that share a cause are correlated by that alone: what
a meter's gain does to both of them cancels in a ratio and stays in a mean.

    meter = Channel("voltage_v", (Accuracy("SBOS547", (Term("gain", gain=0.001),)),))
    a, b = meter.lift(19.5), meter.lift(19.1)
    (a - b).standard                 # the gain of 0.4 V, not of 19.5 V

Adding, subtracting, multiplying and dividing keep the causes; so do `drivers.extremes` and the
functions here. All else (`float`, `round`, `math.sqrt`, `statistics.fmean`) gives a plain float,
whose uncertainty is unknown: never 0.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import NamedTuple, SupportsFloat

ROOT_3 = math.sqrt(3)
ROOT_12 = math.sqrt(12)

GAIN, OFFSET, LIMIT = "gain", "offset", "specification"
RESOLUTION, NOISE, DRIFT, CERTIFICATE = "resolution", "noise", "drift", "certificate"
TEMPERATURE, UNKNOWN = "temperature", "unknown"
"""Kinds of causes. Each word stands in records."""


class Cause:
    """One source of error. The same object means the same error.

    `owner` is the instrument that it belongs to, `quantity` what it reads; both may be missing.
    """

    __slots__ = ("kind", "owner", "quantity", "rectangular")

    def __init__(
        self, kind: str, quantity: str = "", owner: object = None, *, rectangular: bool = False
    ) -> None:
        self.kind = kind
        self.quantity = quantity
        self.owner = owner
        self.rectangular = rectangular

    def __repr__(self) -> str:
        return f"{self.quantity} {self.kind}".strip()


Moves = Mapping[Cause, float]


class Uncertain(float):
    """A float with `moves`: by how much one standard uncertainty of each cause moves it."""

    __slots__ = ("moves",)
    moves: Moves

    def __new__(cls, value: SupportsFloat, moves: Moves) -> "Uncertain":
        made = super().__new__(cls, value)
        made.moves = moves
        return made

    @property
    def standard(self) -> float:
        """Return the standard uncertainty, in the unit of the value."""
        return math.hypot(*self.moves.values())

    def __add__(self, other: float) -> "Uncertain":
        return Uncertain(float.__add__(self, other), _sum(self, 1.0, other, 1.0))

    def __radd__(self, other: float) -> "Uncertain":
        return Uncertain(float.__radd__(self, other), self.moves)

    def __sub__(self, other: float) -> "Uncertain":
        return Uncertain(float.__sub__(self, other), _sum(self, 1.0, other, -1.0))

    def __rsub__(self, other: float) -> "Uncertain":
        return Uncertain(float.__rsub__(self, other), _scaled(self.moves, -1.0))

    def __mul__(self, other: float) -> "Uncertain":
        return Uncertain(float.__mul__(self, other), _sum(self, float(other), other, float(self)))

    def __rmul__(self, other: float) -> "Uncertain":
        return Uncertain(float.__rmul__(self, other), _scaled(self.moves, float(other)))

    def __truediv__(self, other: float) -> "Uncertain":
        value = float.__truediv__(self, other)
        return Uncertain(value, _sum(self, 1.0 / float(other), other, -value / float(other)))

    def __rtruediv__(self, other: float) -> "Uncertain":
        value = float.__rtruediv__(self, other)
        return Uncertain(value, _scaled(self.moves, -value / float(self)))

    def __neg__(self) -> "Uncertain":
        return Uncertain(float.__neg__(self), _scaled(self.moves, -1.0))

    def __pos__(self) -> "Uncertain":
        return self

    def __abs__(self) -> "Uncertain":
        return -self if self < 0 else self

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)  # a cause is an object of this process alone


def _scaled(moves: Moves, factor: float) -> Moves:
    return {cause: factor * move for cause, move in moves.items()}


def _sum(one: Uncertain, by_one: float, other: float, by_other: float) -> Moves:
    if not isinstance(other, Uncertain):
        return one.moves if by_one == 1.0 else _scaled(one.moves, by_one)
    moves = {cause: by_one * move for cause, move in one.moves.items()}
    for cause, move in other.moves.items():
        moves[cause] = moves.get(cause, 0.0) + by_other * move
    return moves


def standard_uncertainty(value: object) -> float | None:
    """Return the standard uncertainty; None where it is not known: never 0 for want of a cause."""
    found = value.standard if isinstance(value, Uncertain) else 0.0
    return found if found > 0 else None  # an unknown cause moves a value by no number


def unknown(value: float, quantity: str = "", owner: object = None) -> Uncertain:
    """Return a reading of unknown accuracy. Whatever is calculated from it is as unknown.

    (A plain float is a constant: exact when a reading is multiplied by it.)
    """
    return Uncertain(value, {Cause(UNKNOWN, quantity, owner): math.nan})


def largest_error(value: object) -> float | None:
    """Return the sum of the limits behind a reading; None where its accuracy is unknown.

    A rectangular cause counts with its bound, any other with three standard uncertainties. Two
    instruments that are within their limits never differ by more than both sums.
    """
    if standard_uncertainty(value) is None or not isinstance(value, Uncertain):
        return None
    return sum(
        abs(move) * (ROOT_3 if cause.rectangular else 3.0) for cause, move in value.moves.items()
    )


def mean(values: Iterable[float]) -> float:
    """Return the arithmetic mean with its causes. Raises `ValueError` for no value.

    What all readings share stays as it is; noise goes down with their number. (`statistics.fmean`
    forgets both.)
    """
    taken = list(values)
    if not taken:
        raise ValueError("the mean of no value")
    if not all(isinstance(one, Uncertain) for one in taken):
        return math.fsum(taken) / len(taken)  # one without causes leaves the whole without
    return reduce(add, taken[1:], taken[0]) / len(taken)


def repeated(values: Iterable[float]) -> float:
    """Return the mean of readings of one thing that does not change.

    Noise goes down with their number. Resolution does not: a display that shows the same each time
    is wrong by the same each time.
    """
    taken = list(values)
    found = mean(taken)
    if not isinstance(found, Uncertain):
        return found
    steps: dict[tuple[str, int], list[Cause]] = {}
    for cause in found.moves:
        if cause.kind == RESOLUTION:
            steps.setdefault((cause.quantity, id(cause.owner)), []).append(cause)
    moves = {cause: move for cause, move in found.moves.items() if cause.kind != RESOLUTION}
    for causes in steps.values():
        first = causes[0]
        same = Cause(RESOLUTION, first.quantity, first.owner, rectangular=True)
        moves[same] = sum(abs(found.moves[cause]) for cause in causes)
    return Uncertain(found, moves)


def at_least(value: float, least: float) -> float:
    """Return the larger of a value and a bound, with the causes of the value in both cases."""
    if value >= least or not isinstance(value, Uncertain):
        return max(value, least)
    return Uncertain(least, value.moves)


def root(value: float) -> float:
    """Return the square root with its causes; of 0 the uncertainty is unknown."""
    found = math.sqrt(value)
    if not isinstance(value, Uncertain) or not found:
        return found
    return Uncertain(found, _scaled(value.moves, 0.5 / found))


def spread(value: float, standard: float, kind: str) -> Uncertain:
    """Return a value with one more cause of its own, such as repeatability."""
    before = value.moves if isinstance(value, Uncertain) else {}
    return Uncertain(value, {**before, Cause(kind): standard})


class Term(NamedTuple):
    """One limit of a data sheet, or one line of a certificate.

    The error is at most ± (`gain` × |reading| + `offset`): `gain` is relative, `offset` in the
    unit. "% of reading + counts" is one limit, and one term. With `coverage` None it is a limit
    without a distribution, taken as rectangular (GUM, 4.3.7); else an expanded uncertainty with
    that coverage factor. Terms with one `shared` cause are one error.
    """

    kind: str
    gain: float = 0.0
    offset: float = 0.0
    coverage: float | None = None
    shared: Cause | None = None

    def limit(self, value: float) -> float:
        """Return the largest error at this reading; k = 2 where it is a normal one."""
        most = self.gain * abs(value) + self.offset
        return most if self.coverage is None else most * 2.0 / self.coverage


class Accuracy(NamedTuple):
    """The promise for one range of one quantity, up to and with `up_to` in its unit.

    `terms` are the same in all readings of a run. `resolution` is the width of a step of the
    reading, `noise` the standard deviation of one reading; both are another in each. `source` is
    the place in the data sheet, or the certificate.
    """

    source: str
    terms: tuple[Term, ...] = ()
    resolution: float = 0.0
    noise: float = 0.0
    up_to: float = math.inf

    def limit(self, value: float) -> float:
        """Return the largest error of an averaged reading: the sum of its limits."""
        return sum(term.limit(value) for term in self.terms) + self.resolution / 2


Ranges = Sequence[Accuracy]
"""The ranges of one quantity, the lowest first."""


def range_of(ranges: Ranges, value: float) -> Accuracy | None:
    """Return the range that a reading lies in; None where nothing is promised of it."""
    return next((one for one in ranges if abs(value) <= one.up_to), None)


class Channel:
    """One quantity of one instrument. It lives as long as its driver: its errors are shared."""

    def __init__(self, quantity: str, ranges: Ranges, owner: object = None) -> None:
        self._quantity = quantity
        self._owner = owner
        self._ranges = [(one, [(term, self._cause(term)) for term in one.terms]) for one in ranges]

    def lift(self, value: float, *, resolution: float | None = None) -> float:
        """Return the reading with its causes; an unknown one where nothing is promised of it.

        `resolution` is that of this reading, in place of its range's.
        """
        found = next((one for one in self._ranges if abs(value) <= one[0].up_to), None)
        if found is None:
            return unknown(value, self._quantity, self._owner)
        told, terms = found
        moves: dict[Cause, float] = {}
        for term, cause in terms:
            move = term.gain * value
            if term.offset:
                move = abs(move) + term.offset  # one limit, of the same sign on both sides of zero
            move /= ROOT_3 if term.coverage is None else term.coverage
            moves[cause] = moves.get(cause, 0.0) + move
        step = told.resolution if resolution is None else resolution
        if step:
            cause = Cause(RESOLUTION, self._quantity, self._owner, rectangular=True)
            moves[cause] = step / ROOT_12
        if told.noise:
            moves[Cause(NOISE, self._quantity, self._owner)] = told.noise
        return Uncertain(value, moves)

    def _cause(self, term: Term) -> Cause:
        if term.shared is not None:
            term.shared.owner = term.shared.owner or self._owner
            return term.shared
        rectangular = term.coverage is None
        return Cause(term.kind, self._quantity, self._owner, rectangular=rectangular)
