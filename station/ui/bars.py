"""The bars above and below the slots: header, notice, question or message, input line, keys."""

from collections.abc import Sequence

from rich.style import Style

from station.ui import text
from station.ui.controls import FUNCTION_KEYS, Controls
from station.ui.look import (
    BADGE,
    CALM,
    HAZARD,
    KEY_CAP,
    LOOKS,
    MESSAGE,
    PLAIN,
    TITLE,
    Line,
    Piece,
    line,
    wrapped,
)
from station.ui.parts import choice_lines
from station.ui.slot import Mood, SlotModel

BOTTOM = 3  # lines, at least
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


def header(controls: Controls, width: int, clock: str) -> Line:
    """Paint the station, its connection, how much it has delivered, and the time of day."""
    console, delivery = controls.console, controls.model.delivery
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


def notice(controls: Controls, width: int, now_s: float) -> Line:
    """Paint what concerns everybody: danger first."""
    if unsafe := controls.model.unsafe:
        slots = ", ".join(slot.name for slot in unsafe)
        return line(width, [(f" {text.UNSAFE_BANNER.format(slots=slots)}", HAZARD)], HAZARD)
    if controls.model.delivery is not None and controls.model.delivery.troubles:
        return line(width, [(f" {controls.model.delivery.troubles[0]}", MESSAGE)], MESSAGE)
    if controls.offers_take_over:
        return line(width, [(f" {text.AUTOPILOT}", PLAIN.near)], PLAIN.plain)
    if now_s < controls.hint_until_s:
        return line(width, [(f" {text.TAKEN_OVER}", PLAIN.near)], PLAIN.plain)
    if controls.model.delivery is not None and not controls.model.delivery.connected:
        return line(width, [(f" {text.KEPT_HERE}", PLAIN.near)], PLAIN.plain)
    return line(width, (), PLAIN.plain)


def bottom(controls: Controls, width: int) -> list[Line]:
    """Paint question, message or hint, and the input line.

    These are at least `BOTTOM` lines, so that the slots keep their size without a question.
    """
    slot = controls.selected
    if controls.quit_asked or controls.quitting:
        names = ", ".join(each.name for each in controls.model.running)
        asks = (text.QUITTING if controls.quitting else text.QUIT_RUNNING).format(slots=names)
        lines = _texts(wrapped(asks, width - 2, MOST_QUESTION), width, MESSAGE)
    elif slot.question is not None:
        lines = _question(slot, width)
    elif slot.message:
        lines = _texts(wrapped(slot.message, width - 2, BOTTOM - 1), width, MESSAGE)
    else:
        hint = text.BUSY_HINT if slot.running else text.IDLE_HINT
        page = [text.PAGE.format(page=controls.model.page)] if controls.model.page else []
        lines = _texts([*page, hint.format(slot=slot.name)], width, PLAIN.faint)
    blank = line(width, (), PLAIN.plain)
    lines = [*[blank] * (BOTTOM - 1 - len(lines)), *lines]
    return [*lines, _input(controls, width)]


def _question(slot: SlotModel, width: int) -> list[Line]:
    if slot.question is None:
        return []
    question, look = slot.question.question, LOOKS[Mood.ASKING]
    asks = f"{text.QUESTION_FROM.format(slot=slot.name)} {question.text}"
    lines = _texts(wrapped(asks, width - 2, MOST_QUESTION), width, look.strong)
    return lines + _texts(choice_lines(question.choices, width - 2), width, look.strong)


def _input(controls: Controls, width: int) -> Line:
    typed = controls.reader.text
    prompt = f" {text.PROMPT.format(slot=controls.selected.name)}"
    right: list[Piece] = []
    others = ", ".join(slot.name for slot in controls.model.asking(but=controls.selected))
    if controls.selected.question is not None and typed:
        right = [(f" {text.CLEAR_TO_ANSWER} ", MESSAGE)]
    elif others:
        words = text.OTHERS_ASK if controls.selected.question else text.OTHERS_ASK_FIRST
        right = [(f" {words.format(slots=others)} ", LOOKS[Mood.ASKING].strong)]
    room = max(width - len(prompt) - 2 - sum(len(words) for words, _ in right), 8)
    shown = typed if len(typed) <= room else f"…{typed[1 - room :]}"
    left: list[Piece] = [(prompt, PLAIN.strong), (shown, PLAIN.strong), ("█", PLAIN.strong)]
    return line(width, left, PLAIN.plain, right)


def footer(controls: Controls, width: int) -> Line:
    """Paint the keys, as many as there is room for: the last of `keys` go first."""
    count = len(controls.model.slots)
    keys = [("F10", text.KEY_STOP), ("Ctrl+Q", text.KEY_QUIT)]
    if count > 1:
        keys.append((f"F1-F{min(count, FUNCTION_KEYS)}", text.KEY_SLOT))
    if controls.offers_serial:
        keys.append(("Ctrl+S", text.KEY_SERIAL))
    keys.append(("Enter", text.KEY_BACK if controls.enlarged else text.KEY_ENLARGE))
    if controls.offers_take_over:
        keys.append(("Ctrl+T", text.KEY_TAKE_OVER))
    if controls.enlarged:
        keys.append(("PgUp PgDn", text.KEY_SCROLL))
    if count > 1:
        keys.append(("Tab", text.KEY_NEXT))
    if len(controls.selected.info.plans) > 1:
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
