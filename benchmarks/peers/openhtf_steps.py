"""OpenHTF: records of a given number of empty steps with one limit each, kept as JSON files.

arguments: steps, records, folder. Prints the seconds each record took.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import openhtf as htf
from openhtf.output.callbacks import json_factory


def phase(number: int) -> Callable[..., None]:
    name = f"value_{number}"

    @htf.PhaseOptions(name=f"step_{number}")
    @htf.measures(htf.Measurement(name).in_range(0.0, 10.0).with_units("V"))
    def measure(test: "htf.TestApi") -> None:
        test.measurements[name] = 5.0

    return measure


def main() -> None:
    steps, records, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    test = htf.Test(*map(phase, range(steps)), test_name="benchmark")
    pattern = str(folder / "{dut_id}.{start_time_millis}.json")
    test.add_output_callbacks(json_factory.OutputToJSON(pattern))
    taken_s = []
    for number in range(records):
        start_s = time.perf_counter()
        passed = test.execute(test_start=lambda number=number: f"SN{number:05}")
        taken_s.append(time.perf_counter() - start_s)
        if not passed:
            raise SystemExit("OpenHTF did not pass")
    print(json.dumps(taken_s))


main()
