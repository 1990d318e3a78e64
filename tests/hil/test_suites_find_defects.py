"""The suites of hil_tests on rigs with a known defect: each is found, as a failure or an error."""

import pytest

from hil_tests.rigs.other_run import PROJECT, Ended, run_pytest

DEFECTS = """
import itertools
import pytest
from drivers.sim.devices.laptop_adapter import SimulatedAdapter
from drivers.sim.lead import Fault
from drivers.sim.onset import Onset
from drivers.sim.world import StiffSource

@pytest.fixture(autouse=True)
def defect(request, rig_slot, bench, world):
    name = request.node.originalname
    if "gives_the_volts" in name:
        world.add(Fault("gain", Onset(), "voltage", 1.02), "meter")
    elif "sinks_the_amperes" in name:
        world.add(Fault("gain", Onset(), "current", 1.02), "meter")
    elif "is_off_gives_nothing" in name:
        world.circuit.source = StiffSource(12.0)
    elif "repeats_itself" in name:
        gains = itertools.cycle([1.0, 1.05])
        solve = world.circuit.solve
        def wandering():
            voltage_v, current_a = solve()
            return voltage_v * next(gains), current_a
        world.circuit.solve = wandering
        request.addfinalizer(lambda: world.circuit.__dict__.pop("solve"))
    elif "delivers" in name:
        world.plug(SimulatedAdapter(
            world.time, rated_voltage_v=19.5, rated_current_a=3.33, open_voltage_v=19.1))
    elif "draws_what_it_drew" in name:
        world.add(Fault("gain", Onset(), "voltage", 0.4), "meter")
    elif "every_finger" in name:
        world.add(Fault("finger", Onset(), keys={0x28}, does="nothing"))
    elif "off_means_off_at_the_port" in name:
        world.vbus.welded = True
        request.addfinalizer(lambda: setattr(world.vbus, "welded", False))
    elif "sensor_see_the_same" in name:
        world.place.light = None
"""

IMPORTING = "--import-mode=importlib"

FAILED = (
    "test_a_supply_gives_the_volts_it_is_told[power-1-100]",
    "test_a_supply_gives_the_volts_it_is_told[power-2-100]",
    "test_a_load_sinks_the_amperes_it_is_told[adapter-1-100]",
    "test_a_supply_that_is_off_gives_nothing[power-1]",
    "test_a_meter_of_volts_and_amperes_repeats_itself[power-1-meter]",
    "test_golden_adapter_delivers_what_it_delivered[adapter-1]",
    "test_every_finger_reaches_its_key_and_comes_off_it[keyboard-1]",
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("defects")
    (folder / "defects.py").write_text(DEFECTS)
    names = ["accuracy", "off_means_off", "repeatability", "golden_unit"]
    names += ["stuck_actuators", "usb_power"]
    suites = [str(PROJECT / "hil_tests" / "suites" / f"test_{name}.py") for name in names]
    chosen = "told or gives_nothing or repeats or golden or every_finger or sensor_see or port"
    return run_pytest(folder, "-p", "defects", "-k", chosen, IMPORTING, *suites, paths=[folder])


@pytest.mark.parametrize("name", FAILED)
def test_a_defect_is_found(ended: Ended, name: str) -> None:
    assert ended.cases[name].outcome == "failed", ended.output


@pytest.mark.parametrize("slot", ["display-1", "keyboard-1"])
def test_a_golden_unit_is_not_condemned_by_a_loose_lead(ended: Ended, slot: str) -> None:
    case = ended.cases[f"test_golden_unit_draws_what_it_drew[{slot}]"]
    assert case.outcome == "error"
    assert "a lead is loose" in case.message


def test_a_display_is_not_condemned_by_sensors_that_see_nothing(ended: Ended) -> None:
    case = ended.cases["test_probe_and_middle_sensor_see_the_same_light[display-1]"]
    assert case.outcome == "error"
    assert "too dark" in case.message


def test_a_hub_that_says_off_while_the_meter_sees_5_volts_is_the_benchs_fault(ended: Ended) -> None:
    case = ended.cases["test_off_means_off_at_the_port_and_on_means_on[port-1]"]
    assert case.outcome == "error"
    assert "usb.does_not_switch_off" in case.message


def test_the_next_slot_is_none_the_worse_for_a_defect_that_was_mended(ended: Ended) -> None:
    case = ended.cases["test_golden_keyboard_offers_the_keys_it_offered[keyboard-1]"]
    assert case.outcome == "passed"
