"""A clock that is wrong by years, or jumps by them, at either side (libfaketime)."""

import glob
import signal
import time

from chaos.line import Line

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
DAYS = 20 * 365
DEVICES = 16


def missing() -> str:
    return "" if glob.glob(LIBRARY) else "libfaketime is missing: apt-get install faketime"


def inflict(line: Line) -> None:
    """Start one side with another clock, test, and let the clock jump while it runs."""
    side = line.chance.choice([line.station, line.host])
    jumps = line.folder / f"{side.name}.faketime"
    jumps.write_text(_offset(line))
    environment = {
        "LD_PRELOAD": glob.glob(LIBRARY)[0],
        "FAKETIME_TIMESTAMP_FILE": str(jumps),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    side.environment = environment
    side.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))
    side.up()
    line.test(DEVICES)
    line.wait_shown(DEVICES // 2 + (0 if side is line.station else line.now().shown))
    jumps.write_text(_offset(line))
    time.sleep(1.5)
    line.wait(lambda: not line.now().busy, "the runs end")
    side.environment = {}
    side.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))


def _offset(line: Line) -> str:
    return f"{line.chance.randint(-DAYS, DAYS):+d}d"
