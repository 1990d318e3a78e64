"""The floor: bare threads that sleep as often as our slots do.

arguments: slots, steps, seconds a step. Prints the seconds it took.
"""

import json
import sys
import threading
import time


def main() -> None:
    slots, steps, dwell_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])

    def work() -> None:
        for _ in range(steps):
            time.sleep(dwell_s)

    threads = [threading.Thread(target=work) for _ in range(slots)]
    start_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(time.perf_counter() - start_s))


main()
