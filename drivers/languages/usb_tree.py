"""A device under test that brings a hub of its own: the hub is at the port, the device behind it.

Keyboards with sockets and docking stations are made so. USB 2.0, 4.1.1.
"""

from collections.abc import Callable
from contextlib import suppress

from drivers.buses import UsbDevice
from drivers.errors import DriverError


def find_behind(device: UsbDevice, wanted: Callable[[UsbDevice], bool]) -> UsbDevice | None:
    """Return the device, or the first behind its own hubs, that is wanted; None without one.

    Devices that were opened on the way and are not returned are closed again.
    """
    if wanted(device):
        return device
    for child in device.behind():
        found: UsbDevice | None = None
        try:
            found = find_behind(child, wanted)
        finally:
            if found is not child:
                with suppress(DriverError):
                    child.close()
        if found is not None:
            return found
    return None
