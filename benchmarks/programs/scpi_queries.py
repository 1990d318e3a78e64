"""Ours: SCPI queries for a number, on one thread for each port.

arguments: queries a port, ports. Prints queries a second, of all ports together.
"""

import json
import sys
import threading
import time

from drivers.languages.scpi import Scpi
from drivers.linux.serial_line import SerialLine

QUESTION, ANSWER = "MEAS:VOLT?", 1.23456


def ask(instrument: Scpi, count: int) -> None:
    for _ in range(count):
        if instrument.query_number(QUESTION) != ANSWER:
            raise SystemExit("a wrong answer")


def main() -> None:
    count, ports = int(sys.argv[1]), sys.argv[2:]
    lines = [SerialLine(port, baudrate=115200) for port in ports]
    instruments = [Scpi(line, "responder") for line in lines]
    for instrument in instruments:
        ask(instrument, 50)
    threads = [threading.Thread(target=ask, args=(one, count)) for one in instruments]
    start_s = time.perf_counter()
    if len(threads) == 1:
        ask(instruments[0], count)
    else:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(json.dumps(count * len(ports) / (time.perf_counter() - start_s)))
    for line in lines:
        line.close()


main()
