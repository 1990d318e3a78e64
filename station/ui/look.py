"""Colours, signs and lines: the little that a screen is made of.

Colours are true colours chosen so that a terminal with sixteen of them (TERM=linux) finds a plain
neighbour for each; grounds become one of the eight that every terminal can paint. The signs that
carry meaning are in the fonts of the Linux console, which have neither ✓ nor half blocks.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from records.words import Language
from records.words.language import NO_BREAK
from station.ui.slot import Mood

INK = "#101014"
WHITE = "#ffffff"
BLACK = "#000000"
YELLOW = "#ffff55"
GREY = "#969696"
BAR = "#3c3c46"
AMBER = "#c88200"

GROUNDS = {
    Mood.READY: INK,
    Mood.RUNNING: INK,
    Mood.WAITING: "#0028aa",
    Mood.ASKING: "#008c96",
    Mood.PASS: "#007828",
    Mood.MARGINAL: AMBER,
    Mood.FAIL: "#af0014",
    Mood.ERROR: "#8700a0",
    Mood.ABORTED: GREY,
    Mood.INCOMPLETE: GREY,
    Mood.UNSAVED: "#8700a0",
    Mood.UNSAFE: "#af0014",
}
_DARK_TEXT = (Mood.ASKING, Mood.MARGINAL, Mood.ABORTED, Mood.INCOMPLETE)


class Look(NamedTuple):
    """Text on one ground. `good`, `near` and `bad` differ from `plain` where the ground lets them.

    The sign next to a value says the same: colour is never alone.
    """

    plain: Style
    strong: Style
    faint: Style
    good: Style
    near: Style
    bad: Style


def _look(mood: Mood) -> Look:
    ground = GROUNDS[mood]
    ink = BLACK if mood in _DARK_TEXT else YELLOW if mood is Mood.UNSAFE else WHITE
    plain = Style(color=ink, bgcolor=ground)
    strong = Style(color=ink, bgcolor=ground, bold=ink != BLACK)  # bold black is grey on a console
    if ground != INK:
        return Look(plain, strong, plain, plain, strong, strong)
    return Look(
        Style(color="#d0d0d0", bgcolor=ground),
        strong,
        Style(color=GREY, bgcolor=ground),
        Style(color="#55ff55", bgcolor=ground),
        Style(color=YELLOW, bgcolor=ground, bold=True),
        Style(color="#ff6464", bgcolor=ground, bold=True),
    )


LOOKS = {mood: _look(mood) for mood in Mood}
PLAIN = LOOKS[Mood.RUNNING]

TITLE = Style(color=WHITE, bgcolor=BAR, bold=True)
TITLE_SELECTED = Style(color=BLACK, bgcolor="#ebebeb")
EDGE = Style(color=INK, bgcolor=INK)
EDGE_SELECTED = Style(color="#ebebeb", bgcolor="#ebebeb")
HAZARD = Style(color=BLACK, bgcolor=AMBER)
CALM = Style(color=BLACK, bgcolor=AMBER)
BADGE = Style(color=WHITE, bgcolor="#8c0096", bold=True)
MESSAGE = Style(color=BLACK, bgcolor=AMBER)
KEY_CAP = Style(color=BLACK, bgcolor="#ebebeb")


_STANDS_OUT = {"#ebebeb", AMBER, "#00aa3c", "#8c0096"}


def without_colour(style: Style) -> Style:
    """Return a style for a terminal without colours (no-color.org): what stands out is reversed."""
    ground = style.bgcolor.name if style.bgcolor is not None else ""
    return Style(bold=style.bold or None, reverse=ground in _STANDS_OUT or None)


class Signs(NamedTuple):
    """Two cells each."""

    good: str
    bad: str
    near: str
    half_blocks: bool


SIGNS = Signs("✓ ", "✗ ", "~ ", half_blocks=True)
CONSOLE_SIGNS = Signs("ok", "X ", "~ ", half_blocks=False)


def signs_for(environment: Mapping[str, str]) -> Signs:
    """Return the signs that this terminal has; tmux or screen may stand on a Linux console, too."""
    term = environment.get("TERM", "")
    if term == "linux":
        return CONSOLE_SIGNS
    inside = term.startswith(("tmux", "screen"))
    at_console = environment.get("XDG_SESSION_TYPE") == "tty" and "SSH_TTY" not in environment
    return CONSOLE_SIGNS if inside and at_console else SIGNS


_WITHOUT_ISOLATES = dict.fromkeys(range(0x2066, 0x206A))

Piece = tuple[str, Style]
Line = list[Segment]


def clean(words: str) -> str:
    """Return text without control characters: no device may steer the terminal by its name.

    A blank at which no line is broken stays one, for `wrapped`. Isolates, which say in which
    direction a value runs, have no cell of their own, and not every terminal passes them over.
    """
    if words.isprintable():
        return words
    words = words.translate(_WITHOUT_ISOLATES)
    return "".join(
        letter if letter.isprintable() or letter == NO_BREAK else "?" for letter in words
    )


def line(width: int, left: Iterable[Piece], ground: Style, right: Iterable[Piece] = ()) -> Line:
    """Return exactly `width` cells; what is on the right stays, what is on the left is cut."""
    tail, used = _fit(right, width)
    head, filled = _fit(left, width - used)
    gap = width - used - filled
    if gap:
        head.append(Segment(" " * gap, ground))
    return head + tail


def _fit(pieces: Iterable[Piece], room: int) -> tuple[list[Segment], int]:
    segments: list[Segment] = []
    used = 0
    for words, style in pieces:
        words = clean(words).replace(NO_BREAK, " ")
        cells = cell_len(words)
        if cells > room - used:
            cells = room - used
            words = set_cell_size(words, cells)
        if cells:
            segments.append(Segment(words, style))
            used += cells
    return segments, used


def centred(words: str, width: int) -> str:
    """Return text with blanks before it, so that it stands in the middle of `width` cells."""
    return " " * ((width - cell_len(words)) // 2) + words


def shortened(words: str, width: int) -> str:
    """Cut text to `width` cells; a number at its end stays, as it tells it from its neighbours."""
    words = clean(words)
    if cell_len(words) <= width:
        return words
    if width < 6:
        return set_cell_size(words, max(width, 0))
    last = words.rpartition(" ")[2]
    end = last if last[-1:].isdecimal() and last.isascii() and len(last) <= width // 2 else ""
    return f"{set_cell_size(words, width - 1 - len(end))}…{end}"


def blocks(row: str, ink: Style, ground: Style) -> list[Piece]:
    """Return a row of a drawing. Full blocks are ground, too: not every font fills its cell."""
    solid = ink + Style(bgcolor=ink.color)
    return [
        (words, solid if words[0] == "█" else ink if words[0] != " " else ground)
        for words in ("".join(run) for _, run in groupby(row))
    ]


def wrapped(words: str, width: int, most: int | None = None) -> list[str]:
    """Return lines of at most `width` cells; when there are more than `most`, the last says so."""
    lines = list(_wrapped(words, max(width, 1)))
    if most is not None and len(lines) > most:
        lines = lines[: max(most, 0)]
        if lines:
            lines[-1] = f"{set_cell_size(lines[-1], max(width - 2, 0)).rstrip()} …"[:width]
    return lines


def _wrapped(words: str, width: int) -> Iterator[str]:
    for paragraph in words.splitlines():
        row = ""
        for word in clean(paragraph).split(" "):
            if not word:
                continue
            while cell_len(word) > width:
                room = width - cell_len(row) - 1 if row else width
                if room < 1:
                    yield row
                    row, room = "", width
                part = set_cell_size(word, room).rstrip()
                if not part:  # a wide letter that does not fit into one cell
                    part, word = "", word[1:]
                    continue
                yield f"{row} {part}" if row else part
                row, word = "", word[len(part) :]
            if not word:
                continue
            if row and cell_len(row) + 1 + cell_len(word) > width:
                yield row
                row = word
            else:
                row = f"{row} {word}" if row else word
        if row:
            yield row


class Frame(NamedTuple):
    """The place and time that a slot is painted for. `key` selects it (`F1`)."""

    width: int
    height: int
    key: str
    selected: bool
    now_s: float
    simulated: bool
    signs: Signs
    words: Language
