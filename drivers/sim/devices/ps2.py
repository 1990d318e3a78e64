"""Simulated PS/2 keyboards and mice, byte by byte. General knowledge of the protocol.

A device answers in frames: a byte and its faults. It knows nothing of the port that it is on.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

ACKNOWLEDGE, RESEND, SELF_TEST_PASSED = 0xFA, 0xFE, 0xAA
WHEEL_KNOCK = [200, 100, 80]


class SentByte(NamedTuple):
    """A byte of the device, with the faults of its frame."""

    byte: int
    faults: frozenset[str] = frozenset()


class SimulatedPs2Device:
    """Answer a host. `faults` by the number of a frame, counted from 1 in all that it sends."""

    def __init__(
        self, *, faults: Mapping[int, str] | None = None, self_test: int = SELF_TEST_PASSED
    ) -> None:
        self.faults = dict(faults or {})
        self.self_test = self_test
        self.deaf = False
        self.reports = False
        self._sent = 0
        self._outbox: list[SentByte] = []
        self._argument_of = 0

    def power_up(self) -> None:
        """Begin with the self-test."""
        self._outbox.clear()
        self._forget()
        self._say(self.self_test)

    def take(self, byte: int) -> bool:
        """Take a byte of the host; return False where the device is deaf."""
        if self.deaf:
            return False
        if self._argument_of:
            command, self._argument_of = self._argument_of, 0
            self._say(ACKNOWLEDGE)
            self.use(command, byte)
        elif byte == 0xFF:
            self._forget()
            self._say(ACKNOWLEDGE, self.self_test)
        elif byte in (0xF4, 0xF5, 0xF6):
            self.reports = byte == 0xF4
            self._say(ACKNOWLEDGE)
        elif byte == 0xF2:
            self._say(ACKNOWLEDGE, *self.identity())
        elif byte in self.arguments():
            self._argument_of = byte
            self._say(ACKNOWLEDGE)
        else:
            self._say(RESEND)
        return True

    def fetch(self) -> list[SentByte]:
        """Return what the device has sent since."""
        sent, self._outbox = self._outbox, []
        return sent

    def identity(self) -> Sequence[int]:
        """Return the bytes that follow the acknowledgement of F2."""
        return ()

    def arguments(self) -> Sequence[int]:
        """Return the commands after which a byte follows."""
        return ()

    def use(self, command: int, byte: int) -> None:
        """Obey a command with its byte."""

    def _forget(self) -> None:
        self.reports = False
        self._argument_of = 0

    def _say(self, *sent: int) -> None:
        for byte in sent:
            self._sent += 1
            fault = self.faults.get(self._sent)
            self._outbox.append(SentByte(byte, frozenset([fault] if fault else [])))


class SimulatedPs2Keyboard(SimulatedPs2Device):
    """A keyboard of scan-code set 2 or 3, with three lamps."""

    leds = 0
    scan_codes = 2

    def press(self, *make: int) -> None:
        """Press a key with these bytes of set 2."""
        self._say(*make)

    def release(self, *make: int) -> None:
        """Release the key: F0 before the last byte."""
        self._say(*make[:-1], 0xF0, make[-1])

    def identity(self) -> Sequence[int]:
        return (0xAB, 0x83)

    def arguments(self) -> Sequence[int]:
        return (0xED, 0xF0, 0xF3)

    def use(self, command: int, byte: int) -> None:
        if command == 0xED:
            self.leds = byte
        elif command == 0xF0 and byte == 0:
            self._say(self.scan_codes)
        elif command == 0xF0:
            self.scan_codes = byte

    def _forget(self) -> None:
        super()._forget()
        self.leds, self.scan_codes = 0, 2


class SimulatedPs2Mouse(SimulatedPs2Device):
    """A mouse, perhaps with a wheel, which it shows after the knock 200, 100, 80."""

    def __init__(self, *, wheel: bool = True, faults: Mapping[int, str] | None = None) -> None:
        self._wheel = wheel
        self._rates: list[int] = []
        super().__init__(faults=faults)

    def power_up(self) -> None:
        super().power_up()
        self._say(0)

    def take(self, byte: int) -> bool:
        reset = byte == 0xFF and not self._argument_of
        taken = super().take(byte)
        if reset and taken:
            self._say(0)
        return taken

    def identity(self) -> Sequence[int]:
        return (3,) if self._wheel and self._rates[-3:] == WHEEL_KNOCK else (0,)

    def arguments(self) -> Sequence[int]:
        return (0xE8, 0xF3)

    def use(self, command: int, byte: int) -> None:
        if command == 0xF3:
            self._rates.append(byte)

    def _forget(self) -> None:
        super()._forget()
        self._rates = []
