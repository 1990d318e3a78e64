"""Faults of a serial line, to be put between a driver and any twin."""

from collections.abc import Callable

from drivers.sim.hardware import SerialDevice


class Mute:
    """An instrument that receives everything and answers nothing."""

    def receive(self, data: bytes) -> bytes:
        return b""


class Altered:
    """Passes every answer through `alter`: cut it short, flip a bit, add a byte."""

    def __init__(self, device: SerialDevice, alter: Callable[[bytes], bytes]) -> None:
        self._device = device
        self._alter = alter

    def receive(self, data: bytes) -> bytes:
        answer = self._device.receive(data)
        return self._alter(answer) if answer else answer


class Late:
    """Answers one question late: the reply arrives together with the next one."""

    def __init__(self, device: SerialDevice) -> None:
        self._device = device
        self._held = b""

    def receive(self, data: bytes) -> bytes:
        answer, self._held = self._held, self._device.receive(data)
        return answer


class Stuck:
    """Works until `fail_after` questions were asked, then is mute."""

    def __init__(self, device: SerialDevice, *, fail_after: int) -> None:
        self._device = device
        self._left = fail_after

    def receive(self, data: bytes) -> bytes:
        self._left -= 1
        return self._device.receive(data) if self._left >= 0 else b""
