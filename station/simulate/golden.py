"""Golden units: devices whose every property is known, from a folder of world files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from drivers.buses import Time
from drivers.sim.place import Device
from station.rig.config import SlotConfig
from station.simulate.scenarios.files import Placed, load
from station.simulate.scenarios.stage import stage
from station.simulate.world import World


def golden_unit(
    folder: Path, equipment: str, time: Time, parameters: Mapping[str, Any] | None = None
) -> Device | None:
    """Return the golden unit of a kind of equipment; None where the folder has no world of it.

    `parameters` are others than the golden unit's. Raises `WorldError` for what there is not.
    """
    path = folder / f"{equipment}.toml"
    if not path.is_file():
        return None
    scenario = load(path)[0]
    placed = {name: Placed(value, scenario.origin) for name, value in (parameters or {}).items()}
    scenario = replace(scenario, parameters={**scenario.parameters, **placed})
    return stage(scenario, time, Random(0)).device


def plug_golden_unit(folder: Path, slot: SlotConfig, world: World) -> Device | None:
    """Plug the golden unit of the slot's kind in, and return it; None where there is none."""
    for plan in slot.plans:
        device = golden_unit(folder, plan.equipment, world.time)
        if device is not None:
            world.plug(device)
            return device
    return None
