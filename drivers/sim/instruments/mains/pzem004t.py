"""A simulated PZEM-004T v3.0. From the "PZEM-004T V3.0 User Manual", not from the driver."""

from drivers.buses import Time
from drivers.sim.languages.modbus import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    ModbusException,
    SimulatedModbusRtu,
)
from drivers.sim.mains import MainsLine

GENERAL = 0xF8
DELIVERED = 0x01
STARTING_CURRENT_A = {10.0: 0.01, 100.0: 0.02}  # "1.2 Current", by range
CALIBRATE = 0x41
RESET = 0x42

MEASURES_EVERY_S = 0.2 - 1e-6  # the difference of two times 0.2 s apart may be a hair less


def low_word_first(number: int) -> list[int]:
    return [number & 0xFFFF, number >> 16]


class SimulatedPzem004t(SimulatedModbusRtu):
    """Is fed by the line that it measures, so that it is dead below 80 V.

    It measures anew every 200 ms of `time`, over which it also counts the energy; a question that
    comes sooner gets the old sample. It answers as the address it was asked under [not in the
    manual]. With the general address for `address` it keeps the one it is delivered with, 1.
    """

    def __init__(
        self,
        mains: MainsLine,
        *,
        time: Time,
        address: int = DELIVERED,
        range_a: float = 100.0,
    ) -> None:
        own = DELIVERED if address == GENERAL else address
        super().__init__(own, GENERAL)
        self._mains = mains
        self._address = own
        self._starting_current_a = STARTING_CURRENT_A[range_a]
        self._time = time
        self._alarm_w = 23000
        self._energy_wh = 0.0
        self._measured_at_s = self._time.monotonic()
        self._sample = self._measure()
        self.calibrated = False

    def receive(self, data: bytes) -> bytes:
        if self._mains.voltage_v < 80:
            return b""
        return super().receive(data)

    def read_input(self, first: int, count: int) -> list[int]:
        now_s = self._time.monotonic()
        passed_s = now_s - self._measured_at_s
        if passed_s > MEASURES_EVERY_S:
            self._energy_wh += self._active_power_w() * passed_s / 3600
            self._measured_at_s = now_s
            self._sample = self._measure()
        return self._slice(self._sample, first, count)

    def read_holding(self, first: int, count: int) -> list[int]:
        return self._slice([0, self._alarm_w, self._address], first, count)

    def write_holding(self, first: int, values: list[int]) -> None:
        match first, values:
            case 1, [watts]:
                self._alarm_w = watts
            case 2, [address] if 1 <= address <= 0xF7:
                self._address = address
                self.units = frozenset([address, GENERAL])
            case 2, _:
                raise ModbusException(ILLEGAL_VALUE)
            case _:
                raise ModbusException(ILLEGAL_ADDRESS)

    def special_size(self, function: int) -> int | None:
        return {RESET: 0, CALIBRATE: 2}.get(function)

    def special(self, function: int, data: bytes) -> bytes:
        if function == RESET:
            self._energy_wh = 0.0
            self._sample = self._measure()
            return b""
        if function == CALIBRATE and data == b"\x37\x21":
            self.calibrated = True
            return data
        return super().special(function, data)

    @staticmethod
    def _slice(registers: list[int], first: int, count: int) -> list[int]:
        if first + count > len(registers):
            raise ModbusException(ILLEGAL_ADDRESS)
        return registers[first : first + count]

    def _active_power_w(self) -> float:
        power_w = self._mains.load().power_w
        return power_w if power_w >= 0.4 else 0.0

    def _measure(self) -> list[int]:
        voltage_v = self._mains.voltage_v
        power_w = self._active_power_w()
        load = self._mains.load()
        current_a = load.power_w / (load.power_factor * voltage_v) if load.power_w else 0.0
        if current_a < self._starting_current_a:
            current_a = 0.0
        apparent_va = voltage_v * current_a
        power_factor = min(1.0, power_w / apparent_va) if apparent_va else 0.0
        return [
            round(voltage_v * 10),
            *low_word_first(round(current_a * 1000)),
            *low_word_first(round(power_w * 10)),
            *low_word_first(int(self._energy_wh)),
            round(self._mains.frequency_hz * 10),
            round(power_factor * 100),
            0xFFFF if power_w > self._alarm_w else 0,
        ]
