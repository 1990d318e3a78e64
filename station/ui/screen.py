"""The whole screen as lines, from top to bottom; what has not changed is not painted again.

header      station, SIMULATED, connection, counts, clock
notice      what concerns everybody: danger, demonstration
slots       side by side, or the selected one enlarged with its list of steps
bottom      the question or message of the selected slot, and the input line
footer      keys
"""

from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment
from textual.strip import Strip

from records.words import Language
from station.ui import bars
from station.ui.controls import FUNCTION_KEYS, Controls
from station.ui.detail import Row, paint_row, rows_of, state_of
from station.ui.look import (
    EDGE,
    LOOKS,
    PLAIN,
    TITLE_SELECTED,
    Frame,
    Line,
    Piece,
    Signs,
    line,
    shortened,
    without_colour,
)
from station.ui.slot import Mood, SlotModel
from station.ui.tile import paint_slot

TILE = (40, 9)  # what a slot needs to be read with ease
NARROWEST = 32  # cells; a narrower terminal sees the left part of that
NARROWEST_TILE = 24  # cells; below it one slot has the room of all
LEAST_LIST = 4  # lines of an enlarged slot's list, where there are so many
BOTTOM = 3
MOST_QUESTION = 5


class Tile(NamedTuple):
    x: int
    y: int
    width: int
    height: int


def _monochrome(segment: Segment) -> Segment:
    return Segment(segment.text, without_colour(segment.style or PLAIN.plain))


def grid(count: int, width: int, height: int) -> list[Tile]:
    """Return tiles for `count` slots: as many columns as let the tightest tile be largest."""
    columns = max(range(1, count + 1), key=lambda columns: _ease(count, columns, width, height))
    rows = -(-count // columns)
    xs = [round(place * width / columns) for place in range(columns + 1)]
    ys = [round(place * height / rows) for place in range(rows + 1)]
    tiles = []
    for place in range(count):
        y, x = divmod(place, columns)
        tiles.append(Tile(xs[x], ys[y], xs[x + 1] - xs[x], ys[y + 1] - ys[y]))
    return tiles


def _ease(count: int, columns: int, width: int, height: int) -> tuple[float, int]:
    rows = -(-count // columns)
    return min(width / columns / TILE[0], height / rows / TILE[1]), columns


class ScreenPainter:
    """Paints the screen of its controls. Remembers each part by what it was painted from."""

    def __init__(self, controls: Controls, signs: Signs, *, colours: bool = True) -> None:
        self._controls = controls
        self._colours = colours
        self._signs = signs
        self._tiles: dict[str, tuple[object, list[Line]]] = {}
        self._rows: tuple[object, list[Row]] = (None, [])
        self._painted: dict[int, tuple[object, str, Line]] = {}
        self._shown: dict[int, tuple[Line, Strip]] = {}

    def paint(self, width: int, height: int, now_s: float, clock: str) -> list[Strip]:
        """Paint `height` lines of `width` cells. `clock` is the time of day as it is shown.

        A line that has not changed is the same object as before.
        """
        cells = max(width, NARROWEST)
        strips = []
        for place, row in enumerate(self._lines(cells, height, now_s, clock)):
            known, strip = self._shown.get(place, (None, None))
            if strip is None or known != row:
                strip = Strip(row if self._colours else list(map(_monochrome, row)), cells)
                self._shown[place] = (row, strip)
            strips.append(strip)
        return strips if width == cells else [strip.crop(0, width) for strip in strips]

    def _lines(self, width: int, height: int, now_s: float, clock: str) -> list[Line]:
        bottom = bars.bottom(self._controls, width)
        notices = bars.notice(self._controls, width, now_s)
        room = max(height - 2 - len(notices) - len(bottom), 0)
        middle = self._slots
        if self._controls.enlarged:
            middle = self._enlarged
        elif self._is_narrow(width, room):
            middle = self._selected
        lines = [
            bars.header(self._controls, width, clock),
            *notices,
            *middle(width, room, now_s),
            *bottom,
            bars.footer(self._controls, width),
        ]
        return lines[:height]

    def _is_narrow(self, width: int, height: int) -> bool:
        """Tell whether slots side by side would be too narrow for a sentence."""
        tiles = grid(len(self._controls.model.slots), width, height)
        return min(tile.width for tile in tiles) < NARROWEST_TILE

    def _slots(self, width: int, height: int, now_s: float) -> list[Line]:
        slots = self._controls.model.slots
        tiles = grid(len(slots), width, height)
        painted = [
            self._tile(number, slot, tile.width, tile.height, now_s)
            for number, (slot, tile) in enumerate(zip(slots, tiles, strict=True))
        ]
        lines = []
        for y in range(height):
            segments: list[Segment] = []
            cells = 0
            for tile, strips in zip(tiles, painted, strict=True):
                if tile.y <= y < tile.y + tile.height:
                    segments += strips[y - tile.y]
                    cells += tile.width
            if cells < width:
                segments.append(Segment(" " * (width - cells), PLAIN.plain))
            lines.append(segments)
        return lines

    def _tile(
        self, number: int, slot: SlotModel, width: int, height: int, now_s: float
    ) -> list[Line]:
        controls = self._controls
        frame = Frame(
            width,
            height,
            f"F{number + 1}" if number < FUNCTION_KEYS else "Tab",
            slot is controls.selected,
            now_s,
            controls.console.simulated,
            self._signs,
            controls.words,
        )
        second = int(now_s - slot.started_s) if slot.running else 0
        waited = int(now_s - slot.waiting_since_s) if slot.waiting else 0
        key = (slot.revision, second, waited, frame._replace(now_s=0.0))
        known, strips = self._tiles.get(slot.name, (None, []))
        if known != key:
            strips = paint_slot(slot, frame)
            self._tiles[slot.name] = (key, strips)
        return strips

    def _selected(self, width: int, height: int, now_s: float) -> list[Line]:
        """Paint the selected slot over the full width, and the others as words above it."""
        controls = self._controls
        place = controls.model.slots.index(controls.selected)
        tile = self._tile(place, controls.selected, width, max(height - 1, 0), now_s)
        return [self._tabs(width, now_s), *tile]

    def _enlarged(self, width: int, height: int, now_s: float) -> list[Line]:
        controls = self._controls
        slot = controls.selected
        lines = [self._tabs(width, now_s)] if len(controls.model.slots) > 1 else []
        room = height - len(lines)
        head = min(_head_height(slot, height), max(room - LEAST_LIST, 3), room)
        lines += self._tile(controls.model.slots.index(slot), slot, width, head, now_s)
        return lines + self._list(slot, width, max(height - len(lines), 0))

    def _tabs(self, width: int, now_s: float) -> Line:
        pieces: list[Piece] = []
        slots = self._controls.model.slots
        room = width // len(slots)
        said = [_tab_word(slot, self._controls.words) for slot in slots]
        tabs = [f" F{n} {word}" for n, word in enumerate(said, start=1)]
        named = [
            f" F{n} {slot.name} {word}"
            for n, (slot, word) in enumerate(zip(slots, said, strict=True), start=1)
        ]
        if max(map(len, named)) < room:
            tabs = named
        for slot, tab in zip(slots, tabs, strict=True):
            style = TITLE_SELECTED if slot is self._controls.selected else LOOKS[slot.mood].strong
            pieces += [(shortened(tab, room - 1).ljust(room - 1), style), (" ", EDGE)]
        return line(width, pieces, PLAIN.plain)

    def _list(self, slot: SlotModel, width: int, height: int) -> list[Line]:
        controls = self._controls
        words = slot.words(controls.words)
        shape = (slot.name, slot.shape, width)
        if self._rows[0] != shape:
            self._rows = (shape, rows_of(slot, width - 1, slot.words(controls.words)))
            self._painted.clear()
        rows = self._rows[1]
        controls.page = max(height - 1, 1)
        last = max(len(rows) - height, 0)
        if controls.follow:
            controls.scroll = _where_to_look(rows, slot, height)
        controls.scroll = max(min(controls.scroll, last), 0)
        lines = [
            self._list_line(place, rows, width, height, words)
            for place in range(controls.scroll, min(controls.scroll + height, len(rows)))
        ]
        if not rows:
            lines.append(
                line(
                    width,
                    [(f"  {controls.words.text('screen.no_steps')}", PLAIN.faint)],
                    PLAIN.plain,
                )
            )
        return lines[:height] + [line(width, (), PLAIN.plain)] * (height - len(lines))

    def _list_line(
        self, place: int, rows: Sequence[Row], width: int, height: int, words: Language
    ) -> Line:
        top = self._controls.scroll
        thumb = max(height * height // max(len(rows), 1), 1)
        start = top * (height - thumb) // max(len(rows) - height, 1)
        bar = "" if len(rows) <= height else "█" if 0 <= place - top - start < thumb else "░"
        state = state_of(rows[place])
        known, known_bar, painted = self._painted.get(place, (None, "", None))
        if painted is None or known is not state or known_bar != bar:
            painted = paint_row(rows[place], width - 1, self._signs, words)
            painted.append(Segment(bar or " ", PLAIN.faint))
            self._painted[place] = (state, bar, painted)
        return painted


def _head_height(slot: SlotModel, height: int) -> int:
    """Return the lines of the enlarged slot above its list; while it measures, a few will do."""
    if slot.mood in (Mood.RUNNING, Mood.WAITING) and slot.shown is None:
        return 4
    return (11 if slot.shown else 8) + (3 if height >= 26 else 0)


def _where_to_look(rows: Sequence[Row], slot: SlotModel, height: int) -> int:
    """Return the first line of the list: the step that decided the run, or what goes on now."""
    if (decisive := slot.decisive) is not None:
        return next((place for place, row in enumerate(rows) if row.step is decisive), 0)
    active = max((place for place, row in enumerate(rows) if row.step.started), default=0)
    return active - height + 2


def _tab_word(slot: SlotModel, words: Language) -> str:
    match slot.mood:
        case Mood.READY:
            return (
                words.text("screen.tab_plugged")
                if slot.plugged.offered
                else words.text("screen.tab_idle")
            )
        case Mood.RUNNING:
            return f"{slot.number + 1}/{len(slot.planned)}"
        case Mood.WAITING:
            return words.text("screen.tab_waits")
        case Mood.ASKING:
            return words.text("screen.tab_asks")
        case Mood.UNSAFE:
            return words.text("screen.danger")
        case Mood.UNSAVED:
            return words.text("screen.unsaved")
        case _:
            return words.text(f"verdict.{slot.ending}")
