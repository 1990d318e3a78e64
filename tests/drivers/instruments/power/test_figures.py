"""Each DC instrument states its resolution and its range, which the bench's tolerances rest on."""

from collections.abc import Callable

import pytest

from drivers.capabilities import DcInstrument
from drivers.instruments.power import scpi_load, scpi_supply
from drivers.instruments.power.ina219 import Ina219
from drivers.instruments.power.ina226 import Ina226
from drivers.instruments.power.ina228 import Ina228
from drivers.instruments.power.ina260 import Ina260
from drivers.instruments.power.it8500 import It8500
from drivers.instruments.power.ka3000 import Ka3000
from drivers.instruments.power.kel103 import Kel103
from drivers.instruments.power.rd60xx import Rd60xx
from drivers.sim.hardware import SimulatedI2cBus, SimulatedSerial
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.instruments.power.ina260 import SimulatedIna260
from drivers.sim.instruments.power.it8500 import SimulatedIt8500
from drivers.sim.instruments.power.ka3000 import SimulatedKa3000
from drivers.sim.instruments.power.kel103 import SimulatedKel103
from drivers.sim.instruments.power.rd60xx import SimulatedRd60xx
from drivers.sim.instruments.power.scpi_load import SimulatedScpiLoad
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.world import Circuit, SimulatedTime


def _ina219() -> DcInstrument:
    bus = SimulatedI2cBus({0x40: SimulatedIna219(Circuit(), shunt_ohm=0.1)})
    return Ina219(bus, time=SimulatedTime(), shunt_ohm=0.1, max_a=2.0)


def _ina226() -> DcInstrument:
    bus = SimulatedI2cBus({0x40: SimulatedIna226(Circuit(), shunt_ohm=0.1)})
    return Ina226(bus, time=SimulatedTime(), shunt_ohm=0.1, max_a=0.5)


def _ina228() -> DcInstrument:
    bus = SimulatedI2cBus({0x40: SimulatedIna228(Circuit(), shunt_ohm=0.01)})
    return Ina228(bus, time=SimulatedTime(), shunt_ohm=0.01)


def _ina260() -> DcInstrument:
    bus = SimulatedI2cBus({0x40: SimulatedIna260(Circuit())})
    return Ina260(bus, time=SimulatedTime())


def _ka3000() -> DcInstrument:
    time = SimulatedTime()
    line = SimulatedSerial(SimulatedKa3000(Circuit(), time=time), time=time)
    return Ka3000(line, max_v=24.0, max_a=2.0, time=time)


def _it8500() -> DcInstrument:
    return It8500(SimulatedSerial(SimulatedIt8500(Circuit())))


def _kel103() -> DcInstrument:
    return Kel103(SimulatedSerial(SimulatedKel103(Circuit())))


def _rd60xx(model_id: int) -> DcInstrument:
    line = SimulatedSerial(SimulatedRd60xx(Circuit(), model_id=model_id))
    return Rd60xx(line, time=SimulatedTime())


def _scpi_supply(dialect: str) -> DcInstrument:
    line = SimulatedSerial(SimulatedScpiSupply(Circuit(), dialect))
    return scpi_supply.ScpiSupply(line, scpi_supply.DIALECTS[dialect], max_v=9.0, max_a=1.5)


def _scpi_load(dialect: str) -> DcInstrument:
    line = SimulatedSerial(SimulatedScpiLoad(Circuit(), dialect))
    return scpi_load.ScpiLoad(line, scpi_load.DIALECTS[dialect], time=SimulatedTime())


@pytest.mark.parametrize(
    ("opened", "resolution_v", "resolution_a", "max_v", "max_a"),
    [
        (_ina219, 0.004, 1e-4, 26.0, 2.0),  # SBOS448: 10 µV on 0.1 Ω
        (_ina226, 0.00125, 2.5e-5, 36.0, 0.5),  # SBOS547: 2.5 µV on 0.1 Ω
        (_ina228, 195.3125e-6, 31.25e-6, 85.0, 16.384),  # SBOS886: 312.5 nV on 10 mΩ
        (_ina260, 0.00125, 0.00125, 36.0, 15.0),  # SBOS656
        (_ka3000, 0.01, 0.001, 24.0, 2.0),
        (_it8500, 0.001, 0.0001, 120.0, 30.0),
        (_kel103, 0.001, 0.001, 120.0, 30.0),
        (lambda: _rd60xx(60062), 0.01, 0.001, 60.0, 6.0),
        (lambda: _rd60xx(60120), 0.01, 0.01, 60.0, 12.0),
        (lambda: _rd60xx(60125), 0.001, 0.001, 60.0, 12.0),  # the coarser of its two ranges
        (lambda: _scpi_supply("owon-spe"), 0.01, 0.001, 9.0, 1.5),
        (lambda: _scpi_load("rigol-dl3000"), 0.001, 0.001, 150.0, 40.0),
    ],
)
def test_an_open_instrument_states_its_resolution_and_its_range(
    opened: Callable[[], DcInstrument],
    resolution_v: float,
    resolution_a: float,
    max_v: float,
    max_a: float,
) -> None:
    found = opened()
    stated = (found.resolution_v, found.resolution_a, found.max_v, found.max_a)
    assert stated == pytest.approx((resolution_v, resolution_a, max_v, max_a))
