"""`pace station simulate`: a whole station on simulated instruments, or one kind in worlds."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.cli import library
from station.cli.arguments import add_verb, complain, count, speed

if TYPE_CHECKING:
    from station.engine.library import Library
    from station.simulate.runs import Asked
    from station.simulate.scenarios.files import Scenario


def add(verbs: Any) -> None:
    """Add the command to those of its noun."""
    simulate = add_verb(
        verbs, "simulate", "the same station, on simulated instruments and devices", _simulate
    )
    simulate.set_defaults(refuse=simulate.error)
    simulate.add_argument("--config", type=Path, help="a station.toml; default: the demo's rig")
    simulate.add_argument("--seed", type=int, default=1, help="which devices come along")
    simulate.add_argument(
        "--runs", type=count, help="so many devices; default: without end, or each case once"
    )
    line = simulate.add_argument_group("a line of all kinds, as in the demonstration")
    line.add_argument("--data", type=Path, help="folder for its records")
    line.add_argument("--ui", action="store_true", help="with the operator's screen")
    line.add_argument(
        "--speed",
        type=speed,
        help="times faster than real; default: 20 with --ui, else as fast as it can",
    )
    line.add_argument("--broker", help="HOST:PORT instead of the configuration's")
    line.add_argument(
        "--mqtt-version", type=int, choices=(3, 5), help="instead of the configuration's"
    )
    line.add_argument("--language", help="of the screen, instead of the configuration's")
    line.add_argument("--page", default="", help="address of the host's page, to be shown")
    one = simulate.add_argument_group("one kind of equipment: truth and verdict of each run")
    one.add_argument("--equipment", metavar="ID", help="a kind; `pace plan list` shows them")
    one.add_argument("--profile", metavar="ID", default="pace-key", help="default: %(default)s")
    one.add_argument(
        "--world", type=Path, action="append", default=[], metavar="FILE",
        help="what comes along, and what is wrong with the bench; default: the shipped one",
    )  # fmt: skip
    one.add_argument("--case", action="append", default=[], help="only cases of this name")
    one.add_argument("--without", default="", metavar="ROLE,…", help="the bench lacks these")
    one.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="what the label says, instead of the world",
    )  # fmt: skip
    one.add_argument("--folder", type=Path, action="append", default=[], help="look here, too")
    one.add_argument("--json", action="store_true", help="one JSON object a line for each run")


def _simulate(chosen: argparse.Namespace) -> int:
    if chosen.equipment or chosen.world:
        return _worlds(chosen)
    if chosen.data is None:
        chosen.refuse("name --equipment for one kind in worlds, or --data for a whole station")
    from station.compose import Simulation, simulate_station
    from station.delivery.outbox import OutboxError
    from station.process import ScreenFailed
    from station.rig.config import ConfigError
    from station.simulate.scenarios.files import WorldError

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
    except (ConfigError, OutboxError, ScreenFailed, WorldError) as error:
        return complain(str(error))
    except LookupError as error:
        return complain(str(error.args[0]))


def _worlds(chosen: argparse.Namespace) -> int:
    from records.toml.tables import MistakesInFile
    from station.compose import DEMO_RIG
    from station.rig.config import load
    from station.simulate.runs import Simulation, in_turn, line, sentence

    try:
        scenarios = _scenarios(chosen)
        asked, known = _asked(chosen, scenarios[0].equipment)
        simulation = Simulation(load(chosen.config or DEMO_RIG), known, asked, scenarios)
        simulation.check(scenarios)
        results = [0, 0, 0]
        for number, scenario in in_turn(scenarios, chosen.runs, chosen.seed):
            result = simulation.run(number, scenario)
            print(line(result) if chosen.json else sentence(result), flush=True)
            results[0] += 1
            results[1] += not result.is_right
            results[2] += result.is_missed
    except MistakesInFile as error:
        return complain(str(error))
    except (LookupError, ValueError) as error:
        return complain(str(error.args[0]))
    if not chosen.json:
        runs, wrong, missed = results
        print(f"{runs} runs, {wrong} wrong verdicts, {missed} bad devices passed")
    return 1 if results[1] else 0


def _scenarios(chosen: argparse.Namespace) -> "list[Scenario]":
    """Return the cases of all world files. Raises `LookupError` and `MistakesInFile`."""
    from records.toml.tables import suggest
    from station.simulate.scenarios.files import load, world_of

    paths = chosen.world or [world_of(chosen.equipment, chosen.folder)]
    found = [
        one for path in paths for one in load(path, chosen.folder, equipment=chosen.equipment or "")
    ]
    kinds = dict.fromkeys(one.equipment for one in found)
    wanted = chosen.equipment or next(iter(kinds))
    if others := [kind for kind in kinds if kind != wanted]:
        raise LookupError(f"a world is of {others[0]}, and {wanted} is simulated")
    names = {one.name for one in found}
    for name in chosen.case:
        if name not in names:
            raise LookupError(f"no case {name!r}; {suggest(name, names)}")
    return [one for one in found if not chosen.case or one.name in chosen.case]


def _asked(chosen: argparse.Namespace, equipment: str) -> "tuple[Asked, Library]":
    from station.engine.library import SHIPPED
    from station.simulate.runs import Asked

    known = library.read(chosen.folder)
    kind = known.kind(equipment)
    others = [one for one in chosen.folder if one.resolve() != SHIPPED]
    asked = Asked(
        equipment=equipment,
        profile=chosen.profile,
        folders=(SHIPPED, *others),
        seed=chosen.seed,
        without=tuple(filter(None, chosen.without.split(","))),
        told=library.nameplate_of(kind, chosen.set),
    )
    return asked, known
