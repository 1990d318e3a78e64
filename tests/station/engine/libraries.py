"""The shipped library, one with every feature, and benches for them."""

from pathlib import Path
from typing import Any

from drivers.capabilities import (
    ColourMeter,
    ElectronicLoad,
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
)
from station.engine.library import SHIPPED, Library, read
from station.engine.resolve import resolve
from station.engine.resolved import Plan, ResolvedTest

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
