"""A simulated INA219. From the register map in TI SBOS448, not from the driver."""

from drivers.buses import Time
from drivers.sim.world import Circuit

# Table "ADC Settings": conversion time by the low three bits, without and with averaging.
SINGLE_S = (84e-6, 148e-6, 276e-6, 532e-6)
AVERAGED_S = (532e-6, 1.06e-3, 2.13e-3, 4.26e-3, 8.51e-3, 17.02e-3, 34.05e-3, 68.10e-3)


class SimulatedIna219:
    """Sits between a circuit's source and its sinks.

    `current_gain` and `voltage_gain` are the errors of a worn shunt or a badly trimmed chip.
    Without `time` a conversion takes no time.
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
    ) -> None:
        self._circuit = circuit
        self._shunt_ohm = shunt_ohm
        self._time = time
        self.current_gain = current_gain
        self.current_offset_a = current_offset_a
        self.voltage_gain = voltage_gain
        self.brown_out()

    def brown_out(self) -> None:
        """Its supply failed for a moment: everything is as after power-on."""
        self._configuration = 0x399F
        self._calibration = 0
        self._shunt = self._bus = self._current = self._power = 0
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
        word = self._fetch() & 0xFFFF
        return (word.to_bytes(2, "big") + b"\xff" * read_size)[:read_size]

    def _fetch(self) -> int:
        match self._pointer:
            case 0x00:
                return self._configuration
            case 0x01:
                return self._shunt
            case 0x02:
                return self._bus << 3 | self._ready << 1 | self._overflow
            case 0x03:
                self._ready = False
                return self._power
            case 0x04:
                return self._current
            case 0x05:
                return self._calibration
            case _:
                return 0

    def _store(self, word: int) -> None:
        match self._pointer:
            case 0x00 if word & 0x8000:
                self.brown_out()
            case 0x00:
                self._configuration = word & 0x3FFF
                if word & 0b011:
                    self._ready = False
                self._begin()
            case 0x05:
                self._calibration = word & 0xFFFE  # bit 0 is void

    def _now_s(self) -> float:
        return self._time.monotonic() if self._time else 0.0

    def _begin(self) -> None:
        duration_s = 0.0
        if self._configuration & 0b001:
            duration_s += self._conversion_s(self._configuration >> 3 & 0xF)
        if self._configuration & 0b010:
            duration_s += self._conversion_s(self._configuration >> 7 & 0xF)
        self._pending = duration_s > 0
        self._ready_at_s = self._now_s() + (duration_s if self._time else 0.0)

    @staticmethod
    def _conversion_s(setting: int) -> float:
        return AVERAGED_S[setting & 7] if setting & 8 else SINGLE_S[setting & 3]

    def _finish(self) -> None:
        if not self._pending or self._now_s() < self._ready_at_s:
            return
        self._convert()
        self._pending = False
        if self._configuration & 0b100:  # continuous
            self._begin()

    def _convert(self) -> None:
        voltage_v, current_a = self._circuit.solve()
        current_a = current_a * self.current_gain + self.current_offset_a
        if self._configuration & 0b001:
            most = 4000 << (self._configuration >> 11 & 3)
            counts = round(current_a * self._shunt_ohm / 10e-6)
            self._shunt = max(-most, min(most, counts))
        if self._configuration & 0b010:
            most = 8000 if self._configuration & 0x2000 else 4000
            self._bus = max(0, min(most, round(voltage_v * self.voltage_gain / 4e-3)))
        current = int(self._shunt * self._calibration / 4096)
        power = abs(current) * self._bus // 5000
        self._overflow = not -0x8000 <= current <= 0x7FFF or power > 0xFFFF
        self._current, self._power = current, power
        self._ready = True
