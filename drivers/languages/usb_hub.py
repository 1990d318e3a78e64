"""Requests to USB hubs. USB 2.0 chapter 11, USB 3.2 chapter 10.

They go to the hub's own device node, which the shipped udev rules give us; the kernel's hub driver
stays bound. Linux 6.0 has a file `disable` for each port, too, but it is root's and in sysfs, which
the station's service may only read (ProtectKernelTunables). So there is one way for every kernel,
and no new kind of wire. The sockets of the computer itself are ports of root hubs. Requests to
those take the same way, and the host controller's driver answers them (hcd.c, rh_call_control;
xhci-hub.c, xhci_hub_control).

The hub driver switches a port on again when the hub reports a lost connection
(drivers/usb/core/hub.c, hub_port_connect): after switching off, that report is cleared, as the
kernel does when it switches off a port itself (port.c, usb_port_runtime_suspend).
"""

from typing import Literal, NamedTuple

from drivers.buses import UsbDevice
from drivers.capabilities import Identity
from drivers.errors import BadReply, WrongDevice

HUB_CLASS = 0x09
SUPERSPEED_BCD = 0x0300  # bcdUSB; such a hub has another descriptor and another power bit

# bmRequestType and bRequest (USB 2.0, table 11-15)
GET_DEVICE_DESCRIPTOR = 0x80, 0x06
GET_HUB_DESCRIPTOR = 0xA0, 0x06
GET_PORT_STATUS = 0xA3, 0x00
CLEAR_PORT_FEATURE = 0x23, 0x01
SET_PORT_FEATURE = 0x23, 0x03

DEVICE, HUB, SUPERSPEED_HUB = 0x0100, 0x2900, 0x2A00  # descriptor type and index
DEVICE_BYTES = 18
HUB_BYTES, SUPERSPEED_HUB_BYTES = 15, 12  # as much as Linux asks for
FIXED_BYTES = 7  # of either, table 11-13 and USB 3.2 table 10-6

# Port features (table 11-17)
PORT_POWER = 8
C_PORT_CONNECTION = 16
C_PORT_ENABLE = 17

# wPortStatus (table 11-21; USB 3.2 table 10-13) and wPortChange (table 11-22)
CONNECTED = 0x0001
ENABLED = 0x0002
OVER_CURRENT = 0x0008
POWER = 0x0100
SUPERSPEED_POWER = 0x0200
CHANGED = {0x0001: C_PORT_CONNECTION, 0x0002: C_PORT_ENABLE}

Switching = Literal["individual", "ganged", "none"]


class PortStatus(NamedTuple):
    status: int
    change: int


class UsbHub:
    """A hub as it describes itself: `ports` there are, and how their power is switched.

    `switching` is `individual`, `ganged` (all ports at once) or `none` (table 11-13,
    wHubCharacteristics). `where` is its port path, such as `1-1`. Raises `WrongDevice` when the
    device is no hub, `BadReply` when its descriptor is none.
    """

    def __init__(self, device: UsbDevice, where: str) -> None:
        self.where = f"the hub at {where}"
        self._device = device
        who = device.descriptor
        told = device.control_in(*GET_DEVICE_DESCRIPTOR, DEVICE, 0, DEVICE_BYTES)
        if len(told) < DEVICE_BYTES:
            raise BadReply(f"USB device at {where}: device descriptor {told.hex(' ') or 'empty'}")
        if told[4] != HUB_CLASS:
            raise WrongDevice(
                f"USB {who.vendor_id:04x}:{who.product_id:04x} at {where}: device class"
                f" {told[4]:#04x}, and a hub's is {HUB_CLASS:#04x}"
            )
        self.superspeed = int.from_bytes(told[2:4], "little") >= SUPERSPEED_BCD
        self._read_hub_descriptor()
        self.identity = Identity(
            maker=who.maker or f"{who.vendor_id:04x}",
            model=who.product or f"hub {who.product_id:04x}",
            serial_number=who.serial_number,
            firmware=f"{who.release_bcd >> 8:x}.{who.release_bcd & 0xFF:02x}",
        )

    def _read_hub_descriptor(self) -> None:
        value, size = (
            (SUPERSPEED_HUB, SUPERSPEED_HUB_BYTES) if self.superspeed else (HUB, HUB_BYTES)
        )
        told = self._device.control_in(*GET_HUB_DESCRIPTOR, value, 0, size)
        if len(told) < FIXED_BYTES or told[1] != value >> 8 or not told[2]:
            raise BadReply(f"{self.where}: hub descriptor {told.hex(' ') or 'empty'}")
        self.ports: int = told[2]
        mode = told[3] & 0b11
        self.switching: Switching = "none" if mode > 1 else "individual" if mode else "ganged"
        self.power_good_s = told[5] * 0.002

    def read_status(self, port: int) -> PortStatus:
        """wPortStatus and wPortChange."""
        told = self._device.control_in(*GET_PORT_STATUS, 0, port, 4)
        if len(told) != 4:
            raise BadReply(f"{self.where}: status of port {port} is {told.hex(' ') or 'empty'}")
        return PortStatus(int.from_bytes(told[:2], "little"), int.from_bytes(told[2:], "little"))

    def is_powered(self, status: int) -> bool:
        return bool(status & (SUPERSPEED_POWER if self.superspeed else POWER))

    def set_power(self, port: int, *, on: bool) -> None:
        """Ask only. A port that is off keeps nothing for the kernel to react to."""
        self._device.control_out(
            *(SET_PORT_FEATURE if on else CLEAR_PORT_FEATURE), PORT_POWER, port
        )
        if not on:
            change = self.read_status(port).change
            for bit, feature in CHANGED.items():
                if change & bit:
                    self._device.control_out(*CLEAR_PORT_FEATURE, feature, port)
