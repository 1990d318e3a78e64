"""The names of USB ports: `1-1.4` is port 4 of the hub at port 1 of bus 1.

A port keeps its name as long as the hubs above it stay in place, whatever is plugged in. The root
hub of bus 1 is `1-0` here and `usb1` in sysfs.

Sources: Linux Documentation/ABI (sysfs-bus-usb); drivers/usb/core: usb_alloc_dev of usb.c and
usb_hub_create_port_device of port.c write these names.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_PORTS = 255  # of a hub: bNbrPorts is one byte (USB 2.0, table 11-13)
MOST_HUBS = 5  # between a root hub and a device (USB 2.0, 4.1.1)

# Three digits are more buses than Linux has (USB_MAXBUS of drivers/usb/core/hcd.c is 64).
_BUS = "[1-9][0-9]{0,2}"
_WAY = r"[1-9][0-9]*(?:\.[1-9][0-9]*)*"
_PORT = re.compile(rf"({_BUS})-(0|{_WAY})")
_PORT_DEVICE = re.compile(rf"(?:usb({_BUS})|({_BUS}-{_WAY}))-port([1-9][0-9]*)")


class UsbPort(NamedTuple):
    """A place on USB. `way` holds the port's number at each hub, from the root hub on.

    Sorts by bus and then by number: `1-1.10` comes after `1-1.9`. Its `str` is its name.
    """

    bus: int
    way: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.bus}-{'.'.join(map(str, self.way or (0,)))}"

    @property
    def is_root_hub(self) -> bool:
        return not self.way

    @property
    def number(self) -> int:
        """The port's number at its hub. Raises `ValueError` for a root hub."""
        if self.is_root_hub:
            raise ValueError(f"{self} is a root hub, which is at no port")
        return self.way[-1]

    @property
    def hub(self) -> "UsbPort":
        """The place of the port's hub. Raises `ValueError` for a root hub."""
        if self.is_root_hub:
            raise ValueError(f"{self} is a root hub, which is at no port")
        return self._replace(way=self.way[:-1])

    def hubs(self) -> Iterator["UsbPort"]:
        """Yield the places of all hubs above the port, the nearest first, the root hub last."""
        for length in range(len(self.way) - 1, -1, -1):
            yield self._replace(way=self.way[:length])

    def is_behind(self, place: "UsbPort") -> bool:
        """Tell whether a device at this port is connected through a hub at `place`."""
        return place in self.hubs()

    @property
    def sysfs_name(self) -> str:
        """The name in /sys/bus/usb/devices of the device at this place."""
        return f"usb{self.bus}" if self.is_root_hub else str(self)

    @property
    def port_device(self) -> str:
        """The path in /sys/bus/usb/devices of what the kernel knows of the port itself.

        Raises `ValueError` for a root hub.
        """
        return f"{self.hub}:1.0/{self.hub.sysfs_name}-port{self.number}"


def parse(name: str, *, root_hub: bool = False) -> UsbPort:
    """Return the port that `name` is, such as `1-1.4`; with `root_hub`, `1-0` is allowed, too.

    Raises `ValueError`, a sentence that begins with the name.
    """
    found = _PORT.fullmatch(name)
    if found is None or (found[2] == "0" and not root_hub):
        raise ValueError(f"{name!r} is no USB port; one looks like 1-1.4")
    numbers = found[2].split(".")
    if any(len(number) > 3 or int(number) > MOST_PORTS for number in numbers):
        raise ValueError(f"{name!r}: the ports of a hub are 1 to {MOST_PORTS}")
    if len(numbers) > MOST_HUBS + 1:
        raise ValueError(f"{name!r} is behind {len(numbers) - 1} hubs, and USB allows {MOST_HUBS}")
    return UsbPort(int(found[1]), tuple(map(int, numbers)) if found[2] != "0" else ())


def parse_port_device(name: str) -> UsbPort:
    """Return the port whose device in sysfs has this name: `usb2-port3` or `1-1.4-port2`.

    The links called `peer` hold such names. Raises `ValueError`, a sentence that begins with the
    name.
    """
    found = _PORT_DEVICE.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no port of a hub in sysfs; one looks like 1-1.4-port2")
    root_bus, hub, number = found.groups()
    return parse(f"{root_bus}-{number}" if root_bus else f"{hub}.{number}")
