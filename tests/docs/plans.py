"""The reference of steps and limits, from `station.steps` and the shipped plans."""

import importlib
import inspect
from collections.abc import Iterator

import msgspec

from records import Limit
from station.engine.plan import SHIPPED, Plan, PlannedStep, _PlanTable, _StepTable, load
from station.engine.step import Step, step_modules
from tests.docs.toml_types import default_in_words, table, type_in_words

PLAN = {
    "id": "the file's name without `.toml`",
    "title": "for people; the screen shows it",
    "kind": "the equipment it is for; must equal the slot's `kind`",
    "guideline": "the profile it follows; goes into every record",
    "settings": "for every step that has a setting of that name",
    "step": "`[[step]]`, one for each step, in order",
}
STEP = {
    "use": "the step: `module.name` from the list below",
    "title": "instead of the step's own title, which is known in every language",
    "clause": "of your profile; goes into every record",
    "settings": "for this step; goes before the plan's `[settings]`",
    "limits": "`[step.limits.NAME]`, NAME being one of its measurements",
    "stop_on_fail": "whether the plan ends here unless this step passes or is skipped",
    "optional": "whether a run passes without it",
}
LIMIT = {
    "basis": "where the figure comes from",
    "source": "the document and what it says; `source` needs it",
    "unit": "must equal the measurement's; leave out where it has none",
    "min": "the least that passes",
    "max": "the most that passes",
    "equals": "instead of bounds: the one value that passes",
    "guard": "a pass within so much of a bound is marginal",
}


def keys(which: str) -> str:
    tables: dict[str, tuple[type[msgspec.Struct], dict[str, str]]] = {
        "plan": (_PlanTable, PLAN),
        "step": (_StepTable, STEP),
        "limit": (Limit, LIMIT),
    }
    kind, meanings = tables[which]
    return table(
        ("key", "type", "default", "meaning"),
        (
            (f"`{f.name}`", type_in_words(f.type), default_in_words(f), meanings[f.name])
            for f in msgspec.structs.fields(kind)
        ),
    )


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


def limits(given: str) -> str:
    """Return one table for the plans of `given`; where figures differ, it names each one's plan."""
    plans = [load(SHIPPED / f"{plan_id}.toml") for plan_id in given.split()]
    rows = []
    for clause, use, name in _places(plans):
        found = {
            plan.id: (limit, planned)
            for plan in plans
            for planned in plan.steps
            if (planned.clause, planned.use) == (clause, use)
            and (limit := planned.limits.get(name)) is not None
        }
        limit = next(iter(found.values()))[0]
        rows.append((clause, f"`{name}`", _figures(found, len(plans)), _guard(limit),
                     limit.basis.value, limit.source))  # fmt: skip
    return table(("clause", "measurement", "limit", "marginal within", "basis", "source"), rows)


def _places(plans: list[Plan]) -> list[tuple[str, str, str]]:
    found = {
        (planned.clause, planned.use, name): None
        for plan in plans
        for planned in plan.steps
        for name in planned.limits
    }
    order = [planned.clause for plan in plans for planned in plan.steps]
    return sorted(found, key=lambda place: order.index(place[0]))


def _figures(found: dict[str, tuple[Limit, PlannedStep]], plans: int) -> str:
    whose: dict[str, list[str]] = {}
    for plan_id, (limit, _) in found.items():
        whose.setdefault(_figure(limit), []).append(plan_id)
    if len(whose) == 1 and len(found) == plans:
        return next(iter(whose))
    return "<br>".join(f"{figure} in {', '.join(ids)}" for figure, ids in whose.items())


def _figure(limit: Limit) -> str:
    return str(limit).replace("= True", "yes").replace("= False", "no")


def _guard(limit: Limit) -> str:
    return f"{limit.guard:g} {limit.unit}".strip() if limit.guard else ""
