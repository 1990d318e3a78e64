"""A simulated TCA9548A and a bus it can sit on. From TI SCPS207, not from the driver."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Protocol, runtime_checkable

from drivers.errors import NotConnected
from drivers.sim import I2cDevice, Nak, SimulatedI2cBus


@runtime_checkable
class HearsMore(Protocol):
    """A device that answers to more than the address it is mounted at, such as an all-call."""

    def also_hears(self, address: int) -> bool: ...


class SimulatedTca9548a:
    """Eight channels, the missing ones empty. Mount it on a `SimulatedMuxedBus`."""

    def __init__(self, channels: Sequence[SimulatedI2cBus | Mapping[int, I2cDevice]] = ()) -> None:
        if len(channels) > 8:
            raise ValueError(f"a TCA9548A has 8 channels, not {len(channels)}")
        self.channels = tuple(
            channel if isinstance(channel, SimulatedI2cBus) else SimulatedI2cBus(channel)
            for channel in channels
        )
        self.selected = 0x00

    def brown_out(self) -> None:
        """Its supply failed for a moment: no channel is selected."""
        self.selected = 0x00

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if write:  # of several bytes the last one stays
            self.selected = write[-1]
        return bytes([self.selected]) * read_size


class SimulatedMuxedBus(SimulatedI2cBus):
    """A bus with multiplexers on it: everybody whose wires are joined hears every transfer.

    Who hears is decided before the transfer, because a multiplexer switches at its end. When
    several answer, the lines are pulled low by whoever sends a zero: the answers are and-ed, as
    on open-drain wires.
    """

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        with self._lock:
            if self.unplugged:
                raise NotConnected(f"{self.name}: no acknowledge from {address:#04x}")
            answers = []
            for device in list(_listening(self, address)):
                try:
                    answers.append(device.transfer(write, read_size))
                except Nak:
                    continue
            if not answers:
                raise NotConnected(f"{self.name}: no acknowledge from {address:#04x}")
            return reduce(_wired_and, answers)


def _listening(bus: SimulatedI2cBus, address: int) -> Iterator[I2cDevice]:
    for at, device in bus.devices.items():
        if at == address or (isinstance(device, HearsMore) and device.also_hears(address)):
            yield device
        if isinstance(device, SimulatedTca9548a):
            for number, channel in enumerate(device.channels):
                if device.selected >> number & 1 and not channel.unplugged:
                    yield from _listening(channel, address)


def _wired_and(one: bytes, other: bytes) -> bytes:
    return bytes(a & b for a, b in zip(one, other, strict=True))
