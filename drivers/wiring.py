"""What a driver's signature says besides its types: its constructor is the schema of its table.

    class Ina226(PowerMeter):
        def __init__(
            self,
            bus: I2cBus,                                    # the wire: how it is reached
            address: Annotated[int, Between(0x40, 0x4F)] = 0x40,
            *,
            time: Time,                                     # injected, no file sets it
            shunt_ohm: Annotated[float, Between(1e-6, 1e3)],  # what a file must set
            averages: Annotated[int, OneOf(AVERAGES)] = 16,   # what a file may set
        ) -> None: ...

The first parameter is the wire: `ByteStream`, `I2cBus`, `UsbDevice` or `Screen`. Parameters of type
`Time` or `Hardware` are injected. All others are keys of the driver's table in `station.toml`.
A driver whose wire belongs to another device has a class method `connect(hardware, ...)` with the
same marks, which is read in place of the constructor.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Between(NamedTuple):
    """A number's range, both ends included."""

    low: float
    high: float


class OneOf(NamedTuple):
    """The values that a setting may have, in the order in which they are listed."""

    values: tuple[Any, ...]


class Named:
    """A file says a name, and the driver gets the object of that name, such as a SCPI dialect."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known


class Parts(NamedTuple):
    """Several instruments of this kind make up the whole, which chooses `fixed` for them.

    With a `size` there are exactly so many; otherwise at least one.
    """

    kind: type
    size: int = 0
    fixed: Mapping[str, Any] = MappingProxyType({})


class Claims(NamedTuple):
    """Two instruments of a station cannot both have what this text names; `{}` is the value.

    With `device_port`, the value is the USB port that the device under test is plugged into.
    """

    text: str
    device_port: bool = False
