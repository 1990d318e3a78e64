"""Cables of the virtual rig, for `pytest --cables virtual_rig.guest.cables:VirtualCables`."""

import weakref
from functools import partial
from typing import Any

from hil_tests.rigs.cables import Cables
from hil_tests.rigs.rig import Rig
from station.rig import instruments as tables
from virtual_rig.guest.hands import DEVICES, GOLDEN_KEYBOARD, Hands, has_serial_port, wait_for

DISPLAY = (0x50, 0x37)  # EDID memory and DDC/CI


class VirtualCables(Cables):
    """Serial and USB cables come out of their ports; a chip comes off its bus."""

    def __init__(self, rig: Rig, slot: str) -> None:
        if (hands := Hands.from_environment()) is None:
            raise RuntimeError("only in the virtual rig: script/virtual-rig")
        weakref.finalize(self, hands.close)
        self._hands = hands
        self._rig = rig
        self._slot = slot

    def _pull(self, role: str) -> None:
        match self._rig.named(self._slot, role).table:
            case tables.SerialTable(port=port):
                self._hands.pull(port.removeprefix("usb:"))
            case tables.HidKeyboardTable(port=port):
                self._hands.pull(port)
            case table:
                bus, addresses = _on_bus(table)
                self._hands.ask("set_absent", bus=bus, addresses=addresses)

    def _plug(self, role: str) -> None:
        match self._rig.named(self._slot, role).table:
            case tables.SerialTable(port=port):
                self._hands.replug(place := port.removeprefix("usb:"))
                wait_for(partial(has_serial_port, place), f"{port} to be back")
            case tables.HidKeyboardTable(port=port):
                self._hands.plug_keyboard(port, **GOLDEN_KEYBOARD)
                wait_for((DEVICES / port).exists, f"the keyboard in {port} to be back")
            case table:
                bus, _ = _on_bus(table)
                self._hands.ask("set_absent", bus=bus, addresses=[])


def _on_bus(table: Any) -> tuple[int, list[int]]:
    match table:
        case tables.DdcMonitorTable(bus=bus):
            return bus, list(DISPLAY)
        case tables.ScreenZonesTable(bus=bus, zones=zones):
            return bus, sorted({hop.address for hop in zones})
        case tables.KeyActuatorTable(bus=bus, boards=boards):
            return bus, list(boards)
        case tables.I2cTable(bus=bus, address=address):
            return bus, [address]
    raise ValueError(f"{type(table).__name__} has no cable here")
