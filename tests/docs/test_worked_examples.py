"""The worked examples of the how-tos, taken from the pages and run."""

import math
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from drivers.sim.devices.laptop_adapter import SimulatedAdapter
from records import RunRecord, Verdict
from station.console import Notice, SlotNotice
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.engine.events import RunFinished
from station.rig.config import StationConfig, load
from station.service import StationService
from station.simulate.rig import SimulatedRig
from tests.docs.pages import DOCS, write_files

PLAN = DOCS / "how-to" / "write-a-plan.md"
RIG = DOCS / "how-to" / "connect-a-rig.md"


def judged(config: StationConfig, adapter: dict[str, Any], folder: Path) -> RunRecord:
    """Return a station's record of one adapter, by this configuration."""
    rig = SimulatedRig(config)
    world = rig.worlds["small"]
    world.plug(SimulatedAdapter(world.time, rated_voltage_v=12.0, rated_current_a=1.5, **adapter))
    outbox = Outbox(folder / "outbox.db")
    finished: SimpleQueue[RunRecord] = SimpleQueue()

    def hear(notice: Notice) -> None:
        if isinstance(notice, SlotNotice) and isinstance(notice.event, RunFinished):
            finished.put(notice.event.record)

    service = StationService(
        config, rig.hardware, outbox, new_clock=lambda slot: Clock(world.time, speed=math.inf)
    )
    try:
        service.listen(hear)
        service.start("small", "A-1")
        return finished.get(timeout=30)
    finally:
        service.close()


@pytest.mark.parametrize(
    ("adapter", "verdict"),
    [
        ({"open_voltage_v": 12.1, "resistance_ohm": 0.05, "efficiency": 0.87}, Verdict.PASS),
        ({"open_voltage_v": 12.1, "resistance_ohm": 0.6, "efficiency": 0.87}, Verdict.FAIL),
        ({"open_voltage_v": 12.1, "resistance_ohm": 0.05, "efficiency": 0.7}, Verdict.FAIL),
    ],
    ids=["good", "sagging", "wasteful"],
)
def test_the_plan_of_the_page_tells_good_adapters_from_bad_ones(
    tmp_path: Path, adapter: dict[str, Any], verdict: Verdict
) -> None:
    write_files(PLAN.read_text(encoding="utf-8"), tmp_path)
    record = judged(load(tmp_path / "station.toml"), adapter, tmp_path)
    assert record.verdict is verdict, record
    assert record.plan == "router-adapter-12v"
    assert (record.profile, record.altered_by_site) == ("Accra workshop, 2026-11", 1)


def test_the_rig_of_the_page_can_be_simulated(tmp_path: Path) -> None:
    write_files(RIG.read_text(encoding="utf-8"), tmp_path)
    rig = SimulatedRig(load(tmp_path / "station.toml"))
    assert set(rig.worlds) == {"left"}
