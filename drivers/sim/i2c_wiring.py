"""An I²C bus while it is being wired: chips by address, and chips behind multiplexers."""

from drivers.sim.hardware import I2cDevice
from drivers.sim.instruments.fixtures.tca9548a import SimulatedMuxedBus, SimulatedTca9548a


class I2cWiring:
    """Put chips into `chips`; then `built` is the bus."""

    def __init__(self) -> None:
        self.chips: dict[int, I2cDevice] = {}
        self._behind: dict[tuple[int, int], I2cWiring] = {}

    def behind(self, address: int, channel: int) -> "I2cWiring":
        """Return the wiring behind a channel of the multiplexer at `address`."""
        return self._behind.setdefault((address, channel), I2cWiring())

    def built(self) -> SimulatedMuxedBus:
        """Return the bus, with a multiplexer at each address that something is behind."""
        chips = dict(self.chips)
        for address in {mux for mux, _ in self._behind}:
            empty = I2cWiring()
            channels = [self._behind.get((address, n), empty).built() for n in range(8)]
            chips[address] = SimulatedTca9548a(channels)
        return SimulatedMuxedBus(chips)
