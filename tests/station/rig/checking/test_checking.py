"""`pace rig check` finds a rig that is off, lets a good one pass, and keeps a dated record."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.capabilities import PortState
from drivers.sim.light import FixedScene
from station.cli import main
from station.compose import DEMO_RIG
from station.rig.checking.guided import Check
from station.rig.config import load
from station.simulate.rig import SimulatedRig

Run = Callable[..., tuple[int, dict[str, object]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a check of a simulated slot; `lux` falls into every zone, `typed` is the answer."""

    def checked(slot: str, typed: str = "", lux: float = 0.0) -> tuple[int, dict[str, object]]:
        rig = SimulatedRig(load(DEMO_RIG))
        rig.worlds[slot].place.light = FixedScene(lux)
        here = contextlib.nullcontext(rig.hardware[slot])
        monkeypatch.setattr("drivers.linux.local.LocalHardware", lambda: here)
        monkeypatch.setattr(
            "builtins.input", lambda question: "" if "Enter: " in question[-7:] and
            not question.startswith("Span") else typed
        )  # fmt: skip
        record = tmp_path / "checks.jsonl"
        asked = ["--config", str(DEMO_RIG), "--slot", slot, "--record", str(record)]
        code = main(["rig", "check", *asked])
        return code, json.loads(record.read_text().splitlines()[-1])

    return checked


def findings(record: dict[str, object], check: str) -> list[dict[str, object]]:
    found = record["findings"]
    assert isinstance(found, list)
    return [one for one in found if one["check"] == check]


def test_a_good_slot_passes_and_its_record_has_a_date(run: Run) -> None:
    code, record = run("adapter-1")
    assert code == 0
    assert record["complete"] is True
    assert str(record["at"]).endswith("+00:00")
    zero = findings(record, "zero")
    assert {one["quantity"] for one in zero} == {"voltage_v", "current_a"}
    assert all(one["good"] for one in zero if one["role"] == "meter")
    assert findings(record, "span") == []


def test_a_span_that_is_off_is_found_with_value_and_limit(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    code, record = run("adapter-1", typed="12")  # nothing is there: the meter reads 0 V
    assert code == 1
    assert "not good" in capsys.readouterr().err
    (volts,) = [
        one
        for one in findings(record, "span")
        if one["role"] == "meter" and one["quantity"] == "voltage_v"
    ]
    assert volts["good"] is False
    assert isinstance(volts["limit"], float)
    assert 0.012 < volts["limit"] < 0.1


def test_a_reference_that_is_no_number_judges_nothing(run: Run) -> None:
    _, record = run("adapter-1", typed="twelve")
    assert {one["good"] for one in findings(record, "span")} == {None}


@pytest.mark.parametrize(("lux", "good"), [(0.0, True), (0.5, True), (3.0, False)])
def test_stray_light_is_found(run: Run, lux: float, good: bool) -> None:
    code, record = run("display-1", lux=lux)
    (stray,) = findings(record, "stray light")
    assert stray["good"] is good
    assert stray["value"] == pytest.approx(lux, abs=0.1)
    assert code == (0 if good else 1)


def test_light_is_held_to_the_reference_in_every_zone(run: Run) -> None:
    _, record = run("display-1", typed="200", lux=200.0)
    light = [one for one in findings(record, "span") if one["role"] == "zones"]
    assert len(light) == 9
    assert all(one["good"] for one in light)
    _, record = run("display-1", typed="400", lux=200.0)
    light = [one for one in findings(record, "span") if one["role"] == "zones"]
    assert not any(one["good"] for one in light)


def test_a_check_that_ends_early_says_so_in_its_record(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(question: str) -> str:
        raise EOFError

    run("adapter-1")
    monkeypatch.setattr("builtins.input", end)
    record = tmp_path / "checks.jsonl"
    asked = ["--config", str(DEMO_RIG), "--slot", "adapter-1", "--record", str(record)]
    assert main(["rig", "check", *asked]) == 1
    assert "ended before" in capsys.readouterr().err
    last = json.loads(record.read_text().splitlines()[-1])
    assert (last["complete"], last["findings"]) == (False, [])


def test_fingers_without_feeling_are_judged_by_a_person(run: Run) -> None:
    for typed, good in (("y", True), ("n", False), ("", None)):
        _, record = run("keyboard-1", typed=typed)
        (fingers,) = findings(record, "fingers")
        assert fingers["good"] is good


@pytest.mark.parametrize(("obeys", "good"), [(True, [True, True]), (False, [False, True])])
def test_the_switch_of_a_port_is_tried_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obeys: bool, good: list[bool]
) -> None:
    path = tmp_path / "station.toml"
    added = '[slots.keyboard-1.roles.port_power]\ndriver = "usb_port_power"\nport = "PORT"\n'
    port = load(DEMO_RIG).slots["keyboard-1"].device_ports()[0]
    path.write_text(DEMO_RIG.read_text(encoding="utf-8") + "\n" + added.replace("PORT", port))
    config = load(path)
    rig = SimulatedRig(config)
    if not obeys:
        kind = config.instrument("keyboard-1", "port_power").kind
        monkeypatch.setattr(kind, "read_state", lambda self: PortState(True, False))
    hardware = rig.hardware["keyboard-1"]
    check = Check(config, "keyboard-1", hardware, rig.hardware[""], lambda question: "", 0.1)
    found = [one for one in check.findings() if one.check == "relays"]
    assert [one.good for one in found] == good, found
