"""`pace rig check`: zero, span, stray light, fingers and relays, guided, with a dated record."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.cli.arguments import add_config, add_verb, complain, speed


def add(verbs: Any) -> None:
    """Add the command to those of its noun."""
    check = add_verb(
        verbs, "check", "zero, span, stray light, fingers and relays of a slot, guided", _check
    )
    add_config(check)
    check.add_argument("--slot", required=True, help="the slot that is checked")
    check.add_argument("--reference", default="", help="instrument and certificate of the span")
    check.add_argument(
        "--reference-percent",
        type=speed,
        default=0.1,
        help="uncertainty of the reference (k = 2); default: %(default)s",
    )
    check.add_argument("--record", type=Path, help="default: checks.jsonl in the station's data")


def _check(chosen: argparse.Namespace) -> int:
    import msgspec

    from drivers.linux.local import LocalHardware
    from station.rig.checking.guided import Check
    from station.rig.config import ConfigError, load

    try:
        config = load(chosen.config)
    except ConfigError as error:
        return complain(str(error))
    if chosen.slot not in config.slots:
        return complain(f"no slot {chosen.slot}; there are {', '.join(config.slots)}")
    found = []
    complete = True
    with LocalHardware() as hardware:
        check = Check(config, chosen.slot, hardware, hardware, input, chosen.reference_percent)
        try:
            for one in check.findings():
                found.append(one)
                print(one, flush=True)
        except (EOFError, KeyboardInterrupt):
            complete = False
    record = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "station": config.station,
        "slot": chosen.slot,
        "reference": chosen.reference,
        "reference_percent": chosen.reference_percent,
        "complete": complete,
        "findings": [msgspec.to_builtins(one) for one in found],
    }
    with (chosen.record or config.data / "checks.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    wrong = [one for one in found if one.good is False]
    if not complete:
        return complain(f"{chosen.slot}: ended before all was checked")
    return complain(f"{chosen.slot}: {len(wrong)} not good") if wrong else 0
