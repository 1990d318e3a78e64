"""A bench made of twins that do what a test tells them, and plans made of steps in the test."""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from drivers.capabilities import Actuator, Identity, Instrument, Power, PowerMeter
from drivers.errors import NoReply
from drivers.find import find
from drivers.sim.world import SimulatedTime
from records import Basis, Device, Limit, Phrase, RunRecord, StepRecord, Verdict, new_record_id
from station.engine.bench import Bench, Place, SharedLock
from station.engine.clock import Clock
from station.engine.events import Event, RunFinished
from station.engine.plan import Plan, PlannedStep
from station.engine.prompts import Operator
from station.engine.run import run
from station.engine.step import Step
from station.rig.schema import schema_of
from station.rig.tables import InstrumentTable, read

Sabotage = Callable[[], None]


def table_of(driver: str, **raw: Any) -> InstrumentTable:
    """Return an instrument as a station's file would describe it."""
    wrong: list[str] = []
    table = read(schema_of(find(driver)), raw, "here", wrong)
    assert table is not None, wrong
    return table


def well() -> None:
    """Accept any state: nothing is wrong."""


def silence() -> None:
    raise NoReply("it was asked, and said nothing")


class Meter(PowerMeter):
    """Reads what it is set to; `trouble` happens at every reading."""

    def __init__(self, voltage_v: float = 5.0, current_a: float = 0.1) -> None:
        self.identity = Identity("ACME", "Meter", "M-1")
        self.voltage_v, self.current_a = voltage_v, current_a
        self.trouble: Sabotage = well

    def read(self) -> Power:
        self.trouble()
        return Power(self.voltage_v, self.current_a, self.voltage_v * self.current_a)


class Relay(Actuator):
    """Closed until it is made safe. `stuck` counts how often that fails; -1 is for ever."""

    def __init__(self, name: str = "relay", *, stuck: int = 0) -> None:
        self.identity = Identity("ACME", name, "R-1")
        self.closed = False
        self.stuck = stuck
        self.attempts = 0
        self.trouble: Sabotage = well

    def close_contact(self) -> None:
        self.closed = True

    def make_safe(self) -> None:
        self.attempts += 1
        self.trouble()
        if self.stuck:
            self.stuck -= 1
            raise NoReply(f"{self.identity.model} does not answer")
        self.closed = False


class Socketed:
    """An instrument's socket: counts openings and closings, and may refuse."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.openings = 0
        self.closings = 0
        self.refuse: Sabotage = well
        self.refuse_to_close: Sabotage = well

    @property
    def is_open(self) -> bool:
        return self.openings > self.closings

    def open(self, closing: ExitStack) -> Instrument:
        self.refuse()
        self.openings += 1
        closing.callback(self._close)
        return self.instrument

    def _close(self) -> None:
        self.closings += 1
        self.refuse_to_close()

    def place(
        self,
        *,
        kind: type[object] | None = None,
        device: bool = False,
        shared: SharedLock | None = None,
    ) -> Place:
        return Place(
            driver=type(self.instrument).__name__.lower(),
            kind=kind or type(self.instrument),
            open=self.open,
            device=device,
            shared=shared,
        )


class Answers(Operator):
    """Says what it is told to say, by the fact that is asked; writes down every question.

    What is in `at` happens before the answer.
    """

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.questions: list[Phrase] = []
        self.at: dict[str, Callable[[], None]] = {}

    def ask(self, asks: Phrase, *choices: Any) -> str:
        about = asks.id
        self.asked.append(about)
        self.questions.append(asks)
        self.at.get(about, well)()
        return self.answers[about.replace(".", "_")]


def said(record: StepRecord) -> str:
    """Return the id of the reason of a step."""
    return record.reason.id if record.reason is not None else ""


def make_clock() -> Clock:
    return Clock(SimulatedTime())


def make_bench(clock: Clock | None = None, **places: Place) -> Bench:
    return Bench("left", places, clock or make_clock(), Answers())


def planned(
    step: Step, *, stop_on_fail: bool = False, settings: dict[str, Any] | None = None, **limits: Any
) -> PlannedStep:
    """Return a step of a plan; a limit is `name=(min, max)`, a `Limit`, or what it equals."""
    return PlannedStep(
        use=step.name,
        title=step.function.__name__,
        clause="1.2",
        step=step,
        settings=step.check(settings or {}),
        limits={name: _limit(one, step.units.get(name, "")) for name, one in limits.items()},
        stop_on_fail=stop_on_fail,
    )


def _limit(one: Any, unit: str) -> Limit:
    if isinstance(one, Limit):
        return one
    if isinstance(one, tuple):
        return Limit(basis=Basis.GENERAL, unit=unit, min=one[0], max=one[1])
    return Limit(basis=Basis.GENERAL, unit=unit, equals=one)


def make_plan(*steps: PlannedStep) -> Plan:
    return Plan("p", "Plan", "kind", "guideline", steps)


def make_draft(**changes: Any) -> RunRecord:
    usual: dict[str, Any] = {
        "record_id": new_record_id(),
        "sequence": 0,
        "station": "pi-1",
        "slot": "left",
        "operator": "Ada",
        "device": Device(asset_tag="A-1", kind="kind"),
        "plan": "p",
        "plan_sha256": "0" * 64,
        "profile": "guideline",
        "instruments": (),
        "software": "test",
        "clock_synchronised": True,
        "simulated": True,
        "started_at": datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        "duration_s": 0.0,
        "steps": (),
        "verdict": Verdict.ABORTED,
    }
    return RunRecord(**(usual | changes))


def events(bench: Bench, *steps: PlannedStep) -> Generator[Event, None, None]:
    return run(make_plan(*steps), bench, make_draft())


def finish(bench: Bench, *steps: PlannedStep) -> RunRecord:
    """Return the record of a run that goes through."""
    *_, last = events(bench, *steps)
    assert isinstance(last, RunFinished)
    return last.record
