"""The reference of steps and limits, from `station.steps` and the shipped profile."""

import importlib
import inspect
from collections.abc import Iterator

import msgspec

import records
from station.engine import library
from station.engine import step as steps_module
from station.engine.library import Layer
from station.engine.library.kinds import Place
from station.engine.library.tables import Limit
from station.engine.step import Step, step_modules
from tests.docs.toml_types import default_in_words, table, type_in_words

SHIPPED = library.read()


def all_steps() -> Iterator[Step]:
    for name in step_modules():
        module = importlib.import_module(f"station.steps.{name}")
        yield from (value for value in vars(module).values() if isinstance(value, Step))


def steps() -> str:
    return "\n\n".join(_step(one) for one in all_steps())


def _step(one: Step) -> str:
    text = (inspect.getdoc(one.function) or "").split("\n\n")
    lines = [f"### {one.name}", "", *(" ".join(part.split()) + "\n" for part in text)]
    roles = [
        f"`{name}` ({role.kind.__name__}{', opened by the step' if role.socket else ''})"
        for name, role in one.roles.items()
        if name not in ("clock", "operator")
    ]
    if "operator" in one.roles:
        roles.append("the operator")
    measures = [f"`{name}` {unit}".strip() for name, unit in one.units.items()]
    needs = f"Needs: {', '.join(roles)}. Proves: {one.proves.value}."
    lines += [needs, "", f"Measures: {', '.join(measures)}."]
    if fields := msgspec.structs.fields(one.settings):
        rows = (
            (f"`{f.name}`", type_in_words(f.type), default_in_words(f))
            for f in sorted(fields, key=lambda field: not field.required)
        )
        lines += ["", table(("setting", "type", "default"), rows)]
    return "\n".join(lines)


def limits(equipment: str) -> str:
    """Return every limit that the shipped profile holds a kind to, each once."""
    kind = SHIPPED.kind(equipment)
    (profile,) = kind.profiles.values()
    rows = []
    for place in kind.places:
        clause = next((profile.clause[one][0] for one in place.names if one in profile.clause), "")
        methods = [steps_module.find(use) for use in place.entry.use]
        for step in methods:
            by = f" by `{step.name}`" if len(methods) > 1 else ""
            for name in step.units:
                rows += [
                    (clause, f"`{name}`{by}", _figure(limit, step.units[name]),
                     f"{limit.guard:g} {step.units[name]}".strip() if limit.guard else "",
                     kind.sources[limit.source].basis, kind.sources[limit.source].text)
                    for limit in _that_judge(profile, place, step, name)
                ]  # fmt: skip
    return table(("clause", "measurement", "limit", "marginal within", "basis", "source"), rows)


def _that_judge(profile: Layer, place: Place, step: Step, name: str) -> list[Limit]:
    """Return the limits of a measurement: those of the test, else those of the step."""
    said = [one.limit for one in profile.limits if name in one.limit.of]
    of_test = [limit for limit in said if limit.test in place.names]
    return of_test or [limit for limit in said if limit.step == step.name]


def _figure(limit: Limit, unit: str) -> str:
    if limit.equals is not None:
        figure = {True: "yes", False: "no"}.get(limit.equals, str(limit.equals))  # type: ignore[call-overload]
    elif limit.curve:
        sign, add = ("≥" if limit.curve.min else "≤"), limit.curve.add
        figure = f"{sign} `{limit.curve.name}`" + (
            f" {'−' if add < 0 else '+'} {abs(add):g}" if add else ""
        )
        figure = f"{figure} {unit}".strip()
    elif limit.rows:
        figure = ", ".join(
            f"{_bounds(row.min, row.max, unit)} up to {row.to:g} of `{limit.by}`"
            for row in limit.rows
        )
    else:
        figure = _bounds(limit.min, limit.max, unit)
    when = " and ".join(
        f"{name} {values if isinstance(values, str) else ' or '.join(values)}"
        for name, values in limit.when.items()
    )
    return f"{when}: {figure}" if when else figure


def _bounds(low: float | None, high: float | None, unit: str) -> str:
    return str(records.Limit(basis=records.Basis.GENERAL, unit=unit, min=low, max=high))
