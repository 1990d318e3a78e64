"""However a test ends, the bench lets go of its device, and within its time."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.capabilities import Actuator, ElectronicLoad, Power
from hil_tests.plugin import RecordValue
from hil_tests.rigs.measuring import feed_as_usual, limit_a, until, usual_v
from hil_tests.rigs.other_run import Ended, run_pytest
from hil_tests.rigs.qa import SlotQa
from hil_tests.rigs.rig import Lent, Rig, RigBench
from station.engine.clock import Clock

SUITE = """
import os, signal

def test_that_feeds_its_device(supply):
    supply.set_voltage({voltage_v})
    supply.set_current_limit({current_a})
    supply.switch(on=True)
    {death}
"""
DEATHS = {
    "exception": "raise RuntimeError('the test crashes')",
    "sigterm": "os.kill(os.getpid(), signal.SIGTERM)",
    "sigkill": "os.kill(os.getpid(), signal.SIGKILL)",
}
ENDS_WITH = {"exception": 1, "sigterm": 128 + signal.SIGTERM}
NEXT_SUITE = """
def test_that_only_opens_the_bench(bench):
    pass
"""


class OtherRun:
    """Runs of pytest that have the slot, one after another."""

    def __init__(self, lent: Lent, slot: str, stated: SlotQa, folder: Path) -> None:
        self._lent = lent
        self._slot = slot
        self._stated = stated
        self._folder = folder
        self._clock = Clock()

    def run_feeding(self, voltage_v: float, death: str) -> Ended:
        current_a = limit_a(self._stated)
        return self.run(SUITE.format(voltage_v=voltage_v, current_a=current_a, death=DEATHS[death]))

    def run(self, suite: str) -> Ended:
        rig = (f"--rig={self._lent.file}", f"--slot={self._slot}")
        return run_pytest(self._folder, *rig, suite=suite)

    def meter(self) -> Power:
        return self._lent.read_meter()

    def is_off_in_time(self) -> bool:
        """Tell whether the output is off in time: the supply's capacitors may take a moment."""
        within_s = self._stated.off_within_s
        until(self._clock, within_s, lambda: self.meter().voltage_v < self._stated.off_v)
        return self.meter().voltage_v < self._stated.off_v


@pytest.fixture
def voltage_v(rig: Rig, rig_slot: str, stated: SlotQa) -> float:
    bench = rig.open(rig_slot)
    try:
        return usual_v(bench, stated)
    finally:
        bench.close()


@pytest.fixture
def other_run(
    rig: Rig, rig_slot: str, stated: SlotQa, voltage_v: float, tmp_path: Path
) -> Iterator[OtherRun]:
    if reason := rig.keeps(rig_slot):
        pytest.skip(reason)
    with rig.lend(rig_slot, tmp_path) as lent:
        yield OtherRun(lent, rig_slot, stated, tmp_path)


@pytest.mark.needs("supply", "meter", stated="max_voltage_v")
@pytest.mark.parametrize("death", ["exception", "sigterm"])
def test_a_run_that_breaks_down_leaves_a_safe_bench(
    other_run: OtherRun, stated: SlotQa, voltage_v: float, death: str, record_value: RecordValue
) -> None:
    ended = other_run.run_feeding(voltage_v, death)
    assert ended.exit_code == ENDS_WITH[death], ended.output
    assert other_run.is_off_in_time(), ended.output
    if death == "exception":  # only then does it live to tell
        took_s = _seconds(ended, "made_safe_in")
        record_value("made_safe_in", took_s, "s")
        assert took_s <= stated.make_safe_within_s


@pytest.mark.needs("supply", "meter", stated="max_voltage_v")
def test_after_a_run_that_was_killed_the_next_one_begins_by_making_the_bench_safe(
    other_run: OtherRun, stated: SlotQa, voltage_v: float, record_value: RecordValue
) -> None:
    killed = other_run.run_feeding(voltage_v, "sigkill")
    assert killed.exit_code == -9, killed.output
    assert other_run.meter().voltage_v > 0.9 * voltage_v, "nobody was left to switch it off"
    following = other_run.run(NEXT_SUITE)
    assert following.exit_code == 0, following.output
    assert other_run.is_off_in_time(), following.output
    took_s = _seconds(following, "made_safe_at_start_in")
    record_value("made_safe_at_start_in", took_s, "s")
    assert took_s <= stated.make_safe_within_s


def test_a_bench_with_everything_on_is_made_safe_in_its_time(
    bench: RigBench, stated: SlotQa, record_value: RecordValue
) -> None:
    for role, place in bench.places.items():
        if issubclass(place.kind, Actuator):
            bench.get(role, Actuator)
    if stated.max_voltage_v is not None:
        feed_as_usual(bench, stated)
    if stated.max_current_a is not None and "load" in bench.places:
        load = bench.get("load", ElectronicLoad)
        load.sink_current(stated.max_current_a / 10)
        load.switch(on=True)
    start_s = bench.clock.monotonic()
    remark = bench.make_safe()
    took_s = bench.clock.monotonic() - start_s
    record_value("make_safe_takes", took_s, "s")
    assert took_s <= stated.make_safe_within_s
    assert not remark, "every one of them let go at the first attempt"


def _seconds(ended: Ended, name: str) -> float:
    (case,) = ended.cases.values()
    return float(case.properties[name].removesuffix(" s"))
