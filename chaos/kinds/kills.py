"""SIGKILL of each and of all, again and again, at any moment."""

import time
from collections.abc import Callable

from chaos.line import Line
from chaos.services import Service

DEVICES = 24


def station(line: Line) -> None:
    """Kill the station while it tests, and while it starts."""
    _while_testing(line, lambda line: [line.station])


def host(line: Line) -> None:
    """Kill the host while it stores."""
    _while_testing(line, lambda line: [line.host])


def broker(line: Line) -> None:
    """Kill the broker, with what it has not saved."""
    _while_testing(line, lambda line: [line.broker])


def everything(line: Line) -> None:
    """Kill all three at one moment."""
    _while_testing(line, lambda line: line.services)


def with_postgres(line: Line) -> None:
    """Kill the host or its PostgreSQL server, or both at once."""
    chosen = line.chance.sample([line.services[0], line.host], line.chance.randint(1, 2))
    _while_testing(line, lambda line: chosen)


def _while_testing(line: Line, choose: Callable[[Line], list[Service]]) -> None:
    for _ in range(line.chance.randint(1, 3)):
        line.test(DEVICES)
        time.sleep(line.chance.uniform(0.0, 2.0))
        for one in choose(line):
            one.kill()
        if line.chance.random() < 0.3:  # and once more while it starts
            time.sleep(line.chance.uniform(0.2, 1.2))
            for one in choose(line):
                one.kill()
        if choose(line) != [line.station] and line.station not in choose(line):
            line.wait(lambda: not line.now().busy, "the runs end")
