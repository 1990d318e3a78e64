"""A driver's signature: its constructor, with its marks, is the schema of its table.

    class Ina226(PowerMeter):
        def __init__(
            self,
            bus: I2cBus,                                    # the wire: how it is reached
            address: Annotated[int, Between(0x40, 0x4F)] = 0x40,
            *,
            time: Time,                                     # injected, no file sets it
            shunt_ohm: Annotated[float, Between(1e-6, 1e3), "the shunt on the board"],
            averages: Annotated[int, OneOf(AVERAGES), "samples in a reading"] = 16,
        ) -> None: ...

The first parameter is the wire: `ByteStream`, `I2cBus`, `UsbDevice` or `Screen`. Parameters of type
`Time` or `Hardware` are injected. A parameter that is called as a key of the wire, such as
`connector`, gets that key's value. All others are keys of the driver's table in `station.toml`;
a text among the marks says in the reference what the key means.
A driver whose wire belongs to another device has a class method `connect(hardware, ...)` with the
same marks, which is read in place of the constructor.

A driver of a `ByteStream` has its usual `BAUDRATE`, and `PLAIN_TEXT = True` where what it sends are
lines of text: a scan tries those first, because a binary frame may confuse an instrument that
expects text. `TIMEOUT_S` is how long a read of its line waits, where that is not 1 s,
`FIXTURE` the kind of fixture board whose firmware it needs.
"""

from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Between(NamedTuple):
    """A number's range, both ends included."""

    low: float
    high: float


class OneOf(NamedTuple):
    """The values that a setting may have, in the order in which they are listed."""

    values: tuple[Any, ...]


class Read(NamedTuple):
    """A mark: the value is read from what a file says by a function, which raises `ValueError`.

    `words` say what may stand there. It is for twins; what a driver is set to stands as it is.
    """

    read: Callable[[Any], Any]
    words: str


class Written(NamedTuple):
    """A text with a grammar. `parse` raises `ValueError`, a sentence that begins with the text."""

    parse: Callable[[str], object]


class Named(NamedTuple):
    """A file says a name, and the driver gets the object of that name, such as a SCPI dialect.

    A station's file may describe objects of its own in `[dialects.NAME]` where `known` has a method
    `extended`. It gets those tables, and returns what is known together with them, or raises
    `ValueError` with a line for each mistake, which begins with its place.
    """

    known: Mapping[str, Any]
    silent_alike: Callable[[Any], Hashable] | None = None
    """A trait; if an instrument is silent to one object, it is so to all with the same trait."""


class Parts(NamedTuple):
    """Several instruments of this kind make up the whole, which chooses `fixed` for them.

    With a `size` that is their number; otherwise there is at least one. What the keys of their wire
    have in common may stand in the table of the whole.
    """

    kind: type
    size: int = 0
    fixed: Mapping[str, Any] = MappingProxyType({})


class At(NamedTuple):
    """The addresses on an I²C bus that are always the same, in place of a setting `address`."""

    addresses: tuple[int, ...]


class Claims(NamedTuple):
    """Two instruments of a station cannot both have what this text names; `{}` is the value.

    With `device_port`, the value is the USB port that the device under test is plugged into.
    """

    text: str
    device_port: bool = False
