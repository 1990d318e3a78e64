"""Power cuts with torn writes: the files go back to what had to be on the disk, and some more."""

import shutil
import sys
import time

from chaos import write_log
from chaos.line import Line
from chaos.services import Service

DEVICES = 24


def missing() -> str:
    return "" if shutil.which("strace") else "strace is missing: apt-get install strace"


def station(line: Line) -> None:
    """Cut the power of the station while it tests."""
    _cut(line, line.station)


def host(line: Line) -> None:
    """Cut the power of the host while it stores."""
    _cut(line, line.host)


def _cut(line: Line, service: Service) -> None:
    line.test(1)
    line.wait_shown(1)
    service.down()
    line.keep_copy(service.data)
    log = line.folder / "writes.strace"
    service.prefix = write_log.command(log)
    service.up()
    line.test(DEVICES)
    line.wait_shown(1 if service is line.station else line.now().shown + 1)
    time.sleep(line.chance.uniform(0.0, 1.5))
    service.cut_off()
    service.prefix = ()
    told = write_log.cut(log, line.copy_of(service.data), service.data, line.chance)
    print(f"{service.name}: {told}", file=sys.stderr)
    line.wait(lambda: service is line.station or not line.now().busy, "the runs end")
