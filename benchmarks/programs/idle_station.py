"""A station on no hardware: steps that wait as long as they are told, and measure 5 V."""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.linux.local import LocalHardware
from drivers.uncertain import GAIN, OFFSET, Accuracy, Channel, Term
from records import Basis, Limit, Reading, Verdict
from station.console import CommandRefused, DeliveryNotice, Notice, SlotNotice
from station.delivery.broker import BrokerAddress
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.engine.events import RunFinished
from station.engine.plan import Plan, PlannedStep
from station.engine.step import Yields, step
from station.rig.config import SlotConfig, StationConfig
from station.service import StationService

CONNECT_S = 10.0
SETTLE_S = 0.01


METER = Channel(
    "voltage_v",
    (Accuracy("of the benchmark", (Term(GAIN, gain=0.001), Term(OFFSET, offset=0.0075)), 0.00125),),
)
"""With the causes that a power monitor states: a benchmark with uncertainty on."""


@step(voltage="V")
def measure(clock: Clock, *, dwell_s: float = 0.0) -> Yields:
    """One value, after a while."""
    if dwell_s:
        clock.sleep(dwell_s)
    yield Reading("voltage", METER.lift(5.0))


LIMITS = {
    "voltage": Limit(basis=Basis.PROPOSAL, min=0.0, max=10.0, unit="V", uncertainty=1.0),
}


def plan(steps: int, dwell_s: float = 0.0) -> Plan:
    return Plan(
        id=f"benchmark-{steps}",
        title="Benchmark",
        kind="benchmark",
        guideline="none",
        rule="simple",
        steps=tuple(
            PlannedStep(
                "benchmark.measure", f"Step {number}", "", measure, {"dwell_s": dwell_s}, LIMITS
            )
            for number in range(steps)
        ),
    )


class IdleStation:
    """The real service with its outbox; `broker_port` 0 is a station whose broker is away."""

    def __init__(
        self, folder: Path, plans: tuple[Plan, ...], slots: int, broker_port: int = 0
    ) -> None:
        names = [f"slot-{number + 1}" for number in range(slots)]
        config = StationConfig(
            station="benchmark",
            operator="",
            data=folder,
            broker=BrokerAddress(port=broker_port or 1, mqtt_version=5),
            shared={},
            slots={name: SlotConfig(name, "benchmark", plans, {}, {}) for name in names},
        )
        outbox = Outbox(folder / "outbox.db")
        self._service = StationService(config, dict.fromkeys(["", *names], LocalHardware()), outbox)
        self._finished: queue.SimpleQueue[Verdict] = queue.SimpleQueue()
        self._connected: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._slots = names
        self._tags = 0
        self._service.listen(self._hear)
        self._service.open()
        if broker_port:
            while not self._connected.get(timeout=CONNECT_S):
                pass

    def test(self, plan_id: str) -> float:
        """Seconds from the scan of the first device to the last verdict, which is on disk then."""
        time.sleep(SETTLE_S)
        start_s = time.perf_counter()
        for slot in self._slots:
            self._start(slot, plan_id)
        verdicts = [self._finished.get() for _ in self._slots]
        taken_s = time.perf_counter() - start_s
        if set(verdicts) != {Verdict.PASS}:
            raise SystemExit(f"not every device passed: {verdicts}")
        return taken_s

    def close(self) -> None:
        self._service.close()

    def _start(self, slot: str, plan_id: str) -> None:
        self._tags += 1
        while True:
            try:
                self._service.start(slot, f"TAG-{self._tags}", plan_id)
            except CommandRefused:  # the last run's thread has told its verdict and not yet ended
                time.sleep(0.0005)
            else:
                return

    def _hear(self, notice: Notice) -> None:
        match notice:
            case SlotNotice(event=RunFinished(record=record)):
                self._finished.put(record.verdict)
            case DeliveryNotice(connected=connected):
                self._connected.put(connected)
            case _:
                pass


@contextmanager
def open_station(
    folder: Path, plans: tuple[Plan, ...], *, slots: int = 1, broker_port: int = 0
) -> Iterator[IdleStation]:
    station = IdleStation(folder, plans, slots, broker_port)
    try:
        yield station
    finally:
        station.close()
