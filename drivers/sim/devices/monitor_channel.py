"""The control channel of a simulated monitor: its controls, and the frames of DDC/CI.

After VESA DDC/CI 1.1 and MCCS 2.2a.
"""

from dataclasses import dataclass
from typing import Protocol

from drivers.buses import Time
from drivers.sim.hardware import Nak

DDC_CI_ADDRESS = 0x37


@dataclass
class Control:
    """One VCP feature. The monitor ignores a value above its maximum."""

    value: int
    maximum: int
    settable: bool = True


class Commanded(Protocol):
    """A monitor behind its control channel."""

    time: Time

    @property
    def is_deaf(self) -> bool:
        """Tell whether it acknowledges no command."""

    def answer(self, message: bytes) -> bytes | None:
        """Return the reply to a message, both without frames; None is a null message."""


def factory_settings(usage_hours: int) -> dict[int, Control]:
    """Features by MCCS 2.2a code. 0xB6 3 is an active matrix LCD, 0xDF the version, 2.1."""
    return {
        0x02: Control(1, 2),
        0x10: Control(75, 100),
        0x12: Control(75, 100),
        0x16: Control(100, 100),
        0x18: Control(100, 100),
        0x1A: Control(100, 100),
        0x60: Control(0x03, 0x11),
        0xAC: Control(67500 & 0xFFFF, 67500 >> 16, settable=False),  # Hz, in three bytes
        0xAE: Control(6000, 0xFFFF, settable=False),
        0xB6: Control(3, 5, settable=False),
        0xC0: Control(usage_hours, 0xFFFF, settable=False),
        0xC6: Control(0x45, 0xFFFF, settable=False),
        0xC8: Control(0x09, 0xFFFF, settable=False),
        0xD6: Control(1, 5),
        0xDF: Control(0x0201, 0xFFFF, settable=False),
    }


class DdcCi:
    """The frames of DDC/CI 1.1: checked when they come, ready to be fetched 40 ms later."""

    NULL = bytes.fromhex("6e 80 be")
    READY_S = 0.040
    BUSY_AFTER_SET_S = 0.050

    def __init__(self, monitor: Commanded) -> None:
        self._monitor = monitor
        self._reply: bytes | None = None
        self._ready_at_s = 0.0
        self._busy_until_s = 0.0

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if self._monitor.is_deaf:
            raise Nak
        if write:
            self._receive(write)
        if not read_size:
            return b""
        # Asked too early, it has nothing to say and forgets what it was asked.
        early = self._monitor.time.monotonic() < self._ready_at_s
        frame = self.NULL if early or self._reply is None else self._reply
        self._reply = None
        return frame[:read_size].ljust(read_size, b"\0")

    def _receive(self, frame: bytes) -> None:
        self._reply = None
        now_s = self._monitor.time.monotonic()
        message = self._unframed(frame)
        if message is None or now_s < self._busy_until_s:
            return
        reply = self._monitor.answer(message)
        if message[:1] == b"\x03":
            self._busy_until_s = now_s + self.BUSY_AFTER_SET_S
        if reply is not None:
            head = bytes([0x6E, 0x80 | len(reply)]) + reply
            self._reply = head + bytes([_xor(0x50, head)])
            self._ready_at_s = now_s + self.READY_S

    @staticmethod
    def _unframed(frame: bytes) -> bytes | None:
        if len(frame) < 3 or frame[0] != 0x51 or frame[1] != 0x80 | len(frame) - 3:
            return None
        return frame[2:-1] if _xor(0x6E, frame) == 0 else None


def _xor(start: int, data: bytes) -> int:
    for byte in data:
        start ^= byte
    return start
