"""The fields of USB HID reports, as a report descriptor describes them. USB HID 1.11; HUT 1.5.

A usage here is `page << 16 | id`; of keys, once they are known to be keys, only the id.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

KEYBOARD_PAGE = 0x07
LED_PAGE = 0x08

# HUT, "Keyboard/Keypad Page (0x07)"
FIRST_KEY = 0x04
FIRST_MODIFIER = 0xE0
LAST_MODIFIER = 0xE7

# As in Linux's hid-core.c: a device that wants more than these is broken or hostile.
MOST_REPORT_BITS = 16384 * 8
MOST_FIELD_BITS = 256

Kind = Literal["input", "output", "feature"]


class UsageRange(NamedTuple):
    """The usages from `first` to `last`, both included."""

    first: int
    last: int


class Field(NamedTuple):
    """A part of a report: `places` values of `size_bits` each, from `bit_offset` on.

    The offset counts the byte of the report id. Of a variable, each value has its own usage; of an
    array, each value says which usage is on.
    """

    kind: Kind
    report_id: int
    bit_offset: int
    size_bits: int
    places: int
    constant: bool
    variable: bool
    logical_min: int
    logical_max: int
    usages: tuple[UsageRange, ...]
    application: int

    @property
    def end_bit(self) -> int:
        return self.bit_offset + self.size_bits * self.places

    def usage(self, index: int) -> int | None:
        """Return the usage at `index`; a variable's last holds for all that follow (6.2.2.8)."""
        if index < 0 or not self.usages:
            return None
        for each in self.usages:
            if index <= each.last - each.first:
                return each.first + index
            index -= each.last - each.first + 1
        return self.usages[-1].last if self.variable else None

    def values(self, report: bytes) -> Iterator[int]:
        """Yield the values of the field in a report that is long enough."""
        bits = int.from_bytes(report, "little") >> self.bit_offset
        mask = (1 << self.size_bits) - 1
        for _ in range(self.places):
            value = bits & mask
            if self.logical_min < 0 and value >> (self.size_bits - 1):
                value -= mask + 1
            yield value
            bits >>= self.size_bits

    def is_about(self, page: int) -> bool:
        """Tell whether the field carries usages of this page."""
        return not self.constant and any(
            each.first >> 16 <= page <= each.last >> 16 for each in self.usages
        )

    def keys(self) -> frozenset[int]:
        """Return the keys that the field can report."""
        left = self.places if self.variable else self.logical_max - self.logical_min + 1
        keys: set[int] = set()
        for each in self.usages:
            if left <= 0:
                break
            last = min(each.last, each.first + left - 1)
            left -= last - each.first + 1
            low = max(each.first, KEYBOARD_PAGE << 16 | FIRST_KEY)
            high = min(last, KEYBOARD_PAGE << 16 | LAST_MODIFIER)  # HUT reserves what follows
            keys.update(usage & 0xFFFF for usage in range(low, high + 1))
        return frozenset(keys)


class ReportDescriptor(NamedTuple):
    """The fields of all reports, in the order of the items. `numbered`: reports begin with ids."""

    fields: tuple[Field, ...]
    numbered: bool
    remarks: tuple[str, ...] = ()
    """The oddities of its items, with their offsets."""

    def report_bytes(self, kind: Kind, report_id: int) -> int:
        """Return the length of a report, with its id; 0 when there is no such report."""
        ends = [f.end_bit for f in self.fields if f.kind == kind and f.report_id == report_id]
        return (max(ends, default=0) + 7) // 8

    def longest_report_bytes(self, kind: Kind) -> int:
        """Return the length of the longest report of this kind, with its id."""
        ends = [field.end_bit for field in self.fields if field.kind == kind]
        return (max(ends, default=0) + 7) // 8

    def key_fields(self) -> tuple[Field, ...]:
        """Return the input fields that carry keys."""
        return tuple(
            field
            for field in self.fields
            if field.kind == "input" and field.is_about(KEYBOARD_PAGE)
        )

    def keys(self) -> frozenset[int]:
        """Return the keys that the reports can hold."""
        return frozenset().union(*(field.keys() for field in self.key_fields()))

    def rollover(self) -> int:
        """Return how many keys besides modifiers the best report can hold."""
        held: dict[int, int] = {}
        for field in self.key_fields():
            modifiers = range(FIRST_MODIFIER, LAST_MODIFIER + 1)
            plain = len(field.keys().difference(modifiers))
            held.setdefault(field.report_id, 0)
            held[field.report_id] += plain if field.variable else min(field.places, plain)
        return max(held.values(), default=0)

    def led_fields(self) -> tuple[Field, ...]:
        """Return the output fields that light LEDs."""
        return tuple(
            field for field in self.fields if field.kind == "output" and field.is_about(LED_PAGE)
        )
