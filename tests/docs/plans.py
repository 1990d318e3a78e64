"""The reference of steps and limits, from `station.steps` and the shipped profile."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import msgspec

import records
from records.rules import rule
from station.engine import library
from station.engine import step as steps_module
from station.engine.library import Layer
from station.engine.library.kinds import Place
from station.engine.library.tables import Limit
from station.engine.paper import Outlook, outlook
from station.engine.plan import Plan
from station.engine.step import Step, step_modules
from station.rig.config import load
from station.rig.slots import StationConfig
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
                     _needs(limit, step.units[name]),
                     kind.sources[limit.source].basis, kind.sources[limit.source].text)
                    for limit in _that_judge(profile, place, step, name)
                ]  # fmt: skip
    return table(("clause", "measurement", "limit", "needs U ≤", "basis", "source"), rows)


def _needs(limit: Limit, unit: str) -> str:
    return f"{limit.uncertainty:g} {unit}".strip() if limit.uncertainty else ""


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


ROOT = Path(__file__).parents[2]
SENTENCES = {
    "": "yes",
    "limit.uncertainty_unknown": "no: unknown",
    "limit.uncertainty_too_large": "no: U is too large",
    "limit.guards_meet": "no: the guard bands meet",
}


def outlooks(config: StationConfig) -> Iterator[tuple[str, Plan, str, str, Outlook | None]]:
    """Yield slot, plan, step and measurement of each limit of a rig, with its outlook."""
    for slot in config.slots.values():
        roles = [*slot.roles, *slot.shared]
        accuracies = {role: config.instrument(slot.name, role).accuracies() for role in roles}
        for plan in slot.plans:
            for planned in plan.steps:
                found = outlook(planned, accuracies, rule(plan.rule))
                for name in planned.limits:
                    yield slot.name, plan, planned.use, name, found.get(name)


def decided(given: str) -> str:
    """Return a table of the limits of a rig's file; plans and slots that agree share a row."""
    config = load(ROOT / given)
    rows: dict[tuple[str, ...], None] = {}
    for _, plan, use, name, told in outlooks(config):
        planned = next(one for one in plan.steps if one.use == use)
        unit = planned.step.units[name]
        limit = planned.limits[name]
        shown = str(limit).replace("= True", "yes").replace("= False", "no")
        where = f"`{use}`", f"`{name}`", shown
        if told is None:
            rows[(*where, "exact", "", "yes")] = None
            continue
        needs = f"{limit.uncertainty:g} {unit}".strip() if limit.uncertainty else ""
        known = "unknown" if told.expanded is None else f"{told.expanded:.2g} {unit}".strip()
        rows[(*where, known, needs, SENTENCES[told.why])] = None
    return table(("step", "measurement", "limit", "U (k = 2)", "needs U ≤", "decided"), rows)
