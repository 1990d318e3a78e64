"""Feeding the device: a supply held down by the device tells; one that does nothing is mute."""

import pytest

from drivers.capabilities import Identity, Power, PowerMeter, PowerSupply
from records import StepRecord, Verdict
from station.steps import power
from tests.station.benches import Socketed, finish, make_bench, planned, said


class Supply(PowerSupply):
    """Feeds a resistor; `lead_ohm` is what the cable adds, `math.inf` a broken one."""

    def __init__(self, load_ohm: float) -> None:
        self.identity = Identity("ACME", "Supply")
        self.load_ohm = load_ohm
        self.set_v = self.limit_a = 0.0
        self.on = False
        self.works = True
        self.was_on = False

    def set_voltage(self, voltage_v: float) -> None:
        self.set_v = voltage_v

    def set_current_limit(self, current_a: float) -> None:
        self.limit_a = current_a

    def switch(self, *, on: bool) -> None:
        self.on = on and self.works
        self.was_on |= self.on

    def at_terminals(self) -> tuple[float, float]:
        if not self.on:
            return 0.0, 0.0
        amperes = min(self.set_v / self.load_ohm, self.limit_a)
        return amperes * self.load_ohm, amperes


class Meter(PowerMeter):
    def __init__(self, supply: Supply) -> None:
        self.identity = Identity("ACME", "Meter")
        self.supply = supply
        self.gain_v = self.gain_a = 1.0
        self.offset_a = 0.0

    def read(self) -> Power:
        volts, amperes = self.supply.at_terminals()
        volts, amperes = volts * self.gain_v, amperes * self.gain_a + self.offset_a
        return Power(volts, amperes, volts * amperes)


class Rig:
    def __init__(self, load_ohm: float = 100.0) -> None:
        self.supply = Supply(load_ohm)
        self.meter = Meter(self.supply)

    def measure(self) -> StepRecord:
        bench = make_bench(supply=Socketed(self.supply).place(), meter=Socketed(self.meter).place())
        one = planned(
            power.powers_up,
            settings={"voltage_v": 5.0, "current_limit_a": 0.5},
            supply_current=(0.0, 0.45),
        )
        record = finish(bench, one).steps[1]
        assert not self.supply.on
        return record


def test_a_device_that_draws_what_it_may_passes() -> None:
    rig = Rig()
    record = rig.measure()
    assert record.verdict is Verdict.PASS
    assert [m.value for m in record.measurements] == pytest.approx([5.0, 0.05])
    assert rig.supply.was_on


@pytest.mark.parametrize("load_ohm", [10.5, 5.0, 0.1, 0.001])
def test_a_device_that_draws_too_much_or_is_a_short_fails(load_ohm: float) -> None:
    assert Rig(load_ohm).measure().verdict is Verdict.FAIL


def test_a_supply_that_does_not_switch_on_is_an_error() -> None:
    rig = Rig()
    rig.supply.works = False
    record = rig.measure()
    assert record.verdict is Verdict.ERROR
    assert said(record) == "power.off_target"


@pytest.mark.parametrize("gain", [0.0, 0.5, 0.94, 1.06])
def test_a_meter_that_sees_another_voltage_is_an_error(gain: float) -> None:
    rig = Rig()
    rig.meter.gain_v = gain
    assert rig.measure().verdict is Verdict.ERROR


@pytest.mark.parametrize("offset_a", [0.006, -0.006, 0.1, 3.0])
def test_a_meter_that_sees_a_current_while_the_supply_is_off_is_an_error(offset_a: float) -> None:
    rig = Rig()
    rig.meter.offset_a = offset_a
    record = rig.measure()
    assert record.verdict is Verdict.ERROR
    assert said(record) == "power.meter_not_zero"
    assert not rig.supply.was_on


def test_a_capacitor_that_empties_itself_is_no_error() -> None:
    rig = Rig()
    readings = iter([Power(4.0, -0.2, -0.8)])
    read = rig.meter.read
    rig.meter.read = lambda: next(readings, None) or read()  # type: ignore[method-assign]
    assert rig.measure().verdict is Verdict.PASS
