"""Without QA's statements the suites put nothing on a device and draw nothing from it."""

from pathlib import Path

import pytest

from hil_tests.rigs.other_run import PROJECT, Ended, run_pytest

WATCH = """
import pytest
from drivers.capabilities import ElectronicLoad, PowerSupply

def watched(kind):
    for one in kind.__subclasses__():
        switch = one.switch
        def forbidden(self, *, on, switch=switch):
            assert not on, "switched on, and nobody said that it may be"
            switch(self, on=False)
        one.switch = forbidden

@pytest.fixture(scope="session", autouse=True)
def watch(rig):
    watched(PowerSupply)
    watched(ElectronicLoad)
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("silent")
    (folder / "watch.py").write_text(WATCH)
    (folder / "silent.qa.toml").write_text("")
    names = ("accuracy", "off_means_off", "stuck_actuators", "repeatability", "golden_unit")
    suites = [
        str(PROJECT / "hil_tests" / "suites" / f"test_{name}.py") for name in (*names, "make_safe")
    ]
    arguments = ("-p", "watch", "--qa=silent.qa.toml", "--import-mode=importlib")
    return run_pytest(folder, *arguments, *suites, paths=[folder])


def test_no_supply_and_no_load_is_switched_on(ended: Ended) -> None:
    assert ended.exit_code == 0, ended.output


def test_what_is_left_out_says_what_would_have_to_be_stated(ended: Ended) -> None:
    case = ended.cases["test_a_supply_gives_the_volts_it_is_told[power-1-100]"]
    assert case.outcome == "skipped"
    assert "QA states no max_voltage_v for this slot" in case.message
    load = ended.cases["test_a_load_sinks_the_amperes_it_is_told[adapter-1-100]"]
    assert "QA states no max_current_a for this slot" in load.message


def test_what_needs_no_statement_is_tested_all_the_same(ended: Ended) -> None:
    case = ended.cases["test_every_finger_reaches_its_key_and_comes_off_it[keyboard-1]"]
    assert case.outcome == "passed"


OWN = """
import pytest
from drivers.capabilities import PowerSupply

@pytest.mark.needs(stated="max_voltage_v")
def test_each(instrument: PowerSupply): ...

@pytest.mark.needs("load", stated="max_voltage_v")
def test_looks_for_slots_itself(rig): ...

@pytest.mark.parametrize("rig_slot", ["power-1", "power-2"])
@pytest.mark.needs(stated="max_voltage_v")
def test_chooses_its_slots(supply): ...
"""


def test_a_suite_of_ones_own_is_left_out_too_however_it_comes_to_its_bench(tmp_path: Path) -> None:
    (tmp_path / "half.qa.toml").write_text("[slots.power-1]\nmax_voltage_v = 5.0")
    (tmp_path / "silent.qa.toml").write_text("")
    silent = run_pytest(tmp_path, "--qa=silent.qa.toml", suite=OWN)
    assert {case.outcome for case in silent.cases.values()} == {"skipped"}, silent.output
    half = run_pytest(tmp_path, "--qa=half.qa.toml", suite=OWN)
    assert {name for name, case in half.cases.items() if case.outcome == "passed"} == {
        "test_each[power-1-supply]",
        "test_looks_for_slots_itself",
        "test_chooses_its_slots[power-1]",
    }


@pytest.mark.parametrize(
    "wrong", ["stated='max_volts'", "stated='settle_s'", "stated=['golden']", "statd='golden'"]
)
def test_a_mistake_in_what_has_to_be_stated_runs_no_test(tmp_path: Path, wrong: str) -> None:
    suite = f"import pytest\n@pytest.mark.needs({wrong})\ndef test_it(supply): ..."
    told = run_pytest(tmp_path, suite=suite)
    assert told.exit_code != 0
    expected = f"needs({wrong}): `stated` is one of max_voltage_v, max_current_a, golden"
    assert expected in told.output
    assert "test_it[power-1]" not in told.cases
