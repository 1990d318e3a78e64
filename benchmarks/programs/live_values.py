"""The operator's screen with a given number of measured values, each new ten times a second.

arguments: values. The slot is enlarged, so that they are on the screen one below the other.
"""

import sys
import threading
import time
from collections.abc import Callable

from records import Basis, Device, Limit, Measurement, Phrase, Verdict
from station.console import DeliveryNotice, Notice, SlotInfo, SlotNotice
from station.engine.events import Measured, RunStarted, StepStarted
from station.ui.app import StationApp

SLOT = "slot-1"
SOAK = Phrase(text="Soak")
PERIOD_S = 0.1
LIMIT = Limit(basis=Basis.PROPOSAL, unit="V", min=0.0, max=1000.0)


class Soak:
    """Implements `station.console.Console`: one slot that measures for ever."""

    station = "benchmark"
    simulated = False
    slots: tuple[SlotInfo, ...] = (SlotInfo(SLOT, "benchmark", ("soak",)),)

    def __init__(self, count: int) -> None:
        self._rounds = [
            [SlotNotice(SLOT, Measured(_value(n, turn))) for n in range(count)]
            for turn in range(10)
        ]
        self._listener: Callable[[Notice], None] = lambda notice: None

    def listen(self, listener: Callable[[Notice], None]) -> None:
        self._listener = listener
        listener(DeliveryNotice(connected=True, delivered=0, waiting=0))

    def start(self, slot: str, asset_tag: str, plan: str = "") -> None: ...

    def stop(self, slot: str) -> None: ...

    def answer(self, slot: str, key: str) -> None: ...

    def take_over(self) -> None: ...

    def soak(self) -> None:
        device = Device(asset_tag="LT-00417", kind="benchmark")
        self._listener(SlotNotice(SLOT, RunStarted("0199-1", 1, device, SOAK, (SOAK,))))
        self._listener(SlotNotice(SLOT, StepStarted(0, SOAK)))
        due_s = time.monotonic()
        while True:
            for notices in self._rounds:
                for notice in notices:
                    self._listener(notice)
                due_s += PERIOD_S
                time.sleep(max(due_s - time.monotonic(), 0.0))


def _value(number: int, turn: int) -> Measurement:
    return Measurement(
        name=f"value_{number}",
        value=1.0 + number % 8 + 0.07 * turn,  # no two turns look the same
        unit="V",
        limit=LIMIT,
        verdict=Verdict.PASS,
    )


def main() -> None:
    console = Soak(int(sys.argv[1]))
    app = StationApp(console)
    app.controls.enlarged = True
    threading.Timer(0.5, console.soak).start()
    app.run(mouse=False)


main()
