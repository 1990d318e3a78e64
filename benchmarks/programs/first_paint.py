"""The operator's screen of four slots that do nothing, without a station behind it."""

from collections.abc import Callable

from station.console import DeliveryNotice, Notice, SlotInfo
from station.ui.app import StationApp


class Idle:
    """Implements `station.console.Console`."""

    station = "benchmark"
    simulated = False
    slots = tuple(SlotInfo(f"slot-{n + 1}", "laptop adapter", ("adapter",)) for n in range(4))

    def listen(self, listener: Callable[[Notice], None]) -> None:
        listener(DeliveryNotice(connected=True, delivered=0, waiting=0))

    def start(self, slot: str, asset_tag: str, plan: str = "") -> None: ...

    def stop(self, slot: str) -> None: ...

    def answer(self, slot: str, key: str) -> None: ...

    def take_over(self) -> None: ...


StationApp(Idle()).run(mouse=False)
