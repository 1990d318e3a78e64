"""Bits that change in the station's files while it is off, records waiting in them."""

import signal
from collections.abc import Sequence
from pathlib import Path
from random import Random

from chaos.line import Line

DEVICES = 16


def station(line: Line) -> None:
    """Change bits of the outbox, its log and the file beside it, with records that wait."""
    line.host.down()
    line.test(DEVICES)
    line.wait_shown(line.now().shown + DEVICES // 2)
    line.station.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))
    line.note_places()
    flip(line.station_data, ("outbox.db", "outbox.db-wal", "outbox.head"), line.chance)


def flip(folder: Path, names: Sequence[str], chance: Random) -> None:
    """Change up to eight bits, each of a file by its size."""
    files = [path for name in names if (path := folder / name).exists() and path.stat().st_size]
    for _ in range(chance.randint(1, 8)):
        path = chance.choices(files, [one.stat().st_size for one in files])[0]
        at = chance.randrange(path.stat().st_size)
        with path.open("r+b") as file:
            file.seek(at)
            (byte,) = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ 1 << chance.randrange(8)]))
