"""PyVISA with pyvisa-py: SCPI queries for a number, on one thread for each port.

arguments: queries a port, ports. Prints queries a second, of all ports together.
"""

import json
import sys
import threading
import time

import pyvisa
from pyvisa.resources import MessageBasedResource

QUESTION, ANSWER = "MEAS:VOLT?", 1.23456


def ask(instrument: MessageBasedResource, count: int) -> None:
    for _ in range(count):
        if float(instrument.query(QUESTION)) != ANSWER:
            raise SystemExit("a wrong answer")


def opened(manager: pyvisa.ResourceManager, port: str) -> MessageBasedResource:
    instrument = manager.open_resource(
        f"ASRL{port}::INSTR",
        read_termination="\n",
        write_termination="\n",
        timeout=1000,
        baud_rate=115200,
    )
    if not isinstance(instrument, MessageBasedResource):
        raise SystemExit(f"{instrument} takes no messages")
    return instrument


def main() -> None:
    count, ports = int(sys.argv[1]), sys.argv[2:]
    manager = pyvisa.ResourceManager("@py")
    instruments = [opened(manager, port) for port in ports]
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
    for instrument in instruments:
        instrument.close()


main()
