"""A witness's book: what a station showed, a line each, outside everything that is harmed."""

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

from chaos.audit import Seen, Shown
from records import encode
from station.console import DeliveryNotice, Notice, SlotNotice
from station.engine.events import NotSaved, RunFinished, RunStarted


class Witness:
    """Writes down what a console shows, as it is shown. `hear` is given to `Console.listen`."""

    def __init__(self, book: Path, start: int) -> None:
        """`start` numbers the processes that write into one book."""
        self._handle = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._lock = threading.Lock()
        self.write(what="start", number=start)

    def write(self, **told: Any) -> None:
        line = json.dumps(told).encode() + b"\n"
        with self._lock:
            os.write(self._handle, line)

    def hear(self, notice: Notice) -> None:
        match notice:
            case SlotNotice(event=RunStarted(record_id=record_id, sequence=sequence)):
                self.write(what="begun", record_id=record_id, sequence=sequence)
            case SlotNotice(event=RunFinished(record=record)):
                self.write(
                    what="shown",
                    record_id=record.record_id,
                    sequence=record.sequence,
                    sha256=hashlib.sha256(encode(record)).hexdigest(),
                    verdict=str(record.verdict),
                )
            case SlotNotice(event=NotSaved(reason=reason)):
                self.write(what="not saved", reason=reason)
            case DeliveryNotice():
                self.write(
                    what="delivery",
                    connected=notice.connected,
                    waiting=notice.waiting,
                    rejected=notice.rejected,
                    troubles=[one.id for one in notice.troubles],
                )
            case _:
                pass


class Now(NamedTuple):
    """The last words of a station's present process, which is the one with number `started`."""

    started: int
    opened: bool
    connected: bool
    waiting: int
    rejected: int
    busy: int
    shown: int
    troubles: tuple[str, ...]


def read(book: Path) -> tuple[Seen, Now]:
    """Return what the book says, and how things stand at the station's present process."""
    begun: dict[str, int] = {}
    shown: list[Shown] = []
    started = its_shown = 0
    opened = connected = False
    waiting = rejected = 0
    troubles: tuple[str, ...] = ()
    busy: set[str] = set()
    data = book.read_bytes() if book.exists() else b""
    for line in data.split(b"\n")[:-1]:
        said = json.loads(line)
        match said["what"]:
            case "start":
                started, opened, connected, its_shown = said["number"], False, False, 0
                busy.clear()
            case "open":
                opened = True
            case "begun":
                begun[said["record_id"]] = said["sequence"]
                busy.add(said["record_id"])
            case "shown":
                its_shown += 1
                busy.discard(said["record_id"])
                told = Shown(said["record_id"], said["sequence"], said["sha256"], said["verdict"])
                shown.append(told)
            case "delivery":
                connected, waiting = said["connected"], said["waiting"]
                rejected, troubles = said["rejected"], tuple(said["troubles"])
            case _:
                pass
    now = Now(started, opened, connected, waiting, rejected, len(busy), its_shown, troubles)
    return Seen(begun, shown), now
