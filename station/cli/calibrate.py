"""`pace rig calibrate`: factors of light meters, and the matrix of a colour meter."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.cli.arguments import add_config, add_verb, complain, count, speed


def add(verbs: Any) -> None:
    """Add the command to those of its noun."""
    calibrate = add_verb(
        verbs, "calibrate", "make light meters right by a reference; changes no file", _calibrate
    )
    calibrate.add_argument("what", choices=("light", "colour"), help="factors, or a matrix")
    add_config(calibrate)
    calibrate.add_argument("--slot", required=True, help="where the meters are")
    calibrate.add_argument("--role", help="default: zones for light, probe for colour")
    calibrate.add_argument(
        "--certificate", required=True, help="number and date of the reference's certificate"
    )
    calibrate.add_argument(
        "--reference-percent",
        type=speed,
        default=1.0,
        help="how far a reference may be from the others (k = 2); default: %(default)s",
    )
    calibrate.add_argument("--readings", type=count, default=10, help="default: %(default)s")
    calibrate.add_argument(
        "--record", type=Path, help="default: calibrations.jsonl in the station's data"
    )


def _calibrate(chosen: argparse.Namespace) -> int:
    from drivers.errors import DriverError
    from drivers.linux.local import LocalHardware
    from station.rig.calibrating.figures import CalibrationError
    from station.rig.calibrating.guided import Bench, lines, place_in_file
    from station.rig.config import ConfigError, load

    role = chosen.role or ("zones" if chosen.what == "light" else "probe")
    try:
        config = load(chosen.config)
        if chosen.slot not in config.slots:
            return complain(f"no slot {chosen.slot}; there are {', '.join(config.slots)}")
        with LocalHardware() as hardware:
            bench = Bench(config, chosen.slot, hardware, hardware)
            if chosen.what == "light":
                keys = bench.light(role, chosen.readings, chosen.reference_percent, input)
            else:
                keys = bench.colour(role, max(1, chosen.readings), input)
    except (CalibrationError, ConfigError, DriverError) as error:
        return complain(str(error))
    except EOFError:
        return complain("nothing was calibrated: a reference was not typed")
    place = place_in_file(config, chosen.slot, role)
    record = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "station": config.station,
        "place": place,
        "certificate": chosen.certificate,
        "references": bench.references,
        **keys,
    }
    with (chosen.record or config.data / "calibrations.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    print(f"# {chosen.certificate}. Put this into {chosen.config}:")
    print("\n".join(lines(place, keys)))
    if "left_xy" in keys:
        print(f"# x and y are within {keys['left_xy']:.4f} of the reference now, on this panel.")
    return 0
