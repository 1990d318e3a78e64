"""USB HID class descriptors and report descriptors, from bytes to fields. USB HID 1.11, 6.2."""

from typing import NamedTuple

from drivers.errors import BadReply
from drivers.formats.text import few
from drivers.languages.hid_fields import (
    MOST_FIELD_BITS,
    MOST_REPORT_BITS,
    Field,
    Kind,
    ReportDescriptor,
    UsageRange,
)

HID_DESCRIPTOR = 0x21  # HID 1.11, 7.1
REPORT_DESCRIPTOR = 0x22


class HidDescriptor(NamedTuple):
    """The class descriptor of a HID interface (HID 1.11, 6.2.1)."""

    version_bcd: int
    country_code: int
    report_descriptor_bytes: int


def find_hid_descriptor(extra: bytes) -> HidDescriptor:
    """Return the HID descriptor among an interface's class descriptors.

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

    A field whose ranges contradict themselves carries no usages; that, and what is declared in a
    way that hosts must guess at, stands in the `remarks`. Raises `BadReply`, with the offset, where
    no host could make sense of the items.
    """
    parser = _Parser(data)
    parser.run()
    numbered = any(field.report_id for field in parser.fields)
    return ReportDescriptor(tuple(parser.fields), numbered, few(parser.remarks))


class _Usage(NamedTuple):
    """A local usage as written: its page is only known at the main item, unless it has four
    bytes (6.2.2.8). Four bytes on page 0, which HUT leaves undefined, have none either."""

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
        """The logical maximum: signed, but `25 FF` above a minimum of 0 is 255 to every host."""
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
        self._alternatives: int | None = None  # number of usages so far, inside a delimiter
        self.fields: list[Field] = []
        self.remarks: list[str] = []

    def run(self) -> None:
        end = 0
        while end < len(self._data):
            self._offset = end
            prefix = self._data[end]
            if prefix == 0xFE:  # a long item, of which none is defined: skipped by its size
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

    def _remark(self, what: str) -> None:
        self.remarks.append(f"offset {self._offset}: {what}")

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
        usages = self._ranges()
        if state.logical_max < state.logical_min:
            self._remark(f"logical range {state.logical_min}…{state.logical_max}")
            usages = ()
        self._bits[key] = end
        if end == start:
            return
        variable = bool(flags & 2)
        named = sum(each.last - each.first + 1 for each in usages)
        if not variable and state.report_size == 1 and named > 2 and not flags & 1:
            # One bit cannot say which of many usages is on: a bitmap is meant.
            self._remark(f"an array of {state.report_count} single bits, read as a bitmap")
            variable = True
        self.fields.append(
            Field(
                kind=kind,
                report_id=state.report_id,
                bit_offset=start,
                size_bits=state.report_size,
                places=state.report_count,
                constant=bool(flags & 1),
                variable=variable,
                logical_min=state.logical_min,
                logical_max=state.logical_max,
                usages=usages,
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
        value = int.from_bytes(data, "little")
        usage = _Usage(value, extended=value > 0xFFFF)
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
                self._remark(f"usages {each.first:#x}…{each.last:#x}")
        return tuple(each for each in ranges if each.first <= each.last)
