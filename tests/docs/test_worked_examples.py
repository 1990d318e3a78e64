"""The worked examples of the how-tos, taken from the pages and run."""

import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from drivers.languages.registers import Chip
from drivers.sim.devices.laptop_adapter import SimulatedAdapter
from records import RunRecord, Verdict
from station.console import Notice, SlotNotice
from station.delivery.outbox import Outbox
from station.engine.clock import Clock
from station.engine.events import RunFinished
from station.rig import instruments
from station.rig.config import StationConfig, load
from station.service import StationService
from station.simulate.rig import SimulatedRig
from tests.docs.pages import DOCS, ROOT, write_files

INSTRUMENT = DOCS / "how-to" / "add-an-instrument.md"
PLAN = DOCS / "how-to" / "write-a-plan.md"
RIG = DOCS / "how-to" / "connect-a-rig.md"


@pytest.fixture
def with_bh1750(tmp_path: Path) -> Path:
    """A copy of the drivers, with those of the page among them."""
    shutil.copytree(ROOT / "drivers", tmp_path / "drivers")
    write_files(INSTRUMENT.read_text(encoding="utf-8"), tmp_path)
    return tmp_path


def test_the_instrument_of_the_page_passes_the_tests_of_the_page(with_bh1750: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        [*command, "tests"],
        cwd=with_bh1750,
        env={"PYTHONPATH": str(with_bh1750)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_the_instrument_of_the_page_is_in_the_projects_style(with_bh1750: Path) -> None:
    files = sorted(str(path) for path in with_bh1750.rglob("*bh1750.py"))
    assert len(files) == 3
    ruff = [str(Path(sys.executable).parent / "ruff")]
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    for check in (["check", *config], ["format", "--check", *config]):
        done = subprocess.run(
            [*ruff, *check, *files], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout


def test_the_table_of_the_page_is_one_that_the_station_can_use() -> None:
    text = INSTRUMENT.read_text(encoding="utf-8")
    found = re.search(
        r"<!-- part of: station/rig/instruments.py -->\n```python\n(.*?)```", text, re.S
    )
    assert found is not None
    names = dict(vars(instruments))
    names["Bh1750"] = lambda bus, address, *, time: Chip(bus, address, "BH1750").read_bytes(0, 1)
    exec(found[1], names)
    table = names["Bh1750Table"](bus=1, mux=(instruments.MuxHop(0x71, 2),))
    assert table.occupies() == ("I²C bus 1, 0x71 channel 2, address 0x23",)
    table.rehearse()


def test_the_page_wires_the_twin_where_the_rig_wires_twins() -> None:
    """The words that the page tells the reader to look for are there."""
    rig = (ROOT / "station" / "simulate" / "rig.py").read_text(encoding="utf-8")
    assert "def _i2c_twin(" in rig
    assert "def _serial_twin(" in rig
    assert "        case tables.Tsl2591Table():\n            return SimulatedTsl2591(" in rig


def judged(config: StationConfig, adapter: dict[str, Any], folder: Path) -> RunRecord:
    """What a station of this configuration says about one adapter."""
    rig = SimulatedRig(config)
    world = rig.worlds["small"]
    world.plug_adapter(
        SimulatedAdapter(world.time, rated_voltage_v=12.0, rated_current_a=1.5, **adapter)
    )
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


def test_the_rig_of_the_page_can_be_simulated(tmp_path: Path) -> None:
    write_files(RIG.read_text(encoding="utf-8"), tmp_path)
    rig = SimulatedRig(load(tmp_path / "station.toml"))
    assert set(rig.worlds) == {"left"}
