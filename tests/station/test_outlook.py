"""Before any run a rig says what it cannot decide, and who is no witness."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from records.rules import rule
from station.cli.outlook import accuracies_of, no_witness, uncalibrated, undecided
from station.compose import DEMO_RIG
from station.engine.paper import outlook
from station.rig.config import load
from station.rig.slots import StationConfig

DEMO = load(DEMO_RIG)


def without(tmp_path: Path, *lines: str) -> StationConfig:
    """Return the demonstration's rig without some lines of its file."""
    text = DEMO_RIG.read_text(encoding="utf-8")
    for line in lines:
        assert line in text
        text = text.replace(line, "")
    tomllib.loads(text)
    path = tmp_path / "station.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def first(config: StationConfig, slot: str) -> Any:
    return config.slots[slot].plans[0]


def test_the_demonstration_decides_all_but_the_power_without_load() -> None:
    found = {
        str(why)
        for slot in DEMO.slots.values()
        for plan in slot.plans
        for why in undecided(DEMO, slot.name, plan)
    }
    assert found == {"limit.uncertainty_too_large (measurements no_load_power.no_load_power)"}


@pytest.mark.parametrize(
    ("line", "slot", "lost"),
    [
        ("shunt_tolerance_percent = 0.5\nmax_a = 4.0", "display-1", "standby_power.standby_power"),
        ("shunt_tolerance_percent = 0.5\nmax_a = 1.0", "keyboard-1", "enumeration.idle_current"),
    ],
)
def test_a_shunt_of_unknown_tolerance_costs_what_its_current_decides(
    tmp_path: Path, line: str, slot: str, lost: str
) -> None:
    config = without(tmp_path, line.partition("\n")[0] + "\n")
    said = [str(why) for why in undecided(config, slot, first(config, slot))]
    assert any(why.startswith("limit.uncertainty_unknown") and lost in why for why in said)


def test_zones_as_sold_cannot_judge_how_even_a_screen_is(tmp_path: Path) -> None:
    factors = "factors = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]\n"
    config = without(tmp_path, factors, "factor_uncertainty_percent = 0.5\n")
    said = [str(why) for why in undecided(config, "display-1", first(config, "display-1"))]
    assert said == ["limit.uncertainty_too_large (measurements uniformity.uniformity)"]


def test_the_demonstrations_load_is_a_witness_of_its_meter() -> None:
    assert list(no_witness(DEMO, "adapter-1", first(DEMO, "adapter-1"))) == []


def test_a_load_of_unknown_accuracy_is_no_witness(tmp_path: Path) -> None:
    table = "[slots.adapter-1.roles.load.accuracy.voltage_v]\ngain_percent = 0.05\noffset = 0.024\n"
    table += (
        'resolution = 0.001\nsource = "demonstration: limits of a relative, B&K 8500B at 120 V"\n'
    )
    config = without(tmp_path, table)
    said = list(no_witness(config, "adapter-1", first(config, "adapter-1")))
    assert said == ["the accuracy of the load or the meter is not known"]


def test_a_load_that_may_be_too_far_off_is_no_witness(tmp_path: Path) -> None:
    text = DEMO_RIG.read_text(encoding="utf-8").replace("offset = 0.024", "offset = 0.9")
    path = tmp_path / "station.toml"
    path.write_text(text, encoding="utf-8")
    config = load(path)
    (said,) = no_witness(config, "adapter-1", first(config, "adapter-1"))
    assert "a third of the tolerance is 0.65 V" in said


def test_what_measures_without_a_certificate_is_said_to_be_uncalibrated() -> None:
    assert list(uncalibrated(DEMO, "adapter-1")) == ["mains_meter", "load"]
    assert list(uncalibrated(DEMO, "keyboard-1")) == ["meter", "light"]  # a KA3005P reads nothing


# Which readings carry an uncertainty

CARRY = {
    "adapter.no_load": {"no_load_deviation", "unsteadiness"},
    "adapter.no_load_power": {"no_load_power"},
    "adapter.load_points": {
        "deviation_25", "deviation_50", "deviation_75", "deviation_100", "average_efficiency",
        "regulation", "unsteadiness",
    },
    "adapter.hot": {"soak_deviation", "hot_deviation", "warm_up_change", "unsteadiness"},
    "adapter.overload": {"overload_power", "recovery_time", "recovered_deviation"},
    "power.powers_up": {"supply_current"},
    "display.brightness_sweep": {"brightness_range"},
    "display.luminance": {"luminance"},
    "display.last_look": {"light_left"},
    "display.uniformity": {"uniformity"},
    "display.contrast": {"contrast"},
    "display.colour": {
        "white_deviation", "grey_deviation", "red_deviation", "green_deviation", "blue_deviation",
    },
    "display.backlight": {"dark_luminance", "warm_up"},
    "display.standby_power": {"standby_power"},
    "keyboard.enumeration": {"idle_current"},
    "keyboard.leds": {"caps_led"},
}  # fmt: skip
"""Each judged measurement that is no count and no answer, by its step."""


def test_each_limit_on_a_measured_number_states_what_it_needs_and_no_other_does() -> None:
    stated: dict[str, set[str]] = {}
    for slot in DEMO.slots.values():
        for plan in slot.plans:
            for planned in plan.steps:
                for name, limit in planned.limits.items():
                    if limit.uncertainty is not None:
                        stated.setdefault(planned.use, set()).add(name)
    assert stated == CARRY


def test_each_of_them_is_known_on_the_demonstrations_bench() -> None:
    for slot in DEMO.slots.values():
        accuracies = accuracies_of(DEMO, slot.name)
        for plan in slot.plans:
            for planned in plan.steps:
                told = outlook(planned, accuracies, rule(plan.rule))
                for name in CARRY.get(planned.use, set()) & planned.limits.keys():
                    assert (told[name].expanded or 0) > 0, (planned.use, name)


@pytest.mark.parametrize(("said", "remarks"), [("judge", False), ("remark", True)])
def test_a_start_up_phase_is_stated_in_the_file(tmp_path: Path, said: str, remarks: bool) -> None:
    path = tmp_path / "station.toml"
    text = DEMO_RIG.read_text(encoding="utf-8")
    path.write_text(f'calibration = "{said}"\n{text}', encoding="utf-8")
    assert load(path).remarks_only is remarks
    assert DEMO.remarks_only is False
