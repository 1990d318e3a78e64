"""Between readings that carry causes and records that list them."""

import math
from collections.abc import Mapping

from drivers.uncertain import Cause, Uncertain, standard_uncertainty
from records import Value
from records.rules import COVERAGE_FACTOR
from records.run import Cause as WrittenCause

Roles = Mapping[int, str]
"""The role of each open instrument, by its `id`: a cause knows its instrument alone."""

Facts = dict[str, object]
DIGITS = 6
LEAST = 0.001
"""The part of the variance below which a cause is not listed."""


def plain(value: Value) -> Value:
    """Return a value as records hold it: a number without its causes."""
    return float(value) if isinstance(value, float) else value


def plain_values(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values of a sentence as records hold them."""
    return {name: plain(value) for name, value in values.items()}


def facts_of(value: Value, roles: Roles) -> Facts:
    """Return the fields of a measurement that say how uncertain its value is; none if unknown.

    Causes of one kind that are another in each reading stand as one. `role` is that of the
    instrument that adds most.
    """
    standard = standard_uncertainty(value)
    if standard is None or not isinstance(value, Uncertain):
        return {}
    squares: dict[str, float] = {}
    by_role: dict[str, float] = {}
    for cause, move in value.moves.items():
        role = roles.get(id(cause.owner), "")
        name = name_of(cause, role)
        square = move * move
        squares[name] = squares.get(name, 0.0) + square
        by_role[role] = by_role.get(role, 0.0) + square
    causes = sorted(squares.items(), key=lambda one: -one[1])
    standard = _rounded(standard)
    return {
        "standard_uncertainty": standard,
        "expanded_uncertainty": COVERAGE_FACTOR * standard,
        "coverage_factor": COVERAGE_FACTOR,
        "causes": tuple(
            WrittenCause(cause=name, standard_uncertainty=_rounded(math.sqrt(square)))
            for name, square in causes
            if square >= LEAST * standard * standard
        ),
        "role": max(by_role, key=lambda role: by_role[role]),
    }


def owners_of(value: Value, roles: Roles) -> frozenset[str]:
    """Return the roles of the instruments that a value comes from, as far as its causes tell."""
    if not isinstance(value, Uncertain):
        return frozenset()
    return frozenset(roles.get(id(cause.owner), "") for cause in value.moves) - {""}


def name_of(cause: Cause, role: str) -> str:
    """Return a cause in the words of records: `meter voltage_v gain`."""
    return " ".join(part for part in (role, cause.quantity, cause.kind) if part)


def _rounded(figure: float) -> float:
    return float(f"{figure:.{DIGITS}g}")
