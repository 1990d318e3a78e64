"""The limits of a profile, as an evaluator reads them for itself.

This is a second, plain reader of the same files: it knows nothing of how plans are resolved, so
that a mistake there is no mistake here. It reads one profile and its parent, and no site.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from station.engine.curves import CURVES, ratings_of


class Bounds(NamedTuple):
    """A limit: inclusive bounds with the uncertainty that they need, or the one right value."""

    least: float | None = None
    most: float | None = None
    right: Any = None
    needs: float = 0.0


class Demands:
    """The demands of a profile on a kind of equipment, from the files of a library."""

    def __init__(self, folders: Sequence[Path], equipment: str, profile: str) -> None:
        self._equipment = equipment
        self._kinds = _tables(folders, "equipment")
        own = _tables(folders, "profiles")[profile]
        parents = _tables(folders, "profiles")
        self._files = [own] + ([parents[own["based_on"]]] if own.get("based_on") else [])

    def ratings(self, nameplate: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ratings of a nameplate, with those that are products of others."""
        known = dict(nameplate)
        for name, rating in self._kinds[self._equipment].get("nameplate", {}).items():
            factors = [known.get(one) for one in rating.get("product", ())]
            numbers = [one for one in factors if isinstance(one, int | float)]
            if factors and len(numbers) == len(factors):
                known[name] = math.prod(numbers)
        return known

    def of(self, test: str, step: str, name: str, nameplate: Mapping[str, Any]) -> Bounds | None:
        """Return the limit of a measurement; None where nothing is demanded of it."""
        ratings = self.ratings(nameplate)
        for file in self._files:
            for key, wanted in (("test", set(self._names(test))), ("step", {step})):
                limits = [
                    one
                    for one in file.get("limit", ())
                    if one.get(key) in wanted and name in one["of"]
                ]
                if limits:
                    holding = [one for one in limits if _holds(one.get("when", {}), ratings)]
                    return _bounds(holding[0], ratings) if holding else None
        return None

    def _names(self, test: str) -> Iterator[str]:
        """Yield the addresses of a test: by this equipment, or by the part that it belongs to."""
        bare = test.partition("[")[0]
        yield f"{self._equipment}.{bare}"
        for entry in self._kinds[self._equipment].get("test", ()):
            prefix = f"{entry['id']}." if entry["id"] else ""
            if "part" in entry and bare.startswith(prefix):
                yield f"{entry['part']}.{bare.removeprefix(prefix)}"


def _tables(folders: Sequence[Path], sort: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for folder in folders:
        for path in sorted((folder / sort).glob("*.toml")):
            found[path.stem] = tomllib.loads(path.read_text(encoding="utf-8"))
    return found


def _holds(when: Mapping[str, Any], ratings: Mapping[str, Any]) -> bool:
    for name, values in when.items():
        if ratings.get(name) not in ([values] if isinstance(values, str) else values):
            return False
    return True


def _bounds(limit: Mapping[str, Any], ratings: Mapping[str, Any]) -> Bounds | None:
    needs = limit.get("uncertainty", 0.0)
    if "waived" in limit:
        return None
    if "equals" in limit:
        return Bounds(right=limit["equals"])
    if "rows" in limit:
        at = ratings.get(limit["by"])
        row = next((one for one in limit["rows"] if at is not None and at <= one["to"]), None)
        return Bounds(row.get("min"), row.get("max"), needs=needs) if row else None
    if "curve" in limit:
        named = limit["curve"]
        curve = CURVES[named.get("min") or named["max"]]
        values = {name: ratings.get(name) for name in ratings_of(curve)}
        figure = None if None in values.values() else curve(**values)
        if figure is None:
            return None
        figure += named.get("add", 0.0)
        low, high = (figure, None) if "min" in named else (None, figure)
        return Bounds(low, high, needs=needs)
    return Bounds(limit.get("min"), limit.get("max"), needs=needs)
