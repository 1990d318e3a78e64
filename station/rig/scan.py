"""The devices plugged into this machine, as the beginning of a `station.toml`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from drivers import find
from drivers.buses import Hardware
from drivers.errors import DriverError
from drivers.languages.usb_hub import Switching, UsbHub
from drivers.linux.discovery import Connector, Found, I2cAdapter, SerialPort, UsbPeripheral, scan
from station.rig import flash
from station.rig.identify import Answer, answers, instruments_on
from station.rig.wires import I2C, SERIAL, Wire

HID, PRINTER, HUB = 0x03, 0x07, 0x09
BOOT, KEYBOARD = 1, 1
SAYS: dict[Switching, str] = {
    "individual": "switches the power of each by itself",
    "ganged": "switches their power only together",
    "none": "cannot switch their power",
}


def found() -> tuple[Found, ...]:
    """Return serial ports, USB devices, I²C buses and video outputs of this machine."""
    return scan()


def as_data(items: Iterable[Found]) -> list[dict[str, Any]]:
    """Return the same for programs: every fact, and what kind of thing it is."""
    return [{"what": type(item).__name__, **item._asdict()} for item in items]


def describe(
    items: Iterable[Found], hardware: Hardware | None = None, folders: Sequence[Path] = ()
) -> str:
    """Return a `station.toml` to start from. `folders` hold drivers besides the shipped ones.

    With `hardware`, instruments are asked who they are, and hubs what they say of their power
    switches.
    """
    everything = list(items)
    lines = [
        "# What is plugged into this machine. Give every slot its roles; docs/how-to tells how."
    ]
    lines += ['station = "name-this-station"', ""]
    lines += _section("Serial instruments", _serial(everything, hardware, folders))
    lines += _section("I²C buses", _i2c(everything, hardware, folders))
    lines += _section("Video outputs", _screens(everything))
    lines += _section("Keyboards on USB ports", _keyboards(everything))
    lines += _section("Other USB devices", _others(everything, hardware))
    return "\n".join(lines).rstrip()


def _section(title: str, body: Iterable[str]) -> list[str]:
    return [f"# {title}", *(list(body) or ["#   none"]), ""]


def _serial(
    items: list[Found], hardware: Hardware | None, folders: Sequence[Path]
) -> Iterator[str]:
    ports = [item for item in items if isinstance(item, SerialPort)]
    devices = Counter(item.port for item in ports)
    for number, item in enumerate(ports, start=1):
        several = item.exact if devices[item.port] > 1 else ""
        place = {"port": several or item.port or item.by_id or item.path}
        said = " ".join(part for part in (item.maker, item.product) if part) or "does not say"
        serial = f", serial number {item.serial_number}" if item.serial_number else ""
        yield f"# {item.path}: {said}{serial}"
        if flash.is_pico(item):
            yield f"# {_fixture(place['port'], hardware)}"
        found = answers(hardware, SERIAL, place, folders) if hardware is not None else iter(())
        if (answer := next(found, None)) is not None:
            yield from _role(f"role{number}", answer)
        else:
            yield f"# [slots.left.roles.role{number}]"
            yield f'# driver = "?"  # one of {_known(SERIAL, folders)}'
            yield f'# port = "{place["port"]}"'


def _fixture(port: str, hardware: Hardware | None) -> str:
    """Return what a Raspberry Pi Pico says of itself, and whether its firmware fits."""
    if hardware is None:
        return "perhaps a fixture board; `pace rig scan --identify` asks it"
    try:
        hello = flash.greet(hardware, port)
    except DriverError as error:
        return f"perhaps a fixture board: {error}"
    if hello is None:
        return "no fixture board answers; `pace rig flash --board KIND` makes it one"
    said = f"fixture board for {hello.kind}, number {hello.board_id}, firmware {hello.firmware}"
    return said if flash.fits(hello) else f"{said}, not this station's: pace rig flash renews it"


def _i2c(items: list[Found], hardware: Hardware | None, folders: Sequence[Path]) -> Iterator[str]:
    buses = [item for item in items if isinstance(item, I2cAdapter)]
    for item in buses:
        use = f"the DDC channel of {item.connector}" if item.connector else "for instruments"
        yield f"# bus = {item.bus}  ({item.name}, {use})"
        if hardware is not None and not item.connector:
            found = answers(hardware, I2C, {"bus": item.bus}, folders)
            for number, answer in enumerate(found, start=1):
                yield from _role(f"chip{number}", answer)
    if any(not item.connector for item in buses):
        yield f'# driver = "?"  # one of {_known(I2C, folders)}'


def _known(wire: Wire, folders: Sequence[Path]) -> str:
    return ", ".join(find.name_of(one.kind) for one in instruments_on(wire, folders))


def _role(role: str, answer: Answer) -> Iterator[str]:
    yield f"# answers as {' '.join(part for part in answer.identity if part)}"
    yield f"[slots.left.roles.{role}]"
    yield f'driver = "{answer.driver}"'
    for name, value in answer.table.items():
        written = f"{value:#04x}" if name == "address" else f'"{value}"'
        yield f"{name} = {value if name == 'bus' else written}"


def _screens(items: list[Found]) -> Iterator[str]:
    for item in items:
        if isinstance(item, Connector):
            yield f'# connector = "{item.name}"  ({item.card}, {item.status})'


def _is_keyboard(item: Found) -> bool:
    return isinstance(item, UsbPeripheral) and (HID, BOOT, KEYBOARD) in item.interfaces


def _keyboards(items: list[Found]) -> Iterator[str]:
    for item in items:
        if isinstance(item, UsbPeripheral) and _is_keyboard(item):
            yield f'# port = "{item.port}"  ({item.maker} {item.product})'


def _others(items: list[Found], hardware: Hardware | None) -> Iterator[str]:
    serial_ports = {item.port for item in items if isinstance(item, SerialPort)}
    for item in items:
        if not isinstance(item, UsbPeripheral) or _is_keyboard(item):
            continue
        if f"usb:{item.port}" not in serial_ports:
            who = f"{item.vendor_id:04x}:{item.product_id:04x} {item.maker} {item.product}"
            if any(usb_class == HUB for usb_class, _, _ in item.interfaces):
                who = f"{who.strip()}; {_hub(item.port, hardware)}"
            yield f"# {item.port}  ({who.strip()})"


def _hub(port: str, hardware: Hardware | None) -> str:
    """Return the hub's words; only a meter can tell whether they are true."""
    if hardware is None:
        return "a hub"
    try:
        with closing(hardware.usb(port)) as device:
            hub = UsbHub(device, port)
    except DriverError as error:
        return f"a hub that does not tell: {error}"
    return f"a hub of {hub.ports} ports, says that it {SAYS[hub.switching]}"
