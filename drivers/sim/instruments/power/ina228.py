"""A simulated INA228. From the register map in TI SBOS886, not from the driver."""

from collections.abc import Mapping
from typing import ClassVar

from drivers.sim.instruments.power.ina import Mode, SimulatedIna

AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)  # "ADC_CONFIG Register", AVG
CONVERSION_S = (50e-6, 84e-6, 150e-6, 280e-6, 540e-6, 1052e-6, 2074e-6, 4120e-6)
AFTER_RESET = {
    0x00: 0x0000,  # CONFIG
    0x01: 0xFB68,  # ADC_CONFIG
    0x02: 0x1000,  # SHUNT_CAL
    0x03: 0x0000,  # SHUNT_TEMPCO
    0x0C: 0x7FFF,  # SOVL
    0x0D: 0x8000,  # SUVL
    0x0E: 0x7FFF,  # BOVL
    0x0F: 0x0000,  # BUVL
    0x10: 0x7FFF,  # TEMP_LIMIT
    0x11: 0xFFFF,  # PWR_LIMIT
}
WRITABLE = {0x00: 0x3FF0, 0x02: 0x7FFF, 0x03: 0x3FFF}  # bits that are kept; else all of them


class SimulatedIna228(SimulatedIna):
    """Measures its own temperature, too, and counts 20 bits.

    The energy and charge registers stay at zero, as they do in triggered mode.
    """

    SIZES: ClassVar = {0x04: 3, 0x05: 3, 0x07: 3, 0x08: 3, 0x09: 5, 0x0A: 5}
    BUS_LSB_V = 195.3125e-6
    CLEARS_READY = 0x0B

    die_temperature_c = 25.0
    memory_good = True

    def _power_on(self) -> None:
        self._registers = dict(AFTER_RESET)
        self._alert_settings = 0
        self._temperature = 0

    def _most_bus(self) -> int:
        return 2**19 - 1

    def _shunt_scale(self) -> tuple[float, int, int]:
        fine = self._registers[0x00] & 0x0010  # ADCRANGE
        return 78.125e-9 if fine else 312.5e-9, -(2**19), 2**19 - 1

    def _multiply(self) -> tuple[int, int, bool]:
        # SHUNT_CAL = 13107.2e6 × LSB × R, so it divides; at 4096 the scales are the same.
        cal = self._registers[0x02]
        current = int(self._shunt * 4096 / cal) if cal else 0
        power = abs(current) * self._bus // 16384
        return current, power, not -(2**19) <= current < 2**19 or power >= 2**24

    def _mode(self) -> Mode:
        """Decode MODE: bit 3 continuous, bit 2 temperature, bit 1 shunt, bit 0 bus."""
        config = self._registers[0x01]
        mode = config >> 12
        settings = ((1, config >> 9), (2, config >> 6), (4, config >> 3))
        duration_s = sum(CONVERSION_S[setting & 7] for bit, setting in settings if mode & bit)
        duration_s *= AVERAGES[config & 7]
        return Mode(bool(mode & 2), bool(mode & 1), bool(mode & 8), duration_s)

    def _convert(self) -> None:
        if self._registers[0x01] >> 12 & 4:
            self._temperature = round(self.die_temperature_c / 7.8125e-3)
        super()._convert()

    def _told(self) -> Mapping[int, int]:
        flags = self._overflow << 9 | self._ready << 1 | self.memory_good
        return self._registers | {
            0x04: self._shunt << 4,
            0x05: self._bus << 4,
            0x06: self._temperature,
            0x07: self._current << 4,
            0x08: self._power,
            0x0B: self._alert_settings | flags,
            0x3E: 0x5449,
            0x3F: 0x2281,
        }

    def _store(self, register: int, word: int) -> None:
        match register:
            case 0x00 if word & 0x8000:
                self.brown_out()
            case 0x01:
                self._registers[0x01] = word
                self._ready = self._overflow = False
                self._begin()
            case 0x0B:
                self._alert_settings = word & 0xF000
            case _ if register in self._registers:
                self._registers[register] = word & WRITABLE.get(register, 0xFFFF)
