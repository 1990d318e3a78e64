"""The reports of USB HID keyboards: keys that are down, LEDs to light. USB HID 1.11; HUT 1.5."""

from collections.abc import Iterator, Set
from typing import NamedTuple

from drivers.errors import BadReply
from drivers.languages.hid_fields import (
    FIRST_KEY,
    FIRST_MODIFIER,
    KEYBOARD_PAGE,
    MOST_REPORT_BITS,
    Field,
    ReportDescriptor,
)

BOOT_REPORT_BYTES = 8  # HID 1.11 appendix B.1

# HUT, "Keyboard/Keypad Page (0x07)": in a key's place when the keyboard cannot tell its keys.
NO_ERROR = 0x00
ERROR_ROLL_OVER = 0x01
POST_FAIL = 0x02
ERROR_UNDEFINED = 0x03


class Keys(NamedTuple):
    """The keys of one report. With an `error` (HUT 0x01-0x03) only its modifiers can be trusted."""

    report_id: int
    down: frozenset[int]
    error: int = NO_ERROR


def keys_in_boot_report(report: bytes) -> Keys:
    """Return the keys of a boot report: modifiers, a reserved byte, six keys (appendix B).

    Bytes that a device appends are ignored. Raises `BadReply` when the report is shorter.
    """
    if len(report) < BOOT_REPORT_BYTES:
        raise BadReply(f"keyboard boot report of {len(report)} bytes, not 8: {report.hex(' ')!r}")
    modifiers = {FIRST_MODIFIER + bit for bit in range(8) if report[0] >> bit & 1}
    codes = report[2:BOOT_REPORT_BYTES]
    error = next((code for code in codes if NO_ERROR < code < FIRST_KEY), NO_ERROR)
    return Keys(0, frozenset(modifiers | {code for code in codes if code >= FIRST_KEY}), error)


def keys_in_report(descriptor: ReportDescriptor, report: bytes) -> Keys | None:
    """Return the keys that are down in an input report; None when it is not about keys.

    Raises `BadReply` when the report is shorter than described or has an unknown id.
    """
    report_id = report[0] if descriptor.numbered and report else 0
    size = descriptor.report_bytes("input", report_id)
    if not size:
        raise BadReply(f"a report that the report descriptor does not know: {report.hex(' ')!r}")
    if len(report) < size:
        raise BadReply(
            f"a report of {len(report)} bytes where {size} were described: {report.hex(' ')!r}"
        )
    fields = [field for field in descriptor.key_fields() if field.report_id == report_id]
    if not fields:
        return None
    usages = {usage for field in fields for usage in _usages_on(field, report)}
    keys = {usage & 0xFFFF for usage in usages if usage >> 16 == KEYBOARD_PAGE}
    error = min((key for key in keys if NO_ERROR < key < FIRST_KEY), default=NO_ERROR)
    return Keys(report_id, frozenset(key for key in keys if key >= FIRST_KEY), error)


def encode_output(descriptor: ReportDescriptor, report_id: int, on: Set[int]) -> bytes:
    """Return the output report with these usages on and all others off, its id in front if any.

    Raises `ValueError` when there is no such report.
    """
    size = descriptor.report_bytes("output", report_id)
    if not size:
        raise ValueError(f"there is no output report {report_id}")
    bits = report_id if descriptor.numbered else 0
    for field in descriptor.fields:
        if field.kind == "output" and field.report_id == report_id and not field.constant:
            for place, value in enumerate(_values_for(field, on)):
                mask = (1 << field.size_bits) - 1
                bits |= (value & mask) << (field.bit_offset + place * field.size_bits)
    return bits.to_bytes(size, "little")


def _usages_on(field: Field, report: bytes) -> Iterator[int]:
    for place, value in enumerate(field.values(report)):
        if field.variable:
            usage = field.usage(place) if value else None
        elif field.logical_min <= value <= field.logical_max:
            usage = field.usage(value - field.logical_min)
        else:
            usage = None  # out of range is "no control" (6.2.2.5)
        if usage is not None:
            yield usage


def _values_for(field: Field, on: Set[int]) -> Iterator[int]:
    if field.variable:
        for place in range(field.places):
            yield (field.logical_max or 1) if field.usage(place) in on else 0
        return
    choices = min(field.logical_max - field.logical_min + 1, MOST_REPORT_BITS)
    chosen = [index for index in range(choices) if field.usage(index) in on]
    yield from (field.logical_min + index for index in chosen[: field.places])
