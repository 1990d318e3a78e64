"""Decode what an EDID says of its display beyond name and year: timings, ranges, extensions.

VESA E-EDID A2 (EDID 1.4), 3.10 detailed timings and display descriptors; CTA-861-H, 7.5 data
blocks; VESA DisplayID 1.3 and 2.0, data blocks 0x01, 0x03, 0x21 and 0x22.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

BLOCK_SIZE = 128
DESCRIPTOR_SIZE = 18
CTA_EXTENSION = 0x02
DISPLAY_ID_EXTENSION = 0x70

RANGE_LIMITS = 0xFD

# CTA-861-H, table 58 and 59
AUDIO_BLOCK = 1
EXTENDED_BLOCK = 7
HDR_STATIC_METADATA = 6

# DisplayID 1.3, 4.1; DisplayID 2.0, 4.1
PARAMETERS_1, PARAMETERS_2 = 0x01, 0x21
TYPE_I_TIMING, TYPE_VII_TIMING = 0x03, 0x22


LEAST_CLOCK_HZ = 10_000_000
"""A slower timing is damage: VGA's has 25 MHz."""

MOST_ASPECT = (16, 10)
"""Millimetres up to which a size is an aspect ratio: "16 mm x 9 mm" (edid-decode says the same)."""


class Timing(NamedTuple):
    """A detailed timing: pixels, refresh rate, size of the picture."""

    width_px: int
    height_px: int
    """Of a whole picture, also where it is interlaced."""
    refresh_hz: float
    """Of fields, where it is interlaced."""
    interlaced: bool = False
    width_mm: int | None = None
    height_mm: int | None = None
    """None where the timing gives no size, or an aspect ratio in its place."""


class RangeLimits(NamedTuple):
    """The rates that a display can follow (E-EDID A2, 3.10.3.3)."""

    min_vertical_hz: int
    max_vertical_hz: int
    min_horizontal_khz: int
    max_horizontal_khz: int
    max_pixel_clock_mhz: int | None
    """None where it is 0, not given."""


class Extensions(NamedTuple):
    """The facts that stand in the extension blocks."""

    native: Timing | None = None
    """By DisplayID; its refresh rate is 0 where it gives pixels only."""
    width_mm: int | None = None
    height_mm: int | None = None
    audio: bool = False
    hdr: bool = False
    display_id: str | None = None
    """The version of DisplayID, "1.2" say; None without such an extension."""


def detailed_timing(descriptor: bytes) -> Timing | None:
    """Decode 18 bytes of a detailed timing; None where they are a display descriptor."""
    clock_hz = int.from_bytes(descriptor[:2], "little") * 10_000
    if clock_hz < LEAST_CLOCK_HZ or len(descriptor) < DESCRIPTOR_SIZE:
        return None
    width_px = descriptor[2] | (descriptor[4] & 0xF0) << 4
    blank_px = descriptor[3] | (descriptor[4] & 0x0F) << 8
    lines = descriptor[5] | (descriptor[7] & 0xF0) << 4
    blank_lines = descriptor[6] | (descriptor[7] & 0x0F) << 8
    interlaced = bool(descriptor[17] & 0x80)
    total = (width_px + blank_px) * (lines + blank_lines + (0.5 if interlaced else 0))
    if not (width_px and lines and total):
        return None
    width_mm = descriptor[12] | (descriptor[14] & 0xF0) << 4
    height_mm = descriptor[13] | (descriptor[14] & 0x0F) << 8
    sized = width_mm > MOST_ASPECT[0] or height_mm > MOST_ASPECT[1]
    return Timing(
        width_px=width_px,
        height_px=lines * (2 if interlaced else 1),
        refresh_hz=clock_hz / total,
        interlaced=interlaced,
        width_mm=width_mm if sized and width_mm and height_mm else None,
        height_mm=height_mm if sized and width_mm and height_mm else None,
    )


def range_limits(descriptors: Sequence[bytes], revision: int) -> RangeLimits | None:
    """Return the range limits of the first descriptor that holds them.

    Only from EDID 1.4 on (`revision` 4) are there offsets for rates beyond 255.
    """
    for descriptor in descriptors:
        if descriptor[:2] == b"\0\0" and descriptor[3] == RANGE_LIMITS:
            offsets = descriptor[4] if revision >= 4 else 0
            # Two bits each: 0 none, 2 the maximum is 255 higher, 3 both are.
            vertical, horizontal = offsets & 3, offsets >> 2 & 3
            return RangeLimits(
                min_vertical_hz=descriptor[5] + (255 if vertical == 3 else 0),
                max_vertical_hz=descriptor[6] + (255 if vertical >= 2 else 0),
                min_horizontal_khz=descriptor[7] + (255 if horizontal == 3 else 0),
                max_horizontal_khz=descriptor[8] + (255 if horizontal >= 2 else 0),
                max_pixel_clock_mhz=descriptor[9] * 10 or None,
            )
    return None


def extensions(blocks: Sequence[bytes]) -> Extensions:
    """Decode the extension blocks that are there: CTA-861 and DisplayID; others are passed by."""
    told = Extensions()
    for block in blocks:
        if block[0] == CTA_EXTENSION:
            told = _cta(block, told)
        elif block[0] == DISPLAY_ID_EXTENSION:
            told = _display_id(block, told)
    return told


def cta_descriptors(block: bytes) -> Iterator[bytes]:
    """Yield the 18-byte descriptors of a CTA-861 extension."""
    if block[0] == CTA_EXTENSION and block[2] >= 4:
        starts = range(block[2], BLOCK_SIZE - DESCRIPTOR_SIZE, DESCRIPTOR_SIZE)
        yield from takewhile(any, (block[at : at + DESCRIPTOR_SIZE] for at in starts))


def _cta(block: bytes, told: Extensions) -> Extensions:
    revision, end = block[1], block[2]
    audio, hdr = told.audio, told.hdr
    if revision >= 2:
        audio = audio or bool(block[3] & 0x40)
    if revision >= 3:
        at = 4
        while at < min(end, BLOCK_SIZE - 1):
            tag, size = block[at] >> 5, block[at] & 0x1F
            data = block[at + 1 : at + 1 + size]
            audio = audio or tag == AUDIO_BLOCK
            if tag == EXTENDED_BLOCK and data[:1] == bytes([HDR_STATIC_METADATA]):
                hdr = hdr or (len(data) > 1 and bool(data[1] & 0x3E))  # beyond traditional gamma
            at += 1 + size
    return told._replace(audio=audio, hdr=hdr)


def _display_id(block: bytes, told: Extensions) -> Extensions:
    version, size = block[1], block[2]
    told = told._replace(display_id=told.display_id or f"{version >> 4}.{version & 0xF}")
    at, end = 5, min(5 + size, BLOCK_SIZE - 2)
    while at + 3 <= end and block[at : at + 3] != b"\0\0\0":
        tag, length = block[at], block[at + 2]
        data = block[at + 3 : min(at + 3 + length, end)]
        if tag in (PARAMETERS_1, PARAMETERS_2) and len(data) >= 8:
            told = _parameters(data, told)
        elif tag in (TYPE_I_TIMING, TYPE_VII_TIMING):
            told = _timings(data, told, unit_hz=10_000 if tag == TYPE_I_TIMING else 1_000)
        at += 3 + length
    return told


def _parameters(data: bytes, told: Extensions) -> Extensions:
    width, height, width_px, height_px = (
        int.from_bytes(data[at : at + 2], "little") for at in (0, 2, 4, 6)
    )
    if width and height:  # in tenths of a millimetre
        told = told._replace(width_mm=round(width / 10), height_mm=round(height / 10))
    if width_px and height_px and told.native is None:
        told = told._replace(native=Timing(width_px, height_px, 0.0))
    return told


def _timings(data: bytes, told: Extensions, unit_hz: int) -> Extensions:
    for at in range(0, len(data) - 19, 20):
        timing = data[at : at + 20]
        if not timing[3] & 0x80:  # not the preferred one
            continue
        clock_hz = (int.from_bytes(timing[:3], "little") + 1) * unit_hz
        width_px, blank_px, lines, blank_lines = (
            int.from_bytes(timing[place : place + 2], "little") + 1 for place in (4, 6, 12, 14)
        )
        interlaced = bool(timing[3] & 0x10)
        found = Timing(
            width_px=width_px,
            height_px=lines,
            refresh_hz=clock_hz / ((width_px + blank_px) * (lines + blank_lines)),
            interlaced=interlaced,
        )
        native = told.native
        if native is None or (native.refresh_hz == 0.0 and native[:2] == found[:2]):
            told = told._replace(native=found)
    return told
