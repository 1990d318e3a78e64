"""The plugin as QA meets it: suites in other folders, in runs of their own."""

import textwrap
from pathlib import Path

import pytest

from hil_tests.rigs.other_run import Ended, run_pytest

SUITE = """
import os
import pytest
from drivers.capabilities import Instrument, MainsMeter, PowerMeter
from drivers.errors import NoReply
from station.engine.bench import BenchNotSafe

@pytest.mark.needs("printer")
def test_needs_a_printer(bench): ...

@pytest.mark.needs("printer", "scale")
def test_needs_a_printer_and_a_scale(rig): ...

@pytest.mark.needs("load", "zones")
def test_needs_what_is_in_different_slots(bench): ...

@pytest.mark.needs("supply", "meter")
def test_needs_no_bench(): ...

def test_asks_for_a_load(load): ...

def test_asks_for_a_meter(meter): ...

def test_asks_for_each(instrument: MainsMeter): ...

def test_asks_for_a_plotter_kind(instrument: str): ...

@pytest.mark.parametrize("rig_slot", ["power-1"])
class TestInOneSlot:
    def test_measures(self, supply, record_value):
        record_value("voltage", 12.3456789, "V")
        record_value("readings", 10, "")

    def test_fails_with_the_supply_on(self, supply, meter, world):
        supply.set_voltage(12.0)
        supply.set_current_limit(1.0)
        supply.switch(on=True)
        assert meter.read().voltage_v < 1.0

    def test_is_safe_after_a_failure(self, meter):
        assert meter.read().voltage_v < 0.5

    def test_errs_with_the_supply_on(self, supply):
        supply.set_voltage(12.0)
        supply.set_current_limit(1.0)
        supply.switch(on=True)
        raise NoReply("DP832: ':MEAS:ALL? CH1' → nothing")

    def test_is_safe_after_an_error(self, meter):
        assert meter.read().voltage_v < 0.5

    @pytest.mark.xfail(raises=NoReply, strict=True)
    def test_expects_its_error(self, supply):
        raise NoReply("as expected")

    def test_finds_the_bench_unsafe(self, bench):
        raise BenchNotSafe("supply: does not let go")

    def test_leaves_a_load_that_hangs(self, load, wire):
        wire.mute("load")
        wire.mend = lambda: None  # it still hangs when it is to be made safe

    def test_asks_somebody(self, bench, ask):
        ask("Pull the cable.")

    def test_has_an_input_that_is_out_of_range(self, supply):
        supply.set_voltage(1000.0)
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    return run_pytest(tmp_path_factory.mktemp("suite"), "--strict-markers", suite=SUITE)


def test_a_role_that_no_slot_has_is_named_in_the_skip(ended: Ended) -> None:
    case = ended.cases["test_needs_a_printer[nowhere]"]
    assert case.outcome == "skipped"
    assert case.message == "this rig has no printer"


def test_every_role_that_is_missing_is_named(ended: Ended) -> None:
    case = ended.cases["test_needs_a_printer_and_a_scale"]
    assert case.message == "this rig has no printer, scale"


def test_roles_that_are_not_together_in_a_slot_are_named(ended: Ended) -> None:
    case = ended.cases["test_needs_what_is_in_different_slots[nowhere]"]
    assert case.message == "this rig has no slot with load, zones together"


def test_a_test_without_a_bench_may_need_roles_too(ended: Ended) -> None:
    assert ended.cases["test_needs_no_bench"].outcome == "passed"


def test_a_test_runs_in_each_slot_that_has_what_it_asks_for(ended: Ended) -> None:
    ran = {name for name in ended.cases if name.startswith("test_asks_for_a_load")}
    assert ran == {f"test_asks_for_a_load[{slot}]" for slot in ("power-1", "power-2", "adapter-1")}


def test_the_meter_of_an_adapter_bench_is_a_meter(ended: Ended) -> None:
    case = ended.cases["test_asks_for_a_meter[adapter-1]"]
    assert "INA228" in case.properties["instrument.meter"]


def test_an_instrument_is_any_of_the_annotated_kind(ended: Ended) -> None:
    ran = {name for name in ended.cases if name.startswith("test_asks_for_each")}
    assert ran == {"test_asks_for_each[adapter-1-mains_meter]"}


def test_a_kind_that_no_instrument_is_of_is_named_in_the_skip(ended: Ended) -> None:
    case = ended.cases["test_asks_for_a_plotter_kind[nowhere]"]
    assert case.message == "this rig has no str"


def test_junit_has_the_values_with_their_units(ended: Ended) -> None:
    properties = ended.cases["test_measures[power-1]"].properties
    assert properties["voltage"] == "12.3456789 V"
    assert properties["readings"] == "10"


def test_junit_has_the_rig_the_slot_and_who_was_on_the_bench(ended: Ended) -> None:
    properties = ended.cases["test_measures[power-1]"].properties
    assert properties["rig"] == "simulated"
    assert properties["slot"] == "power-1"
    assert properties["instrument.supply"] == ("RIGOL TECHNOLOGIES DP832 DP8C174504862 00.01.14")
    assert "instrument.load" not in properties, "it was not used"


def test_junit_has_how_long_it_took_to_make_the_bench_safe(ended: Ended) -> None:
    properties = ended.cases["test_measures[power-1]"].properties
    assert properties["made_safe_in"].endswith(" s")
    assert properties["made_safe_at_start_in"].endswith(" s")


def test_what_was_measured_is_on_the_terminal(ended: Ended) -> None:
    assert "measured on the rig" in ended.output
    assert "test_measures[power-1]: voltage 12.3456789 V, readings 10\n" in ended.output


def test_a_failed_assertion_is_a_failure(ended: Ended) -> None:
    assert ended.cases["test_fails_with_the_supply_on[power-1]"].outcome == "failed"


def test_a_drivers_error_is_an_error_and_not_a_failure(ended: Ended) -> None:
    case = ended.cases["test_errs_with_the_supply_on[power-1]"]
    assert case.outcome == "error"
    assert "DP832: ':MEAS:ALL? CH1' → nothing" in case.message
    assert "ERROR test_suite.py::TestInOneSlot::test_errs_with_the_supply_on" in ended.output
    assert "The bench's: nothing was said of what is tested." in ended.output


def test_a_bench_that_does_not_let_go_is_an_error(ended: Ended) -> None:
    assert ended.cases["test_finds_the_bench_unsafe[power-1]"].outcome == "error"


def test_a_mistake_of_the_suite_is_a_failure(ended: Ended) -> None:
    assert ended.cases["test_has_an_input_that_is_out_of_range[power-1]"].outcome == "failed"


def test_an_error_that_was_expected_stays_one(ended: Ended) -> None:
    assert ended.cases["test_expects_its_error[power-1]"].outcome == "skipped"


@pytest.mark.parametrize("what", ["a_failure", "an_error"])
def test_the_bench_is_made_safe_after_whatever_happened(ended: Ended, what: str) -> None:
    assert ended.cases[f"test_is_safe_after_{what}[power-1]"].outcome == "passed"


def test_an_actuator_that_hangs_when_made_safe_is_an_error_that_names_it(ended: Ended) -> None:
    case = ended.cases["test_leaves_a_load_that_hangs[power-1]"]
    assert case.outcome == "error"
    assert "load" in case.message


def test_what_takes_somebody_at_the_rig_is_skipped_without_one(ended: Ended) -> None:
    case = ended.cases["test_asks_somebody[power-1]"]
    assert case.message == "nobody is at the rig (--interactive): Pull the cable."


def test_somebody_at_the_rig_is_asked_and_waited_for(tmp_path: Path) -> None:
    suite = "def test_asks(ask):\n    ask('Pull the cable.')\n    print('it was pulled')\n"
    asked = run_pytest(tmp_path, "--interactive", "-rP", suite=suite, typed="\n")
    assert asked.cases["test_asks"].outcome == "passed"
    assert "Pull the cable. Then press Enter." in asked.output


def test_one_slot_may_be_chosen(tmp_path: Path) -> None:
    suite = "def test_supply(supply): ...\ndef test_zones(zones): ...\n"
    chosen = run_pytest(tmp_path, "--slot=power-2", suite=suite)
    assert chosen.cases["test_supply[power-2]"].outcome == "passed"
    assert chosen.cases["test_zones[nowhere]"].message == "slot power-2 of this rig has no zones"
    assert len(chosen.cases) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--slot=middle"], "there is no slot 'middle', but power-1, power-2, adapter-1"),
        (["--qa=nowhere.toml"], "nowhere.toml: No such file or directory"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_before_anything_begins(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    refused = run_pytest(tmp_path, *arguments, suite="def test_it(bench): ...\n")
    assert refused.exit_code == pytest.ExitCode.USAGE_ERROR
    assert complaint in refused.output
    assert "Traceback" not in refused.output


def test_a_plugin_that_is_installed_and_named_by_a_conftest_is_there_once(tmp_path: Path) -> None:
    """With the entry point as pyproject.toml is to have it: its name is the module's."""
    info = tmp_path / "site" / "pace_station-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pace-station\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[pytest11]\nhil_tests.plugin = hil_tests.plugin\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["hil_tests.plugin"]\n')
    suite = textwrap.dedent(
        """
        import pytest

        @pytest.mark.needs("supply")
        def test_once(supply, pytestconfig, record_value):
            record_value("voltage", 1.0, "V")
            plugins = pytestconfig.pluginmanager.list_name_plugin()
            assert sorted(name for name, one in plugins if "hil_tests" in name) == [
                "hil_tests.fixtures",
                "hil_tests.plugin",
                "hil_tests.reports",
                "hil_tests.selection",
            ]
        """
    )
    seen = run_pytest(
        tmp_path,
        *("-pno:hypothesispytest", "-pno:asyncio", "-pno:timeout", "-pno:xdist", "-pno:anyio"),
        "--strict-markers",
        "--slot=power-1",
        suite=suite,
        paths=[tmp_path / "site"],
        plugin="",
    )
    assert seen.exit_code == 0, seen.output
    assert seen.output.count("test_once[power-1]: voltage 1 V\n") == 1


def test_the_marker_is_registered_where_the_project_does_not(tmp_path: Path) -> None:
    told = run_pytest(tmp_path, "--markers")
    assert told.output.count("@pytest.mark.needs(*roles, stated=NAME)") == 1


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("raise RuntimeError('no relays here')", "RuntimeError: no relays here; say MODULE:CLASS"),
        ("= 1", "SyntaxError: invalid syntax (relays.py, line 1); say MODULE:CLASS"),
        ("def Relays(): ...", "Relays is no hil_tests.rigs.cables.Cables"),
        ("", "AttributeError: module 'relays' has no attribute 'Relays'; say MODULE:CLASS"),
    ],
)
def test_cables_that_are_none_are_told_before_anything_begins(
    tmp_path: Path, module: str, says: str
) -> None:
    (tmp_path / "relays.py").write_text(module)
    told = run_pytest(
        tmp_path, "--cables=relays:Relays", suite="def test_it(): ...", paths=[tmp_path]
    )
    assert f"--cables relays:Relays: {says}" in told.output
    assert "INTERNALERROR" not in told.output
    assert told.cases == {}
