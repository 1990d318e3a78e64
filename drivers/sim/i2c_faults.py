"""Faults of an I²C bus, to be put between a bus and any twin."""

from collections.abc import Callable

from drivers.sim.hardware import I2cDevice, Nak


class Recorded:
    """Keeps every transfer: what was written, and what came back."""

    def __init__(self, device: I2cDevice) -> None:
        self._device = device
        self.transfers: list[tuple[bytes, bytes]] = []

    @property
    def written(self) -> list[bytes]:
        """Return the writes that could change the chip: more than a register's address."""
        return [write for write, _ in self.transfers if len(write) > 1]

    def transfer(self, write: bytes, read_size: int) -> bytes:
        answer = self._device.transfer(write, read_size)
        self.transfers.append((write, answer))
        return answer


class Altered:
    """Passes every answer through `alter(write, answer)`: cut it short, flip a bit."""

    def __init__(self, device: I2cDevice, alter: Callable[[bytes, bytes], bytes]) -> None:
        self._device = device
        self._alter = alter

    def transfer(self, write: bytes, read_size: int) -> bytes:
        answer = self._device.transfer(write, read_size)
        return self._alter(write, answer) if read_size else answer


class Interrupted:
    """Calls `event` before each transfer that begins with `before`: a brown-out, a plug pulled."""

    def __init__(
        self, device: I2cDevice, before: bytes, event: Callable[[], None], *, times: int = 1
    ) -> None:
        self._device = device
        self._before = before
        self._event = event
        self.times = times

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if self.times and write.startswith(self._before):
            self.times -= 1
            self._event()
        return self._device.transfer(write, read_size)


class Registers:
    """A chip that answers from a table, and forgets what is written: register → bytes."""

    def __init__(self, answers: dict[int, bytes]) -> None:
        self.answers = answers
        self._pointer = 0

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if write:
            self._pointer = write[0]
        return self.answers.get(self._pointer, b"")[:read_size].ljust(read_size, b"\x00")


class Gone:
    """Works until `fail_after` transfers were made, then does not acknowledge."""

    def __init__(self, device: I2cDevice, *, fail_after: int) -> None:
        self._device = device
        self.left = fail_after

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if self.left <= 0:
            raise Nak
        self.left -= 1
        return self._device.transfer(write, read_size)
