"""The far ends of an installed station, and the hand that holds keyboards."""

from collections.abc import Sequence

from drivers.formats.key_layouts import LAYOUTS
from drivers.sim.devices.keyboard import SimulatedKeyboard
from station.simulate.world import World
from virtual_rig.far_ends.control import Control
from virtual_rig.far_ends.wiring import FarEnds

SLOT, PORT = "keyboard", "3-7"  # as in disk/station.toml


class FingeredKeyboard(SimulatedKeyboard):
    """Knows how often it was pressed."""

    presses = 0

    def press(self, usage: int) -> None:
        self.presses += 1
        super().press(usage)


class Bench(Control):
    """The far ends, and the hand that holds keyboards."""

    def __init__(self, ends: FarEnds) -> None:
        super().__init__(ends)
        self._ends = ends
        self._seated = False

    def plugged_ports(self) -> list[str]:
        """Return the ports that are plugged in when the machine is switched on."""
        return [*self.fixed_ports(), *([PORT] if self._seated else [])]

    def seat(self, serial_number: str, chattering_keys: Sequence[int] = ()) -> FingeredKeyboard:
        """Offer a keyboard for the guest to attach."""
        keyboard = FingeredKeyboard(
            self.world.time,
            keys=LAYOUTS["iso-105"].usages,
            serial_number=serial_number,
            chattering_keys=chattering_keys,
        )
        self._ends.usbip.offer(PORT, keyboard)
        self._ends.seat(SLOT, keyboard)
        self._seated = True
        return keyboard

    def unseat(self) -> None:
        self.pull(PORT)
        self._seated = False

    @property
    def world(self) -> World:
        return self._ends.world(SLOT)

    @property
    def powered(self) -> bool:
        """True while the supply at the keyboard's port is on."""
        source = self.world.circuit.source
        return source is not None and source.voltage_at(0.0) > 1.0
