"""The drawing of a keyboard as it lies on the table; its keys light up as they are seen.

Each state has a shape besides its colour: a key still to come is a dark cap, one that was seen a
lit one, one held down `[A]`, one that behaved suspiciously `!A!`; where there is no room for more,
`▒` and `!`.
"""

from collections.abc import Iterator, Mapping
from math import floor
from typing import NamedTuple

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.style import Style

from drivers.formats.key_layouts import LAYOUTS, Key, Layout
from drivers.formats.key_legends import LEGENDS, Legends, usage_name
from records.words import Language
from station.engine.events import Drawn
from station.ui.look import Line, Look, Piece, line, shortened

LARGEST = 6  # cells for a key unit: more only pulls the keys apart
_LEGENDS = {"iso": "uk", "jis": "jp"}  # what is printed where nothing else is said


class _State(NamedTuple):
    style: Style
    left: str = " "
    right: str = " "
    instead: str = ""  # of the legend, where there is no room for more


_UNSEEN = _State(Style(color="#d0d0d0", bgcolor="#3c3c46"))
_LIT = _State(Style(color="#000000", bgcolor="#00aa3c"))
_DOWN = _State(Style(color="#000000", bgcolor="#ebebeb"), "[", "]", "▒")
_SUSPICIOUS = _State(Style(color="#ffffff", bgcolor="#af0014", bold=True), "!", "!", "!")


class _Place(NamedTuple):
    """A part of a key in one line of the drawing, in cells."""

    start: int
    end: int
    key: Key
    legend: str


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a board: usages of HID usage page 0x07.

    `layout` names the shape, and may name the legends after a slash: `iso-105/de`.
    """

    layout: str
    down: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    suspicious: tuple[int, ...] = ()


def draw(
    data: Mapping[str, Drawn], width: int, height: int, look: Look, words: Language
) -> list[Line]:
    """Draw the keyboard and a line of counts in `height` lines, or the counts alone if it is small.

    `data` holds the fields of `Keys`. Raises `msgspec.ValidationError` where it does not.
    """
    keys = msgspec.convert(data, Keys)
    shape, _, print_on_caps = keys.layout.partition("/")
    layout = LAYOUTS.get(shape)
    legends = LEGENDS.get(print_on_caps or _LEGENDS.get(shape[:3], "us"), LEGENDS["us"])
    counts = line(width, _counts(keys, layout, legends, look, words), look.plain)
    if layout is None:
        return [counts]
    scale = min(int(width / layout.width_u), LARGEST)
    tops = [row[0].y_u for row in layout.rows()]
    if height <= len(tops) or scale < 1:
        return [counts]
    states = _states(keys, layout)
    drawing = [
        line(width, _row(layout, legends, states, top_u, scale, look), look.plain) for top_u in tops
    ]
    if height > len(drawing) + 1:
        drawing.insert(1, line(width, (), look.plain))  # function keys stand apart
    return [*drawing, counts]


def _states(keys: Keys, layout: Layout) -> dict[int, _State]:
    states: dict[int, _State] = {}
    for usages, state in ((keys.seen, _LIT), (keys.suspicious, _SUSPICIOUS), (keys.down, _DOWN)):
        for usage in usages:
            key = layout.key(usage)
            if key is not None:
                states[key.usage] = state
    return states


def _row(
    layout: Layout,
    legends: Legends,
    states: dict[int, _State],
    top_u: float,
    scale: int,
    look: Look,
) -> Iterator[Piece]:
    column = 0
    for place in sorted(_places(layout, legends, top_u, scale), key=lambda place: place.start):
        yield " " * (place.start - column), look.plain
        cells = place.end - place.start - (scale > 1)  # caps stand apart where there is room
        yield _cap(place.legend, states.get(place.key.usage, _UNSEEN), cells)
        yield " " * (scale > 1), look.plain
        column = place.end


def _places(layout: Layout, legends: Legends, top_u: float, scale: int) -> Iterator[_Place]:
    for key in layout.keys:
        if key.y_u <= top_u < key.y_u + key.height_u:
            start, end = (floor(x * scale + 0.5) for x in (key.x_u, key.x_u + key.width_u))
            legend = legends.legend(key.usage) if key.y_u == top_u else ""
            yield _Place(start, max(end, start + 1), key, legend)


def _cap(legend: str, state: _State, cells: int) -> Piece:
    if legend[:1] == "F" and legend[1:].isdecimal() and len(legend) > cells:
        legend = legend[-cells:]
    if cells < 4:
        return state.instead * cells or set_cell_size(legend, cells), state.style
    plain = state.left == state.right == " "
    room = cells if plain and cell_len(legend) > cells - 2 else cells - 2
    if room == cells:
        return set_cell_size(legend, cells), state.style
    before = max(room - cell_len(legend), 0) // 2
    return f"{state.left}{set_cell_size(' ' * before + legend, room)}{state.right}", state.style


def _counts(
    keys: Keys, layout: Layout | None, legends: Legends, look: Look, words: Language
) -> Iterator[Piece]:
    if layout is None:
        yield words.text("screen.keys_seen", seen=len(keys.seen)), look.strong
    else:
        seen = {key.usage for key in map(layout.key, keys.seen) if key is not None}
        total = len(layout.usages)
        left = words.text("screen.keys_left", seen=len(seen), total=total)
        yield f"{len(seen)}/{total}" if keys.suspicious else left, look.strong
        missing = [key for key in layout.keys if key.usage not in seen]
        if 0 < len(missing) <= 6 and not keys.suspicious:
            names = " ".join(legends.legend(key.usage) for key in missing)
            yield f"  {words.text('screen.keys_missing', names=names)}", look.plain
    if keys.suspicious:
        named = [words.name("key", usage_name(usage)) for usage in keys.suspicious[:4]]
        names = ", ".join(shortened(name, 20) for name in named)
        yield f"  {words.text('screen.keys_bad', names=names)}", look.bad
