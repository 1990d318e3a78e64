"""A rig in the hands of tests: benches that are safe before and after, and lent when need be."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from drivers.buses import Hardware
from drivers.capabilities import Power, PowerMeter
from hil_tests.rigs.cables import Cables
from hil_tests.rigs.lock import RigLock, lock_path
from hil_tests.rigs.qa import Qa
from station.engine.bench import Bench, BenchNotSafe
from station.engine.clock import Clock
from station.engine.prompts import Prompter
from station.rig.config import StationConfig, open_bench

Capability = TypeVar("Capability")

Ask = Callable[[str], None]
"""Tells a person what to do, and returns when it is done."""


class RigBench(Bench):
    """A bench whose instruments a test asks for by role, each opened when it is first wanted."""

    def get(self, role: str, kind: type[Capability]) -> Capability:
        """Return the instrument of a role.

        Raises `LookupError` when the slot has no such role, or something else plays it.
        """
        if role not in self.places:
            raise LookupError(f"slot {self.slot} has no {role}, but {', '.join(self.places)}")
        if not issubclass(self.places[role].kind, kind):
            raise LookupError(f"slot {self.slot}: {role} is {self.places[role].driver}")
        instrument = self._opened(role)
        if not isinstance(instrument, kind):
            raise LookupError(f"slot {self.slot}: {role} became {type(instrument).__name__}")
        return instrument

    def reopen(self, role: str, kind: type[Capability]) -> Capability:
        """Return the same instrument over a new connection, as after a cable was lost."""
        if role in self._open:
            self._close(role)
        return self.get(role, kind)


class Lent(NamedTuple):
    """A slot in the hands of another run, which `file` describes.

    `read_meter` looks at the slot's meter from outside, and touches nothing else.
    """

    file: Path
    read_meter: Callable[[], Power]


class Rig(ABC):
    """Every slot is made safe before its bench is first handed out: its state is not known."""

    simulated: bool

    def __init__(self, config: StationConfig, qa: Qa) -> None:
        self.config = config
        self.qa = qa
        self._safe: dict[str, float] = {}

    def open(self, slot: str) -> RigBench:
        """Return a fresh bench. Raises `BenchNotSafe` if an actuator of the slot stays on."""
        if slot not in self._safe:
            first = self._bench(slot)
            start_s = first.clock.monotonic()
            troubles = first.release_everything()
            if troubles:
                told = "; ".join(f"{role}: {why}" for role, why in troubles.items())
                raise BenchNotSafe(f"slot {slot}, before anything began: {told}")
            self._safe[slot] = first.clock.monotonic() - start_s
        return self._bench(slot)

    def made_safe_at_start_s(self, slot: str) -> float:
        """Return how long it took to make the slot safe, opening included."""
        return self._safe[slot]

    @abstractmethod
    def cables(self, slot: str, ask: Ask) -> Cables:
        """Return the slot's cables: the simulation pulls them, or the person that `ask` reaches."""

    def keeps(self, slot: str) -> str:
        """Return why the slot cannot be lent; empty if it can."""
        return ""

    @abstractmethod
    def lend(self, slot: str, folder: Path) -> AbstractContextManager[Lent]:
        """Let another run have the slot. Files that it takes go to `folder`."""

    @abstractmethod
    def _bench(self, slot: str) -> RigBench: ...

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def bench_on(
    config: StationConfig, slot: str, hardware: Hardware, shared: Hardware, clock: Clock
) -> RigBench:
    """Return a slot's bench. No prompt is answered, and this run has the rig alone: no locks."""
    nobody = Prompter(lambda event: None, clock)
    bench = open_bench(config, slot, hardware, clock, nobody, {}, shared)
    return RigBench(bench.slot, bench.places, bench.clock, bench.operator)


def read_meter(bench: RigBench) -> Power:
    """Ask the slot's meter through a connection for this one reading."""
    try:
        return bench.get("meter", PowerMeter).read()
    finally:
        bench.close()


class LocalRig(Rig):
    """The rig that is plugged into this computer. Holds the rig's lock until it is closed.

    Raises `RigInUse` when another run does.
    """

    simulated = False

    def __init__(self, file: Path, config: StationConfig, qa: Qa) -> None:
        from drivers.linux.local import LocalHardware

        super().__init__(config, qa)
        self._file = file
        self._lock = RigLock(lock_path(config.station))
        self._lock.acquire()
        self._hardware = LocalHardware()

    def cables(self, slot: str, ask: Ask) -> Cables:
        from hil_tests.rigs.cables import CablesByHand

        return CablesByHand(lambda role: self._whereabouts(slot, role), ask)

    @contextmanager
    def lend(self, slot: str, folder: Path) -> Iterator[Lent]:
        self._hardware.close()
        self._lock.release()
        try:
            yield Lent(self._file.resolve(), lambda: self._look(slot))
        finally:
            self._hardware.close()
            self._lock.acquire()

    def close(self) -> None:
        try:
            self._hardware.close()
        finally:
            self._lock.release()

    def _bench(self, slot: str) -> RigBench:
        return bench_on(self.config, slot, self._hardware, self._hardware, Clock())

    def _look(self, slot: str) -> Power:
        bench = self._bench(slot)
        return read_meter(bench)

    def _whereabouts(self, slot: str, role: str) -> str:
        table = self.config.instrument(slot, role)
        where = ", ".join(map(str, table.places()[:1]))
        return f"{role} of slot {slot} ({', '.join(filter(None, (table.driver, where)))})"
