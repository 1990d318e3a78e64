"""Layouts of keyboards: the place of each key, and the usage that it sends.

Usages and their names: HUT 1.5, "Keyboard/Keypad Page (0x07)". Which of them an ANSI 104, ISO 105
or JIS 109 board has: the "Typ AT-101 position" column there and ISO/IEC 9995-2, JIS X 6002.
Lengths are in key units (`_u`), 19.05 mm pitch, from the top left corner.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """One key cap. `also`: usages that other makers' boards send for this key."""

    usage: int
    x_u: float
    y_u: float
    width_u: float = 1.0
    height_u: float = 1.0
    also: tuple[int, ...] = ()


class Layout(NamedTuple):
    """A keyboard's keys, row by row, left to right."""

    name: str
    keys: tuple[Key, ...]

    @property
    def usages(self) -> frozenset[int]:
        """The usages of a complete keyboard, one for each key."""
        return frozenset(key.usage for key in self.keys)

    @property
    def width_u(self) -> float:
        return max(key.x_u + key.width_u for key in self.keys)

    @property
    def height_u(self) -> float:
        return max(key.y_u + key.height_u for key in self.keys)

    def key(self, usage: int) -> Key | None:
        """Return the key that sends this usage, or None where the board has none."""
        for key in self.keys:
            if usage == key.usage or usage in key.also:
                return key
        return None

    def rows(self) -> tuple[tuple[Key, ...], ...]:
        """Return the keys by their upper edge, from the top; one two rows high is in its first."""
        tops = sorted({key.y_u for key in self.keys})
        return tuple(tuple(key for key in self.keys if key.y_u == top) for top in tops)


def _row(y_u: float, x_u: float, *keys: int | tuple[int, float]) -> Iterator[Key]:
    """Yield keys side by side: a usage, or a usage and its width; usage 0 is a gap."""
    for each in keys:
        usage, width_u = each if isinstance(each, tuple) else (each, 1.0)
        if usage:
            yield Key(usage, x_u, y_u, width_u)
        x_u += width_u


def _board(name: str, *parts: Iterable[Key]) -> Layout:
    keys = sorted((key for part in parts for key in part), key=lambda key: (key.y_u, key.x_u))
    return Layout(name, tuple(keys))


GAP = 0
# Both usages are the key beside Enter, AT position 29 or 42, and every host takes them for the
# same. ISO and JIS boards have one of the two; which one is the maker's choice.
HASH = 0x32
HASH_ALSO = (0x31,)
ISO_ENTER = Key(0x28, 13.75, 2.5, 1.25, 2.0)  # 1.5 wide in its upper half

FUNCTION_ROW = tuple(
    _row(
        0.0,
        0.0,
        0x29,
        GAP,
        *range(0x3A, 0x3E),
        (GAP, 0.5),
        *range(0x3E, 0x42),
        (GAP, 0.5),
        *range(0x42, 0x46),
    )
)
NUMBER_ROW = tuple(_row(1.5, 0.0, 0x35, *range(0x1E, 0x28), 0x2D, 0x2E, (0x2A, 2.0)))
TOP_LETTERS = (0x14, 0x1A, 0x08, 0x15, 0x17, 0x1C, 0x18, 0x0C, 0x12, 0x13, 0x2F, 0x30)
HOME_LETTERS = (0x04, 0x16, 0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x33, 0x34)
LOW_LETTERS = (0x1D, 0x1B, 0x06, 0x19, 0x05, 0x11, 0x10, 0x36, 0x37, 0x38)
TOP_ROW = tuple(_row(2.5, 0.0, (0x2B, 1.5), *TOP_LETTERS))
HOME_ROW = tuple(_row(3.5, 0.0, (0x39, 1.75), *HOME_LETTERS))
SPACE_ROW = tuple(
    _row(
        5.5,
        0.0,
        *((usage, 1.25) for usage in (0xE0, 0xE3, 0xE2)),
        (0x2C, 6.25),
        *((usage, 1.25) for usage in (0xE6, 0xE7, 0x65, 0xE4)),
    )
)
NAVIGATION = (
    *_row(0.0, 15.25, 0x46, 0x47, 0x48),
    *_row(1.5, 15.25, 0x49, 0x4A, 0x4B),
    *_row(2.5, 15.25, 0x4C, 0x4D, 0x4E),
    *_row(4.5, 16.25, 0x52),
    *_row(5.5, 15.25, 0x50, 0x51, 0x4F),
)
KEYPAD = (
    *_row(1.5, 18.5, 0x53, 0x54, 0x55, 0x56),
    *_row(2.5, 18.5, 0x5F, 0x60, 0x61),
    Key(0x57, 21.5, 2.5, height_u=2.0),
    *_row(3.5, 18.5, 0x5C, 0x5D, 0x5E),
    *_row(4.5, 18.5, 0x59, 0x5A, 0x5B),
    Key(0x58, 21.5, 4.5, height_u=2.0),
    *_row(5.5, 18.5, (0x62, 2.0), 0x63),
)
ANSI = (
    *FUNCTION_ROW,
    *NUMBER_ROW,
    *TOP_ROW,
    Key(0x31, 13.5, 2.5, 1.5),
    *HOME_ROW,
    Key(0x28, 12.75, 3.5, 2.25),
    *_row(4.5, 0.0, (0xE1, 2.25), *LOW_LETTERS, (0xE5, 2.75)),
    *SPACE_ROW,
)
ISO = (
    *FUNCTION_ROW,
    *NUMBER_ROW,
    *TOP_ROW,
    *HOME_ROW,
    Key(HASH, 12.75, 3.5, also=HASH_ALSO),
    ISO_ENTER,
    *_row(4.5, 0.0, (0xE1, 1.25), 0x64, *LOW_LETTERS, (0xE5, 2.75)),
    *SPACE_ROW,
)
JIS = (
    *FUNCTION_ROW,
    *_row(1.5, 0.0, 0x35, *range(0x1E, 0x28), 0x2D, 0x2E, 0x89, 0x2A),
    *TOP_ROW,
    *HOME_ROW,
    Key(HASH, 12.75, 3.5, also=HASH_ALSO),
    ISO_ENTER,
    *_row(4.5, 0.0, (0xE1, 2.25), *LOW_LETTERS, 0x87, (0xE5, 1.75)),
    *_row(
        5.5,
        0.0,
        *((usage, 1.25) for usage in (0xE0, 0xE3, 0xE2, 0x8B)),
        (0x2C, 2.5),
        *((usage, 1.25) for usage in (0x8A, 0x88, 0xE6, 0xE7, 0x65, 0xE4)),
    ),
)

LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        _board("ansi-104", ANSI, NAVIGATION, KEYPAD),
        _board("ansi-87", ANSI, NAVIGATION),
        _board("iso-105", ISO, NAVIGATION, KEYPAD),
        _board("iso-88", ISO, NAVIGATION),
        _board("jis-109", JIS, NAVIGATION, KEYPAD),
    )
}
