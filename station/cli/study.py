"""`pace rig study`: a crossed gauge study on the rig, or on a simulated one."""

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from station.cli.arguments import add_config, add_verb, complain

if TYPE_CHECKING:
    from drivers.buses import Hardware
    from station.rig.config import StationConfig
    from station.rig.study.session import Design, Session, Turn

SETTLE_S = 2.0
"""From a white picture on the screen to the first reading of its light."""


class Ended(Exception):
    """The operator ends for now; the file goes on another time."""


def add(verbs: Any) -> None:
    """Add the command to those of its noun."""
    study = add_verb(
        verbs, "study", "how much of what an instrument tells is the measuring itself", _study
    )
    study.add_argument(
        "file", type=Path, help="the study; each reading is written at once, and it goes on there"
    )
    add_config(study)
    study.add_argument("--json", action="store_true", help="the results as JSON")
    study.add_argument(
        "--simulate", action="store_true", help="with simulated parts, without asking"
    )
    new = study.add_argument_group("a new study")
    new.add_argument("--slot", help="where parts are put in")
    new.add_argument("--role", help="the instrument's role there, such as meter")
    new.add_argument("--quantity", help="such as voltage_v")
    new.add_argument("--zone", type=int, default=1, help="of light meters; default: %(default)s")
    new.add_argument("--parts", type=int, default=10, help="default: %(default)s")
    new.add_argument("--operators", metavar="NAME,NAME…", help="at least two")
    new.add_argument("--trials", type=int, default=3, help="default: %(default)s")
    new.add_argument("--tolerance", type=float, help="upper minus lower limit, in the same unit")
    new.add_argument("--seed", type=int, default=1, help="of the order of parts")


def _study(chosen: argparse.Namespace) -> int:
    from drivers.errors import DriverError
    from station.rig.config import ConfigError, load
    from station.rig.study.crossed import StudyError
    from station.rig.study.report import Report
    from station.rig.study.session import Session

    try:
        design = _design(chosen) if chosen.slot else None
        if design is not None:
            _check(load(chosen.config), design)
        session = Session(chosen.file, design)
        if session.missing:
            if session.design.simulated != chosen.simulate:
                return complain(f"{chosen.file}: simulated readings and real ones do not mix")
            config = load(chosen.config)
            _check(config, session.design)
            _take_all(session, config)
        design = session.design
        report = Report(session.crossed(), design.quantity, design.tolerance)
    except Ended:
        return complain(f"{chosen.file}: {len(session.missing)} readings are missing; it goes on")
    except (ConfigError, StudyError, DriverError) as error:
        return complain(str(error))
    except LookupError as error:
        return complain(str(error.args[0]))
    if chosen.json:
        print(json.dumps(report.data()))
        return 0
    print("\n".join(report.lines()))
    return 0


def _design(chosen: argparse.Namespace) -> "Design":
    """Return the design that the arguments say. Raises `StudyError`."""
    import msgspec

    from station.rig.study.crossed import StudyError
    from station.rig.study.session import Design

    for name in ("role", "quantity", "operators"):
        if not getattr(chosen, name):
            raise StudyError(f"a new study needs --{name}")
    given = {
        name: getattr(chosen, name)
        for name in ("slot", "role", "quantity", "zone", "parts", "trials", "tolerance", "seed")
    }
    operators = [one.strip() for one in chosen.operators.split(",") if one.strip()]
    given |= {"operators": operators, "simulated": chosen.simulate}
    try:
        return msgspec.convert(given, Design)
    except msgspec.ValidationError as error:
        raise StudyError(f"no such study: {error}") from error


def _check(config: "StationConfig", design: "Design") -> None:
    """Raise `LookupError` where the station has no such instrument, before a part is put in."""
    from records.toml.tables import suggest
    from station.rig.study.quantities import OF_LIGHT, quantities_of

    if design.slot not in config.slots:
        raise LookupError(f"no slot {design.slot}; {suggest(design.slot, config.slots)}")
    its = config.slots[design.slot]
    roles = [*its.roles, *its.shared]
    if design.role not in roles:
        raise LookupError(f"{design.slot} has no {design.role}; {suggest(design.role, roles)}")
    kind = config.instrument(design.slot, design.role).kind
    if design.simulated and issubclass(kind, OF_LIGHT):
        raise LookupError("light is not simulated in a study: nothing switches the display on")
    known = quantities_of(kind)
    if design.quantity not in known:
        what = suggest(design.quantity, known) if known else "it is read within a test alone"
        raise LookupError(f"the {design.role} has no {design.quantity}; {what}")


def _take_all(session: "Session", config: "StationConfig") -> None:
    if session.design.simulated:
        session.go_on(_simulated(config, session.design))
        return
    from drivers.linux.local import LocalHardware

    with LocalHardware() as hardware:
        session.go_on(_guided(config, session.design, hardware, input))


def _guided(
    config: "StationConfig", design: "Design", hardware: "Hardware", ask: Callable[[str], str]
) -> "Callable[[Turn], float]":
    """Return how a person takes a reading. Its value is not shown: the next must not know it."""

    def take(turn: "Turn") -> float:
        where = f"{turn.operator}, trial {turn.trial} of {design.trials}: part {turn.part}"
        try:
            answer = ask(f"{where} into {design.slot}, then Enter (q ends for now): ")
        except EOFError:
            raise Ended from None
        if answer.strip().lower() == "q":
            raise Ended
        return _read(config, design, hardware, hardware)

    return take


def _simulated(config: "StationConfig", design: "Design") -> "Callable[[Turn], float]":
    """Return how a simulated reading is taken: each on a new rig, with the noise of its channel."""
    from drivers.uncertain import range_of
    from station.simulate.population import Population
    from station.simulate.rig import SimulatedRig
    from station.simulate.scenarios.stage import stage

    scenario = Population().of(config.slots[design.slot].plans[0].equipment)[0]
    accuracies = config.instrument(design.slot, design.role).accuracies()

    def take(turn: "Turn") -> float:
        rig = SimulatedRig(config)
        chance = Random(f"{design.seed}/part {turn.part}")
        staged = stage(scenario, rig.worlds[design.slot].time, chance)
        rig.bring(design.slot, staged, chance)
        rig.probe.over = rig.worlds[design.slot]
        value = _read(config, design, rig.hardware[design.slot], rig.hardware[""])
        told = range_of(accuracies.get(design.quantity, ()), value)
        own = Random(f"{design.seed}/{turn.part}/{turn.operator}/{turn.trial}")
        return value + own.gauss(0.0, told.noise if told else 0.0)

    return take


def _read(
    config: "StationConfig", design: "Design", hardware: "Hardware", common: "Hardware"
) -> float:
    """Return one reading; a slot's screen shows white for a meter of light."""
    from station.rig.study.quantities import OF_LIGHT, read_quantity

    its = config.slots[design.slot]
    with ExitStack() as closing:
        table = config.instrument(design.slot, design.role)
        on = common if design.role in its.shared else hardware
        if issubclass(table.kind, OF_LIGHT) and "screen" in its.roles:
            screen = its.roles["screen"].open(hardware, closing)
            closing.callback(screen.make_safe)
            screen.show_level(1.0, 1.0, 1.0)
            hardware.time.sleep(SETTLE_S)
        return read_quantity(table.open(on, closing), design.quantity, design.zone)
