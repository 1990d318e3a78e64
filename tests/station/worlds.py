"""Devices for tests, from the worlds that are shipped, with what a test wants otherwise."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any, TypeVar

from drivers.formats.key_layouts import LAYOUTS
from station.simulate.scenarios.files import Placed, Scenario, load, world_of
from station.simulate.scenarios.stage import stage
from station.simulate.world import World

ISO = LAYOUTS["iso-105"].usages
E, SPACE, ENTER = 0x08, 0x2C, 0x28

Kind = TypeVar("Kind")
Plug = Callable[[World, Random], None]


@cache
def cases(equipment: str) -> dict[str, Scenario]:
    """Return the cases of a shipped world, by name."""
    return {one.name: one for one in load(world_of(equipment))}


def scenario(equipment: str, case: str = "", **parameters: Any) -> Scenario:
    """Return a case of a shipped world, the first by default, with these parameters."""
    one = cases(equipment)[case] if case else next(iter(cases(equipment).values()))
    placed = {name: Placed(value, one.origin) for name, value in parameters.items()}
    return replace(one, parameters={**one.parameters, **placed})


def a(equipment: str, case: str = "", **parameters: Any) -> Plug:
    """Return a function that plugs such a device into a world, a little different each time."""

    def plug(world: World, chance: Random) -> None:
        staged = stage(scenario(equipment, case, **parameters), world.time, chance)
        world.bring(staged.device, staged.happening, chance)

    return plug


def in_slot(world: World, kind: type[Kind]) -> Kind:
    """Return the device of a slot, which has to be of this kind."""
    device = world.plugged(kind)
    assert device is not None
    return device
