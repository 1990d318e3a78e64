"""The wires that lead from a station to its instruments: a closed set, one for each kind of bus."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Annotated, Any, NamedTuple

import msgspec

from drivers.buses import ByteStream, Hardware, I2cBus, Screen, UsbDevice
from drivers.errors import HubMissing, NotConnected
from drivers.formats import serial_ports, usb_ports
from drivers.i2c_muxes import behind
from drivers.wiring import Written

Values = Mapping[str, Any]
"""The values of a table, by key."""

REQUIRED: Any = msgspec.NODEFAULT
NOT_EMPTY = msgspec.Meta(min_length=1)
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class Key(NamedTuple):
    """A key that a table may have, and the type of its value.

    Among the marks of the type a text says what the key means, and `Written` has its grammar.
    """

    name: str
    hint: Any
    default: Any = REQUIRED


class MuxHop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One multiplexer on the way to a chip."""

    address: Annotated[
        int, msgspec.Meta(ge=0x70, le=0x77, description="an address from 0x70 to 0x77")
    ]
    channel: Annotated[int, msgspec.Meta(ge=0, le=7)]


# Places: where an instrument is. Two instruments of a station cannot be at the same one.


class SerialPort(NamedTuple):
    """A serial port, by one of the names that `drivers.formats.serial_ports` knows."""

    port: str

    def __str__(self) -> str:
        return f"port {self.port}"

    def shares(self) -> tuple[str, ...]:
        """Return what the port has in common with others: the hubs on the way to it."""
        at = serial_ports.parse(self.port).usb_port
        return hubs_of(at) if at is not None else ()


class Chip(NamedTuple):
    """An address on an I²C bus, perhaps behind multiplexers."""

    bus: int
    mux: tuple[MuxHop, ...]
    address: int

    def __str__(self) -> str:
        way = "".join(f", {hop.address:#04x} channel {hop.channel}" for hop in self.mux)
        return f"I²C bus {self.bus}{way}, address {self.address:#04x}"

    def shares(self) -> tuple[str, ...]:
        """Return what the chip has in common with others: its bus, which a hung chip stops."""
        return (f"I²C bus {self.bus}",)


class UsbPort(NamedTuple):
    """A USB port, such as `1-1.4`."""

    port: str

    def __str__(self) -> str:
        return f"USB port {self.port}"

    def shares(self) -> tuple[str, ...]:
        """Return what the port has in common with others: the hubs on the way to it."""
        return hubs_of(usb_ports.parse(self.port))


class VideoOutput(NamedTuple):
    """A video output, as the kernel names its connector."""

    connector: str

    def __str__(self) -> str:
        return f"connector {self.connector}"

    def shares(self) -> tuple[str, ...]:
        """Return what the output has in common with others: nothing that fails with it."""
        return ()


def hubs_of(port: usb_ports.UsbPort) -> tuple[str, ...]:
    """Return the hubs between the computer and a USB port; the root hub is the computer itself."""
    return tuple(f"USB hub {hub}" for hub in port.hubs() if not hub.is_root_hub)


Place = SerialPort | Chip | UsbPort | VideoOutput


class Usual(NamedTuple):
    """The settings of a serial line that are a driver's own."""

    baudrate: int = 0
    timeout_s: float = 1.0


class Wire(NamedTuple):
    """One kind of wire: its keys in a table, the places that they name, and how it is opened.

    `places` gets the addresses that a driver has on a bus, `open` what is usual for the driver.
    An error of the type `missing` says that it cannot be told whether a device is there.
    """

    words: str
    example: str
    keys: tuple[Key, ...]
    places: Callable[[Values, Sequence[int]], tuple[Place, ...]]
    open: Callable[[Hardware, Values, Usual, ExitStack], Any]
    missing: type[NotConnected]


def _open_serial(
    hardware: Hardware, values: Values, usual: Usual, closing: ExitStack
) -> ByteStream:
    line = hardware.serial(
        values["port"],
        baudrate=values["baudrate"] or usual.baudrate,
        timeout_s=usual.timeout_s,
    )
    closing.callback(line.close)
    return line


def _open_i2c(hardware: Hardware, values: Values, usual: Usual, closing: ExitStack) -> I2cBus:
    hops = [(hop.address, hop.channel) for hop in values["mux"]]
    return behind(hardware.i2c(values["bus"]), hops)


def _open_usb(hardware: Hardware, values: Values, usual: Usual, closing: ExitStack) -> UsbDevice:
    device = hardware.usb(values["port"])
    closing.callback(device.close)
    return device


def _open_screen(hardware: Hardware, values: Values, usual: Usual, closing: ExitStack) -> Screen:
    screen = hardware.screen(values["connector"])
    closing.callback(screen.close)
    return screen


SERIAL = Wire(
    "serial line",
    '{ port = "usb:1-1.2" }',
    (
        Key(
            "port",
            Annotated[
                str,
                Written(serial_ports.parse),
                "serial port: a device path, `usb:1-1.2` or `serial:A50285BI`",
            ],
        ),
        Key("baudrate", Annotated[NotNegative, "0 is the driver's own, or its dialect's"], 0),
    ),
    lambda values, addresses: (SerialPort(values["port"]),),
    _open_serial,
    NotConnected,
)
I2C = Wire(
    "I²C",
    "{ address = 0x40, mux = [{ address = 0x70, channel = 0 }] }",
    (
        Key("bus", Annotated[NotNegative, "the number N of `/dev/i2c-N`"]),
        Key(
            "mux",
            Annotated[tuple[MuxHop, ...], "multiplexers on the way, from the computer outwards"],
            (),
        ),
    ),
    lambda values, addresses: tuple(
        Chip(values["bus"], values["mux"], address) for address in addresses
    ),
    _open_i2c,
    NotConnected,
)
USB = Wire(
    "USB",
    '{ port = "1-1.4" }',
    (Key("port", Annotated[str, Written(usb_ports.parse), "physical USB port, such as `1-1.4`"]),),
    lambda values, addresses: (UsbPort(values["port"]),),
    _open_usb,
    HubMissing,
)
SCREEN = Wire(
    "video output",
    '{ connector = "HDMI-A-1" }',
    (
        Key(
            "connector",
            Annotated[str, NOT_EMPTY, "the video output, as the kernel names it: `HDMI-A-1`"],
        ),
    ),
    lambda values, addresses: (VideoOutput(values["connector"]),),
    _open_screen,
    NotConnected,
)

WIRES: Mapping[Any, Wire] = {
    ByteStream: SERIAL,
    I2cBus: I2C,
    UsbDevice: USB,
    Screen: SCREEN,
}
"""By the type of a driver's first parameter."""
