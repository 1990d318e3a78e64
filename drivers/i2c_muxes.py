"""The way to an I²C bus that is behind multiplexers."""

from collections.abc import Iterable

from drivers.buses import I2cBus
from drivers.instruments.fixtures.tca9548a import Tca9548a


def behind(bus: I2cBus, hops: Iterable[tuple[int, int]]) -> I2cBus:
    """Return the bus behind multiplexers, each an address and a channel, from `bus` outwards.

    Raises `WrongDevice` where one is something else, `NotConnected` where it is not there.
    """
    for address, channel in hops:
        bus = Tca9548a(bus, address).channel(channel)
    return bus
