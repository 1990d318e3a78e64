"""A simulated INA226. From the register map in TI SBOS547, not from the driver."""

from collections.abc import Mapping
from typing import ClassVar

from drivers.sim.instruments.power.ina import Mode, SimulatedIna, fits

AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)  # table "AVG Bit Settings"
CONVERSION_S = (140e-6, 204e-6, 332e-6, 588e-6, 1.1e-3, 2.116e-3, 4.156e-3, 8.244e-3)


class SimulatedIna226(SimulatedIna):
    """Has its ready flag in the mask/enable register, where reading clears it."""

    BUS_LSB_V = 1.25e-3
    CLEARS_READY = 0x06
    ALWAYS: ClassVar[int] = 0x4000  # bits of the configuration that cannot be cleared
    DIE: ClassVar[int] = 0x2260

    def _power_on(self) -> None:
        self._configuration = self.ALWAYS | 0x0127
        self._calibration = 0
        self._mask = 0
        self._alert_limit = 0

    def _most_bus(self) -> int:
        return 0x7FFF

    def _shunt_scale(self) -> tuple[float, int, int]:
        return 2.5e-6, -0x8000, 0x7FFF

    def _multiply(self) -> tuple[int, int, bool]:
        current = int(self._shunt * self._calibration / 2048)
        power = abs(current) * self._bus // 20000
        return current, power, not fits(current, power, 16)

    def _mode(self) -> Mode:
        word = self._configuration
        duration_s = CONVERSION_S[word >> 3 & 7] if word & 0b001 else 0.0
        duration_s += CONVERSION_S[word >> 6 & 7] if word & 0b010 else 0.0
        duration_s *= AVERAGES[word >> 9 & 7]
        return Mode(bool(word & 0b001), bool(word & 0b010), bool(word & 0b100), duration_s)

    def _told(self) -> Mapping[int, int]:
        return {
            0x00: self._configuration,
            0x01: self._shunt,
            0x02: self._bus,
            0x03: self._power,
            0x04: self._current,
            0x05: self._calibration,
            0x06: self._mask | self._ready << 3 | self._overflow << 2,
            0x07: self._alert_limit,
            0xFE: 0x5449,
            0xFF: self.DIE,
        }

    def _store(self, register: int, word: int) -> None:
        match register:
            case 0x00 if word & 0x8000:
                self.brown_out()
            case 0x00:
                self._configuration = self.ALWAYS | word & 0x0FFF
                if word & 0b011:
                    self._ready = False
                self._begin()
            case 0x05:
                self._calibration = word & 0x7FFF
            case 0x06:
                self._mask = word & 0xFC03
            case 0x07:
                self._alert_limit = word
