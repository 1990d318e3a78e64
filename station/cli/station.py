"""`pace station`: run this station, simulated or not, and check its configuration."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from station.cli.arguments import add_config, add_verb, add_verbs, complain, count, speed

if TYPE_CHECKING:
    from station.rig.config import StationConfig


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    run = add_verb(verbs, "run", "test devices on the rig of station.toml", _run)
    add_config(run)
    run.add_argument("--ui", action="store_true", help="with the operator's screen")
    run.add_argument("--data", type=Path, help="instead of `data` in the configuration")
    simulate = add_verb(
        verbs, "simulate", "the same station, on simulated instruments and devices", _simulate
    )
    simulate.add_argument("--config", type=Path, help="a station.toml; default: the demo's rig")
    simulate.add_argument("--ui", action="store_true", help="with the operator's screen")
    simulate.add_argument("--data", type=Path, required=True, help="folder for its records")
    simulate.add_argument("--runs", type=count, help="test so many devices, deliver, and end")
    simulate.add_argument("--seed", type=int, default=1, help="which devices come along")
    simulate.add_argument(
        "--speed",
        type=speed,
        help="times faster than real; default: 20 with --ui, else as fast as it can",
    )
    simulate.add_argument("--broker", help="HOST:PORT instead of the configuration's")
    simulate.add_argument(
        "--mqtt-version", type=int, choices=(3, 5), help="instead of the configuration's"
    )
    simulate.add_argument("--language", help="of the screen, instead of the configuration's")
    simulate.add_argument("--page", default="", help="address of the host's page, to be shown")
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


def _simulate(chosen: argparse.Namespace) -> int:
    from station.compose import Simulation, simulate_station
    from station.delivery.outbox import OutboxError
    from station.process import ScreenFailed
    from station.rig.config import ConfigError

    try:
        return simulate_station(
            Simulation(
                config=chosen.config,
                data=chosen.data,
                ui=chosen.ui,
                runs=chosen.runs,
                seed=chosen.seed,
                speed=chosen.speed,
                broker=chosen.broker,
                mqtt_version=chosen.mqtt_version,
                page=chosen.page,
                language=chosen.language,
            )
        )
    except (ConfigError, OutboxError, ScreenFailed) as error:
        return complain(str(error))


def _check(chosen: argparse.Namespace) -> int:
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
                ratings = slot.asks[plan.id].kind.ratings
                asked = ", ".join(name for name, one in ratings.items() if not one.product)
                print(f"    {plan.id} asks for the label: {asked}")
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
