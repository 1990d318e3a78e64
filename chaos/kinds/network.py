"""Faults of the network, at the station's side, at the host's, or at both."""

import time

from chaos.line import Line
from chaos.proxy import FAULTS

DEVICES = 24


def inflict(line: Line) -> None:
    """Test devices while messages stall, go one way, are cut, doubled or reordered."""
    line.test(DEVICES)
    for _ in range(line.chance.randint(1, 3)):
        fault = line.chance.choice(FAULTS)
        for proxy in line.chance.sample(line.proxies, line.chance.randint(1, 2)):
            proxy.fault = fault
        time.sleep(line.chance.uniform(0.3, 2.0))
        if line.chance.random() < 0.3:
            for proxy in line.proxies:
                proxy.drop()
