"""A simulated INA228. From the register map in TI SBOS886, not from the driver."""

from drivers.buses import Time
from drivers.sim.world import Circuit

AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)  # "ADC_CONFIG Register", AVG
CONVERSION_S = (50e-6, 84e-6, 150e-6, 280e-6, 540e-6, 1052e-6, 2074e-6, 4120e-6)
WIDE = {0x04: 3, 0x05: 3, 0x07: 3, 0x08: 3, 0x09: 5, 0x0A: 5}  # all others have two bytes
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


class SimulatedIna228:
    """Sits between a circuit's source and its sinks.

    `current_gain` and `voltage_gain` are the errors of a worn shunt or a badly trimmed chip.
    Without `time` a conversion takes no time. Its alert pin is connected to nothing, and the
    energy and charge registers stay at zero, as they do in triggered mode.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        shunt_ohm: float,
        time: Time | None = None,
        current_gain: float = 1.0,
        current_offset_a: float = 0.0,
        voltage_gain: float = 1.0,
        die_temperature_c: float = 25.0,
    ) -> None:
        self._circuit = circuit
        self._shunt_ohm = shunt_ohm
        self._time = time
        self.current_gain = current_gain
        self.current_offset_a = current_offset_a
        self.voltage_gain = voltage_gain
        self.die_temperature_c = die_temperature_c
        self.memory_good = True
        self.brown_out()

    def brown_out(self) -> None:
        """Its supply failed for a moment: everything is as after power-on."""
        self._registers = dict(AFTER_RESET)
        self._alert_settings = 0
        self._shunt = self._bus = self._current = self._power = self._temperature = 0
        self._ready = self._overflow = False
        self._pointer = 0
        self._begin()

    def transfer(self, write: bytes, read_size: int) -> bytes:
        self._finish()
        if write:
            self._pointer = write[0]
        if len(write) >= 3:  # half a word is not taken
            self._store(int.from_bytes(write[1:3], "big"))
        if not read_size:
            return b""
        size = WIDE.get(self._pointer, 2)
        word = self._fetch() % (1 << 8 * size)
        return (word.to_bytes(size, "big") + b"\xff" * read_size)[:read_size]

    def _fetch(self) -> int:
        match self._pointer:
            case 0x04:
                return self._shunt << 4
            case 0x05:
                return self._bus << 4
            case 0x06:
                return self._temperature
            case 0x07:
                return self._current << 4
            case 0x08:
                return self._power
            case 0x0B:
                word = self._alert_settings | self._overflow << 9 | self._ready << 1
                word |= self.memory_good
                self._ready = False
                return word
            case 0x3E:
                return 0x5449
            case 0x3F:
                return 0x2281
            case register:
                return self._registers.get(register, 0)

    def _store(self, word: int) -> None:
        match self._pointer:
            case 0x00 if word & 0x8000:
                self.brown_out()
            case 0x01:
                self._registers[0x01] = word
                self._ready = self._overflow = False
                self._begin()
            case 0x0B:
                self._alert_settings = word & 0xF000
            case register if register in self._registers:
                self._registers[register] = word & WRITABLE.get(register, 0xFFFF)

    def _now_s(self) -> float:
        return self._time.monotonic() if self._time else 0.0

    def _begin(self) -> None:
        """MODE: bit 3 continuous, bit 2 temperature, bit 1 shunt, bit 0 bus."""
        config = self._registers[0x01]
        mode = config >> 12
        duration_s = 0.0
        for wanted, setting in ((1, config >> 9), (2, config >> 6), (4, config >> 3)):
            if mode & wanted:
                duration_s += CONVERSION_S[setting & 7]
        duration_s *= AVERAGES[config & 7]
        self._pending = duration_s > 0
        self._ready_at_s = self._now_s() + (duration_s if self._time else 0.0)

    def _finish(self) -> None:
        if not self._pending or self._now_s() < self._ready_at_s:
            return
        mode = self._registers[0x01] >> 12
        self._convert(mode)
        self._pending = False
        if mode & 8:
            self._begin()

    def _convert(self, mode: int) -> None:
        voltage_v, current_a = self._circuit.solve()
        current_a = current_a * self.current_gain + self.current_offset_a
        fine = self._registers[0x00] & 0x0010  # ADCRANGE
        if mode & 1:
            counts = round(voltage_v * self.voltage_gain / 195.3125e-6)
            self._bus = max(0, min(2**19 - 1, counts))
        if mode & 2:
            counts = round(current_a * self._shunt_ohm / (78.125e-9 if fine else 312.5e-9))
            self._shunt = max(-(2**19), min(2**19 - 1, counts))
        if mode & 4:
            self._temperature = round(self.die_temperature_c / 7.8125e-3)
        cal = self._registers[0x02]
        # SHUNT_CAL = 13107.2e6 × LSB × R, so it divides; at 4096 the scales are the same.
        current = int(self._shunt * 4096 / cal) if cal else 0
        power = abs(current) * self._bus // 16384
        self._overflow = not -(2**19) <= current < 2**19 or power >= 2**24
        self._current, self._power = current, power
        self._ready = True
