"""The names of serial ports in a station's file: by path, by USB port or by serial number.

    /dev/ttyAMA0        a device path, for a port that is not on USB
    usb:1-1.2           the adapter at this USB port
    usb:1-1.2:1.1       its configuration 1, interface 1, where one adapter has several ports
    serial:A50285BI     the adapter with this serial number, wherever it is plugged in

Source of interface names: usb_set_configuration of Linux's drivers/usb/core/message.c.
"""

import re
from typing import NamedTuple

from drivers.formats import usb_ports
from drivers.formats.usb_ports import UsbPort

_INTERFACE = re.compile("([0-9]{1,3})[.]([0-9]{1,3})")
_MOST = 255  # bConfigurationValue and bInterfaceNumber are one byte each (USB 2.0, 9.6.3, 9.6.5)


class SerialPortName(NamedTuple):
    """One of `path`, `usb_port` and `serial_number` is there.

    `interface` is configuration and interface; None where the name does not say them.
    """

    path: str = ""
    usb_port: UsbPort | None = None
    interface: tuple[int, int] | None = None
    serial_number: str = ""


def parse(name: str) -> SerialPortName:
    """Return what `name` says. Raises `ValueError`, a sentence that begins with the name."""
    kind, _, rest = name.partition(":")
    why = "; one looks like usb:1-1.2, serial:A50285BI or /dev/ttyAMA0"
    if name.startswith("/"):
        return SerialPortName(path=name)
    if kind == "serial" and rest:
        return SerialPortName(serial_number=rest)
    if kind == "usb" and rest:
        port, colon, interface = rest.partition(":")
        try:
            usb_port = usb_ports.parse(port)
        except ValueError as error:
            raise ValueError(f"{name!r} is no serial port: {error}") from None
        if not colon:
            return SerialPortName(usb_port=usb_port)
        if (found := _INTERFACE.fullmatch(interface)) and max(map(int, found.groups())) <= _MOST:
            return SerialPortName(usb_port=usb_port, interface=(int(found[1]), int(found[2])))
        why = f": an interface looks like 1.0, and not like {interface}"
    raise ValueError(f"{name!r} is no serial port{why}")
