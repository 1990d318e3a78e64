"""Simulated light meters over the zones of a screen."""

from drivers.buses import Time
from drivers.sim.instruments.light.veml7700 import SimulatedVeml7700
from drivers.sim.light import Scene


class SimulatedScreenZones:
    """Each meter looks at its own zone of `scene`."""

    def __init__(self, scene: Scene, *, time: Time) -> None:
        self._scene = scene
        self._time = time

    def part(self, number: int) -> SimulatedVeml7700:
        """Return the meter over a zone, counted from 0."""
        return SimulatedVeml7700(self._scene, number, time=self._time)
