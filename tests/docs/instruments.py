"""Write the reference of instruments from the drivers themselves."""

import sys

import msgspec

from drivers import capabilities as can
from drivers.capabilities import Instrument
from drivers.instruments.power.scpi_load import DIALECTS as LOADS
from drivers.instruments.power.scpi_supply import DIALECTS as SUPPLIES
from station.rig import instruments
from station.rig.instruments import DRIVERS, I2cTable, InstrumentTable, SerialTable
from tests.docs.toml_types import default_in_words, table, type_in_words

ABILITIES: tuple[type[Instrument], ...] = (
    can.PowerMeter,
    can.MainsMeter,
    can.LightMeter,
    can.LightArray,
    can.ColourMeter,
    can.PowerSupply,
    can.ElectronicLoad,
    can.PortPower,
    can.PatternSource,
    can.KeyActuator,
    can.Monitor,
    can.KeySource,
)

COMMON = {
    "calibrated_until": "the day until which its calibration holds; goes into every record",
    "port": "serial port: a device path, `usb:1-1.2` or `serial:A50285BI`",
    "baudrate": "0 is the driver's own, or its dialect's",
    "bus": "the number N of `/dev/i2c-N`",
    "address": "7-bit address on the bus",
    "mux": "TCA9548A multiplexers on the way, from the computer outwards",
}
MEANINGS = {
    "ka3000": {"max_v": "what the model can do; more is refused", "max_a": "the same, in amperes"},
    "rd60xx": {"unit": "Modbus unit"},
    "it8500": {"address": "of the load in its own menu"},
    "scpi_supply": {
        "dialect": "see below",
        "channel": "the output that feeds the device",
        "max_v": "where the dialect does not know it",
        "max_a": "where the dialect does not know it",
    },
    "scpi_load": {"dialect": "see below"},
    "pzem004t": {"address": "Modbus address; 0xF8 reaches any single one on the line"},
    "ina219": {
        "shunt_ohm": "the shunt on the board",
        "max_a": "the largest current it shall resolve",
    },
    "ina226": {
        "shunt_ohm": "the shunt on the board",
        "max_a": "the largest current it shall resolve",
    },
    "ina228": {"shunt_ohm": "the shunt on the board"},
    "screen_zones": {"zones": "nine, rows from the top, each row from the left"},
    "key_actuator": {
        "boards": "PCA9685 addresses; a finger on each channel, in the order of HID usages",
        "layout": "the keyboard that the fingers are made for",
    },
    "pattern_screen": {"connector": "the video output, as the kernel names it: `HDMI-A-1`"},
    "hid_keyboard": {"port": "physical USB port of the slot, such as `1-1.4`"},
    "usb_port_power": {
        "port": "a hub's port, such as `1-1.4`: port 4 of the hub at `1-1`; `1-2` is a root hub's",
        "superspeed_port": "the second port of a blue socket, such as `2-1.4`",
    },
    "ddc": {"bus": "the I²C bus of the video output that feeds the display"},
}


def plays(kind: type[object]) -> list[str]:
    return [ability.__name__ for ability in ABILITIES if issubclass(kind, ability)]


def overview() -> str:
    rows = []
    for name, one in DRIVERS.items():
        link = f"[`{name}`](#{name})"
        rows.append((link, _first_line(one).partition(". Datasheet")[0].rstrip("."), _wire(one),
                     ", ".join(plays(one.kind))))  # fmt: skip
    return table(("`driver`", "part", "connected by", "can play"), rows)


def keys() -> str:
    parts = []
    for name, one in DRIVERS.items():
        module = one.kind.__module__
        says = (sys.modules[module].__doc__ or "").strip().split("\n\n")
        lines = [f"## {name}", "", *(_flowing(text) for text in _paragraphs(says))]
        if one.device:
            lines += ["This is the device under test itself, not an instrument of the bench.", ""]
        path = module.replace(".", "/")
        lines += [f"Source: [`{path}.py`](../../{path}.py).", "", _keys_of(name, one)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _paragraphs(says: list[str]) -> list[str]:
    """Without drawings, which are indented."""
    return [text for text in says if not text.startswith(" ")]


def _flowing(text: str) -> str:
    return " ".join(text.split()) + "\n"


def _keys_of(name: str, one: type[InstrumentTable]) -> str:
    known = COMMON | MEANINGS.get(name, {})
    rows = []
    fields = sorted(msgspec.structs.fields(one), key=lambda field: not field.required)
    for field in fields:
        hexadecimal = field.name in ("address", "boards") and name != "it8500"
        default = default_in_words(field, hexadecimal=hexadecimal)
        if field.name == "baudrate":
            default = f"`0` ({one.usual_baudrate})" if issubclass(one, SerialTable) else ""
        words = type_in_words(field.type, hexadecimal=hexadecimal)
        rows.append((f"`{field.name}`", words, default, known[field.name]))
    return table(("key", "type", "default", "meaning"), rows)


def capabilities() -> str:
    rows = []
    for ability in ABILITIES:
        players = [f"`{name}`" for name, one in DRIVERS.items() if issubclass(one.kind, ability)]
        rows.append((f"`{ability.__name__}`", _questions(ability), ", ".join(players)))
    return table(("capability", "what a step may ask of it", "drivers that can play it"), rows)


def _questions(ability: type[Instrument]) -> str:
    own = [name for name, value in vars(ability).items() if callable(value)]
    return ", ".join(f"`{name}`" for name in own if not name.startswith("_"))


def dialects() -> str:
    rows = [("`scpi_supply`", f"`{name}`", str(one.baudrate)) for name, one in SUPPLIES.items()]
    rows += [("`scpi_load`", f"`{name}`", str(one.baudrate)) for name, one in LOADS.items()]
    return table(("driver", "`dialect`", "its usual baud rate"), rows)


def _first_line(one: type[InstrumentTable]) -> str:
    return (sys.modules[one.kind.__module__].__doc__ or "").strip().partition("\n")[0]


def _wire(one: type[InstrumentTable]) -> str:
    if issubclass(one, SerialTable):
        return "serial line"
    if issubclass(one, I2cTable) or one in (
        instruments.ScreenZonesTable,
        instruments.KeyActuatorTable,
    ):
        return "I²C"
    return {"pattern_screen": "video output", "ddc": "I²C of the video output"}.get(
        next(name for name, table_ in DRIVERS.items() if table_ is one), "USB"
    )
