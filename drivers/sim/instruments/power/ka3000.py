"""A simulated Korad KA3000 supply. From "KA Series Remote Control Syntax V2.0", not the driver.

Beside the book, as seen on real ones: a byte after the identity, a sixth byte after ISET1?, and
commands that come within 80 ms of the one before (530 ms on old Vellemans, when that one set
something or was STATUS?) are lost.
"""

import re

from drivers.buses import Time
from drivers.sim.bench_output import BenchOutput
from drivers.sim.world import Circuit

COMMAND = re.compile(
    r"\*IDN\?|STATUS\?|[VI](?:SET|OUT)1\?|[VI]SET1:.{5}|(?:OUT|OCP|OVP|BEEP|SAV|RCL)\d", re.DOTALL
)
BUSY_S = 0.079  # sooner than the 80 ms that are asked for
SLOW_BUSY_S = 0.529
FORGETS_S = 0.05  # half a command that does not go on
NEVER_S = float("-inf")


class SimulatedKa3000:
    """Becomes the source of `circuit`. `identity` is its answer to `*IDN?`, as sent."""

    def __init__(
        self,
        circuit: Circuit,
        *,
        time: Time,
        identity: bytes = b"KORADKA3005PV2.0\x01",
        max_v: float = 31.0,
        max_a: float = 5.1,
    ) -> None:
        self.output = BenchOutput(max_v=max_v, max_a=max_a)
        self.circuit = circuit
        self.over_voltage_protection = False
        self.over_current_protection = False
        self.beeper = True
        self.lost = 0
        self._time = time
        self._identity = identity
        self._slow = identity.startswith(b"VELLEMANPS3005DV1.")
        self._hides_protection = identity.startswith(b"VELLEMANLABPS")
        self._memory = {number: (0.0, 0.0) for number in range(1, 6)}
        self._heard = ""
        self._heard_at_s = NEVER_S
        self._busy_until_s = NEVER_S
        circuit.source = self.output

    def receive(self, data: bytes) -> bytes:
        answer = b""
        for byte in data:
            answer += self._hear(chr(byte))
        return answer

    def _hear(self, character: str) -> bytes:
        now_s = self._time.monotonic()
        if now_s < self._busy_until_s:
            self.lost += 1
            return b""
        if now_s - self._heard_at_s > FORGETS_S:
            self._heard = ""
        self._heard += character
        self._heard_at_s = now_s
        if not COMMAND.fullmatch(self._heard):
            return b""
        command, self._heard = self._heard, ""
        self._protect()
        takes_long = self._slow and (command == "STATUS?" or not command.endswith("?"))
        self._busy_until_s = now_s + (SLOW_BUSY_S if takes_long else BUSY_S)
        return self._obey(command)

    def _obey(self, command: str) -> bytes:
        voltage_v, current_a = self.circuit.solve()
        match command:
            case "*IDN?":
                return self._identity
            case "STATUS?":
                return bytes([self._status(current_a)])
            case "VSET1?":
                return f"{self.output.set_v:05.2f}".encode()
            case "ISET1?":
                return f"{self.output.limit_a:05.3f}".encode() + self._identity[:1]
            case "VOUT1?":
                return f"{voltage_v:05.2f}".encode()
            case "IOUT1?":
                return f"{current_a:05.3f}".encode()
        if command[1:6] == "SET1:":
            self._set(command[0], command[6:])
        else:
            self._switch(command[:-1], int(command[-1]))
        return b""

    def _set(self, what: str, value: str) -> None:
        if not re.fullmatch(r"\d+\.\d+", value):
            return
        if what == "V" and float(value) <= self.output.max_v:
            self.output.set_v = round(float(value), 2)
        if what == "I" and float(value) <= self.output.max_a:
            self.output.limit_a = round(float(value), 3)

    def _switch(self, what: str, number: int) -> None:
        match what, number:
            case "OUT", (0 | 1):
                self.output.on = bool(number)
            case "OVP", (0 | 1):
                self.over_voltage_protection = bool(number)
            case "OCP", (0 | 1):
                self.over_current_protection = bool(number)
            case "BEEP", (0 | 1):
                self.beeper = bool(number)
            case "SAV", (1 | 2 | 3 | 4 | 5):
                self._memory[number] = (self.output.set_v, self.output.limit_a)
            case "RCL", (1 | 2 | 3 | 4 | 5):
                self.output.set_v, self.output.limit_a = self._memory[number]

    def _status(self, current_a: float) -> int:
        bits = 0 if self.output.limits(current_a) else 0x01
        bits |= 0x10 * self.beeper
        bits |= 0x20 * self.over_current_protection
        bits |= 0x40 * self.output.on
        if self.output.on or not self._hides_protection:
            bits |= 0x80 * self.over_voltage_protection
        return bits

    def _protect(self) -> None:
        if self.over_current_protection and self.output.limits(self.circuit.current_a):
            self.output.on = False
