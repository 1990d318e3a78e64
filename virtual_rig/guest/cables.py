"""Cables of the virtual rig, for `pytest --cables virtual_rig.guest.cables:VirtualCables`."""

import weakref
from functools import partial

from hil_tests.rigs.cables import Cables
from hil_tests.rigs.rig import Rig
from station.rig.wires import Chip, Place, SerialPort, UsbPort
from virtual_rig.guest.hands import DEVICES, GOLDEN_KEYBOARD, Hands, has_serial_port, wait_for


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
        match self._place(role):
            case SerialPort(port=port):
                self._hands.pull(port.removeprefix("usb:"))
            case UsbPort(port=port):
                self._hands.pull(port)
            case Chip(bus=bus):
                self._hands.ask("set_absent", bus=bus, addresses=self._addresses(role))

    def _plug(self, role: str) -> None:
        match self._place(role):
            case SerialPort(port=port):
                self._hands.replug(place := port.removeprefix("usb:"))
                wait_for(partial(has_serial_port, place), f"{port} to be back")
            case UsbPort(port=port):
                self._hands.plug_keyboard(port, **GOLDEN_KEYBOARD)
                wait_for((DEVICES / port).exists, f"the keyboard in {port} to be back")
            case Chip(bus=bus):
                self._hands.ask("set_absent", bus=bus, addresses=[])

    def _place(self, role: str) -> Place:
        places = self._rig.config.instrument(self._slot, role).places()
        if not places or not isinstance(places[0], SerialPort | UsbPort | Chip):
            raise ValueError(f"{role} has no cable here")
        return places[0]

    def _addresses(self, role: str) -> list[int]:
        """Return the addresses on the bus itself: a multiplexer's, for what is behind one."""
        places = self._rig.config.instrument(self._slot, role).places()
        chips = [place for place in places if isinstance(place, Chip)]
        return sorted({chip.mux[0].address if chip.mux else chip.address for chip in chips})
