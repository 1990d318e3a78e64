"""`pace`: the station's command line. Imports inside commands, so that `--help` stays light."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

USAGE_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 refused or found wrong (said on stderr), 2 not a command."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] | None = getattr(chosen, "command", None)
    if command is None:
        (getattr(chosen, "parser", None) or parser).print_help(sys.stderr)
        return USAGE_ERROR
    try:
        code = command(chosen)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has gone; there is nobody left to complain to
        return 1
    except OSError as error:
        _forget_output()
        return _complain(f"pace: {error}")
    return code


def _forget_output() -> None:
    """What could not be written now cannot be written at the end either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pace", description="A testing station for refurbished computing equipment."
    )
    nouns = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_station(nouns)
    _add_plan(nouns)
    _add_rig(nouns)
    _add_decode(nouns)
    _add_demo(nouns)
    return parser


def _noun(nouns: Any, name: str, text: str) -> Any:
    noun = nouns.add_parser(name, help=text, description=text)
    noun.set_defaults(parser=noun)
    return noun.add_subparsers(title="commands", metavar="COMMAND")


def _verb(verbs: Any, name: str, text: str, command: Callable[[argparse.Namespace], int]) -> Any:
    verb = verbs.add_parser(name, help=text, description=text)
    verb.set_defaults(command=command)
    return verb


def _add_station(nouns: Any) -> None:
    verbs = _noun(nouns, "station", "run this station")
    run = _verb(verbs, "run", "test devices on the rig of station.toml", _station_run)
    _config_argument(run)
    run.add_argument("--ui", action="store_true", help="with the operator's screen")
    run.add_argument("--data", type=Path, help="instead of `data` in the configuration")
    simulate = _verb(
        verbs, "simulate", "the same station, on simulated instruments and devices", _simulate
    )
    simulate.add_argument("--config", type=Path, help="a station.toml; default: the demo's rig")
    simulate.add_argument("--ui", action="store_true", help="with the operator's screen")
    simulate.add_argument("--data", type=Path, required=True, help="folder for its records")
    simulate.add_argument("--runs", type=_count, help="test so many devices, deliver, and end")
    simulate.add_argument("--seed", type=int, default=1, help="which devices come along")
    simulate.add_argument(
        "--speed",
        type=_speed,
        help="times faster than real; default: 20 with --ui, else as fast as it can",
    )
    simulate.add_argument("--broker", help="HOST:PORT instead of the configuration's")
    simulate.add_argument(
        "--mqtt-version", type=int, choices=(3, 5), help="instead of the configuration's"
    )
    simulate.add_argument("--page", default="", help="address of the host's page, to be shown")
    check = _verb(verbs, "check", "check station.toml and its plans; touches nothing", _check)
    _config_argument(check)
    check.add_argument("--json", action="store_true", help="the slots as JSON")


def _add_plan(nouns: Any) -> None:
    verbs = _noun(nouns, "plan", "what is tested")
    listing = _verb(verbs, "list", "the plans there are", _plan_list)
    listing.add_argument("--json", action="store_true", help="as one JSON array")
    listing.add_argument("--folder", type=Path, action="append", default=[], help="look here, too")
    check = _verb(verbs, "check", "check plan files", _plan_check)
    check.add_argument("files", type=Path, nargs="+", metavar="FILE", help="TOML files")
    show = _verb(verbs, "show", "one plan with its steps, limits and their basis", _plan_show)
    show.add_argument("plan", help="an id, or a file")
    show.add_argument("--json", action="store_true", help="everything, as one JSON object")
    show.add_argument("--folder", type=Path, action="append", default=[], help="look here, too")


def _add_rig(nouns: Any) -> None:
    verbs = _noun(nouns, "rig", "what is plugged into this machine")
    scan = _verb(verbs, "scan", "print the configuration for what is plugged in", _rig_scan)
    scan.add_argument("--json", action="store_true", help="what was found, as JSON")
    scan.add_argument(
        "--identify",
        action="store_true",
        help="talk to serial instruments to find their drivers; switches them off",
    )
    rules = _verb(
        verbs, "rules", "print the udev rules that keep devices under test at bay", _rig_rules
    )
    _config_argument(rules)
    rules.add_argument(
        "--also",
        metavar="SLOT=PORT",
        action="append",
        default=[],
        help="one more port of a slot, such as its socket's SuperSpeed port",
    )


def _add_decode(nouns: Any) -> None:
    verbs = _noun(nouns, "decode", "read what devices say of themselves, one a line on stdin")
    _verb(verbs, "edid", "EDID as hex → one JSON object a line", _decode_edid)
    _verb(verbs, "ieee1284", "printer device ids → one JSON object a line", _decode_ieee1284)
    _verb(verbs, "mccs", "monitor capability strings → one JSON object a line", _decode_mccs)


def _add_demo(nouns: Any) -> None:
    demo = _verb(nouns, "demo", "broker, host, simulated station and screen in one", _demo)
    demo.add_argument("--headless", action="store_true", help="without the operator's screen")
    demo.add_argument("--runs", type=_count, help="with --headless: so many devices; default: 40")
    demo.add_argument("--seed", type=int, default=1, help="which devices come along")
    demo.add_argument("--json", action="store_true", help="with --headless: one line on stdout")
    demo.add_argument("--data", type=Path, help="folder for records and logs")
    demo.add_argument("--broker", help="HOST:PORT of a running broker instead of the embedded one")
    demo.add_argument(
        "--mqtt-version", type=int, choices=(3, 5), help="default: 3 embedded, else 5"
    )


def _config_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("/etc/pace-station/station.toml"),
        help="default: %(default)s",
    )


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return speed


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


def _station_run(chosen: argparse.Namespace) -> int:
    from station.compose import run_station
    from station.delivery.outbox import OutboxError
    from station.rig.config import ConfigError

    try:
        return run_station(chosen.config, ui=chosen.ui, data=chosen.data)
    except (ConfigError, OutboxError) as error:
        return _complain(str(error))


def _simulate(chosen: argparse.Namespace) -> int:
    from station.compose import Simulation, simulate_station
    from station.delivery.outbox import OutboxError
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
            )
        )
    except (ConfigError, OutboxError) as error:
        return _complain(str(error))


def _check(chosen: argparse.Namespace) -> int:
    from station.rig.config import ConfigError, load

    try:
        config = load(chosen.config)
    except ConfigError as error:
        return _complain(str(error))
    if chosen.json:
        slots = [
            {
                "slot": slot.name,
                "kind": slot.kind,
                "plans": [plan.id for plan in slot.plans],
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
    return 0


def _plan_list(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans

    found, wrong = [], []
    for folder in (*chosen.folder, plans.SHIPPED):
        if not folder.is_dir():
            wrong.append(f"{folder}: not a folder")
        for path in sorted(folder.glob("*.toml")):
            try:
                found.append(plans.load(path))
            except plans.PlanError as error:
                wrong.append(str(error))
    if chosen.json:
        rows = [
            {"id": p.id, "title": p.title, "kind": p.kind, "steps": len(p.steps)} for p in found
        ]
        print(json.dumps(rows))
    else:
        for plan in found:
            print(f"{plan.id:24} {plan.kind:16} {len(plan.steps):2} steps  {plan.title}")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return 1 if wrong else 0


def _plan_check(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans

    result = 0
    for path in chosen.files:
        try:
            loaded = plans.load(path)
        except plans.PlanError as error:
            result = _complain(str(error))
        else:
            print(f"{path}: {len(loaded.steps)} steps, good")
    return result


def _plan_show(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans

    try:
        if Path(chosen.plan).suffix == ".toml":
            loaded = plans.load(Path(chosen.plan))
        else:
            loaded = plans.find(chosen.plan, (*chosen.folder, plans.SHIPPED))
    except plans.PlanError as error:
        return _complain(str(error))
    if chosen.json:
        import msgspec

        print(msgspec.json.encode(_plan_as_data(loaded)).decode())
        return 0
    print(f"{loaded.id}: {loaded.title}\n  for: {loaded.kind}\n  guideline: {loaded.guideline}")
    print(f"  sha256: {loaded.sha256}")
    for number, planned in enumerate(loaded.steps, start=1):
        print(f"\n{number}. {planned.title}  ({planned.use})")
        if planned.clause:
            print(f"   clause: {planned.clause}")
        for name, value in planned.settings.items():
            print(f"   {name} = {value!r}")
        for name, limit in planned.limits.items():
            print(f"   {name} {limit}   [{limit.basis}: {limit.source}]")
        if planned.stop_on_fail:
            print("   stops the run when it fails")
    return 0


def _plan_as_data(loaded: Any) -> dict[str, Any]:
    return {
        "id": loaded.id,
        "title": loaded.title,
        "kind": loaded.kind,
        "guideline": loaded.guideline,
        "sha256": loaded.sha256,
        "steps": [
            {
                "use": planned.use,
                "title": planned.title,
                "clause": planned.clause,
                "roles": sorted(planned.step.roles),
                "measures": dict(planned.step.units),
                "settings": dict(planned.settings),
                "limits": dict(planned.limits),
                "stop_on_fail": planned.stop_on_fail,
            }
            for planned in loaded.steps
        ],
    }


def _rig_scan(chosen: argparse.Namespace) -> int:
    from drivers.linux.local import LocalHardware
    from station.rig.scan import as_data, describe, found

    try:
        items = found()
    except OSError as error:
        return _complain(f"this machine's devices cannot be listed: {error}")
    if chosen.json:
        print(json.dumps(as_data(items)))
        return 0
    with LocalHardware() as hardware:
        print(describe(items, hardware if chosen.identify else None))
    return 0


def _rig_rules(chosen: argparse.Namespace) -> int:
    from station.rig.config import ConfigError, load
    from station.rig.udev_rules import rules, slot_ports

    try:
        config = load(chosen.config)
    except ConfigError as error:
        return _complain(str(error))
    try:
        print(rules(slot_ports(config, chosen.also)), end="")
    except ConfigError as error:
        return _complain(f"{chosen.config}: {error}")
    return 0


def _decode_edid(chosen: argparse.Namespace) -> int:
    from drivers.formats import edid

    def decode(line: str) -> dict[str, Any]:
        try:
            data = bytes.fromhex(line)
        except ValueError as error:
            return edid.parse(b"")._asdict() | {"errors": (f"not hex: {error}",)}
        return edid.parse(data)._asdict()

    return _decode(decode)


def _decode_ieee1284(chosen: argparse.Namespace) -> int:
    from drivers.formats import ieee1284

    return _decode(lambda line: ieee1284.parse(line)._asdict())


def _decode_mccs(chosen: argparse.Namespace) -> int:
    from drivers.formats import mccs

    def decode(line: str) -> dict[str, Any]:
        """Codes and values as MCCS writes them: hexadecimal."""
        said = mccs.parse(line)
        return said._asdict() | {
            "cmds": [f"{code:02X}" for code in said.cmds],
            "vcp": {
                f"{code:02X}": [f"{value:02X}" for value in values]
                for code, values in said.vcp.items()
            },
        }

    return _decode(decode)


def _decode(decode: Callable[[str], dict[str, Any]]) -> int:
    lines: Iterable[bytes] = sys.stdin.buffer
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        print(json.dumps(decode(text), default=list), flush=False)
    return 0


def _demo(chosen: argparse.Namespace) -> int:
    if not chosen.headless and (chosen.runs is not None or chosen.json):
        return _complain("--runs and --json go with --headless: the screen runs until you quit it")
    from station.demo import Demo, run_demo

    return run_demo(
        Demo(
            headless=chosen.headless,
            runs=40 if chosen.runs is None else chosen.runs,
            seed=chosen.seed,
            json=chosen.json,
            data=chosen.data,
            broker=chosen.broker,
            mqtt_version=chosen.mqtt_version,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
