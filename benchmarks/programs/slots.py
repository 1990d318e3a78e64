"""Ours: a given number of slots at once, each step waiting a little.

arguments: slots, steps, seconds a step, rounds, folder, broker's port or 0. Prints the seconds that
rounds took, the processor time of each, and the peak memory in MiB.
"""

import json
import resource
import sys
import time
from pathlib import Path

from benchmarks.programs.idle_station import open_station, plan


def main() -> None:
    slots, steps, dwell_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    rounds, folder, port = int(sys.argv[4]), Path(sys.argv[5]), int(sys.argv[6])
    taken_s, spent_s = [], []
    plans = (plan(steps, dwell_s),)
    with open_station(folder, plans, slots=slots, broker_port=port) as station:
        for _ in range(rounds):
            before_s = time.process_time()
            taken_s.append(station.test(plans[0].id))
            spent_s.append(time.process_time() - before_s)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"taken_s": taken_s, "spent_s": spent_s, "peak_mib": peak_mib}))


main()
