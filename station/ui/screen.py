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
from rich.style import Style
from textual.strip import Strip

from station.ui import text
from station.ui.controls import FUNCTION_KEYS, Desk
from station.ui.detail import Row, paint_row, rows_of, state_of
from station.ui.look import (
    BADGE,
    CALM,
    EDGE,
    HAZARD,
    KEY_CAP,
    LOOKS,
    MESSAGE,
    PLAIN,
    TITLE,
    TITLE_SELECTED,
    Line,
    Piece,
    Signs,
    line,
    shortened,
    wrapped,
)
from station.ui.model import Mood, SlotModel
from station.ui.paint import Frame, choice_lines, paint_slot

TILE = (40, 9)  # what a slot needs to be read with ease
NARROWEST = 32  # cells; a narrower terminal sees the left part of that
BOTTOM = 3
MOST_QUESTION = 5


# What is told of the connection and how much was delivered, the longest first.
_DELIVERY = {
    True: ((text.CONNECTED, text.COUNTS), (text.CONNECTED, text.COUNTS_SHORT)),
    False: (
        (text.NOT_CONNECTED, text.COUNTS),
        (text.NOT_CONNECTED_SHORT, text.COUNTS),
        (text.NOT_CONNECTED_SHORT, text.COUNTS_SHORT),
    ),
}


class Tile(NamedTuple):
    x: int
    y: int
    width: int
    height: int


def grid(count: int, width: int, height: int) -> list[Tile]:
    """Tiles for `count` slots: as many columns as let the tightest tile be largest."""
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
    """Paints a desk. Remembers each part by what it was painted from."""

    def __init__(self, desk: Desk, signs: Signs) -> None:
        self._desk = desk
        self._signs = signs
        self._tiles: dict[str, tuple[object, list[Line]]] = {}
        self._rows: tuple[object, list[Row]] = (None, [])
        self._painted: dict[int, tuple[object, str, Line]] = {}
        self._shown: dict[int, tuple[Line, Strip]] = {}

    def paint(self, width: int, height: int, now_s: float, clock: str) -> list[Strip]:
        """`height` lines of `width` cells. `clock` is the time of day as it is shown.

        A line that has not changed is the same object as before.
        """
        cells = max(width, NARROWEST)
        strips = []
        for place, row in enumerate(self._lines(cells, height, now_s, clock)):
            known, strip = self._shown.get(place, (None, None))
            if strip is None or known != row:
                strip = Strip(row, cells)
                self._shown[place] = (row, strip)
            strips.append(strip)
        return strips if width == cells else [strip.crop(0, width) for strip in strips]

    def _lines(self, width: int, height: int, now_s: float, clock: str) -> list[Line]:
        bottom = self._bottom(width)
        room = max(height - 3 - len(bottom), 0)
        middle = self._enlarged if self._desk.enlarged else self._slots
        lines = [
            self._header(width, clock),
            self._notice(width, now_s),
            *middle(width, room, now_s),
            *bottom,
            self._footer(width),
        ]
        return lines[:height]

    def _header(self, width: int, clock: str) -> Line:
        console, delivery = self._desk.console, self._desk.model.delivery
        left: list[Piece] = [(f" {console.station} ", TITLE)]
        if console.simulated:
            left.append((f" {text.SIMULATED} ", BADGE))
        if delivery is None:
            return line(width, left, TITLE, [(f" {clock} ", TITLE)])
        style = TITLE if delivery.connected else CALM
        counted = BADGE if delivery.rejected else TITLE
        fitting: list[Piece] = []
        for state, counts in _DELIVERY[delivery.connected]:
            told = counts.format(
                delivered=delivery.delivered, waiting=delivery.waiting, rejected=delivery.rejected
            )
            fitting = [(f" {state} ", style), (f" {told} ", counted), (f" {clock} ", TITLE)]
            if sum(len(words) for words, _ in (*left, *fitting)) <= width:
                break
        return line(width, left, TITLE, fitting)

    def _notice(self, width: int, now_s: float) -> Line:
        desk = self._desk
        if unsafe := desk.model.unsafe:
            slots = ", ".join(slot.name for slot in unsafe)
            return line(width, [(f" {text.UNSAFE_BANNER.format(slots=slots)}", HAZARD)], HAZARD)
        if desk.offers_take_over:
            return line(width, [(f" {text.AUTOPILOT}", PLAIN.near)], PLAIN.plain)
        if now_s < desk.hint_until_s:
            return line(width, [(f" {text.TAKEN_OVER}", PLAIN.near)], PLAIN.plain)
        if desk.model.delivery is not None and not desk.model.delivery.connected:
            return line(width, [(f" {text.KEPT_HERE}", PLAIN.near)], PLAIN.plain)
        return line(width, (), PLAIN.plain)

    def _slots(self, width: int, height: int, now_s: float) -> list[Line]:
        slots = self._desk.model.slots
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
        desk = self._desk
        frame = Frame(
            width,
            height,
            f"F{number + 1}" if number < FUNCTION_KEYS else "Tab",
            slot is desk.selected,
            now_s,
            desk.console.simulated,
            self._signs,
        )
        second = int(now_s - slot.started_s) if slot.running else 0
        waited = int(now_s - slot.waiting_since_s) if slot.waiting else 0
        key = (slot.revision, second, waited, frame._replace(now_s=0.0))
        known, strips = self._tiles.get(slot.name, (None, []))
        if known != key:
            strips = paint_slot(slot, frame)
            self._tiles[slot.name] = (key, strips)
        return strips

    def _enlarged(self, width: int, height: int, now_s: float) -> list[Line]:
        desk = self._desk
        slot = desk.selected
        lines = [self._tabs(width, now_s)] if len(desk.model.slots) > 1 else []
        head = min(_head_height(slot, height), height - len(lines))
        lines += self._tile(desk.model.slots.index(slot), slot, width, head, now_s)
        return lines + self._list(slot, width, max(height - len(lines), 0))

    def _tabs(self, width: int, now_s: float) -> Line:
        pieces: list[Piece] = []
        slots = self._desk.model.slots
        room = width // len(slots)
        for number, slot in enumerate(slots, start=1):
            style = TITLE_SELECTED if slot is self._desk.selected else LOOKS[slot.mood].strong
            words = f" F{number} {_tab_word(slot)}"
            if len(words) + len(slot.name) + 3 <= room:
                words = f" F{number} {slot.name} {_tab_word(slot)}"
            pieces += [(shortened(words, room - 1).ljust(room - 1), style), (" ", EDGE)]
        return line(width, pieces, PLAIN.plain)

    def _list(self, slot: SlotModel, width: int, height: int) -> list[Line]:
        shape = (slot.name, slot.shape, width)
        if self._rows[0] != shape:
            self._rows = (shape, rows_of(slot, width - 1))
            self._painted.clear()
        rows, desk = self._rows[1], self._desk
        desk.page = max(height - 1, 1)
        last = max(len(rows) - height, 0)
        if desk.follow:
            active = max((place for place, row in enumerate(rows) if row.step.started), default=0)
            desk.scroll = active - height + 2
        desk.scroll = max(min(desk.scroll, last), 0)
        lines = [
            self._list_line(place, rows, width, height)
            for place in range(desk.scroll, min(desk.scroll + height, len(rows)))
        ]
        if not rows:
            lines.append(line(width, [(f"  {text.NO_STEPS}", PLAIN.faint)], PLAIN.plain))
        return lines[:height] + [line(width, (), PLAIN.plain)] * (height - len(lines))

    def _list_line(self, place: int, rows: Sequence[Row], width: int, height: int) -> Line:
        top = self._desk.scroll
        thumb = max(height * height // max(len(rows), 1), 1)
        start = top * (height - thumb) // max(len(rows) - height, 1)
        bar = "" if len(rows) <= height else "█" if 0 <= place - top - start < thumb else "░"
        state = state_of(rows[place])
        known, known_bar, painted = self._painted.get(place, (None, "", None))
        if painted is None or known is not state or known_bar != bar:
            painted = paint_row(rows[place], width - 1, self._signs)
            painted.append(Segment(bar or " ", PLAIN.faint))
            self._painted[place] = (state, bar, painted)
        return painted

    def _bottom(self, width: int) -> list[Line]:
        """At least `BOTTOM` lines, so that the slots keep their size while nobody asks."""
        slot = self._desk.selected
        if self._desk.quit_asked or self._desk.quitting:
            names = ", ".join(each.name for each in self._desk.model.running)
            asks = (text.QUITTING if self._desk.quitting else text.QUIT_RUNNING).format(slots=names)
            lines = _texts(wrapped(asks, width - 2, MOST_QUESTION), width, MESSAGE)
        elif slot.question is not None:
            lines = self._question(slot, width)
        elif slot.message:
            lines = _texts(wrapped(slot.message, width - 2, BOTTOM - 1), width, MESSAGE)
        else:
            hint = text.BUSY_HINT if slot.running else text.IDLE_HINT
            page = [text.PAGE.format(page=self._desk.model.page)] if self._desk.model.page else []
            lines = _texts([*page, hint.format(slot=slot.name)], width, PLAIN.faint)
        blank = line(width, (), PLAIN.plain)
        lines = [*[blank] * (BOTTOM - 1 - len(lines)), *lines]
        return [*lines, self._input(width)]

    def _question(self, slot: SlotModel, width: int) -> list[Line]:
        if slot.question is None:
            return []
        question, look = slot.question.question, LOOKS[Mood.ASKING]
        asks = f"{text.QUESTION_FROM.format(slot=slot.name)} {question.text}"
        lines = _texts(wrapped(asks, width - 2, MOST_QUESTION), width, look.strong)
        return lines + _texts(choice_lines(question.choices, width - 2), width, look.strong)

    def _input(self, width: int) -> Line:
        desk = self._desk
        typed = desk.reader.text
        prompt = f" {text.PROMPT.format(slot=desk.selected.name)}"
        right: list[Piece] = []
        others = ", ".join(slot.name for slot in desk.model.asking(but=desk.selected))
        if desk.selected.question is not None and typed:
            right = [(f" {text.CLEAR_TO_ANSWER} ", MESSAGE)]
        elif others:
            words = text.OTHERS_ASK if desk.selected.question else text.OTHERS_ASK_FIRST
            right = [(f" {words.format(slots=others)} ", LOOKS[Mood.ASKING].strong)]
        room = max(width - len(prompt) - 2 - sum(len(words) for words, _ in right), 8)
        shown = typed if len(typed) <= room else f"…{typed[1 - room :]}"
        left: list[Piece] = [(prompt, PLAIN.strong), (shown, PLAIN.strong), ("█", PLAIN.strong)]
        return line(width, left, PLAIN.plain, right)

    def _footer(self, width: int) -> Line:
        """The keys, as many as there is room for: the last of `keys` go first."""
        desk = self._desk
        count = len(desk.model.slots)
        keys = [("F10", text.KEY_STOP), ("Ctrl+Q", text.KEY_QUIT)]
        if count > 1:
            keys.append((f"F1-F{min(count, FUNCTION_KEYS)}", text.KEY_SLOT))
        if desk.offers_serial:
            keys.append(("Ctrl+S", text.KEY_SERIAL))
        keys.append(("Enter", text.KEY_BACK if desk.enlarged else text.KEY_ENLARGE))
        if desk.offers_take_over:
            keys.append(("Ctrl+T", text.KEY_TAKE_OVER))
        if desk.enlarged:
            keys.append(("PgUp PgDn", text.KEY_SCROLL))
        if count > 1:
            keys.append(("Tab", text.KEY_NEXT))
        if len(desk.selected.info.plans) > 1:
            keys.append(("F9", text.KEY_PLAN))
        while len(keys) > 2 and sum(len(f" {key}  {says}  ") for key, says in keys) > width + 2:
            keys.pop()
        keys = [*keys[2:], *keys[:2]]
        pieces: list[Piece] = []
        for key, meaning in keys:
            pieces += [(f" {key} ", KEY_CAP), (f" {meaning}  ", PLAIN.plain)]
        return line(width, pieces, PLAIN.plain)


def _texts(rows: Sequence[str], width: int, style: Style) -> list[Line]:
    return [line(width, [(" ", style), (row, style)], style) for row in rows]


def _head_height(slot: SlotModel, height: int) -> int:
    """What the enlarged slot needs above its list; while it measures, the list says it all."""
    if slot.mood in (Mood.RUNNING, Mood.WAITING) and slot.keys is None:
        return 4
    return (11 if slot.keys else 8) + (3 if height >= 26 else 0)


def _tab_word(slot: SlotModel) -> str:
    match slot.mood:
        case Mood.READY:
            return text.TAB_PLUGGED if slot.plugged.offered else text.TAB_IDLE
        case Mood.RUNNING:
            return f"{slot.number + 1}/{len(slot.planned)}"
        case Mood.WAITING:
            return text.TAB_WAITS
        case Mood.ASKING:
            return text.TAB_ASKS
        case Mood.UNSAFE:
            return text.DANGER
        case Mood.UNSAVED:
            return text.UNSAVED
        case _:
            return slot.word
