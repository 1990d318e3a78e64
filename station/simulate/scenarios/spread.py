"""Values that differ from device to device, and how one is drawn."""

from collections.abc import Mapping
from random import Random
from typing import Annotated, Any

import msgspec

Pair = tuple[float, float]


class Spread(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that is drawn anew for each run, from exactly one distribution.

    `uniform` and `integer` are least and most, `normal` mean and standard deviation, cut off at
    `min` and `max`. `choice` is one of several, each as likely as its `weights` say. `digits` is a
    text in which each # is a digit.
    """

    uniform: Pair | None = None
    normal: Pair | None = None
    integer: tuple[int, int] | None = None
    choice: tuple[Any, ...] = ()
    weights: tuple[Annotated[float, msgspec.Meta(ge=0)], ...] = ()
    digits: str = ""
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        kinds = (self.uniform, self.normal, self.integer, self.choice, self.digits)
        if sum(bool(kind) for kind in kinds) != 1:
            raise ValueError(
                "a spread has one of `uniform`, `normal`, `integer`, `choice`, `digits`"
            )
        for low, high in filter(None, (self.uniform, self.integer)):
            if low > high:
                raise ValueError(f"{low:g} is above {high:g}")
        if self.normal is not None and self.normal[1] < 0:
            raise ValueError("a standard deviation is not below 0")
        if self.weights and len(self.weights) != len(self.choice):
            raise ValueError("there are as many `weights` as `choice` has values")
        if self.weights and not sum(self.weights):
            raise ValueError("one of `weights` is above 0")
        if (self.min is not None or self.max is not None) and self.normal is None:
            raise ValueError("`min` and `max` go with `normal`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")

    def draw(self, chance: Random) -> Any:
        """Return one value."""
        if self.uniform is not None:
            return chance.uniform(*self.uniform)
        if self.integer is not None:
            return chance.randint(*self.integer)
        if self.choice:
            return chance.choices(self.choice, self.weights or None)[0]
        if self.digits:
            return "".join(str(chance.randrange(10)) if c == "#" else c for c in self.digits)
        assert self.normal is not None
        drawn = chance.gauss(*self.normal)
        drawn = drawn if self.min is None else max(self.min, drawn)
        return drawn if self.max is None else min(self.max, drawn)


Amount = float | Spread
DISTRIBUTIONS = frozenset({"uniform", "normal", "integer", "choice", "digits"})


class Unresolved(LookupError):
    """A reference to a rating that the nameplate does not state."""


def is_spread(raw: object) -> bool:
    """Tell whether a table of a file is a spread, where it could be another table, too."""
    return isinstance(raw, Mapping) and bool(DISTRIBUTIONS & raw.keys())


def drawn(raw: Any, nameplate: Mapping[str, Any], chance: Random) -> Any:
    """Return `raw` with a value for each spread, and for each reference such as `@output_v`.

    Raises `Unresolved` for a rating that is not on the nameplate, `msgspec.ValidationError` for a
    spread that is none.
    """
    if isinstance(raw, Spread):
        return drawn(raw.draw(chance), nameplate, chance)
    if is_spread(raw):
        return drawn(msgspec.convert(raw, Spread), nameplate, chance)
    if isinstance(raw, Mapping):
        return {key: drawn(value, nameplate, chance) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [drawn(value, nameplate, chance) for value in raw]
    if isinstance(raw, str) and raw.startswith("@"):
        if raw[1:] not in nameplate:
            raise Unresolved(f"the nameplate does not state {raw[1:]}")
        return nameplate[raw[1:]]
    return raw
