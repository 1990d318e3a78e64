"""The tables of equipment, profiles, sites and sources, typed; no file is read here."""

import re
from typing import Annotated, Any, Literal

import msgspec

Depth = Literal["quick", "thorough"]
DecisionRule = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(simple|(guarded|non-binary)( \d(\.\d+)?)?)$",
        description="one of simple, guarded, non-binary; the latter two may say r, as in"
        " `guarded 0.83`",
    ),
]
Told = float | str | tuple[str, ...]
"""A value of a nameplate: a number in the rating's unit, a choice, or names of places."""

ID = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
PLACE = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")

Id = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^{ID.pattern}$", description="a name of small letters, digits, '-' and '_'"
    ),
]
Required = Annotated[
    Literal["look", "partial", "full"], msgspec.Meta(description="one of look, partial, full")
]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Rating(_Table, frozen=True, kw_only=True, omit_defaults=True):
    """A value that a device's label states: a number with `unit`, a `choice`, or `names` of places.

    `product` is a number that is never asked for: it is the product of others.
    """

    unit: str = ""
    min: float | None = None
    max: float | None = None
    choice: tuple[str, ...] = ()
    names: bool = False
    product: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds = [bool(self.choice), self.names, bool(self.product), self.min is not None]
        if sum(kinds) != 1 or (self.min is None) != (self.max is None):
            raise ValueError(
                "a rating has either `min` and `max`, or `choice`, or `names`, or `product`"
            )
        if self.is_number != bool(self.unit):
            raise ValueError("a number has a `unit`, and nothing else has")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("`min` is below `max`")

    @property
    def is_number(self) -> bool:
        """Return whether its value is a number."""
        return not self.choice and not self.names

    def check(self, told: object) -> Told:
        """Return a value that can be true of this rating. Raises `ValueError`."""
        if self.names:
            if isinstance(told, list | tuple) and all(isinstance(one, str) for one in told):
                if wrong := [one for one in told if not PLACE.fullmatch(one)]:
                    raise ValueError(f"{wrong[0]!r} is no name of small letters, digits, '-', '_'")
                if len(set(told)) == len(told):
                    return tuple(told)
            raise ValueError(f"{told!r} is not a list of names, each once")
        if self.choice:
            if told in self.choice:
                return str(told)
            raise ValueError(f"{told!r} is not one of {', '.join(self.choice)}")
        if isinstance(told, bool) or not isinstance(told, int | float):
            raise ValueError(f"{told!r} is not a number")
        if self.min is None or self.max is None:
            raise ValueError(f"it is the product of {' and '.join(self.product)}, and never told")
        if not self.min <= told <= self.max:
            raise ValueError(f"{told:g} {self.unit} is not from {self.min:g} to {self.max:g}")
        return float(told)


When = dict[str, tuple[str, ...] | str]
"""Choices that hold, each with the values of a rating for which it does."""


class Entry(_Table, frozen=True, kw_only=True):
    """A test, or a part that is another equipment's tests; in the order of the file."""

    id: str
    use: tuple[str, ...] = ()
    part: str = ""
    settings: dict[str, Any] = {}
    for_each: str = ""
    when: When = {}
    stop_on_fail: bool = False

    def __post_init__(self) -> None:
        if bool(self.use) == bool(self.part):
            raise ValueError("a test has either `use` or `part`")
        if self.part and (self.settings or self.for_each or self.stop_on_fail):
            raise ValueError("a `part` has no `settings`, `for_each` or `stop_on_fail` of its own")
        if not ((ID.fullmatch(self.id) and "-" not in self.id) or (self.part and not self.id)):
            raise ValueError(
                f"id: {self.id!r} is no name of small letters, digits and '_'"
                " (a part may have an empty one: its tests then have no prefix)"
            )


class Equipment(_Table, frozen=True, kw_only=True):
    """The tests of a kind of thing, and their methods. A slot has none that `is_part`."""

    id: Id
    is_part: bool = False
    nameplate: dict[str, Rating] = {}
    test: Annotated[
        tuple[Entry, ...], msgspec.Meta(min_length=1, description="at least one [[test]]")
    ]
    words: dict[str, dict[str, str]] = {}


class Row(_Table, frozen=True, kw_only=True):
    """The figures up to and with `to`."""

    to: float
    min: float | None = None
    max: float | None = None


class FromCurve(_Table, frozen=True, kw_only=True):
    """A bound that is the figure of a named curve, and `add` to it."""

    min: str = ""
    max: str = ""
    add: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.min) == bool(self.max):
            raise ValueError("a curve is either the `min` or the `max`")

    @property
    def name(self) -> str:
        """Return the name of the curve."""
        return self.min or self.max


class Limit(_Table, frozen=True, kw_only=True, omit_defaults=True):
    """The judge of the measurements `of` a `step` wherever it is used, or of one `test`."""

    of: Annotated[
        tuple[str, ...], msgspec.Meta(min_length=1, description="at least one measurement")
    ]
    source: str
    step: str = ""
    test: str = ""
    min: float | None = None
    max: float | None = None
    equals: bool | int | float | str | None = None
    uncertainty: Annotated[float, msgspec.Meta(gt=0)] | None = None
    by: str = ""
    rows: tuple[Row, ...] = ()
    curve: FromCurve | None = None
    when: When = {}
    waived: str = ""
    safety: bool = False

    def __post_init__(self) -> None:
        if bool(self.step) == bool(self.test):
            raise ValueError("a limit has either `step` or `test`")
        if bool(self.by) != bool(self.rows):
            raise ValueError("`by` and `rows` go together")
        figures = {
            "`min` or `max`": self.min is not None or self.max is not None,
            "`equals`": self.equals is not None,
            "`rows`": bool(self.rows),
            "`curve`": self.curve is not None,
            "`waived`": bool(self.waived),
        }
        if sum(figures.values()) != 1:
            raise ValueError(f"a limit has exactly one of {', '.join(figures)}")
        if [row.to for row in self.rows] != sorted({row.to for row in self.rows}):
            raise ValueError("the rows rise in `to`")
        if self.uncertainty is not None and (self.equals is not None or self.waived):
            raise ValueError("`uncertainty` needs bounds: `equals` is exact")
        if self.safety and self.waived:
            raise ValueError("what is `safety` is not waived")
        for low, high in self.bounds:
            if low is None and high is None:
                raise ValueError("a row has `min` or `max`")
            if low is not None and high is not None:
                if low > high:
                    raise ValueError(f"min {low:g} is above max {high:g}")
                if self.uncertainty is not None and 2 * self.uncertainty > high - low:
                    raise ValueError(
                        f"an uncertainty of {self.uncertainty:g} on both sides leaves nothing"
                        f" between {low:g} and {high:g}"
                    )

    @property
    def bounds(self) -> tuple[tuple[float | None, float | None], ...]:
        """Return every pair of least and most that stands in the file."""
        if self.min is not None or self.max is not None:
            return ((self.min, self.max),)
        return tuple((row.min, row.max) for row in self.rows)


class Profile(_Table, frozen=True, kw_only=True):
    """The demands on a device. A site's overlay is one, too, and says only what differs."""

    id: Id
    title: str
    based_on: str = ""
    decision_rule: DecisionRule | None = None
    require: dict[str, dict[str, Required]] = {}
    depth: dict[str, dict[str, Depth]] = {}
    clause: dict[str, dict[str, str]] = {}
    limit: tuple[Limit, ...] = ()


class Source(_Table, frozen=True, kw_only=True):
    """The source of a figure. Only what is `source` may be printed as its text."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    basis: Literal["source", "general", "proposal"]
