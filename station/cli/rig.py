"""`pace rig`: find what is plugged in, keep other programs off it, renew firmware, and study it."""

import argparse
import json
from pathlib import Path

from station.cli import calibrate, check, study
from station.cli.arguments import add_config, add_verb, add_verbs, complain


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    scan = add_verb(verbs, "scan", "print the configuration for what is plugged in", _scan)
    scan.add_argument("--json", action="store_true", help="what was found, as JSON")
    scan.add_argument(
        "--identify",
        action="store_true",
        help="talk to instruments to find their drivers; switches them off",
    )
    scan.add_argument(
        "--drivers",
        metavar="FOLDER",
        type=Path,
        action="append",
        default=[],
        help="a folder with drivers of your own, as driver_folders in station.toml",
    )
    rules = add_verb(
        verbs, "rules", "print the udev rules that keep devices under test at bay", _rules
    )
    add_config(rules)
    rules.add_argument(
        "--also",
        metavar="SLOT=PORT",
        action="append",
        default=[],
        help="one more port of a slot, such as its socket's SuperSpeed port",
    )
    flash = add_verb(
        verbs,
        "flash",
        "put this station's firmware onto fixture boards; keeps calibrations",
        _flash,
    )
    flash.add_argument(
        "--board",
        metavar="KIND",
        default="",
        help="boards of this kind, and those without firmware",
    )
    flash.add_argument(
        "--port",
        metavar="PORT",
        help="only the board at this port; default: each Raspberry Pi Pico",
    )
    study.add(verbs)
    calibrate.add(verbs)
    check.add(verbs)


def _scan(chosen: argparse.Namespace) -> int:
    from drivers.linux.local import LocalHardware
    from station.rig.scan import as_data, describe, found

    try:
        items = found()
    except OSError as error:
        return complain(f"this machine's devices cannot be listed: {error}")
    if chosen.json:
        print(json.dumps(as_data(items)))
        return 0
    with LocalHardware() as hardware:
        print(describe(items, hardware if chosen.identify else None, chosen.drivers))
    return 0


def _rules(chosen: argparse.Namespace) -> int:
    from station.rig.config import ConfigError, load
    from station.rig.udev_rules import rules, slot_ports

    try:
        config = load(chosen.config)
    except ConfigError as error:
        return complain(str(error))
    try:
        print(rules(slot_ports(config, chosen.also)), end="")
    except ConfigError as error:
        return complain(f"{chosen.config}: {error}")
    return 0


def _flash(chosen: argparse.Namespace) -> int:
    from drivers.errors import DriverError
    from drivers.linux.discovery import resolve_serial
    from drivers.linux.local import LocalHardware
    from station.rig import flash
    from station.rig.scan import found

    if chosen.board and chosen.board not in flash.KINDS:
        return complain(f"there is no board {chosen.board!r}; there are {', '.join(flash.KINDS)}")
    ports = [one.port or one.path for one in flash.boards_of(found())]
    if chosen.port:
        ports = [chosen.port]
    if not ports:
        return complain("no fixture board is plugged in: no USB serial port of a Raspberry Pi Pico")
    failed = 0
    with LocalHardware() as hardware:
        for port in ports:
            try:
                hello = flash.flash(hardware, port, chosen.board, resolve_serial, print)
            except (flash.FlashError, DriverError) as error:
                failed = complain(f"not renewed: {error}")
            else:
                now = f"runs firmware {hello.firmware} now" if hello else "is up to date"
                print(f"{port}: {now}")
    return failed
