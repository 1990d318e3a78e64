"""A simulated INA260. From the register map in TI SBOS656, not from the driver."""

from collections.abc import Mapping

from drivers.buses import Time
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.world import Circuit


class SimulatedIna260(SimulatedIna226):
    """Has the registers of an INA226 without calibration: its shunt of 2 mΩ is inside.

    Register 0x01 tells amperes, 1.25 mA in a count, 0x03 watts, 10 mW in a count; 0x04 and 0x05
    are not there.
    """

    ALWAYS = 0x6000
    DIE = 0x2270

    def __init__(self, circuit: Circuit, *, time: Time | None = None) -> None:
        super().__init__(circuit, shunt_ohm=0.002, time=time)

    def _multiply(self) -> tuple[int, int, bool]:
        power = abs(self._shunt) * self._bus // 6400  # 1.25 mA × 1.25 mV ÷ 10 mW
        return self._shunt, min(power, 0xFFFF), power > 0xFFFF

    def _told(self) -> Mapping[int, int]:
        told = super()._told()
        return {register: told[register] for register in told if register not in (0x04, 0x05)}

    def _store(self, register: int, word: int) -> None:
        if register != 0x05:
            super()._store(register, word)
