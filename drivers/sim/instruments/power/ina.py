"""The common part of the INA power monitors' twins. From TI's data sheets, not from the driver.

A pointer that the first byte written sets, conversions that take their time, and the circuit that
they look at. A chip adds its registers, what a count is worth, and how its modes are set.
"""

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from drivers.buses import Time
from drivers.sim.world import Circuit


class Mode(NamedTuple):
    """A chip's mode: what it measures, whether again and again, and how long it takes."""

    shunt: bool
    bus: bool
    continuous: bool
    duration_s: float


class SimulatedIna:
    """Sits between a circuit's source and its sinks.

    `current_gain` and `voltage_gain` are the errors of a worn shunt or a badly trimmed chip.
    Without `time` a conversion takes no time. Its alert pin is connected to nothing.
    """

    SIZES: ClassVar[Mapping[int, int]] = {}  # of registers that have not two bytes
    BUS_LSB_V: ClassVar[float]
    CLEARS_READY: ClassVar[int]  # the register that has to be read for it

    current_gain = 1.0
    current_offset_a = 0.0
    voltage_gain = 1.0

    def __init__(self, circuit: Circuit, *, shunt_ohm: float, time: Time | None = None) -> None:
        self._circuit = circuit
        self._shunt_ohm = shunt_ohm
        self._time = time
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the supply for a moment: everything is as after power-on."""
        self._shunt = self._bus = self._current = self._power = 0
        self._ready = self._overflow = False
        self._pointer = 0
        self._power_on()
        self._begin()

    def transfer(self, write: bytes, read_size: int) -> bytes:
        """Answer one transaction: the pointer, a word to store, and what is read from there."""
        self._finish()
        if write:
            self._pointer = write[0]
        if len(write) >= 3:  # half a word is not taken
            self._store(self._pointer, int.from_bytes(write[1:3], "big"))
        if not read_size:
            return b""
        size = self.SIZES.get(self._pointer, 2)
        word = self._told().get(self._pointer, 0) % (1 << 8 * size)
        if self._pointer == self.CLEARS_READY:
            self._ready = False
        return (word.to_bytes(size, "big") + b"\xff" * read_size)[:read_size]

    # What a chip adds

    def _power_on(self) -> None:
        raise NotImplementedError

    def _told(self) -> Mapping[int, int]:
        """Return what its registers read now; all others read 0."""
        raise NotImplementedError

    def _store(self, register: int, word: int) -> None:
        raise NotImplementedError

    def _mode(self) -> Mode:
        raise NotImplementedError

    def _most_bus(self) -> int:
        raise NotImplementedError

    def _shunt_scale(self) -> tuple[float, int, int]:
        """Return the volts in a count of the shunt, and the least and the most counts."""
        raise NotImplementedError

    def _multiply(self) -> tuple[int, int, bool]:
        """Return the counts of current and power, and whether one of them overflowed."""
        raise NotImplementedError

    # Conversions

    def _now_s(self) -> float:
        return self._time.monotonic() if self._time else 0.0

    def _begin(self) -> None:
        duration_s = self._mode().duration_s
        self._pending = duration_s > 0
        self._ready_at_s = self._now_s() + (duration_s if self._time else 0.0)

    def _finish(self) -> None:
        if not self._pending or self._now_s() < self._ready_at_s:
            return
        self._convert()
        self._pending = False
        if self._mode().continuous:
            self._begin()

    def _convert(self) -> None:
        voltage_v, current_a = self._circuit.solve()
        current_a = current_a * self.current_gain + self.current_offset_a
        mode = self._mode()
        if mode.shunt:
            lsb_v, least, most = self._shunt_scale()
            self._shunt = max(least, min(most, round(current_a * self._shunt_ohm / lsb_v)))
        if mode.bus:
            counts = round(voltage_v * self.voltage_gain / self.BUS_LSB_V)
            self._bus = max(0, min(self._most_bus(), counts))
        self._current, self._power, self._overflow = self._multiply()
        self._ready = True


def fits(current: int, power: int, bits: int) -> bool:
    """Tell whether a signed current and an unsigned power fit into registers of `bits`."""
    return -(1 << bits - 1) <= current < 1 << bits - 1 and power < 1 << bits
