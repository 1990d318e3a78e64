"""The kinds of faults: each does harm to a line, and takes nothing of it back.

After a kind has done its harm the harness heals the line, and waits for it to come to rest.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chaos.kinds import kills, network, rot
from chaos.line import Line


class Kind(NamedTuple):
    """A kind of fault. `commands` is the number of documented commands that end it.

    `short`: it is part of the short form. `fresh`: each round has a line of its own.
    """

    inflict: Callable[[Line], None]
    commands: int = 0
    short: bool = False
    fresh: bool = False


KINDS: Mapping[str, Kind] = {
    "kill-station": Kind(kills.station, short=True),
    "kill-host": Kind(kills.host, short=True),
    "kill-broker": Kind(kills.broker, short=True),
    "kill-all": Kind(kills.everything, short=True),
    "network": Kind(network.inflict, short=True),
    "rot-station": Kind(rot.station, short=True),
}
