"""`pace station`: run this station, simulated or not, and check its configuration."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from station.cli import simulate
from station.cli.arguments import add_config, add_verb, add_verbs, complain

if TYPE_CHECKING:
    from station.rig.config import StationConfig


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    run = add_verb(verbs, "run", "test devices on the rig of station.toml", _run)
    add_config(run)
    run.add_argument("--ui", action="store_true", help="with the operator's screen")
    run.add_argument("--data", type=Path, help="instead of `data` in the configuration")
    simulate.add(verbs)
    check = add_verb(verbs, "check", "check station.toml and its plans; touches nothing", _check)
    add_config(check)
    check.add_argument("--json", action="store_true", help="the slots as JSON")
    check.add_argument(
        "--boards",
        action="store_true",
        help="ask fixture boards whether their firmware fits; switches their outputs off",
    )


def _run(chosen: argparse.Namespace) -> int:
    from station.compose import run_station
    from station.delivery.outbox import OutboxError
    from station.process import ScreenFailed, wait_before_the_end
    from station.rig.config import ConfigError

    try:
        return run_station(chosen.config, ui=chosen.ui, data=chosen.data)
    except ScreenFailed as error:
        return complain(str(error))
    except (ConfigError, OutboxError) as error:
        code = complain(str(error))
        wait_before_the_end()
        return code


def _check(chosen: argparse.Namespace) -> int:
    from station.cli.outlook import no_witness, uncalibrated, undecided
    from station.rig.config import ConfigError, load

    try:
        config = load(chosen.config)
    except ConfigError as error:
        return complain(str(error))
    if chosen.boards and (wrong := _misfits(config)):
        return complain("\n".join(wrong))
    if chosen.json:
        slots = [
            {
                "slot": slot.name,
                "kind": slot.kind,
                "plans": [plan.id for plan in slot.plans],
                "incomplete": {plan.id: plan.incomplete for plan in slot.plans if plan.incomplete},
                "asks": list(slot.asks),
                "undecided": {
                    plan.id: [str(said) for said in undecided(config, slot.name, plan)]
                    for plan in slot.plans
                },
                "uncalibrated": list(uncalibrated(config, slot.name)),
                "roles": {role: named.driver for role, named in slot.roles.items()},
                "shared": dict(slot.shared),
            }
            for slot in config.slots.values()
        ]
        print(json.dumps({"station": config.station, "slots": slots}))
        return 0
    print(f"{chosen.config}: station {config.station}, good")
    for slot in config.slots.values():
        print(f"  {slot.name}: {', '.join(plan.id for plan in slot.plans)}")
        for role, named in slot.roles.items():
            print(f"    {role}: {named.driver}")
        for role, name in slot.shared.items():
            print(f"    {role}: {name} (shared)")
        for plan in slot.plans:
            for why in plan.incomplete:
                print(f"    {plan.id} cannot end as PASS: {why}")
            if plan.id in slot.asks:
                ask = slot.asks[plan.id]
                ratings = ask.kind.ratings.items()
                asked = ", ".join(
                    name for name, one in ratings if not one.product and name not in ask.told
                )
                print(f"    {plan.id} asks for the label: {asked}")
            for said in undecided(config, slot.name, plan):
                print(f"    {plan.id}: {said.words}")
            for why in no_witness(config, slot.name, plan):
                print(f"    {plan.id}: the load is no witness of the meter: {why}")
        if roles := ", ".join(uncalibrated(config, slot.name)):
            print(f"    uncalibrated, judged by their data sheets: {roles}")
    return 0


def _misfits(config: "StationConfig") -> list[str]:
    """Return a sentence for each fixture board whose firmware does not fit."""
    from drivers.linux.local import LocalHardware
    from station.rig.flash import misfits

    tables = [*config.shared.values()]
    for slot in config.slots.values():
        tables += slot.roles.values()
    boards = [(table.fixture_kind, table.serial_port) for table in tables if table.fixture_kind]
    with LocalHardware() as hardware:
        return list(misfits(hardware, boards))
