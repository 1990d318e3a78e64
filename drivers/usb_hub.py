"""The power of one downstream port of a USB hub. USB 2.0 chapter 11, USB 3.2 chapter 10.

Switched by hub requests on the hub's own device node, which the shipped udev rules give us; the
kernel's hub driver stays bound. Linux 6.0 has a file `disable` for each port, too, but it is root's
and in sysfs, which the station's service may only read (ProtectKernelTunables). So there is one way
for every kernel, and no new kind of wire. The hub driver switches a port on again when the hub
reports a lost connection (drivers/usb/core/hub.c, hub_port_connect): after switching off, that
report is cleared, as the kernel does when it switches off a port itself (port.c,
usb_port_runtime_suspend). Where the kernel was quicker, our next question waits until it is done
(it holds the hub's lock), and the port is switched off once more: now nothing is connected that
could be lost. Seen so on Linux 6.1. Whether the port stays off, `read_state` tells later.

The sockets of the computer itself are ports of root hubs. Requests to those take the same way, and
the host controller's driver answers them (hcd.c, rh_call_control; xhci-hub.c, xhci_hub_control).

A blue socket is two ports of two hubs, one for each speed, and has power as long as either wants it
(USB 3.2, 10.3.1.1): both are switched. What a hub says is no proof of VBUS: many say that they
switch, report it as done, and do not (README of uhubctl). Only a meter at the port can tell. Nor is
it proof of a device that works: a port is enabled before anybody has asked the device its name, in
USB 2.0 once it is reset (11.5.1), in SuperSpeed as soon as the link is trained (USB 3.2, 10.3.1).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from drivers.buses import Time, UsbDevice
from drivers.capabilities import Identity, PortPower, PortState
from drivers.errors import BadReply, Refused, WrongDevice

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

READS, BETWEEN_READS_S = 5, 0.01  # until a hub must have done it

Switching = Literal["individual", "ganged", "none"]

INSTEAD = "take a hub that switches each port by itself; the README of uhubctl lists some"


class _Status(NamedTuple):
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

    def read_status(self, port: int) -> _Status:
        """wPortStatus and wPortChange."""
        told = self._device.control_in(*GET_PORT_STATUS, 0, port, 4)
        if len(told) != 4:
            raise BadReply(f"{self.where}: status of port {port} is {told.hex(' ') or 'empty'}")
        return _Status(int.from_bytes(told[:2], "little"), int.from_bytes(told[2:], "little"))

    def is_powered(self, status: int) -> bool:
        return bool(status & (SUPERSPEED_POWER if self.superspeed else POWER))

    def set_power(self, port: int, *, on: bool) -> None:
        """Only asks. A port that is off keeps nothing for the kernel to react to."""
        self._device.control_out(
            *(SET_PORT_FEATURE if on else CLEAR_PORT_FEATURE), PORT_POWER, port
        )
        if not on:
            change = self.read_status(port).change
            for bit, feature in CHANGED.items():
                if change & bit:
                    self._device.control_out(*CLEAR_PORT_FEATURE, feature, port)


def hub_of(port: str) -> tuple[str, int]:
    """Where the hub of a port is, and which port it is there.

    `1-1.4` is port 4 of the hub at `1-1`, and `2-3` port 3 of the root hub `2-0`.
    """
    above, dot, number = port.rpartition(".")
    if not dot:
        bus, _, number = port.partition("-")
        above = f"{bus}-0"
    return above, int(number)


class HubPort(NamedTuple):
    """A port of a hub, counted from 1."""

    hub: UsbHub
    port: int


class UsbPortPower(PortPower):
    """Switches one socket: a port, and the port of the other speed where the socket is blue.

    Raises `Refused` when the hub cannot: it has no switches, or one for all of its ports, and the
    neighbours' devices would lose their power, too. `WrongDevice` when it has no such port.
    Devices that were open lose their connection when the power goes off. `enumerated` tells whether
    the computer has a device in the socket; without it, the hub is believed.
    """

    def __init__(
        self,
        port: HubPort,
        superspeed: HubPort | None = None,
        *,
        time: Time,
        enumerated: Callable[[], bool] = lambda: True,
    ) -> None:
        # SuperSpeed first, so that a device does not settle for the slower port (Linux, port.c).
        self._halves = (port,) if superspeed is None else (superspeed, port)
        self._time = time
        self._enumerated = enumerated
        for half in self._halves:
            _check(half)
        if superspeed is not None and superspeed.hub.superspeed is port.hub.superspeed:
            raise WrongDevice(f"{port.hub.where} and {superspeed.hub.where} are of the same speed")
        self.name = f"port {port.port} of {port.hub.where}"
        self.identity = port.hub.identity

    def switch(self, *, on: bool) -> None:
        """Raises `Refused` when the hub acknowledges and does not report it as done."""
        for hub, port in self._halves if on else reversed(self._halves):
            hub.set_power(port, on=on)
        if on:
            self._time.sleep(max(hub.power_good_s for hub, _ in self._halves))
        for half in self._halves:
            self._await(half, on=on)

    def read_state(self) -> PortState:
        told = [(hub, hub.read_status(port).status) for hub, port in self._halves]
        enabled = any(status & CONNECTED and status & ENABLED for _, status in told)
        return PortState(
            powered=any(hub.is_powered(status) for hub, status in told),
            device=enabled and self._enumerated(),
        )

    def _await(self, half: HubPort, *, on: bool) -> None:
        hub, port = half
        for _ in range(READS):
            status = hub.read_status(port).status
            if hub.is_powered(status) is on:
                return
            self._time.sleep(BETWEEN_READS_S)
            if not on:
                hub.set_power(port, on=False)
        wanted, reason = ("on" if on else "off"), ""
        if status & OVER_CURRENT:
            reason = ": over-current, so look for a short at the port"
        raise Refused(
            f"{hub.where}: port {port} was switched {wanted} and its status stays"
            f" {status:#06x}{reason}"
        )


def _check(half: HubPort) -> None:
    hub, port = half
    if port < 1:
        raise ValueError(f"{hub.where}: ports are counted from 1, and {port} is none")
    if port > hub.ports:
        raise WrongDevice(f"{hub.where} has {hub.ports} ports, and no port {port}")
    if hub.switching == "none":
        raise Refused(f"{hub.where} says that it cannot switch the power of its ports: {INSTEAD}")
    if hub.switching == "ganged" and hub.ports > 1:
        raise Refused(
            f"{hub.where} says that it switches its {hub.ports} ports only together, and what is"
            f" plugged in beside port {port} would lose its power, too: {INSTEAD}"
        )
