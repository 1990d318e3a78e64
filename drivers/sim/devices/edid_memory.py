"""The EDID of a simulated display, and the memory that holds it.

After VESA E-EDID A.2 (EDID 1.4) and E-DDC 1.3.
"""

import inspect
from collections.abc import Sequence
from typing import Annotated, Any

from drivers.sim.hardware import Nak
from drivers.wiring import Read

EDID_ADDRESS = 0x50
SEGMENT_ADDRESS = 0x30


def build_edid(
    *,
    manufacturer: str = "SIM",
    product_code: int = 0x2401,
    serial_number: int = 0,
    name: str = "SIM24",
    serial_text: str = "",
    week: int = 0,
    year: int = 2015,
    model_year: bool = False,
    width_cm: int = 53,
    height_cm: int = 30,
    version: str = "1.3",
    extensions: Sequence[bytes] = (),
) -> bytes:
    """Build a valid EDID of a 1920 × 1080 display; with `model_year`, `year` is that.

    An empty `name` or `serial_text` is left out. `extensions` are whole blocks of 128 bytes, put
    after the base block as they are. What does not fit its field is a `ValueError`.
    """
    if len(manufacturer) != 3 or not all("A" <= letter <= "Z" for letter in manufacturer):
        raise ValueError(f"manufacturer {manufacturer!r} is not three capital letters")
    if version not in ("1.3", "1.4"):
        raise ValueError(f"EDID version {version!r}: only 1.3 and 1.4 are built")
    if not (0 <= product_code < 1 << 16 and 0 <= serial_number < 1 << 32):
        raise ValueError(f"product code {product_code}, serial number {serial_number}: too large")
    if model_year and version == "1.3":
        raise ValueError("EDID 1.3 has no model year")
    first, second, third = (ord(letter) - ord("@") for letter in manufacturer)
    old = version == "1.3"
    base = bytearray.fromhex("00 ff ff ff ff ff ff 00")
    base += (first << 10 | second << 5 | third).to_bytes(2, "big")
    base += product_code.to_bytes(2, "little") + serial_number.to_bytes(4, "little")
    base += bytes([0xFF if model_year else week, year - 1990, 1, int(version[2])])
    # Digital input (1.4 adds: 8 bits per colour, DisplayPort), gamma 2.2, power-down by DPMS off,
    # RGB, sRGB, first timing preferred; then the chromaticities of sRGB.
    base += bytes([0x80 if old else 0xA5, width_cm, height_cm, 120, 0x2E if old else 0x26])
    base += bytes.fromhex("ee 91 a3 54 4c 99 26 0f 50 54")
    base += bytes.fromhex("21 08 00") + bytes.fromhex("d1 c0") + bytes.fromhex("01 01") * 7
    width_mm, height_mm = width_cm * 10, height_cm * 10
    base += bytes.fromhex("02 3a 80 18 71 38 2d 40 58 2c 45 00")
    base += bytes([width_mm & 0xFF, height_mm & 0xFF, width_mm >> 8 << 4 | height_mm >> 8])
    base += bytes.fromhex("00 00 1e")
    base += bytes.fromhex("00 00 00 fd 00 32 4c 1e 53 11")
    base += bytes.fromhex("00 0a" if old else "01 0a") + b" " * 6
    base += _text_descriptor(0xFC, name) + _text_descriptor(0xFF, serial_text)
    base.append(len(extensions))
    base.append(-sum(base) % 256)
    return bytes(base) + b"".join(extensions)


def read_edid(raw: Any) -> bytes:
    """Return an EDID from hexadecimal digits, or from a table with what `build_edid` takes.

    Raises `ValueError` for what is none.
    """
    if isinstance(raw, str):
        return bytes.fromhex(raw)
    if not isinstance(raw, dict):
        raise ValueError("an EDID is hexadecimal digits, or a table of its fields")
    try:
        return build_edid(**raw)
    except TypeError as error:
        known = ", ".join(inspect.signature(build_edid).parameters)
        raise ValueError(f"an EDID has the fields {known}") from error


Edid = Annotated[bytes, Read(read_edid, "hexadecimal digits, or a table of its fields")]


def _text_descriptor(tag: int, text: str) -> bytes:
    if not text:
        return bytes([0, 0, 0, 0x10, 0]) + bytes(13)  # a dummy
    if len(text) > 13:
        raise ValueError(f"{text!r} is longer than 13 characters")
    return bytes([0, 0, 0, tag, 0]) + (text.encode("ascii") + b"\n" * (len(text) < 13)).ljust(13)


class Eeprom:
    """A memory like a 24C02: an address byte, then reads that run on; it keeps nothing written."""

    def __init__(self, memory: bytes) -> None:
        self._memory = memory
        self._address = 0
        self.segment = 0

    @property
    def segments(self) -> int:
        return -(-len(self._memory) // 256)

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if write:
            self._address = write[0]
        data = bytes(self._byte(self._address + n) for n in range(read_size))
        self._address = (self._address + read_size) % 256
        return data

    def _byte(self, address: int) -> int:
        if len(self._memory) == 128:
            return self._memory[address % 128]  # a 24C01: half as large, its address wraps
        place = self.segment * 256 + address % 256
        return self._memory[place] if place < len(self._memory) else 0xFF


class SegmentPointer:
    """The segment pointer of displays with more than 256 bytes of EDID (E-DDC 1.3, 2.2.5).

    It is to be forgotten at the end of the transaction, which many displays do not do. A transfer
    ends with a stop here, so those that do never read but segment 0.
    """

    def __init__(self, eeprom: Eeprom, survives_stop: bool) -> None:
        self._eeprom = eeprom
        self._survives_stop = survives_stop

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if read_size or len(write) != 1 or self._eeprom.segments == 1:
            raise Nak
        if write[0] >= self._eeprom.segments:
            raise Nak
        self._eeprom.segment = write[0] if self._survives_stop else 0
        return b""
