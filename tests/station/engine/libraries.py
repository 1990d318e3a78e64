"""The shipped library, one with every feature, and benches for them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from drivers.capabilities import (
    AtxPort,
    ColourMeter,
    ElectronicLoad,
    FlickerMeter,
    KeyActuator,
    KeySource,
    LightArray,
    LightMeter,
    MainsMeter,
    Monitor,
    PatternSource,
    PortPower,
    PowerMeter,
    PowerSupply,
    Ps2Port,
)
from station.engine.library import SHIPPED, Library, read
from station.engine.plan import Plan as RunnerPlan
from station.engine.resolve import resolve
from station.engine.resolved import Plan, ResolvedTest

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
"""The content of the six plans of version 0.1, each with its label and its bench."""

EVERYTHING = Path(__file__).parents[2] / "data" / "library"

ROLES: dict[str, type[object]] = {
    "load": ElectronicLoad,
    "meter": PowerMeter,
    "mains_meter": MainsMeter,
    "supply": PowerSupply,
    "monitor": Monitor,
    "screen": PatternSource,
    "zones": LightArray,
    "probe": ColourMeter,
    "keyboard": KeySource,
    "actuator": KeyActuator,
    "light": LightMeter,
    "port_power": PortPower,
    "atx": AtxPort,
    "ps2": Ps2Port,
    "flicker": FlickerMeter,
}
"""The instrument that plays each role on a bench that has everything."""

ADAPTER = {"output_v": 19.5, "output_a": 3.33, "efficiency_mark": "VI"}

shipped = read()
everything = read((SHIPPED, EVERYTHING))


def plan_of(
    equipment: str,
    nameplate: dict[str, Any],
    roles: list[str] | None = None,
    *,
    profile: str = "everything",
    site: str = "",
    library: Library = everything,
) -> Plan:
    """Return a plan, on a bench that has everything unless told otherwise."""
    played = ROLES if roles is None else {name: ROLES[name] for name in roles}
    return resolve(library, equipment, profile, nameplate=nameplate, roles=played, site=site)


def by_id(plan: Plan) -> dict[str, ResolvedTest]:
    """Return the tests of a plan by their ids."""
    return {test.id: test for test in plan.tests}


def key_function_plan(plan_id: str) -> RunnerPlan:
    """Return one of the six plans that came with version 0.1, as the shipped files resolve it."""
    golden = json.loads(next(path for path in GOLDEN if path.stem == plan_id).read_text())
    plan = plan_of(
        golden["equipment"],
        golden["nameplate"],
        golden["roles"],
        profile="pace-key",
        library=shipped,
    )
    return plan.runnable(plan_id)


def of_plain_numbers(plan: RunnerPlan) -> RunnerPlan:
    """Return a plan for instruments that state no accuracy: its limits ask for none.

    What uncertainty does to these limits is tested where the instruments have some.
    """
    return replace(
        plan,
        steps=tuple(
            replace(
                planned,
                limits={
                    name: msgspec.structs.replace(limit, uncertainty=None)
                    for name, limit in planned.limits.items()
                },
            )
            for planned in plan.steps
        ),
    )
