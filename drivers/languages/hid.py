"""USB HID report descriptors, and the keys in a keyboard's reports. USB HID 1.11; HUT 1.5.

A usage here is `page << 16 | id`; of keys, once they are known to be keys, only the id.
"""

from collections.abc import Iterator, Set
from typing import Literal, NamedTuple

from drivers.errors import BadReply

KEYBOARD_PAGE = 0x07
LED_PAGE = 0x08

# HUT, "Keyboard/Keypad Page (0x07)": what stands in a key's place when keys cannot be told.
NO_ERROR = 0x00
ERROR_ROLL_OVER = 0x01
POST_FAIL = 0x02
ERROR_UNDEFINED = 0x03

FIRST_KEY = 0x04
FIRST_MODIFIER = 0xE0
LAST_MODIFIER = 0xE7

BOOT_REPORT_BYTES = 8  # HID 1.11 appendix B.1

# As in Linux's hid-core.c: a device that wants more than these is broken or hostile.
MOST_REPORT_BITS = 16384 * 8
MOST_FIELD_BITS = 256

HID_DESCRIPTOR = 0x21  # HID 1.11, 7.1
REPORT_DESCRIPTOR = 0x22

Kind = Literal["input", "output", "feature"]


class HidDescriptor(NamedTuple):
    """The class descriptor of a HID interface (HID 1.11, 6.2.1)."""

    version_bcd: int
    country_code: int
    report_descriptor_bytes: int


class UsageRange(NamedTuple):
    """Usages from `first` to `last`, both included."""

    first: int
    last: int


class Field(NamedTuple):
    """`places` values of `size_bits` each, from `bit_offset` on, the report id's byte included.

    Of a variable, each value has its own usage; of an array, each value says which usage is on.
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
        """The usage at `index`. A variable's last usage stands for all that follow (6.2.2.8)."""
        if index < 0 or not self.usages:
            return None
        for each in self.usages:
            if index <= each.last - each.first:
                return each.first + index
            index -= each.last - each.first + 1
        return self.usages[-1].last if self.variable else None

    def values(self, report: bytes) -> Iterator[int]:
        """Its values in a report that is long enough."""
        bits = int.from_bytes(report, "little") >> self.bit_offset
        mask = (1 << self.size_bits) - 1
        for _ in range(self.places):
            value = bits & mask
            if self.logical_min < 0 and value >> (self.size_bits - 1):
                value -= mask + 1
            yield value
            bits >>= self.size_bits

    def is_about(self, page: int) -> bool:
        return not self.constant and any(
            each.first >> 16 <= page <= each.last >> 16 for each in self.usages
        )

    def keys(self) -> frozenset[int]:
        """The keys it can report."""
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
    """All fields in the order of their items. `numbered`: reports begin with their id."""

    fields: tuple[Field, ...]
    numbered: bool

    def report_bytes(self, kind: Kind, report_id: int) -> int:
        """The length of a report, with its id; 0 when there is no such report."""
        ends = [f.end_bit for f in self.fields if f.kind == kind and f.report_id == report_id]
        return (max(ends, default=0) + 7) // 8

    def longest_report_bytes(self, kind: Kind) -> int:
        ends = [field.end_bit for field in self.fields if field.kind == kind]
        return (max(ends, default=0) + 7) // 8

    def key_fields(self) -> tuple[Field, ...]:
        return tuple(
            field
            for field in self.fields
            if field.kind == "input" and field.is_about(KEYBOARD_PAGE)
        )

    def keys(self) -> frozenset[int]:
        """Every key usage its reports can hold."""
        return frozenset().union(*(field.keys() for field in self.key_fields()))

    def rollover(self) -> int:
        """How many keys besides modifiers its best report can hold."""
        held: dict[int, int] = {}
        for field in self.key_fields():
            modifiers = range(FIRST_MODIFIER, LAST_MODIFIER + 1)
            plain = len(field.keys().difference(modifiers))
            held.setdefault(field.report_id, 0)
            held[field.report_id] += plain if field.variable else min(field.places, plain)
        return max(held.values(), default=0)

    def led_fields(self) -> tuple[Field, ...]:
        return tuple(
            field for field in self.fields if field.kind == "output" and field.is_about(LED_PAGE)
        )


class Keys(NamedTuple):
    """What one report says. With an `error` (HUT 0x01-0x03) only its modifiers can be trusted."""

    report_id: int
    down: frozenset[int]
    error: int = NO_ERROR


def find_hid_descriptor(extra: bytes) -> HidDescriptor:
    """The HID descriptor among an interface's class descriptors.

    Raises `BadReply` when there is none, or it names no report descriptor.
    """
    offset = 0
    while offset + 2 <= len(extra):
        size, kind = extra[offset], extra[offset + 1]
        descriptor = extra[offset : offset + size]
        if size < 2 or len(descriptor) < size:
            break
        if kind == HID_DESCRIPTOR and size >= 9:
            for entry in range(6, size - 2, 3):
                if descriptor[entry] == REPORT_DESCRIPTOR:
                    return HidDescriptor(
                        version_bcd=int.from_bytes(descriptor[2:4], "little"),
                        country_code=descriptor[4],
                        report_descriptor_bytes=int.from_bytes(
                            descriptor[entry + 1 : entry + 3], "little"
                        ),
                    )
        offset += size
    raise BadReply(f"no HID descriptor that names a report descriptor in {extra.hex(' ')!r}")


def parse_report_descriptor(data: bytes) -> ReportDescriptor:
    """Read the items of a report descriptor (HID 1.11, 6.2.2).

    Raises `BadReply`, with the offset, on what no host could make sense of.
    """
    parser = _Parser(data)
    parser.run()
    numbered = any(field.report_id for field in parser.fields)
    return ReportDescriptor(tuple(parser.fields), numbered)


def keys_in_boot_report(report: bytes) -> Keys:
    """Modifiers, a reserved byte, six keys; what a device appends is its own (appendix B)."""
    if len(report) < BOOT_REPORT_BYTES:
        raise BadReply(f"keyboard boot report of {len(report)} bytes, not 8: {report.hex(' ')!r}")
    modifiers = {FIRST_MODIFIER + bit for bit in range(8) if report[0] >> bit & 1}
    codes = report[2:BOOT_REPORT_BYTES]
    error = next((code for code in codes if NO_ERROR < code < FIRST_KEY), NO_ERROR)
    return Keys(0, frozenset(modifiers | {code for code in codes if code >= FIRST_KEY}), error)


def keys_in_report(descriptor: ReportDescriptor, report: bytes) -> Keys | None:
    """Which keys are down in an input report, or None when it is not about keys.

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
    """The output report with these usages on and all else off, its id in front if it has one."""
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


class _Usage(NamedTuple):
    """A local usage as written: its page is only known at the main item, unless it has four
    bytes (6.2.2.8)."""

    value: int
    extended: bool

    def on(self, page: int) -> int:
        return self.value if self.extended else page << 16 | self.value


class _Globals(NamedTuple):
    """The item state table that Push keeps and Pop brings back (6.2.2.7)."""

    usage_page: int = 0
    logical_min: int = 0
    logical_max_data: bytes = b""
    report_size: int = 0
    report_count: int = 0
    report_id: int = 0

    @property
    def logical_max(self) -> int:
        """Signed by the book, but `25 FF` above a minimum of 0 is 255 to every host."""
        return int.from_bytes(self.logical_max_data, "little", signed=self.logical_min < 0)


_KINDS: dict[int, Kind] = {0x8: "input", 0x9: "output", 0xB: "feature"}


class _Parser:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0
        self._globals = _Globals()
        self._stack: list[_Globals] = []
        self._collections: list[int] = []
        self._bits: dict[tuple[Kind, int], int] = {}
        self._usages: list[tuple[_Usage, _Usage]] = []
        self._first = _Usage(0, extended=False)
        self._alternatives: int | None = None  # how many are known, inside a delimiter
        self.fields: list[Field] = []

    def run(self) -> None:
        end = 0
        while end < len(self._data):
            self._offset = end
            prefix = self._data[end]
            if prefix == 0xFE:  # a long item: none are defined, its size says where it ends
                size = self._data[end + 1] if end + 1 < len(self._data) else 0
                self._take(end + 3, size)
                end += 3 + size
                continue
            size = (0, 1, 2, 4)[prefix & 3]
            data = self._take(end + 1, size)
            end += 1 + size
            match prefix >> 2 & 3:
                case 0:
                    self._main(prefix >> 4, data)
                case 1:
                    self._global(prefix >> 4, data)
                case 2:
                    self._local(prefix >> 4, data)
        self._offset = end
        if self._collections:
            raise self._wrong("ends inside a collection")

    def _take(self, start: int, size: int) -> bytes:
        if start + size > len(self._data):
            raise self._wrong("ends inside an item")
        return self._data[start : start + size]

    def _wrong(self, why: str) -> BadReply:
        there = self._data[self._offset : self._offset + 8].hex(" ") or "its end"
        return BadReply(f"HID report descriptor, offset {self._offset} ({there}): {why}")

    def _main(self, tag: int, data: bytes) -> None:
        if self._alternatives is not None:
            raise self._wrong("a main item inside a delimiter")
        match tag:
            case 0x8 | 0x9 | 0xB:
                self._field(_KINDS[tag], int.from_bytes(data, "little"))
            case 0xA:
                first = self._ranges()[:1]
                self._collections.append(first[0].first if first else 0)
            case 0xC:
                if not self._collections:
                    raise self._wrong("ends a collection that was not begun")
                self._collections.pop()
        self._forget_locals()

    def _field(self, kind: Kind, flags: int) -> None:
        state = self._globals
        key = (kind, state.report_id)
        start = self._bits.get(key, 8 if state.report_id else 0)
        if state.report_size > MOST_FIELD_BITS:
            raise self._wrong(f"a field of {state.report_size} bits")
        end = start + state.report_size * state.report_count
        if end > MOST_REPORT_BITS:
            raise self._wrong(f"a report of {end} bits")
        if state.logical_max < state.logical_min:
            raise self._wrong(f"logical range {state.logical_min}…{state.logical_max}")
        self._bits[key] = end
        if end == start:
            return
        self.fields.append(
            Field(
                kind=kind,
                report_id=state.report_id,
                bit_offset=start,
                size_bits=state.report_size,
                places=state.report_count,
                constant=bool(flags & 1),
                variable=bool(flags & 2),
                logical_min=state.logical_min,
                logical_max=state.logical_max,
                usages=self._ranges(),
                application=self._collections[0] if self._collections else 0,
            )
        )

    def _global(self, tag: int, data: bytes) -> None:
        value = int.from_bytes(data, "little")
        match tag:
            case 0x0:
                self._globals = self._globals._replace(usage_page=value & 0xFFFF)
            case 0x1:
                signed = int.from_bytes(data, "little", signed=True)
                self._globals = self._globals._replace(logical_min=signed)
            case 0x2:
                self._globals = self._globals._replace(logical_max_data=data)
            case 0x7:
                self._globals = self._globals._replace(report_size=value)
            case 0x8:
                if not 1 <= value <= 255:
                    raise self._wrong(f"report id {value}")
                self._globals = self._globals._replace(report_id=value)
            case 0x9:
                self._globals = self._globals._replace(report_count=value)
            case 0xA:
                self._stack.append(self._globals)
            case 0xB:
                if not self._stack:
                    raise self._wrong("pops what was not pushed")
                self._globals = self._stack.pop()

    def _local(self, tag: int, data: bytes) -> None:
        usage = _Usage(int.from_bytes(data, "little"), extended=len(data) == 4)
        match tag:
            case 0x0 | 0x1 | 0x2 if self._alternatives:
                pass  # of alternative usages only the first, preferred one is used (6.2.2.8)
            case 0x0:
                self._add_usages(usage, usage)
            case 0x1:
                self._first = usage
            case 0x2:
                self._add_usages(self._first, usage)
            case 0xA if usage.value == 1:
                if self._alternatives is not None:
                    raise self._wrong("a delimiter inside a delimiter")
                self._alternatives = 0
            case 0xA:
                if self._alternatives is None:
                    raise self._wrong("closes a delimiter that was not opened")
                self._alternatives = None

    def _add_usages(self, first: _Usage, last: _Usage) -> None:
        self._usages.append((first, last))
        if self._alternatives is not None:
            self._alternatives += 1

    def _forget_locals(self) -> None:
        self._usages = []
        self._first = _Usage(0, extended=False)
        self._alternatives = None

    def _ranges(self) -> tuple[UsageRange, ...]:
        page = self._globals.usage_page
        ranges = [UsageRange(first.on(page), last.on(page)) for first, last in self._usages]
        for each in ranges:
            if each.last < each.first:
                raise self._wrong(f"usages {each.first:#x}…{each.last:#x}")
        return tuple(ranges)
