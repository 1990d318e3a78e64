"""The bars above and below the slots: header, notice, question or message, input line, keys."""

from collections.abc import Iterator, Sequence

from rich.style import Style

from records.words import Language
from station.console import DeliveryNotice
from station.ui.answers import choice_lines
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
from station.ui.slot import Mood, SlotModel

BOTTOM = 3  # lines, at least
MOST_QUESTION = 5
MOST_NOTICE = 4

# What is told of the connection and how much was delivered, the longest first.
_DELIVERY = {
    True: (("connected", "counts"), ("connected", "counts_short")),
    False: (
        ("not_connected", "counts"),
        ("not_connected_short", "counts"),
        ("not_connected_short", "counts_short"),
    ),
}


def header(controls: Controls, width: int, clock: str) -> Line:
    """Paint the station, its connection, how much it has delivered, and the time of day."""
    console, delivery, words = controls.console, controls.model.delivery, controls.words
    left: list[Piece] = [(f" {console.station} ", TITLE)]
    if console.simulated:
        left.append((f" {words.text('screen.simulated')} ", BADGE))
    if delivery is None:
        return line(width, left, TITLE, [(f" {clock} ", TITLE)])
    room = width - sum(len(part) for part, _ in left)
    for right in _delivered(controls, delivery):
        right.append((f" {clock} ", TITLE))
        if sum(len(part) for part, _ in right) <= room:
            return line(width, left, TITLE, right)
    return line(width, left, TITLE)


def _delivered(controls: Controls, delivery: DeliveryNotice) -> Iterator[list[Piece]]:
    """Yield what is told of the connection and of today, the longest first."""
    words = controls.words
    style = TITLE if delivery.connected else CALM
    counted = BADGE if delivery.rejected else TITLE
    for state, counts in _DELIVERY[delivery.connected]:
        told = words.text(
            f"screen.{counts}",
            delivered=delivery.delivered,
            waiting=delivery.waiting,
            rejected=delivery.rejected,
        )
        connected = (f" {words.text(f'screen.{state}')} ", style)
        yield [connected, (f" {told} ", counted), (f" {_today(controls)} ", TITLE)]
        yield [connected, (f" {told} ", counted)]
    yield [connected]
    yield []


def _today(controls: Controls) -> str:
    today = controls.model.today
    return controls.words.text(
        "screen.today",
        tested=today.tested,
        passed=today.passed,
        failed=today.failed,
        errors=today.errors,
    )


def notice(controls: Controls, width: int, now_s: float) -> list[Line]:
    """Paint what concerns everybody, in as many lines as it needs: danger first."""
    words = controls.words
    if unsafe := controls.model.unsafe:
        slots = ", ".join(slot.name for slot in unsafe)
        shout = words.text("screen.unsafe_banner", slots=slots)
        return _texts(wrapped(shout, width - 2, MOST_NOTICE), width, HAZARD)
    if controls.model.delivery is not None and controls.model.delivery.troubles:
        trouble = words.text(controls.model.delivery.troubles[0])
        return _texts(wrapped(trouble, width - 2, MOST_NOTICE), width, MESSAGE)
    told = ""
    if controls.offers_take_over:
        told = words.text("screen.autopilot")
    elif now_s < controls.hint_until_s:
        told = words.text("screen.taken_over")
    elif controls.model.delivery is not None and not controls.model.delivery.connected:
        told = words.text("screen.kept_here")
    return _texts(wrapped(told, width - 2, MOST_NOTICE) or [""], width, PLAIN.near)


def bottom(controls: Controls, width: int) -> list[Line]:
    """Paint question, message or hint, and the input line.

    These are at least `BOTTOM` lines, so that the slots keep their size without a question.
    """
    slot, words = controls.selected, controls.words
    if controls.quit_asked or controls.quitting:
        names = ", ".join(each.name for each in controls.model.running)
        asks = "screen.quitting" if controls.quitting else "screen.quit_running"
        said = wrapped(words.text(asks, slots=names), width - 2, MOST_QUESTION)
        lines = _texts(said, width, MESSAGE)
    elif slot.question is not None:
        lines = _question(slot, width, words)
    elif slot.message:
        lines = _texts(wrapped(slot.message, width - 2, MOST_QUESTION), width, MESSAGE)
    else:
        page = controls.model.page
        told = words.text("screen.page", page=page) if page else ""
        hint = words.text(f"screen.{_hint(slot)}", slot=slot.name)
        lines = _texts(wrapped(f"{told}\n{hint}", width - 2, BOTTOM - 1), width, PLAIN.faint)
    blank = line(width, (), PLAIN.plain)
    lines = [*[blank] * (BOTTOM - 1 - len(lines)), *lines]
    return [*lines, _input(controls, width)]


def _hint(slot: SlotModel) -> str:
    if slot.running:
        return "busy_hint"
    return "unsafe_hint" if slot.unsafe else "idle_hint"


def _question(slot: SlotModel, width: int, words: Language) -> list[Line]:
    if slot.question is None:
        return []
    question, look = slot.question.question, LOOKS[Mood.ASKING]
    asks = f"{words.text('screen.question_from', slot=slot.name)} {words.text(question.asks)}"
    lines = _texts(wrapped(asks, width - 2, MOST_QUESTION), width, look.strong)
    return lines + _texts(choice_lines(question.choices, width - 2, words), width, look.strong)


def _input(controls: Controls, width: int) -> Line:
    """Paint the input line. What is typed comes before what is told beside it."""
    typed, words = controls.reader.text, controls.words
    prompt = f" {words.text('screen.prompt', slot=controls.selected.name)}"
    right: list[Piece] = []
    others = ", ".join(slot.name for slot in controls.model.asking(but=controls.selected))
    if controls.selected.question is not None and typed:
        right = [(f" {words.text('screen.clear_to_answer')} ", MESSAGE)]
    elif others:
        asks = "others_ask" if controls.selected.question else "others_ask_first"
        told = words.text(f"screen.{asks}", slots=others)
        right = [(f" {told} ", LOOKS[Mood.ASKING].strong)]
    if typed and len(prompt) + min(len(typed), 8) + 2 + sum(len(part) for part, _ in right) > width:
        right = []
    room = max(width - len(prompt) - 2 - sum(len(part) for part, _ in right), 8)
    shown = typed if len(typed) <= room else f"…{typed[1 - room :]}"
    left: list[Piece] = [(prompt, PLAIN.strong), (shown, PLAIN.strong), ("█", PLAIN.strong)]
    return line(width, left, PLAIN.plain, right)


def footer(controls: Controls, width: int) -> Line:
    """Paint the keys, as many as there is room for: the last of `keys` go first."""
    count, words = len(controls.model.slots), controls.words
    keys = [("F10", words.text("screen.key_stop")), ("Ctrl+Q", words.text("screen.key_quit"))]
    if count > 1:
        keys.append((f"F1-F{min(count, FUNCTION_KEYS)}", words.text("screen.key_slot")))
    if controls.offers_serial:
        keys.append(("Ctrl+S", words.text("screen.key_serial")))
    keys.append(("Enter", words.text(f"screen.key_{'back' if controls.enlarged else 'enlarge'}")))
    if controls.offers_take_over:
        keys.append(("Ctrl+T", words.text("screen.key_take_over")))
    if controls.enlarged:
        keys.append(("PgUp PgDn", words.text("screen.key_scroll")))
    if count > 1:
        keys.append(("Tab", words.text("screen.key_next")))
    if len(controls.selected.info.plans) > 1:
        keys.append(("F9", words.text("screen.key_plan")))
    while len(keys) > 2 and sum(len(f" {key}  {says}  ") for key, says in keys) > width + 2:
        keys.pop()
    keys = [*keys[2:], *keys[:2]]
    pieces: list[Piece] = []
    for key, meaning in keys:
        pieces += [(f" {key} ", KEY_CAP), (f" {meaning}  ", PLAIN.plain)]
    return line(width, pieces, PLAIN.plain)


def _texts(rows: Sequence[str], width: int, style: Style) -> list[Line]:
    return [line(width, [(" ", style), (row, style)], style) for row in rows]
