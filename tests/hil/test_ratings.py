"""Every instrument that measures or sets volts and amperes has its resolution stated."""

import msgspec
import pytest

from drivers.capabilities import ElectronicLoad, Identity, PowerMeter, PowerSupply
from hil_tests.rigs.ratings import figures
from station.rig.config import Named
from station.rig.instruments import DRIVERS, InstrumentTable

ELECTRICAL = PowerMeter | PowerSupply | ElectronicLoad
USUAL = {
    "port": "usb:1-1",
    "bus": 1,
    "address": 0x40,
    "shunt_ohm": 0.1,
    "max_a": 0.5,
    "dialect": "rigol-dp800",
}


def _table(driver: str) -> InstrumentTable:
    kind = DRIVERS[driver]
    fields = {name: value for name, value in USUAL.items() if name in kind.__struct_fields__}
    if driver == "scpi_load":
        fields["dialect"] = "rigol-dl3000"
    return msgspec.convert(fields, kind)


@pytest.mark.parametrize(
    "driver", [name for name, table in DRIVERS.items() if issubclass(table.kind, ELECTRICAL)]
)
def test_an_electrical_instrument_has_figures(driver: str) -> None:
    found = figures(Named(driver, _table(driver)), Identity("Riden", "RD6006"))
    assert 0 < found.resolution_v <= 0.01
    assert 0 < found.resolution_a <= 0.01
    assert found.max_v > 20


def test_a_chips_resolution_of_current_follows_from_its_shunt() -> None:
    """INA219: 10 µV on 0.1 Ω, TI SBOS448 "Shunt Voltage Register"; the chip bears 26 V."""
    found = figures(Named("ina219", _table("ina219")), Identity("", ""))
    assert found.resolution_v == 0.004
    assert found.resolution_a == pytest.approx(1e-4)
    assert (found.max_v, found.max_a) == (26.0, 0.5)


def test_a_riden_that_counts_coarsely_is_given_what_it_counts() -> None:
    """RD6012: 10 mA in a count, RD6012P in its lower range 0.1 mA."""
    riden = Named("rd60xx", _table("rd60xx"))
    assert figures(riden, Identity("Riden", "RD6012")).resolution_a == 0.01
    assert figures(riden, Identity("Riden", "RD6012P")).resolution_a == 0.001


def test_an_instrument_that_measures_neither_has_none() -> None:
    keyboard = Named("hid_keyboard", msgspec.convert({"port": "1-1"}, DRIVERS["hid_keyboard"]))
    with pytest.raises(LookupError, match="hid_keyboard"):
        figures(keyboard, Identity("", ""))
