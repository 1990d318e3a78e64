"""IEEE 1284-2000 device ids, as printers report them (USB printer class 1.1, 4.2.1).

    MFG:EPSON;CMD:ESCPL2,BDC,D4;MDL:L360 Series;CLS:PRINTER;DES:EPSON L360 Series;

Keys come in any order and case, in a short form and a long one.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from drivers.formats.identities import maker_key, maker_name, serial_or_none
from drivers.formats.text import clean, few, quote


class DeviceId(NamedTuple):
    """The facts that a device states of itself. A missing one is None or empty."""

    maker: str | None
    """In one spelling for each maker that is known."""
    model: str | None
    """The description without the maker's name where no model is given."""
    commands: tuple[str, ...]
    """The languages it understands."""
    printer_class: str | None
    description: str | None
    serial_number: str | None
    """None where it is a placeholder."""
    other: Mapping[str, str]
    """Any other field, by its key in capitals."""
    errors: tuple[str, ...]


_KEYS = {
    "MFG": "maker",
    "MANUFACTURER": "maker",
    "MDL": "model",
    "MODEL": "model",
    "CMD": "commands",
    "COMMAND SET": "commands",
    "CLS": "printer_class",
    "CLASS": "printer_class",
    "DES": "description",
    "DESCRIPTION": "description",
    "SERN": "serial_number",
    "SN": "serial_number",
    "NS": "serial_number",
    "SERIALNUMBER": "serial_number",
    "SERIAL NUMBER": "serial_number",
}

# A control character before a key stands where a semicolon was meant. Elsewhere it is in a text.
_SEPARATORS = re.compile(
    r";[\s\x00-\x1f]*|[\x00-\x1f]{1,4}(?=[ ]{0,4}[A-Za-z][A-Za-z0-9 _-]{0,30}:)"
)

# Two bytes of length and "MFG:x;MDL:y;": what claims to be shorter is wrong about its length.
_SHORTEST = 14


def parse(text: str) -> DeviceId:
    """Decode all that can be decoded; the mistakes are in `errors`. Never raises."""
    found: dict[str, str] = {}
    other: dict[str, str] = {}
    errors = []
    instead: set[str] = set()
    for separator, part in _parts(text):
        key, colon, value = part.partition(":")
        key, value = clean(key), clean(value)
        name = _KEYS.get(key.upper())
        if not (key or colon):
            continue
        if not (key and colon):
            errors.append(f"{quote(part.strip())} has no key")
            continue
        if separator and separator[0] != ";" and separator not in instead:
            instead.add(separator)
            errors.append(f"{quote(separator)} where a semicolon belongs")
        if name is None:
            other.setdefault(key.upper(), value)
        elif not found.get(name):
            found[name] = value
        elif name == "commands":
            found[name] += "," + value
        elif found[name] != value:
            errors.append(f"{key} comes again: {quote(value)}")
    if not found:
        errors.append("no fields of a device id")
    commands = (command.strip() for command in found.get("commands", "").split(","))
    said_serial = found.get("serial_number")
    return DeviceId(
        maker=maker_name(found["maker"]) if "maker" in found else None,
        model=found["model"] if "model" in found else _described(found),
        commands=tuple(filter(None, commands)),
        printer_class=found.get("printer_class"),
        description=found.get("description"),
        serial_number=said_serial and serial_or_none(said_serial),
        other=other,
        errors=few(errors),
    )


def _parts(text: str) -> list[tuple[str, str]]:
    """Split an id into its fields, each with the separator before it."""
    ends = [(match.start(), match.end()) for match in _SEPARATORS.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), len(text)]
    before = ["", *(text[start:end] for start, end in ends)]
    return [
        (separator, text[start:stop])
        for separator, start, stop in zip(before, starts, stops, strict=True)
    ]


def _described(found: Mapping[str, str]) -> str | None:
    """Return the model that the description names: without the maker, however it is spelt."""
    description = found.get("description")
    if not description:
        return None
    first, _, rest = description.partition(" ")
    maker = found.get("maker", "")
    if rest and maker and maker_key(first) == maker_key(maker):
        return rest.strip()
    return description


def parse_bytes(data: bytes) -> DeviceId:
    """Decode an id with the two bytes of length in front, as GET_DEVICE_ID answers. Never raises.

    The length is big-endian and counts itself. Vendors got both wrong, and a host may have read
    less, or more, than the length says.
    """
    text, errors = _without_length(data)
    try:
        device_id = parse(text.decode("utf-8"))
    except UnicodeDecodeError:
        device_id = parse(text.decode("latin-1"))
    return device_id._replace(errors=few((*errors, *device_id.errors)))


def _without_length(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    head = data[:2]
    if len(head) < 2:
        return b"", (f"{len(data)} bytes, too short for a length",)
    if all(0x20 <= byte < 0x7F for byte in head):
        return data, ("no length in front",)
    length, swapped = (int.from_bytes(head, order) for order in ("big", "little"))
    if _SHORTEST <= length <= len(data):
        return _cut(data, length)
    if _SHORTEST <= swapped <= len(data):
        text, errors = _cut(data, swapped)
        return text, ("length is little-endian", *errors)
    return data[2:], (f"length is {length} ({head.hex(' ')}), but there are {len(data)} bytes",)


def _cut(data: bytes, length: int) -> tuple[bytes, tuple[str, ...]]:
    """Cut off what follows the id: padding, unless the length does not count its own two bytes."""
    left = data[length:].rstrip(b"\0")
    if not left:
        return data[2:length], ()
    if len(left) <= 2:
        return data[2 : length + 2], ("length does not count itself",)
    return data[2:length], (f"{len(left)} bytes follow what the length says",)
