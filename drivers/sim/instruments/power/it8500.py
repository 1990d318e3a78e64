"""A simulated ITECH IT8500 load. From the manuals of the B&K 8500, not from the driver."""

from typing import NamedTuple

from drivers.sim.world import Circuit

CHECKSUM_WRONG, PARAMETER_WRONG, NOT_EXECUTED, INVALID = 0x90, 0xA0, 0xB0, 0xC0
OK = 0x80

CC, CV, CW, CR = range(4)
SHORT = 1

HOLDING_SIEMENS = 1e4  # how steeply the current rises once the voltage to be held is passed


class Ratings(NamedTuple):
    """As delivered: an IT8512."""

    model: str = "8512"
    current_a: float = 30.0
    voltage_v: float = 120.0
    min_voltage_v: float = 0.1
    power_w: float = 300.0
    max_resistance_ohm: float = 4000.0
    min_resistance_ohm: float = 0.1
    on_resistance_ohm: float = 0.047  # 1.4 V at 30 A, "Minimum operating voltage"


IT8512 = Ratings()


class SimulatedIt8500:
    """Becomes a sink of `circuit`.

    Set commands are not executed (0xB0) in front panel operation; values out of range are 0xA0;
    commands it does not have are 0xC0. Over-voltage, by 5 %, and over-temperature switch the input
    off; current and power are only limited, and over-current turns CW and CR into CC ("Protection
    features"). `overheated` and `reversed_leads` are set by tests.

    Lists, transients, timers and the battery test are not simulated: their commands are refused.

    `mode_switches_off` is how the 8500B behaves, `knows_limits` False is the first 8500, whose
    manual does not have 0x01.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        address: int = 0,
        ratings: Ratings = IT8512,
        serial_number: str = "0123456789",
        mode_switches_off: bool = False,
        knows_limits: bool = True,
    ) -> None:
        self._circuit = circuit
        circuit.sinks.append(self)
        self._address = address
        self._ratings = ratings
        self._serial_number = serial_number
        self._mode_switches_off = mode_switches_off
        self._knows_limits = knows_limits
        self._heard = b""
        self.remote = False
        self.on = False
        self.overheated = False
        self.reversed_leads = False
        self._over_voltage = False
        self._over_current = False
        self._numbers = {  # by set command: what its get command, one higher, returns
            0x22: round(ratings.voltage_v * 1000),
            0x24: round(ratings.current_a * 10000),
            0x26: round(ratings.power_w * 1000),
            0x28: CC,
            0x2A: 0,
            0x2C: round(ratings.voltage_v * 1000),
            0x2E: 0,
            0x30: round(ratings.max_resistance_ohm * 1000),
            0x56: 0,
            0x5D: 0,
        }

    # The sink

    def current_at(self, voltage_v: float) -> float:
        """Return a current that rises with the voltage, except where the power is constant.

        There the equation has two answers, and a real load, which comes from the open circuit, ends
        at the one with the higher voltage. That is never below half the open voltage, where a
        source gives its most. So this load asks for no more current below that than at it, and the
        solver finds one answer: the right one, or the collapse of a source that cannot do it.
        """
        if not self.on or voltage_v <= 0:
            return 0.0
        fully_on_a = voltage_v / self._ratings.on_resistance_ohm
        return min(
            fully_on_a,
            self._wanted_a(voltage_v),
            self._max_a,
            self._at_power(self._max_w, voltage_v),
        )

    def _wanted_a(self, voltage_v: float) -> float:
        if self._numbers[0x5D] == SHORT:
            return self._max_a
        match self._numbers[0x28]:
            case 0:  # CC
                return self._numbers[0x2A] / 10000
            case 1:  # CV
                return max(0.0, voltage_v - self._numbers[0x2C] / 1000) * HOLDING_SIEMENS
            case 2:  # CW
                return self._at_power(self._numbers[0x2E] / 1000, voltage_v)
            case _:  # CR
                return voltage_v / (self._numbers[0x30] / 1000)

    def _at_power(self, power_w: float, voltage_v: float) -> float:
        source = self._circuit.source
        open_voltage_v = source.voltage_at(0.0) if source else 0.0
        least_v = max(voltage_v, open_voltage_v / 2)
        return power_w / least_v if least_v > 0 else 0.0

    @property
    def _max_a(self) -> float:
        return self._numbers[0x24] / 10000

    @property
    def _max_w(self) -> float:
        return self._numbers[0x26] / 1000

    # The frames

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        answers = b""
        while True:
            self._heard = self._heard[self._heard.find(0xAA) :] if 0xAA in self._heard else b""
            if len(self._heard) < 26:
                return answers
            frame, self._heard = self._heard[:26], self._heard[26:]
            if frame[1] in (self._address, 0xFF):
                answers += self._answer(frame)

    def _answer(self, frame: bytes) -> bytes:
        if sum(frame[:25]) % 256 != frame[25]:
            return self._reply(0x12, bytes([CHECKSUM_WRONG]))
        command, data = frame[2], frame[3:25]
        if command == 0x5F:
            return self._reply(command, self._state())
        if command == 0x6A:
            return self._reply(command, self._identity())
        if command == 0x01 and self._knows_limits:
            return self._reply(command, self._limits())
        if command - 1 in self._numbers:
            return self._reply(command, self._numbers[command - 1].to_bytes(4, "little"))
        return self._reply(0x12, bytes([self._perform(command, data)]))

    def _reply(self, command: int, data: bytes) -> bytes:
        frame = bytes([0xAA, self._address, command]) + data + bytes(22 - len(data))
        return frame + bytes([sum(frame) % 256])

    def _perform(self, command: int, data: bytes) -> int:
        if command == 0x20:
            if data[0] > 1:
                return PARAMETER_WRONG
            self.remote = data[0] == 1
            return OK
        if command != 0x21 and command not in self._numbers:
            return INVALID
        if not self.remote:
            return NOT_EXECUTED
        if command == 0x21:
            return self._switch(data[0])
        value = data[0] if command in (0x28, 0x56, 0x5D) else int.from_bytes(data[:4], "little")
        least, most = self._range_of(command)
        if not least <= value <= most:
            return PARAMETER_WRONG
        if command == 0x28 and value != self._numbers[0x28] and self._mode_switches_off:
            self.on = False
        self._numbers[command] = value
        self._over_current = False
        return OK

    def _range_of(self, command: int) -> tuple[int, int]:
        ratings = self._ratings
        return {
            0x22: (0, round(ratings.voltage_v * 1000)),
            0x24: (0, round(ratings.current_a * 10000)),
            0x26: (0, round(ratings.power_w * 1000)),
            0x28: (CC, CR),
            0x2A: (0, self._numbers[0x24]),
            0x2C: (round(ratings.min_voltage_v * 1000), self._numbers[0x22]),
            0x2E: (0, self._numbers[0x26]),
            0x30: (
                round(ratings.min_resistance_ohm * 1000),
                round(ratings.max_resistance_ohm * 1000),
            ),
            0x56: (0, 1),
            0x5D: (0, SHORT),
        }[command]

    def _switch(self, value: int) -> int:
        if value > 1:
            return PARAMETER_WRONG
        self.on = value == 1
        self._over_voltage = self._over_current = False
        self._protect()
        return OK

    # The protection

    def _protect(self) -> float:
        """Do what the protection does, and return the voltage that is there afterwards."""
        voltage_v = self._circuit.voltage_v
        if not self.on:
            return voltage_v
        self._over_voltage = voltage_v > 1.05 * self._numbers[0x22] / 1000
        if self._over_voltage or self.overheated or self.reversed_leads:
            self.on = False
        elif self._numbers[0x28] in (CW, CR) and self._limits_current(voltage_v):
            self._over_current = True
            self._numbers[0x28], self._numbers[0x2A] = CC, self._numbers[0x24]
        return self._circuit.voltage_v

    def _limits_current(self, voltage_v: float) -> bool:
        return self.on and self._wanted_a(voltage_v) > self._max_a

    def _limits_power(self, voltage_v: float) -> bool:
        wanted_a = min(self._wanted_a(voltage_v), self._max_a)
        return self.on and wanted_a > self._at_power(self._max_w, voltage_v)

    # What it tells

    def _state(self) -> bytes:
        voltage_v = self._protect()
        current_a = self.current_at(voltage_v)
        faults = (
            self.reversed_leads,
            self._over_voltage,
            self._over_current or self._limits_current(voltage_v),
            self._limits_power(voltage_v),
            self.overheated,
        )
        demand = sum(1 << bit for bit, fault in enumerate(faults) if fault)
        demand |= 1 << 6 + self._numbers[0x28]
        operation = self.remote << 2 | self.on << 3 | self._numbers[0x56] << 5
        return (
            round(voltage_v * 1000).to_bytes(4, "little")
            + round(current_a * 10000).to_bytes(4, "little")
            + round(voltage_v * current_a * 1000).to_bytes(4, "little")
            + bytes([operation])
            + demand.to_bytes(2, "little")
        )

    def _identity(self) -> bytes:
        model = self._ratings.model.encode().ljust(5, b"\0")
        return model + b"\x03\x02" + self._serial_number.encode().ljust(10)

    def _limits(self) -> bytes:
        ratings = self._ratings
        milli_or_tenth = (
            ratings.current_a * 10000,
            ratings.voltage_v * 1000,
            ratings.min_voltage_v * 1000,
            ratings.power_w * 1000,
            ratings.max_resistance_ohm * 1000,
        )
        words = b"".join(round(value).to_bytes(4, "little") for value in milli_or_tenth)
        return words + round(ratings.min_resistance_ohm * 1000).to_bytes(2, "little")
