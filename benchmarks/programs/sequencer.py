"""Ours: records of a given number of empty steps with one limit each, committed to the outbox.

arguments: steps (several with commas between: in turns), rounds, folder, broker's port or 0.
Prints the seconds that records took, by number of steps.
"""

import json
import sys
from pathlib import Path

from benchmarks.programs.idle_station import open_station, plan


def main() -> None:
    sizes = [int(size) for size in sys.argv[1].split(",")]
    rounds, folder, port = int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    taken_s: dict[str, list[float]] = {str(size): [] for size in sizes}
    with open_station(folder, tuple(map(plan, sizes)), broker_port=port) as station:
        for _ in range(rounds):
            for size in sizes:
                taken_s[str(size)].append(station.test(f"benchmark-{size}"))
    print(json.dumps(taken_s))


main()
