"""A simulated INA219. From the register map in TI SBOS448, not from the driver."""

from collections.abc import Mapping

from drivers.sim.instruments.power.ina import Mode, SimulatedIna, fits

# Table "ADC Settings": conversion time by the low three bits, without and with averaging.
SINGLE_S = (84e-6, 148e-6, 276e-6, 532e-6)
AVERAGED_S = (532e-6, 1.06e-3, 2.13e-3, 4.26e-3, 8.51e-3, 17.02e-3, 34.05e-3, 68.10e-3)


def _conversion_s(setting: int) -> float:
    return AVERAGED_S[setting & 7] if setting & 8 else SINGLE_S[setting & 3]


class SimulatedIna219(SimulatedIna):
    """Has its ready flag in the register of the bus, and no identity."""

    BUS_LSB_V = 4e-3
    CLEARS_READY = 0x03

    def _power_on(self) -> None:
        self._configuration = 0x399F
        self._calibration = 0

    def _most_bus(self) -> int:
        return 8000 if self._configuration & 0x2000 else 4000

    def _shunt_scale(self) -> tuple[float, int, int]:
        most = 4000 << (self._configuration >> 11 & 3)
        return 10e-6, -most, most

    def _multiply(self) -> tuple[int, int, bool]:
        current = int(self._shunt * self._calibration / 4096)
        power = abs(current) * self._bus // 5000
        return current, power, not fits(current, power, 16)

    def _mode(self) -> Mode:
        word = self._configuration
        duration_s = _conversion_s(word >> 3 & 0xF) if word & 0b001 else 0.0
        duration_s += _conversion_s(word >> 7 & 0xF) if word & 0b010 else 0.0
        return Mode(bool(word & 0b001), bool(word & 0b010), bool(word & 0b100), duration_s)

    def _told(self) -> Mapping[int, int]:
        return {
            0x00: self._configuration,
            0x01: self._shunt,
            0x02: self._bus << 3 | self._ready << 1 | self._overflow,
            0x03: self._power,
            0x04: self._current,
            0x05: self._calibration,
        }

    def _store(self, register: int, word: int) -> None:
        match register:
            case 0x00 if word & 0x8000:
                self.brown_out()
            case 0x00:
                self._configuration = word & 0x3FFF
                if word & 0b011:
                    self._ready = False
                self._begin()
            case 0x05:
                self._calibration = word & 0xFFFE  # bit 0 is void
