"""A device that loses its power comes back; a hub that lies about it is the bench's fault."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from drivers.buses import UsbDevice
from drivers.instruments.fixtures.usb_port_power import UsbPortPower
from drivers.instruments.power.ina219 import Ina219
from drivers.linux.usb import open_port
from drivers.sim.devices.keyboard import SimulatedKeyboard
from drivers.sim.hardware import SimulatedHardware, SimulatedI2cBus
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.languages.usb_hub import SimulatedHub
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.world import Circuit, StiffSource
from records import Phrase, StepRecord, Value, Verdict
from station.engine.bench import Place
from station.engine.clock import Clock
from station.engine.step import Step
from station.simulate.world import HandTime
from station.steps import keyboard, usb
from tests.station.benches import Answers, Socketed, finish, make_bench, planned, said, table_of


class Rig:
    """A keyboard at port 4 of the hub at 1-1, and a meter in its lead."""

    def __init__(self) -> None:
        self.time = HandTime()
        self.usb = SimulatedUsbBackend(self.time)
        self.hub = SimulatedHub(self.time, self.usb, "1-1")
        self.usb.plug("1-1", self.hub)
        self.keyboard = SimulatedKeyboard(self.time)
        self.usb.plug("1-1.4", self.keyboard)
        self.vbus = self.hub.vbus[3]
        self.circuit = Circuit(self.vbus, self.keyboard)
        chip = SimulatedIna219(self.circuit, shunt_ohm=0.1, time=self.time)
        self.meter = Ina219(SimulatedI2cBus({0x40: chip}), time=self.time, shunt_ohm=0.1, max_a=2.0)
        self.device: UsbDevice = open_port("1-1", self.usb)
        self.port = self.switch("1-1.4")
        self.operator = Answers(usb_plugged="y")

    def switch(
        self,
        port: str,
        superspeed_port: str = "",
        devices: Mapping[str, Callable[[], UsbDevice]] = {},
    ) -> UsbPortPower:
        ports = ("1-1", "1-1.4", "2-1", "2-1.4")
        usb = {port: partial(open_port, port, self.usb) for port in ports} | dict(devices)
        hardware = SimulatedHardware(time=self.time, usb=usb)
        return UsbPortPower.connect(hardware, port=port, superspeed_port=superspeed_port)

    def measure(self, step: Step = usb.power_cycle, **settings: float) -> StepRecord:
        bench = make_bench(
            clock=Clock(self.time),
            port_power=Socketed(self.port).place(),
            meter=Socketed(self.meter).place(),
        )
        bench.operator = self.operator
        record = finish(bench, planned(step, settings=settings, comes_back=True))
        assert record.steps[-1].verdict is Verdict.PASS, "the bench is safe"
        assert self.port.read_state().powered, "and the port at rest has power"
        return record.steps[1]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def values(record: StepRecord) -> dict[str, object]:
    return {one.name: one.value for one in record.measurements}


def test_a_device_that_comes_back_passes(rig: Rig) -> None:
    record = rig.measure()
    assert record.verdict is Verdict.PASS, record.reason
    seen = values(record)
    assert seen["vbus_verified"] is True
    assert seen["vbus_off"] == pytest.approx(0.7, abs=0.1)
    assert seen["vbus_off_time"] == pytest.approx(0.2, abs=0.05)
    assert seen["vbus_on"] == pytest.approx(5.05, abs=0.01)
    assert seen["vbus_on_time"] == pytest.approx(0.12, abs=0.02)
    assert seen["comes_back"] is True
    assert seen["comes_back_time"] == pytest.approx(0.18, abs=0.05)


@pytest.mark.parametrize("step", [usb.power_cycle, usb.power_cycle_unverified])
def test_a_device_that_does_not_come_back_fails_once_the_operator_has_looked(
    rig: Rig, step: Step
) -> None:
    rig.time.then(1.0, lambda: setattr(rig.keyboard, "enumerates", False))
    record = rig.measure(step, comes_back_s=5.0)
    assert record.verdict is Verdict.FAIL
    assert values(record)["comes_back"] is False
    assert values(record)["comes_back_time"] == 5.0
    assert rig.operator.asked == ["usb.plugged"]


@pytest.mark.parametrize("alive", [True, False])
def test_a_link_without_a_device_that_answers_is_no_device(rig: Rig, alive: bool) -> None:
    """SuperSpeed: the hub calls a port enabled as soon as its link is trained."""
    rig.usb.unplug("1-1.4")
    fast = SimulatedHub(rig.time, rig.usb, "2-1", superspeed=True, vbus=rig.hub.vbus)
    rig.usb.plug("2-1", fast)
    rig.usb.plug("2-1.4", rig.keyboard)
    rig.port = rig.switch("1-1.4", "2-1.4")
    rig.time.then(1.0, lambda: setattr(rig.keyboard, "enumerates", alive))
    record = rig.measure(comes_back_s=5.0)
    assert values(record)["comes_back"] is alive, record.reason
    assert rig.operator.asked == ([] if alive else ["usb.plugged"])


def test_a_device_that_somebody_holds_is_there(rig: Rig) -> None:
    rig.usb.forbidden.add("1-1.4")
    assert rig.measure().verdict is Verdict.PASS


def test_a_device_that_the_kernel_has_is_there_also_when_udev_has_died(
    rig: Rig, tmp_path: Path
) -> None:
    """Then libusb never hears that it has come back, under another number."""
    _kernel_has(tmp_path, "1-1.4", 99)
    begins_s = rig.time.monotonic()

    def look() -> UsbDevice:
        blind = rig.time.monotonic() > begins_s + 1
        return open_port("1-1.4", rig.usb, sysfs=tmp_path if blind else None, time=rig.time)

    rig.port = rig.switch("1-1.4", devices={"1-1.4": look})
    record = rig.measure(comes_back_s=5.0)
    assert values(record)["comes_back"] is True, record.reason
    assert rig.operator.asked == []


def test_a_keyboard_that_the_kernel_has_and_we_cannot_reach_is_not_condemned(
    rig: Rig, tmp_path: Path
) -> None:
    """`Is it plugged in?` `Yes` would be true, and it would fail."""
    _kernel_has(tmp_path, "1-1.4", 99)
    look = partial(open_port, "1-1.4", rig.usb, sysfs=tmp_path, time=rig.time)
    hardware = SimulatedHardware(time=rig.time, usb={"1-1.4": look})
    table = table_of("hid_keyboard", port="1-1.4")
    bench = make_bench(
        clock=Clock(rig.time),
        keyboard=Place("hid_keyboard", table.kind, partial(table.open, hardware), device=True),
        meter=Socketed(rig.meter).place(),
    )
    bench.operator = Answers(keyboard_plugged="y")
    record = finish(bench, planned(keyboard.enumeration, enumerates=True))
    assert record.verdict is Verdict.ERROR
    assert "the kernel has a device there" in record.steps[1].why
    assert bench.operator.asked == []


def _kernel_has(sysfs: Path, port: str, address: int) -> None:
    (sysfs / port).mkdir()
    (sysfs / port / "devnum").write_text(f"{address}\n")


@pytest.mark.parametrize("step", [usb.power_cycle, usb.power_cycle_unverified])
def test_a_device_that_was_pulled_while_its_port_was_off_is_an_error(rig: Rig, step: Step) -> None:
    rig.time.then(1.0, lambda: rig.hub.unplug(4))
    rig.operator.answers["usb_plugged"] = "n"
    record = rig.measure(step)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "usb.not_plugged"


def test_a_device_that_is_put_back_before_yes_is_said_was_not_seen_to_come_back(rig: Rig) -> None:
    rig.time.then(1.0, lambda: rig.hub.unplug(4))
    rig.operator.at["usb.plugged"] = lambda: rig.usb.plug("1-1.4", rig.keyboard)
    record = rig.measure()
    assert record.verdict is Verdict.ERROR
    assert said(record) == "usb.came_back"


def test_a_hub_that_says_off_and_is_on_is_the_benchs_fault(rig: Rig) -> None:
    rig.vbus.welded = True
    record = rig.measure()
    assert record.verdict is Verdict.ERROR
    assert record.reason is not None
    assert record.reason.id == "usb.does_not_switch_off"
    assert record.reason.values["port"] == "port 4 of the hub at 1-1"
    assert record.reason.values["after_s"] == pytest.approx(0.65, abs=0.005)
    assert record.reason.values["meter_v"] == pytest.approx(5.05, abs=0.01)
    assert not record.measurements, "nothing is said to be verified"


def test_a_port_that_is_off_too_late_does_not_count_as_off(rig: Rig) -> None:
    rig.vbus.discharge_s = 0.5  # 0.8 V after 0.92 s
    record = rig.measure()
    assert record.verdict is Verdict.ERROR
    assert record.reason is not None
    assert record.reason.id == "usb.does_not_switch_off"
    assert record.reason.values["meter_v"] == pytest.approx(1.35, abs=0.05)


def test_a_meter_that_measures_elsewhere_is_the_benchs_fault(rig: Rig) -> None:
    rig.circuit.source = StiffSource(0.0)
    record = rig.measure()
    assert record.verdict is Verdict.ERROR
    read: dict[str, Value] = {
        "meter_v": 0.0,
        "port": "port 4 of the hub at 1-1",
        "low_v": 4.75,
        "high_v": 5.25,
    }
    assert record.reason == Phrase("usb.meter_elsewhere", read)


def test_a_port_that_comes_back_weak_is_the_benchs_fault(rig: Rig) -> None:
    rig.time.then(1.0, lambda: setattr(rig.vbus, "full_v", 4.5))
    record = rig.measure()
    assert record.verdict is Verdict.ERROR
    assert record.reason is not None
    assert record.reason.id == "usb.does_not_switch_on"
    assert record.reason.values["meter_v"] == pytest.approx(4.5, abs=0.01)


def test_a_hub_without_a_supply_of_its_own_may_give_less(rig: Rig) -> None:
    rig.vbus.full_v = 4.5
    assert rig.measure(lowest_v=4.4).verdict is Verdict.PASS


@pytest.mark.parametrize("step", [usb.power_cycle, usb.power_cycle_unverified])
def test_somebody_who_switches_on_again_is_found_out(rig: Rig, step: Step) -> None:
    rig.time.then(1.0, lambda: rig.device.control_out(0x23, 0x03, 8, 4))
    record = rig.measure(step)
    assert record.verdict is Verdict.ERROR
    assert said(record) == "usb.switched_on_again"


@pytest.mark.parametrize(("seen", "verdict"), [("y", Verdict.FAIL), ("n", Verdict.ERROR)])
def test_a_device_that_was_never_found_is_asked_for(rig: Rig, seen: str, verdict: Verdict) -> None:
    """In a plan that measures only the port besides, a dead device would pass."""
    rig.keyboard.enumerates = False
    rig.operator.answers["usb_plugged"] = seen
    record = rig.measure(comes_back_s=5.0)
    assert record.verdict is verdict, record.reason
    assert rig.operator.asked == ["usb.plugged"]


def test_a_device_that_is_found_only_when_its_port_was_off_and_on_has_come(rig: Rig) -> None:
    rig.keyboard.enumerates = False
    rig.time.then(1.0, lambda: setattr(rig.keyboard, "enumerates", True))
    record = rig.measure()
    assert record.verdict is Verdict.PASS
    assert rig.operator.asked == []


def test_a_port_without_a_meter_where_no_device_was_found_is_the_benchs_fault(rig: Rig) -> None:
    """It may have no power, whatever its hub says: either of the two may be dead."""
    rig.hub.unplug(4)
    record = rig.measure(usb.power_cycle_unverified)
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("usb.never_found", {"port": "port 4 of the hub at 1-1"})
    assert rig.operator.asked == []


def test_without_a_meter_it_is_never_called_verified(rig: Rig) -> None:
    rig.vbus.welded = True  # and it cannot be seen
    record = rig.measure(usb.power_cycle_unverified)
    assert record.verdict is Verdict.PASS
    assert values(record)["vbus_verified"] is False
