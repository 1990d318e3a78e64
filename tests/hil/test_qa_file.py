"""QA's statements about a rig: complete without a word, and each mistake is one line."""

import re
from pathlib import Path

import pytest

from hil_tests.described import SIMULATED
from hil_tests.rigs.qa import GOLDEN_VALUES, Qa, QaError, SlotQa, load, path_beside
from station.rig import config

STATED = """
[slots.left]
max_voltage_v = 20.0
budget_percent = 1
[slots.left.golden]
unit = "adapter G-0007"
[slots.left.golden.values]
no_load_voltage = { value = 19.52, tolerance = 0.05, unit = "V" }
"""


def test_what_is_stated_is_what_counts(tmp_path: Path) -> None:
    file = tmp_path / "station.qa.toml"
    file.write_text(STATED)
    left = load(file, ["left", "right"]).of("left")
    assert left.max_voltage_v == 20.0
    assert left.golden is not None
    assert left.golden.values["no_load_voltage"].tolerance == 0.05


def test_a_slot_of_which_nothing_is_stated_is_never_driven() -> None:
    silent = Qa().of("left")
    assert silent == SlotQa()
    assert silent.max_voltage_v is None
    assert silent.max_current_a is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[slots.lfet]\n", "slots.lfet: the rig has no such slot, but left, right"),
        ("[slots.left]\nmax_volts = 3\n", "slots.left: there is no key `max_volts`"),
        ("[slots.left.golden]\n", "slots.left.golden: the key `unit` is missing"),
        (
            "[slots.left]\nmax_voltage_v = 0\n",
            "slots.left.max_voltage_v: 0 is not a number above 0",
        ),
        ("[slots.left]\nbudget_v = -1\n", "slots.left.budget_v: -1 is not a number of at least 0"),
        ("[slots.left]\nbudget_v = inf\n", "slots.left.budget_v: inf is not a finite number"),
        (
            "[slots.left]\nmax_voltage_v = nan\n",
            "slots.left.max_voltage_v: nan is not a finite number",
        ),
        (
            '[slots.left.golden]\nunit = "A"\n[slots.left.golden.values]\n'
            "white = { value = 1.0, tolerance = inf }\n",
            "slots.left.golden.values.white.tolerance: inf is not a finite number",
        ),
        (
            '[slots.left.golden]\nunit = "A"\n[slots.left.golden.values]\n'
            "whit = { value = 1.0, tolerance = 1.0 }\n",
            "slots.left.golden.values: nothing measures 'whit', did you mean 'white'?",
        ),
        (
            "[slots.left]\nreadings = 1\n",
            "slots.left.readings: 1 is not a whole number of at least 2",
        ),
        ("[slots.left.golden]\nunit = 7\n", "slots.left.golden.unit: 7 is not a text"),
        ("slots = 1\n", "slots: 1 is not a table"),
        ('[slots."l\\nft"]\n', "slots.l\ufffdft: the rig has no such slot"),
        ("[slots.left", "not TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "station.qa.toml"
    file.write_text(text)
    with pytest.raises(QaError) as refused:
        load(file, ["left", "right"])
    assert str(refused.value).startswith(f"{file}: ")
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_it_lies_beside_the_rigs_own_file() -> None:
    assert path_beside(Path("/etc/pace/station.toml")) == Path("/etc/pace/station.qa.toml")


def test_the_one_of_the_simulated_rig_states_a_golden_unit_for_each_kind_of_device() -> None:
    slots = config.load(SIMULATED).slots
    qa = load(path_beside(SIMULATED), slots)
    with_golden = {slot.kind for slot in slots.values() if qa.of(slot.name).golden is not None}
    assert with_golden == {slot.kind for slot in slots.values()} - {"power-bench", "usb-port"}


def test_every_value_that_may_be_stated_is_measured_by_a_test_and_the_other_way_round() -> None:
    suite = (SIMULATED.parent / "suites" / "test_golden_unit.py").read_text()
    assert set(re.findall(r'golden\.measured\("(\w+)"', suite)) == set(GOLDEN_VALUES)
