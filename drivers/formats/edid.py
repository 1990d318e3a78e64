"""EDID: VESA Enhanced EDID Standard, release A revision 2 (EDID 1.4); extensions after CTA-861
and DisplayID.

A base block of 128 bytes and the extension blocks it promises; each sums to 0 modulo 256.

    0x00 header       0x08 manufacturer  0x0A product   0x0C serial   0x10 week, year
    0x12 version      0x14 input         0x15 size      0x17 gamma
    0x36 four descriptors of 18 bytes    0x7E extensions, 0x7F checksum

Damage is told in `errors`: it fails a display. What is only odd, as in thousands of good displays,
is told in `remarks`.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from drivers.formats.edid_details import (
    BLOCK_SIZE,
    CTA_EXTENSION,
    Extensions,
    Timing,
    cta_descriptors,
    detailed_timing,
    extensions,
    range_limits,
)
from drivers.formats.identities import is_placeholder, is_placeholder_number
from drivers.formats.text import clean, few

HEADER = bytes.fromhex("00 ff ff ff ff ff ff 00")

# A header with one wrong byte is a damaged EDID, with more it is something else. An erased memory
# already has six bytes right.
LEAST_HEADER_BYTES = 7

NAME = 0xFC
OTHER_TEXT = 0xFE
SERIAL_TEXT = 0xFF


class Edid(NamedTuple):
    """The facts that a display states of itself. A missing one is None, a blank text is empty."""

    version: str | None = None
    manufacturer: str | None = None
    """Three letters, assigned by the UEFI forum."""
    product_code: int | None = None
    serial_number: int | None = None
    """None where it is 0 or a placeholder that tells no two displays apart."""
    serial_text: str | None = None
    """Empty where it is blank or a placeholder."""
    name: str | None = None
    week: int | None = None
    year: int | None = None
    """Of manufacture; a display that gives a model year gives neither this nor a week."""
    model_year: int | None = None
    width_cm: int | None = None
    height_cm: int | None = None
    """None for projectors, and for displays that give an aspect ratio only."""
    gamma: float | None = None
    text: str | None = None
    """Of the other texts, the first that is not blank."""
    digital: bool | None = None
    native_width_px: int | None = None
    native_height_px: int | None = None
    native_refresh_hz: float | None = None
    """Of the preferred timing, where the display says that it is its native one; of DisplayID's."""
    width_mm: int | None = None
    height_mm: int | None = None
    """By the first timing that gives a size, otherwise by DisplayID."""
    min_vertical_hz: int | None = None
    max_vertical_hz: int | None = None
    min_horizontal_khz: int | None = None
    max_horizontal_khz: int | None = None
    max_pixel_clock_mhz: int | None = None
    audio: bool = False
    hdr: bool = False
    display_id: str | None = None
    """The version of the DisplayID extension, "1.2" say."""
    extensions: int = 0
    """As byte 0x7E has it."""
    checksum_ok: bool = False
    """Of every block that is there."""
    errors: tuple[str, ...] = ()
    """The damages, in words."""
    remarks: tuple[str, ...] = ()
    """Oddities that say nothing of a display's soundness, in words."""

    @property
    def serial(self) -> str:
        """The serial number that tells this display from others; empty where it states none."""
        return self.serial_text or str(self.serial_number or "")


def parse(data: bytes) -> Edid:
    """Decode all that can be decoded; damage is told in `errors`. Never raises.

    The size is what bytes 0x15 and 0x16 say; the few displays beyond 255 cm scale it by five in
    their HDMI data block, which is not looked at.
    """
    checksum_errors = tuple(_checksum_errors(data))
    errors = [*_shape_errors(data), *checksum_errors]
    if data[:8] != HEADER:
        errors.insert(0, f"header is {_hex(data[:8])}, not {_hex(HEADER)}")
    if not _is_edid(data):
        return Edid(errors=few(errors))
    reading = _Reading(data)
    native, details = reading.native(), reading.details
    width_cm, height_cm = data[0x15], data[0x16]
    sized = bool(width_cm and height_cm)
    week, year = data[0x10], 1990 + data[0x11]
    width_mm, height_mm = reading.size_mm()
    ranges = range_limits(reading.descriptors, data[0x13])
    return Edid(
        version=f"{data[0x12]}.{data[0x13]}",
        manufacturer=reading.manufacturer(),
        product_code=int.from_bytes(data[0x0A:0x0C], "little"),
        serial_number=reading.serial_number(),
        serial_text=reading.serial_text(),
        name=reading.text(NAME, "name"),
        week=week if 0 < week < 0xFF else None,
        year=year if week < 0xFF else None,
        model_year=year if week == 0xFF else None,
        width_cm=width_cm if sized else None,
        height_cm=height_cm if sized else None,
        gamma=round((data[0x17] + 100) / 100, 2) if data[0x17] < 0xFF else None,
        text=reading.text(OTHER_TEXT, "other text"),
        digital=bool(data[0x14] & 0x80),
        native_width_px=native.width_px if native else None,
        native_height_px=native.height_px if native else None,
        native_refresh_hz=round(native.refresh_hz, 3) or None if native else None,
        width_mm=width_mm,
        height_mm=height_mm,
        min_vertical_hz=ranges.min_vertical_hz if ranges else None,
        max_vertical_hz=ranges.max_vertical_hz if ranges else None,
        min_horizontal_khz=ranges.min_horizontal_khz if ranges else None,
        max_horizontal_khz=ranges.max_horizontal_khz if ranges else None,
        max_pixel_clock_mhz=ranges.max_pixel_clock_mhz if ranges else None,
        audio=details.audio,
        hdr=details.hdr,
        display_id=details.display_id,
        extensions=data[0x7E],
        checksum_ok=not checksum_errors and len(data) % BLOCK_SIZE == 0,
        errors=few(errors),
        remarks=few(reading.oddities()),
    )


def blocks_promised(data: bytes) -> int:
    """Return how many blocks the display promises in those given; 1 if they are no EDID.

    HDMI 2.1 sinks hide all but one extension from old sources, and give the true number in the
    "HDMI Forum EDID Extension Override Data Block" that begins the first extension.
    """
    if not _is_edid(data):
        return 1
    first = data[BLOCK_SIZE : BLOCK_SIZE + 7]
    if len(first) == 7 and first[0] == CTA_EXTENSION and first[4:6] == b"\xe2\x78" and first[6]:
        return 1 + first[6]
    return 1 + data[0x7E]


def begins_edid(data: bytes) -> bool:
    """Tell whether these bytes begin with the header of an EDID; one of its bytes may be wrong."""
    right = sum(is_ == should for is_, should in zip(data, HEADER, strict=False))
    return right >= LEAST_HEADER_BYTES


def _is_edid(data: bytes) -> bool:
    return len(data) >= BLOCK_SIZE and begins_edid(data)


def _blocks(data: bytes) -> list[bytes]:
    whole = len(data) // BLOCK_SIZE * BLOCK_SIZE
    return [data[start : start + BLOCK_SIZE] for start in range(0, whole, BLOCK_SIZE)]


def _shape_errors(data: bytes) -> Iterator[str]:
    blocks = _blocks(data)
    if len(data) % BLOCK_SIZE or not data:
        yield f"{len(data)} bytes, not a multiple of {BLOCK_SIZE}"
    if blocks and len(blocks) != blocks_promised(data):
        yield f"{len(blocks)} blocks, but it promises {blocks_promised(data)}"
    # A small memory whose address wraps, or a segment pointer that was not understood.
    yield from (
        f"block {number} is block 0 again"
        for number, block in enumerate(blocks)
        if number and block == blocks[0]
    )


def _checksum_errors(data: bytes) -> Iterator[str]:
    for number, block in enumerate(_blocks(data)):
        if sum(block) % 256:
            should = -sum(block[:-1]) % 256
            yield f"block {number} has checksum {block[-1]:#04x}, not {should:#04x}"


class _Reading:
    """One EDID with a whole base block, and the remarks that reading it brings."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._remarks: list[str] = []
        base, *more = _blocks(data)
        self.details: Extensions = extensions(more)
        self.descriptors = [base[start : start + 18] for start in (0x36, 0x48, 0x5A, 0x6C)]
        self.descriptors += [each for block in more for each in cta_descriptors(block)]

    def oddities(self) -> list[str]:
        """Return the remarks; complete once all fields were read."""
        data = self._data
        if data[0x12] != 1:
            self._remarks.append(f"version {data[0x12]}.{data[0x13]} is unknown, read as 1.4")
        if 54 < data[0x10] < 0xFF:
            self._remarks.append(f"week {data[0x10]} of manufacture")
        return self._remarks

    def manufacturer(self) -> str:
        """Return the three letters in fifteen bits, of which 1 is A."""
        packed = self._data[0x08:0x0A]
        number = int.from_bytes(packed, "big")
        letters = "".join(chr(ord("@") + (number >> shift & 0x1F)) for shift in (10, 5, 0))
        if not letters.isalpha():
            self._remarks.append(
                f"manufacturer {_hex(packed)} is {letters!r}, not three letters of the alphabet"
            )
        return letters

    def serial_number(self) -> int | None:
        number = int.from_bytes(self._data[0x0C:0x10], "little")
        if number and is_placeholder_number(number):
            self._remarks.append(f"serial number {number} is a placeholder")
        return None if is_placeholder_number(number) else number

    def serial_text(self) -> str | None:
        text = self.text(SERIAL_TEXT, "serial text")
        if text and is_placeholder(text):
            self._remarks.append(f"serial text {text!r} is a placeholder")
            return ""
        return text

    def text(self, tag: int, what: str) -> str | None:
        """Return the first text of this kind that is not blank.

        Some displays have two: the second is empty, the same again, or something else altogether.
        """
        found = []
        for descriptor in self.descriptors:
            if descriptor[:2] == b"\0\0" and descriptor[3] == tag:
                line = descriptor[5:].partition(b"\n")[0]
                ascii_ = bytes(takewhile(range(0x20, 0x7F).__contains__, line))
                if line[len(ascii_) :].strip(b" \0\xff"):  # zeros and ones are usual as padding
                    self._remarks.append(f"{what} is not ASCII: {_hex(descriptor[5:])}")
                found.append(clean(ascii_))
        return next(filter(None, found), "" if found else None)

    def native(self) -> Timing | None:
        """Return the native timing; None where the display does not say which one that is."""
        preferred = detailed_timing(self.descriptors[0])
        # E-EDID A2, 3.6.4: feature bit 1. Before 1.3 the first timing was only "preferred".
        if preferred and self._data[0x18] & 0x02:
            return preferred
        return self.details.native

    def size_mm(self) -> tuple[int | None, int | None]:
        timings = filter(None, map(detailed_timing, self.descriptors))
        for each in timings:
            if each.width_mm and each.height_mm:
                return each.width_mm, each.height_mm
        return self.details.width_mm, self.details.height_mm


def _hex(data: bytes) -> str:
    return data.hex(" ")
