"""`pace rig calibrate` prints what to write down, keeps a record, and changes no configuration."""

import contextlib
import json
import tomllib
from pathlib import Path

import pytest

from drivers.sim.light import FixedScene
from station.cli import main
from station.compose import DEMO_RIG
from station.rig.config import load
from station.simulate.rig import SimulatedRig


def calibrate(*more: str) -> int:
    asked = ["--config", str(DEMO_RIG), "--certificate", "C-1, 2026-05-04", *more]
    return main(["rig", "calibrate", *asked])


@pytest.fixture
def lit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a simulated slot with 200 lx in every zone in place of this machine."""
    rig = SimulatedRig(load(DEMO_RIG))
    rig.worlds["display-1"].place.light = FixedScene(200.0)
    here = contextlib.nullcontext(rig.hardware["display-1"])
    monkeypatch.setattr("drivers.linux.local.LocalHardware", lambda: here)


@pytest.mark.usefixtures("lit")
def test_zones_get_factors_and_a_dated_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda question: " ".join(["180"] * 9))
    before = DEMO_RIG.read_bytes()
    record = tmp_path / "calibrations.jsonl"
    for times in (1, 2):
        assert calibrate("light", "--slot", "display-1", "--record", str(record)) == 0
        said = capsys.readouterr().out
        table = tomllib.loads(said)["slots"]["display-1"]["roles"]["zones"]
        assert table["factors"] == pytest.approx([0.9] * 9, rel=2e-3)
        kept = [json.loads(line) for line in record.read_text().splitlines()]
        assert len(kept) == times
    assert kept[-1]["certificate"] == "C-1, 2026-05-04"
    assert kept[-1]["references"] == [[180.0] * 9]
    assert kept[-1]["place"] == "slots.display-1.roles.zones"
    assert kept[-1]["at"].endswith("+00:00")
    assert DEMO_RIG.read_bytes() == before


@pytest.mark.usefixtures("lit")
def test_figures_that_are_none_leave_no_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(question: str) -> str:
        raise EOFError

    record = tmp_path / "calibrations.jsonl"
    for answer in (end, lambda question: "180", lambda question: "dark"):
        monkeypatch.setattr("builtins.input", answer)
        assert calibrate("light", "--slot", "display-1", "--record", str(record)) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert calibrate("light", "--slot", "display-9", "--record", str(record)) == 1
    assert "no slot display-9" in capsys.readouterr().err
    assert not record.exists()
