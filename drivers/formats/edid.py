"""EDID: VESA Enhanced EDID Standard, release A revision 2 (EDID 1.4); extensions after CTA-861.

A base block of 128 bytes and the extension blocks it promises; each sums to 0 modulo 256.

    0x00 header       0x08 manufacturer  0x0A product   0x0C serial   0x10 week, year
    0x12 version      0x15 size          0x17 gamma     0x36 four descriptors of 18 bytes
    0x7E extensions   0x7F checksum
"""

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

from drivers.formats.text import clean, few

BLOCK_SIZE = 128
HEADER = bytes.fromhex("00 ff ff ff ff ff ff 00")

# A header with one wrong byte is a damaged EDID, with more it is something else. An erased memory
# already has six bytes right.
LEAST_HEADER_BYTES = 7

CTA_EXTENSION = 0x02
NAME = 0xFC
SERIAL_TEXT = 0xFF


class Edid(NamedTuple):
    """The facts that a display states of itself. A missing one is None, a blank text is empty."""

    version: str | None = None
    manufacturer: str | None = None
    """Three letters, assigned by the UEFI forum."""
    product_code: int | None = None
    serial_number: int | None = None
    serial_text: str | None = None
    name: str | None = None
    week: int | None = None
    year: int | None = None
    """Of manufacture; a display that gives a model year gives neither this nor a week."""
    model_year: int | None = None
    width_cm: int | None = None
    height_cm: int | None = None
    """None for projectors, and for displays that give an aspect ratio only."""
    gamma: float | None = None
    extensions: int = 0
    """As byte 0x7E has it."""
    checksum_ok: bool = False
    """Of every block that is there."""
    errors: tuple[str, ...] = ()
    """The damages, in words. Matters of style, such as stray spaces, are none."""


def parse(data: bytes) -> Edid:
    """Decode all that can be decoded; the mistakes are in `errors`. Never raises.

    The size is what bytes 0x15 and 0x16 say; the few displays beyond 255 cm scale it by five in
    their HDMI data block, which is not looked at.
    """
    checksum_errors = tuple(_checksum_errors(data))
    errors = [*_shape_errors(data), *checksum_errors]
    if data[:8] != HEADER:
        errors.insert(0, f"header is {_hex(data[:8])}, not {_hex(HEADER)}")
    if not _is_edid(data):
        return Edid(errors=few(errors))
    if data[0x12] != 1:
        errors.append(f"version {data[0x12]}.{data[0x13]} is unknown, read as 1.4")
    manufacturer = _manufacturer(data[0x08:0x0A])
    if not manufacturer.isalpha():
        errors.append(
            f"manufacturer {_hex(data[0x08:0x0A])} is {manufacturer!r}, not three letters"
        )
    week, year = data[0x10], 1990 + data[0x11]
    if 54 < week < 0xFF:
        errors.append(f"week {week} of manufacture")
    width_cm, height_cm = data[0x15], data[0x16]
    sized = bool(width_cm and height_cm)
    descriptors = list(_descriptors(data))
    return Edid(
        version=f"{data[0x12]}.{data[0x13]}",
        manufacturer=manufacturer,
        product_code=int.from_bytes(data[0x0A:0x0C], "little"),
        serial_number=int.from_bytes(data[0x0C:0x10], "little") or None,
        serial_text=_text(SERIAL_TEXT, "serial text", descriptors, errors),
        name=_text(NAME, "name", descriptors, errors),
        week=week if 0 < week < 0xFF else None,
        year=year if week < 0xFF else None,
        model_year=year if week == 0xFF else None,
        width_cm=width_cm if sized else None,
        height_cm=height_cm if sized else None,
        gamma=round((data[0x17] + 100) / 100, 2) if data[0x17] < 0xFF else None,
        extensions=data[0x7E],
        checksum_ok=not checksum_errors and len(data) % BLOCK_SIZE == 0,
        errors=few(errors),
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


def _is_edid(data: bytes) -> bool:
    right = sum(is_ == should for is_, should in zip(data, HEADER, strict=False))
    return len(data) >= BLOCK_SIZE and right >= LEAST_HEADER_BYTES


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


def _manufacturer(packed: bytes) -> str:
    """Return the three letters in fifteen bits, of which 1 is A."""
    number = int.from_bytes(packed, "big")
    return "".join(chr(ord("@") + (number >> shift & 0x1F)) for shift in (10, 5, 0))


def _descriptors(data: bytes) -> Iterator[bytes]:
    """Yield the 18-byte descriptors of the base block, then those of CTA-861 extensions."""
    base, *extensions = _blocks(data)
    for start in (0x36, 0x48, 0x5A, 0x6C):
        yield base[start : start + 18]
    for block in extensions:
        if block[0] == CTA_EXTENSION and block[2] >= 4:
            found = (block[start : start + 18] for start in range(block[2], BLOCK_SIZE - 18, 18))
            yield from takewhile(any, found)


def _text(tag: int, what: str, descriptors: Iterable[bytes], errors: list[str]) -> str | None:
    """Return the first text of this kind that is not blank.

    Some displays have two: the second is empty, the same again, or something else altogether.
    """
    found = []
    for descriptor in descriptors:
        if descriptor[:2] == b"\0\0" and descriptor[3] == tag:
            line = descriptor[5:].partition(b"\n")[0]
            ascii_ = bytes(takewhile(range(0x20, 0x7F).__contains__, line))
            if line[len(ascii_) :].strip(b" \0\xff"):  # zeros and ones are usual as padding
                errors.append(f"{what} is not ASCII: {_hex(descriptor[5:])}")
            found.append(clean(ascii_))
    return next(filter(None, found), "" if found else None)


def _hex(data: bytes) -> str:
    return data.hex(" ")
