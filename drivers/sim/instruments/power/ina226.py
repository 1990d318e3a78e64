"""A simulated INA226. From the register map in TI SBOS547, not from the driver."""

from drivers.buses import Time
from drivers.sim.world import Circuit

AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)  # table "AVG Bit Settings"
CONVERSION_S = (140e-6, 204e-6, 332e-6, 588e-6, 1.1e-3, 2.116e-3, 4.156e-3, 8.244e-3)


class SimulatedIna226:
    """Sits between a circuit's source and its sinks.

    `current_gain` and `voltage_gain` are the errors of a worn shunt or a badly trimmed chip.
    Without `time` a conversion takes no time. Its alert pin is connected to nothing.
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
        self._configuration = 0x4127
        self._calibration = 0
        self._mask = 0
        self._alert_limit = 0
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
                return self._bus
            case 0x03:
                return self._power
            case 0x04:
                return self._current
            case 0x05:
                return self._calibration
            case 0x06:
                word = self._mask | self._ready << 3 | self._overflow << 2
                self._ready = False
                return word
            case 0x07:
                return self._alert_limit
            case 0xFE:
                return 0x5449
            case 0xFF:
                return 0x2260
            case _:
                return 0

    def _store(self, word: int) -> None:
        match self._pointer:
            case 0x00 if word & 0x8000:
                self.brown_out()
            case 0x00:
                self._configuration = 0x4000 | word & 0x0FFF
                if word & 0b011:
                    self._ready = False
                self._begin()
            case 0x05:
                self._calibration = word & 0x7FFF
            case 0x06:
                self._mask = word & 0xFC03
            case 0x07:
                self._alert_limit = word

    def _now_s(self) -> float:
        return self._time.monotonic() if self._time else 0.0

    def _begin(self) -> None:
        duration_s = 0.0
        if self._configuration & 0b001:
            duration_s += CONVERSION_S[self._configuration >> 3 & 7]
        if self._configuration & 0b010:
            duration_s += CONVERSION_S[self._configuration >> 6 & 7]
        duration_s *= AVERAGES[self._configuration >> 9 & 7]
        self._pending = duration_s > 0
        self._ready_at_s = self._now_s() + (duration_s if self._time else 0.0)

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
            counts = round(current_a * self._shunt_ohm / 2.5e-6)
            self._shunt = max(-0x8000, min(0x7FFF, counts))
        if self._configuration & 0b010:
            counts = round(voltage_v * self.voltage_gain / 1.25e-3)
            self._bus = max(0, min(0x7FFF, counts))
        current = int(self._shunt * self._calibration / 2048)
        power = abs(current) * self._bus // 20000
        self._overflow = not -0x8000 <= current <= 0x7FFF or power > 0xFFFF
        self._current, self._power = current, power
        self._ready = True
