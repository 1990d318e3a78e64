"""One table for every instrument that `station.toml` may name: its section is its constructor.

A new instrument is a driver, its twin, and one table here.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import date
from typing import Annotated, ClassVar

import msgspec

from drivers.buses import ByteStream, Hardware, I2cBus
from drivers.capabilities import Instrument
from drivers.devices.ddc_monitor import DdcMonitor
from drivers.devices.hid_keyboard import HidKeyboard
from drivers.errors import DriverError, HubMissing, NotConnected
from drivers.formats import serial_ports, usb_ports
from drivers.formats.key_layouts import LAYOUTS
from drivers.instruments.fixtures.key_actuator import SOLENOID_HZ, KeyActuator
from drivers.instruments.fixtures.pattern_screen import PatternScreen
from drivers.instruments.fixtures.pca9685 import Pca9685
from drivers.instruments.fixtures.tca9548a import Tca9548a
from drivers.instruments.fixtures.usb_hub import HubPort, UsbHub, UsbPortPower
from drivers.instruments.light.screen_zones import ScreenZones
from drivers.instruments.light.tcs34725 import Tcs34725
from drivers.instruments.light.tsl2591 import Tsl2591
from drivers.instruments.light.veml7700 import Veml7700
from drivers.instruments.mains.pzem004t import Pzem004t
from drivers.instruments.power.ina219 import Ina219
from drivers.instruments.power.ina226 import Ina226
from drivers.instruments.power.ina228 import Ina228
from drivers.instruments.power.it8500 import It8500
from drivers.instruments.power.ka3000 import Ka3000
from drivers.instruments.power.kel103 import Kel103
from drivers.instruments.power.rd60xx import Rd60xx
from drivers.instruments.power.scpi_load import DIALECTS as LOAD_DIALECTS
from drivers.instruments.power.scpi_load import ScpiLoad
from drivers.instruments.power.scpi_supply import DIALECTS as SUPPLY_DIALECTS
from drivers.instruments.power.scpi_supply import ScpiSupply
from station.engine.step import BenchFault
from station.rig.rehearsal import Nowhere

Port = Annotated[str, msgspec.Meta(min_length=1)]
Baudrate = Annotated[int, msgspec.Meta(ge=0)]
Bus = Annotated[int, msgspec.Meta(ge=0)]
Address = Annotated[int, msgspec.Meta(ge=0x03, le=0x77)]  # what I²C reserves is outside


class InstrumentTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every instrument's table may say. `calibrated_until` is a date, as in 2027-03-31."""

    calibrated_until: date | None = None

    kind: ClassVar[type[Instrument]]
    device: ClassVar[bool] = False  # it is the device under test itself

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        """Build the driver, which verifies who answers; `closing` gives back what it holds."""
        raise NotImplementedError

    def occupies(self) -> tuple[str, ...]:
        """What of the wiring is this instrument's alone, in words that are equal for the same."""
        raise NotImplementedError

    def device_ports(self) -> tuple[str, ...]:
        """The USB ports, such as `1-1.4`, where this says that the device under test is."""
        return ()

    def rehearse(self) -> None:
        """Raises `ValueError` for figures that the driver will refuse. Touches no hardware."""
        with suppress(DriverError), ExitStack() as closing:
            self.open(Nowhere(), closing)


class SerialTable(InstrumentTable, frozen=True, kw_only=True):
    """An instrument on a serial line; see `Hardware.serial` for what `port` may be."""

    port: Port
    baudrate: Baudrate = 0  # 0 is the driver's own

    usual_baudrate: ClassVar[int]

    def __post_init__(self) -> None:
        _check(serial_ports.parse, self.port)

    def occupies(self) -> tuple[str, ...]:
        return (f"port {self.port}",)

    def line(self, hardware: Hardware, closing: ExitStack, usual: int = 0) -> ByteStream:
        baudrate = self.baudrate or usual or self.usual_baudrate
        line = hardware.serial(self.port, baudrate=baudrate)
        closing.callback(line.close)
        return line


class MuxHop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One TCA9548A on the way to a chip."""

    address: Annotated[int, msgspec.Meta(ge=0x70, le=0x77)]
    channel: Annotated[int, msgspec.Meta(ge=0, le=7)]


def _chip(bus: int, hops: tuple[MuxHop, ...], address: int) -> str:
    way = "".join(f", {hop.address:#04x} channel {hop.channel}" for hop in hops)
    return f"I²C bus {bus}{way}, address {address:#04x}"


def behind(hardware: Hardware, bus: int, hops: tuple[MuxHop, ...]) -> I2cBus:
    """The bus as it is behind the multiplexers `hops`."""
    reached = hardware.i2c(bus)
    for hop in hops:
        reached = Tca9548a(reached, hop.address).channel(hop.channel)
    return reached


class I2cTable(InstrumentTable, frozen=True, kw_only=True):
    """A chip on a bus, perhaps behind multiplexers."""

    bus: Bus
    address: Address
    mux: tuple[MuxHop, ...] = ()

    def occupies(self) -> tuple[str, ...]:
        return (_chip(self.bus, self.mux, self.address),)

    def rehearse(self) -> None:
        """Without its multiplexers: nobody gets past one that does not answer."""
        with suppress(DriverError), ExitStack() as closing:
            msgspec.structs.replace(self, mux=()).open(Nowhere(), closing)

    def reach(self, hardware: Hardware) -> I2cBus:
        return behind(hardware, self.bus, self.mux)


class Ka3000Table(SerialTable, frozen=True, kw_only=True):
    max_v: float = 30.0
    max_a: float = 5.0
    kind = Ka3000
    usual_baudrate = Ka3000.BAUDRATE

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        line = self.line(hardware, closing)
        return Ka3000(line, max_v=self.max_v, max_a=self.max_a, time=hardware.time)


class Rd60xxTable(SerialTable, frozen=True, kw_only=True):
    unit: int = 1
    kind = Rd60xx
    usual_baudrate = Rd60xx.BAUDRATE

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Rd60xx(self.line(hardware, closing), unit=self.unit, time=hardware.time)


class It8500Table(SerialTable, frozen=True, kw_only=True):
    address: int = 0
    kind = It8500
    usual_baudrate = It8500.BAUDRATE

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return It8500(self.line(hardware, closing), address=self.address)


class Kel103Table(SerialTable, frozen=True, kw_only=True):
    kind = Kel103
    usual_baudrate = Kel103.BAUDRATE

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Kel103(self.line(hardware, closing))


class ScpiSupplyTable(SerialTable, frozen=True, kw_only=True):
    """`max_v` and `max_a` where the dialect cannot ask for them, such as `generic`."""

    dialect: str
    channel: int = 1
    max_v: float | None = None
    max_a: float | None = None
    kind = ScpiSupply
    usual_baudrate = ScpiSupply.BAUDRATE

    def __post_init__(self) -> None:
        _one_of("dialect", self.dialect, SUPPLY_DIALECTS)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        dialect = SUPPLY_DIALECTS[self.dialect]
        return ScpiSupply(
            self.line(hardware, closing, dialect.baudrate),
            dialect,
            channel=self.channel,
            max_v=self.max_v,
            max_a=self.max_a,
        )


class ScpiLoadTable(SerialTable, frozen=True, kw_only=True):
    dialect: str
    kind = ScpiLoad
    usual_baudrate = ScpiLoad.BAUDRATE

    def __post_init__(self) -> None:
        _one_of("dialect", self.dialect, LOAD_DIALECTS)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        dialect = LOAD_DIALECTS[self.dialect]
        line = self.line(hardware, closing, dialect.baudrate)
        return ScpiLoad(line, dialect, time=hardware.time)


class Pzem004tTable(SerialTable, frozen=True, kw_only=True):
    address: int = 0xF8
    kind = Pzem004t
    usual_baudrate = Pzem004t.BAUDRATE

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Pzem004t(self.line(hardware, closing), address=self.address, time=hardware.time)


class Ina219Table(I2cTable, frozen=True, kw_only=True):
    shunt_ohm: float
    max_a: float
    kind = Ina219

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Ina219(
            self.reach(hardware),
            self.address,
            time=hardware.time,
            shunt_ohm=self.shunt_ohm,
            max_a=self.max_a,
        )


class Ina226Table(I2cTable, frozen=True, kw_only=True):
    shunt_ohm: float
    max_a: float
    kind = Ina226

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Ina226(
            self.reach(hardware),
            self.address,
            time=hardware.time,
            shunt_ohm=self.shunt_ohm,
            max_a=self.max_a,
        )


class Ina228Table(I2cTable, frozen=True, kw_only=True):
    shunt_ohm: float
    kind = Ina228

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Ina228(
            self.reach(hardware), self.address, time=hardware.time, shunt_ohm=self.shunt_ohm
        )


class Tcs34725Table(I2cTable, frozen=True, kw_only=True):
    address: Address = 0x29
    kind = Tcs34725

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Tcs34725(self.reach(hardware), self.address, time=hardware.time)


class Tsl2591Table(I2cTable, frozen=True, kw_only=True):
    address: Address = 0x29
    kind = Tsl2591

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Tsl2591(self.reach(hardware), self.address, time=hardware.time)


class Veml7700Table(I2cTable, frozen=True, kw_only=True):
    address: Address = 0x10
    kind = Veml7700

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return Veml7700(self.reach(hardware), self.address, time=hardware.time)


class ScreenZonesTable(InstrumentTable, frozen=True, kw_only=True):
    """Nine VEML7700 on the glass, rows from the top, each row from the left."""

    bus: Bus
    zones: tuple[MuxHop, ...]
    kind = ScreenZones

    def __post_init__(self) -> None:
        if len(self.zones) != 9:
            raise ValueError(f"a screen has 9 zones, not {len(self.zones)}")

    def occupies(self) -> tuple[str, ...]:
        return tuple(_chip(self.bus, (hop,), 0x10) for hop in self.zones)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        return ScreenZones(
            [
                Veml7700(behind(hardware, self.bus, (hop,)), time=hardware.time)
                for hop in self.zones
            ],
            time=hardware.time,
        )


class KeyActuatorTable(InstrumentTable, frozen=True, kw_only=True):
    """PCA9685 boards with a finger on each channel, in the order of the layout's keys."""

    bus: Bus
    boards: tuple[Address, ...]
    layout: str
    kind = KeyActuator

    def __post_init__(self) -> None:
        _one_of("layout", self.layout, LAYOUTS)
        keys = len(LAYOUTS[self.layout].usages)
        if len(self.boards) * 16 < keys:
            raise ValueError(f"{keys} keys need {-(-keys // 16)} boards, not {len(self.boards)}")

    def occupies(self) -> tuple[str, ...]:
        return tuple(_chip(self.bus, (), address) for address in self.boards)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        bus = hardware.i2c(self.bus)
        return KeyActuator(
            [
                Pca9685(bus, address, time=hardware.time, frequency_hz=SOLENOID_HZ)
                for address in self.boards
            ],
            layout=LAYOUTS[self.layout],
            time=hardware.time,
        )


class PatternScreenTable(InstrumentTable, frozen=True, kw_only=True):
    connector: Port
    kind = PatternScreen

    def occupies(self) -> tuple[str, ...]:
        return (f"connector {self.connector}",)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        screen = hardware.screen(self.connector)
        closing.callback(screen.close)
        return PatternScreen(screen)


class DdcMonitorTable(InstrumentTable, frozen=True, kw_only=True):
    """The display under test, on the DDC bus of the output that feeds it."""

    bus: Bus
    kind = DdcMonitor
    device = True

    def occupies(self) -> tuple[str, ...]:
        return (f"display on I²C bus {self.bus}",)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        try:
            bus = hardware.i2c(self.bus)
        except NotConnected as error:  # no display is to blame for that
            raise BenchFault(str(error)) from error
        return DdcMonitor(bus, time=hardware.time)


class HidKeyboardTable(InstrumentTable, frozen=True, kw_only=True):
    """The keyboard under test, at a physical USB port such as `1-1.4`."""

    port: str
    kind = HidKeyboard
    device = True

    def __post_init__(self) -> None:
        _check(usb_ports.parse, self.port)

    def occupies(self) -> tuple[str, ...]:
        return (f"USB port {self.port}",)

    def device_ports(self) -> tuple[str, ...]:
        return (self.port,)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        try:
            device = hardware.usb(self.port)
        except HubMissing as error:  # no keyboard is to blame for that
            raise BenchFault(str(error)) from error
        closing.callback(device.close)
        keyboard = HidKeyboard(device, time=hardware.time)
        closing.callback(keyboard.close)
        return keyboard


class UsbPortPowerTable(InstrumentTable, frozen=True, kw_only=True):
    """The power of a hub's port, such as `1-1.4`, and of the SuperSpeed port of the same socket.

    `1-2` is a socket of the computer itself: port 2 of its root hub.
    """

    port: str
    superspeed_port: str = ""
    kind = UsbPortPower

    def __post_init__(self) -> None:
        for port in self.device_ports():
            _check(usb_ports.parse, port)
        bus = usb_ports.parse(self.port).bus
        if self.superspeed_port and usb_ports.parse(self.superspeed_port).bus == bus:
            raise ValueError(
                f"superspeed_port {self.superspeed_port!r} is on bus {bus}, as port {self.port!r}"
                " is: a blue socket is on two, as 1-1.4 and 2-1.4 may be; leave it out for another"
            )

    def occupies(self) -> tuple[str, ...]:
        return tuple(f"power of USB port {port}" for port in self.device_ports())

    def device_ports(self) -> tuple[str, ...]:
        return (self.port, self.superspeed_port) if self.superspeed_port else (self.port,)

    def open(self, hardware: Hardware, closing: ExitStack) -> Instrument:
        port = self._half(self.port, hardware, closing)
        superspeed = (
            self._half(self.superspeed_port, hardware, closing) if self.superspeed_port else None
        )
        return UsbPortPower(
            port,
            superspeed,
            time=hardware.time,
            enumerated=lambda: any(_opens(one, hardware) for one in self.device_ports()),
        )

    @staticmethod
    def _half(port: str, hardware: Hardware, closing: ExitStack) -> HubPort:
        place = usb_ports.parse(port)
        where = str(place.hub)
        device = hardware.usb(where)
        closing.callback(device.close)
        return HubPort(UsbHub(device, where), place.number)


def _opens(port: str, hardware: Hardware) -> bool:
    """Whether a device is there: one that does not let us, or makes trouble, is."""
    try:
        hardware.usb(port).close()
    except NotConnected:
        return False
    except DriverError:
        return True
    return True


DRIVERS: Mapping[str, type[InstrumentTable]] = {
    "ka3000": Ka3000Table,
    "rd60xx": Rd60xxTable,
    "it8500": It8500Table,
    "kel103": Kel103Table,
    "scpi_supply": ScpiSupplyTable,
    "scpi_load": ScpiLoadTable,
    "pzem004t": Pzem004tTable,
    "ina219": Ina219Table,
    "ina226": Ina226Table,
    "ina228": Ina228Table,
    "tcs34725": Tcs34725Table,
    "tsl2591": Tsl2591Table,
    "veml7700": Veml7700Table,
    "screen_zones": ScreenZonesTable,
    "key_actuator": KeyActuatorTable,
    "pattern_screen": PatternScreenTable,
    "ddc": DdcMonitorTable,
    "hid_keyboard": HidKeyboardTable,
    "usb_port_power": UsbPortPowerTable,
}


def _check(parse: Callable[[str], object], port: str) -> None:
    """Raises `ValueError` where `port` is none, in the words that `parse` has for it."""
    try:
        parse(port)
    except ValueError as error:
        raise ValueError(f"port {error}") from None


def _one_of(name: str, value: str, known: Mapping[str, object]) -> None:
    if value not in known:
        raise ValueError(f"{name} {value!r} is not one of {', '.join(sorted(known))}")
