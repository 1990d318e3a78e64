"""A broken bench and a good device: the run ends as ERROR, never as FAIL.

Whole plans on the simulated rig with its golden units, which pass. Before each step in turn an
instrument hangs, lies or loses its cable.
"""

from collections.abc import Callable, Iterator

import pytest

from drivers.sim.lead import Fault
from drivers.sim.onset import Onset
from hil_tests.described import SIMULATED
from hil_tests.rigs import qa
from hil_tests.rigs.rig import RigBench
from hil_tests.rigs.twin_rig import TwinRig, Wire
from records import Device, Phrase, RunRecord, Verdict, new_record_id
from records.run import NOT_SAFE
from station.engine.events import Choice, RunFinished, StepStarted
from station.engine.prompts import NO, Operator
from station.engine.run import run
from station.rig import config

BENCH = ("bench.open", "bench.make_safe")
PLANNED = {slot.name: slot.plans[0] for slot in config.load(SIMULATED).slots.values()}
LAST_STEP = {
    "adapter-1": {"mains_meter": 3, "meter": 5, "load": 5},
    "power-1": {"supply": 0, "meter": 0},
    "power-2": {"supply": 0, "meter": 0},
}
FAULTS = ("cut", "mute", "garble", "shorten")
ON_I2C = {"meter"}
BROKEN = [
    (slot, role, fault, before)
    for slot, roles in LAST_STEP.items()
    for role, last in roles.items()
    for fault in FAULTS
    for before in range(last + 1)
    if not (fault == "garble" and role in ON_I2C)
]


class HonestOperator(Operator):
    """Sees a good device, and says so."""

    def ask(self, asks: Phrase, *choices: Choice) -> str:
        return NO.key if asks.id == "display.picture_faults" else choices[0].key


@pytest.fixture
def rig() -> Iterator[TwinRig]:
    with TwinRig(SIMULATED, config.load(SIMULATED), qa.Qa()) as rig:
        yield rig


def _run(rig: TwinRig, slot: str, *, before: int, break_it: Callable[[], None]) -> RunRecord:
    """Run a plan to its end; `break_it` is called before step `before` of it begins."""
    opened = rig.open(slot)
    bench = RigBench(opened.slot, opened.places, opened.clock, HonestOperator())
    plan = PLANNED[slot]
    draft = RunRecord(
        record_id=new_record_id(),
        sequence=1,
        station="simulated",
        slot=slot,
        operator="pytest",
        device=Device(asset_tag="GOLDEN", kind=plan.kind),
        plan=plan.id,
        plan_sha256=plan.sha256,
        profile=plan.guideline,
        instruments=(),
        software="pytest",
        clock_synchronised=True,
        simulated=True,
        started_at=bench.clock.now(),
        duration_s=0.0,
        steps=(),
        verdict=Verdict.ABORTED,
    )
    for event in run(plan, bench, draft):
        match event:
            case StepStarted(number=number) if number == before:
                break_it()
            case RunFinished(record=record):
                return record
            case _:
                pass
    raise RuntimeError("the run never finished")


def _failed(record: RunRecord) -> list[str]:
    return [step.step for step in record.steps if step.verdict is Verdict.FAIL]


@pytest.mark.parametrize("slot", PLANNED)
def test_a_golden_unit_passes_on_a_bench_that_works(rig: TwinRig, slot: str) -> None:
    record = _run(rig, slot, before=-1, break_it=lambda: None)
    assert record.verdict is Verdict.PASS, record.steps


@pytest.mark.parametrize(("slot", "role", "fault", "before"), BROKEN)
def test_an_instrument_that_breaks_in_the_middle_ends_the_run_as_an_error(
    rig: TwinRig, slot: str, role: str, fault: str, before: int
) -> None:
    wire = rig.cables(slot)
    record = _run(rig, slot, before=before, break_it=lambda: _break(wire, fault, role))
    assert record.verdict is Verdict.ERROR, record.steps
    assert not _failed(record)
    assert all(step.reason for step in record.steps if step.verdict is Verdict.ERROR)


@pytest.mark.parametrize("role", ["load", "supply"])
def test_an_actuator_that_nobody_can_reach_is_named_as_perhaps_still_powered(
    rig: TwinRig, role: str
) -> None:
    slot = "adapter-1" if role == "load" else "power-1"
    record = _run(rig, slot, before=0, break_it=lambda: rig.cables(slot).mute(role))
    assert record.steps[-1].step == "bench.make_safe"
    assert record.steps[-1].verdict is Verdict.ERROR
    assert record.steps[-1].reason is not None
    assert record.steps[-1].reason.id == NOT_SAFE
    assert role in record.steps[-1].reason.text


@pytest.mark.parametrize(
    ("role", "answers"),
    [("mains_meter", n) for n in (1, 2, 4)]  # of the five questions that it is asked
    + [(role, n) for role in ("meter", "load") for n in (1, 2, 3, 5, 8, 13, 34)],
)
def test_an_instrument_that_hangs_within_a_step_ends_the_run_as_an_error(
    rig: TwinRig, role: str, answers: int
) -> None:
    wire = rig.cables("adapter-1")
    record = _run(rig, "adapter-1", before=0, break_it=lambda: wire.hang(role, after=answers))
    assert not _failed(record)
    assert record.verdict is Verdict.ERROR, record.steps


@pytest.mark.parametrize("before", [1, 2, 3, 4, 5])
def test_two_meters_that_disagree_end_the_run_as_an_error(rig: TwinRig, before: int) -> None:
    loose = Fault("gain", Onset(), "voltage", 0.4)
    world = rig.world("adapter-1")
    record = _run(rig, "adapter-1", before=before, break_it=lambda: world.add(loose, "meter"))
    assert not _failed(record)
    assert record.verdict is Verdict.ERROR, record.steps


@pytest.mark.parametrize(
    ("slot", "role", "before"),
    [
        ("display-1", "supply", 0),
        ("display-1", "meter", 0),
        ("display-1", "zones", 0),
        ("display-1", "zones", 3),
        ("display-1", "zones", 5),
        ("display-1", "probe", 2),
        ("keyboard-1", "supply", 0),
        ("keyboard-1", "meter", 0),
        ("keyboard-1", "actuator", 3),
        ("keyboard-1", "light", 6),
    ],
)
def test_a_cable_of_a_device_bench_that_comes_off_ends_the_run_as_an_error(
    rig: TwinRig, slot: str, role: str, before: int
) -> None:
    record = _run(rig, slot, before=before, break_it=lambda: rig.cables(slot).cut(role))
    assert not _failed(record)
    assert record.verdict is Verdict.ERROR, record.steps


def _break(wire: Wire, fault: str, role: str) -> None:
    match fault:
        case "cut":
            wire.cut(role)
        case "mute":
            wire.mute(role)
        case "garble":
            wire.garble(role)
        case _:
            wire.shorten(role)
