"""A station with a run under way, to be killed: run it as a module, with the file of the station.

It says its supervisor's process id once everything is on.
"""

import sys
import time
from functools import partial
from pathlib import Path

from drivers.capabilities import ElectronicLoad, PowerSupply
from drivers.linux.local import LocalHardware
from station.compose import make_safe_after_kill
from station.engine.clock import Clock
from station.engine.prompts import Prompter
from station.rig.config import load, open_bench
from station.supervisor import supervised


def main(file: Path) -> None:
    config = load(file)
    with supervised(file.parent, partial(make_safe_after_kill, config)) as supervisor:
        supervisor.take_bench()
        clock = Clock()
        operator = Prompter(lambda event: None, clock)
        bench = open_bench(config, "left", LocalHardware(), clock, operator, {})
        supervisor.began("left", {"supply", "load"})
        supply, load_ = bench._opened("supply"), bench._opened("load")
        assert isinstance(supply, PowerSupply)
        assert isinstance(load_, ElectronicLoad)
        supply.set_voltage(5.0)
        supply.set_current_limit(1.0)
        supply.switch(on=True)
        load_.sink_current(0.5)
        load_.switch(on=True)
        print(supervisor.pid, flush=True)
        time.sleep(600)


main(Path(sys.argv[1]))
