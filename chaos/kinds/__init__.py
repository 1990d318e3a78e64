"""The kinds of faults: each does harm to a line, and takes nothing of it back.

After a kind has done its harm the harness heals the line, and waits for it to come to rest.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chaos import postgres
from chaos.kinds import clocks, disks, kills, network, old_data, power, queues, restores, rot
from chaos.line import Line


def _nothing() -> str:
    return ""


class Kind(NamedTuple):
    """A kind of fault. `commands` is the number of documented commands that end it.

    `short`: it is part of the short form. `fresh`: each round has a line of its own. `disk_mib`:
    station and host have small disks of their own. `missing` says what a machine lacks for it.
    `on_postgres`: the host's database is a server's.
    """

    inflict: Callable[[Line], None]
    commands: int = 0
    short: bool = False
    fresh: bool = False
    disk_mib: int = 0
    missing: Callable[[], str] = _nothing
    on_postgres: bool = False


KINDS: Mapping[str, Kind] = {
    "kill-station": Kind(kills.station),
    "kill-host": Kind(kills.host),
    "kill-broker": Kind(kills.broker),
    "kill-all": Kind(kills.everything, short=True),
    "kill-postgres": Kind(kills.with_postgres, on_postgres=True, missing=postgres.missing),
    "power-station": Kind(power.station, missing=power.missing, short=True),
    "power-host": Kind(power.host, missing=power.missing),
    "rot-station": Kind(rot.station, fresh=True, short=True),
    "rot-host": Kind(restores.rotten_host, commands=1),
    "full-station": Kind(disks.full_station, disk_mib=48, missing=disks.no_mount),
    "full-host": Kind(disks.full_host, disk_mib=48, missing=disks.no_mount),
    "read-only-station": Kind(disks.read_only_station, disk_mib=48, missing=disks.no_mount),
    "read-only-host": Kind(disks.read_only_host, disk_mib=48, missing=disks.no_mount),
    "errors-station": Kind(disks.errors_station, missing=disks.no_strace),
    "errors-host": Kind(disks.errors_host, missing=disks.no_strace),
    "network": Kind(network.inflict, short=True),
    "clock": Kind(clocks.inflict, missing=clocks.missing),
    "thousands": Kind(queues.thousands),
    "two-hosts": Kind(restores.first_host_dies, missing=disks.no_strace),
    "restore-host": Kind(restores.host, commands=1),
    "restore-station": Kind(restores.station, fresh=True, commands=1),
    "version-0-1": Kind(old_data.inflict, fresh=True),
}
