"""The tile of a slot: its model painted as lines, in any size. Widgets only show the lines."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.segment import Segment

from records import Measurement
from station.engine.events import KeysSeen
from station.ui import text
from station.ui.big import big_word
from station.ui.look import (
    EDGE,
    EDGE_SELECTED,
    HAZARD,
    LOOKS,
    MESSAGE,
    TITLE,
    TITLE_SELECTED,
    Line,
    Look,
    Piece,
    Signs,
    blocks,
    centred,
    line,
    shortened,
    wrapped,
)
from station.ui.parts import choice_lines, indented, progress, texts, value_lines
from station.ui.pictures.keyboard import draw_keyboard
from station.ui.slot import Mood, SlotModel, StepModel
from station.ui.values import duration_text

WAITING_SHOWS_S = 1.0  # shorter waits are part of a step, and would only flicker


class Frame(NamedTuple):
    """The place and time that a slot is painted for. `key` selects it (`F1`)."""

    width: int
    height: int
    key: str
    selected: bool
    now_s: float
    simulated: bool
    signs: Signs


def paint_slot(slot: SlotModel, frame: Frame) -> list[Line]:
    """Paint a slot as exactly `frame.height` lines of `frame.width` cells."""
    mood = mood_now(slot, frame.now_s)
    look = LOOKS[mood]
    inner = frame._replace(width=frame.width - 1, height=frame.height - 1)
    message = [*_port(slot, mood, inner), *_message(slot, inner)]
    room = max(inner.height - len(message), 0)
    body = _BODIES[mood](slot, look, inner._replace(height=room))[:room]
    body += [line(inner.width, (), look.plain)] * (room - len(body))
    edge = Segment("█", EDGE_SELECTED) if frame.selected else Segment(" ", EDGE)
    lines = [_title(slot, inner), *body, *message]
    return [[edge, *row] for row in lines[: frame.height]]


def mood_now(slot: SlotModel, now_s: float) -> Mood:
    """Return the mood of a slot; a short wait is none."""
    mood = slot.mood
    if mood is Mood.WAITING and now_s - slot.waiting_since_s < WAITING_SHOWS_S:
        return Mood.RUNNING
    return mood


def _title(slot: SlotModel, frame: Frame) -> Line:
    style = TITLE_SELECTED if frame.selected else TITLE
    tag = slot.device.asset_tag if slot.device else ""
    right = text.SIMULATED if frame.simulated and slot.record else ""
    if slot.running:
        right = duration_text(frame.now_s - slot.started_s)
    if slot.stopping:
        right = text.STOPPING
    left = f" {frame.key} {slot.name}  "
    room = frame.width - len(left) - len(right) - 2
    return line(
        frame.width,
        [(left, style), (shortened(tag, room), style)],
        style,
        [(f" {right} ", style)] if right else (),
    )


def _message(slot: SlotModel, frame: Frame) -> list[Line]:
    if not slot.message:
        return []
    most = min(3, max(frame.height // 3, 1))
    return texts(wrapped(slot.message, frame.width - 2, most), frame.width, MESSAGE)


def _port(slot: SlotModel, mood: Mood, frame: Frame) -> list[Line]:
    """Paint what has happened at the port beside what the slot is about."""
    if slot.pulled and slot.running:
        return texts([text.PULLED], frame.width, MESSAGE)
    if slot.plugged.offered and mood in _BETWEEN_RUNS:
        what_to_do = wrapped(_what_to_do(slot, frame), frame.width - 2, 2)
        told = [text.PLUGGED.format(name=_plugged_name(slot)), *what_to_do]
        return texts(told, frame.width, MESSAGE)
    return []


def _plugged_name(slot: SlotModel) -> str:
    device = slot.plugged.device
    if device is None:
        return ""
    return " ".join(part for part in (device.maker, device.product) if part) or device.usb_id


def _what_to_do(slot: SlotModel, frame: Frame) -> str:
    if slot.plugged.reason:
        return text.NOT_BY_ITSELF.format(reason=slot.plugged.reason)
    return text.SCAN_ITS_LABEL if frame.selected else text.SELECT_FOR_IT.format(key=frame.key)


def _ready(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    if slot.plugged.offered:
        return _word_and(text.READY, _offer(slot, look, frame), look, frame)
    hint = text.SCAN_HERE if frame.selected else text.SELECT_TO_SCAN.format(key=frame.key)
    details = [*texts([_plan_words(slot)], frame.width, look.faint)]
    details += texts(wrapped(hint, frame.width - 2), frame.width, look.plain)
    faint = look._replace(strong=look.faint)
    return _word_and(text.READY, details, faint, frame)


def _offer(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    """Paint what is plugged in and waits to be tested."""
    device, width = slot.plugged.device, frame.width
    details = texts([text.PLUGGED.format(name=_plugged_name(slot))], width, look.strong)
    details += texts(wrapped(_what_to_do(slot, frame), width - 2), width, look.plain)
    if device is not None and device.serial_number:
        number = text.SERIAL_NUMBER.format(number=device.serial_number)
        details += texts([number], width, look.plain)
    return details + texts([_plan_words(slot)] * (frame.height > 9), width, look.faint)


def _plan_words(slot: SlotModel) -> str:
    plans = slot.info.plans
    if len(plans) < 2 or slot.chosen_plan not in plans:
        return text.PLAN.format(plan=slot.chosen_plan)
    number = plans.index(slot.chosen_plan) + 1
    return text.PLAN_OF.format(number=number, total=len(plans), plan=slot.chosen_plan)


def _running(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    if slot.keys is not None:
        rows = _step(slot, look, frame)[: 2 if frame.height > 9 else 1]
        return rows + _keyboard(slot.keys, look, frame, frame.height - len(rows))
    rows = _device(slot, look, frame) if frame.height >= 7 else []
    rows += _step(slot, look, frame)
    return rows + _values(slot, look, frame, frame.height - len(rows))


def _keyboard(keys: KeysSeen, look: Look, frame: Frame, room: int) -> list[Line]:
    return indented(draw_keyboard(keys, frame.width - 1, room, look), look)


def _waiting(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    if slot.waiting is None:
        return []
    held = text.HELD_BY.format(slot=slot.waiting.held_by) if slot.waiting.held_by else ""
    waits = text.WAITING_FOR.format(instrument=slot.waiting.instrument)
    roomy = frame.height >= 6
    rows = _step(slot, look, frame)[: 2 if roomy else 1]
    rows += [line(frame.width, (), look.plain)] if roomy else []
    rows += texts(wrapped(waits, frame.width - 2, 2), frame.width, look.strong)
    rows += texts(wrapped(held, frame.width - 2, 2), frame.width, look.plain)
    rows += [line(frame.width, (), look.plain)] if roomy else []
    return rows + _values(slot, look, frame, frame.height - len(rows))


def _asking(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    if slot.question is None:
        return []
    question = slot.question.question
    choices = choice_lines(question.choices, frame.width - 2)
    here = [] if frame.selected else [text.SELECT_TO_ANSWER.format(key=frame.key)]
    rows = _step(slot, look, frame)[:1] if frame.height > 5 + len(choices) else []
    room = frame.height - len(rows) - len(choices) - len(here)
    asked = wrapped(question.text, frame.width - 2, max(room, 1))
    rows += texts(asked, frame.width, look.strong)
    gap = frame.height - len(rows) - len(choices) - len(here) > 0
    rows += texts([*[""] * gap, *choices, *here], frame.width, look.plain)
    room = frame.height - len(rows)
    if slot.keys is not None and room > 0:
        return rows + _keyboard(slot.keys, look, frame, room)
    if room >= 7:
        blank = line(frame.width, (), look.plain)
        return [*rows, blank, *_drawn(big_word("?", frame.width, room - 2), look, frame)]
    return rows


def _finished(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    return _word_and(slot.word, _details(slot, look, frame), look, frame)


def _details(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    """Paint why the run ended so, or which device that was."""
    width = frame.width
    match slot.mood:
        case Mood.FAIL:
            values = value_lines(slot.outside, width - 1, look, frame.signs)
            return [
                *indented(values, look),
                *texts([_device_words(slot)], width, look.plain),
            ]
        case Mood.MARGINAL:
            values = value_lines(slot.near, width - 1, look, frame.signs)
            return texts([text.MARGINAL_NOTE], width, look.strong) + indented(values, look)
        case Mood.ERROR:
            why = texts(wrapped(slot.reason, width - 2), width, look.plain)
            return texts(wrapped(text.BENCH_FAULT, width - 2), width, look.strong) + why
        case Mood.ABORTED:
            notes = f"{slot.reason}\n{text.ABORTED_NOTE}"
            return texts(wrapped(notes, width - 2), width, look.plain)
        case Mood.INCOMPLETE:
            notes = f"{text.INCOMPLETE_NOTE}\n{', '.join(slot.unproved)}"
            return texts(wrapped(notes, width - 2), width, look.plain)
        case _:
            return texts([_device_words(slot), slot.plan], width, look.plain)


def _unsafe(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    width = frame.width
    shout = texts(wrapped(text.STILL_POWERED, width - 2), width, HAZARD)
    advice = texts(wrapped(text.SWITCH_OFF, width - 2), width, look.strong)
    why = texts(wrapped(slot.unsafe_reason, width - 2), width, look.plain)
    room = frame.height - len(shout)
    below = _word_and(text.DANGER, advice + why, look, frame._replace(height=room))
    return shout + below


def _unsaved(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    reason = slot.not_saved.reason if slot.not_saved else ""
    notes = f"{text.NOT_SAVED}\n{reason}"
    details = texts(wrapped(notes, frame.width - 2), frame.width, look.plain)
    return _word_and(text.UNSAVED, details, look, frame)


def _word_and(word: str, details: list[Line], look: Look, frame: Frame) -> list[Line]:
    """Paint the word as large as fits over the details, of which at least two lines are seen."""
    reserve = min(len(details), 3 if frame.height >= 8 else 2)
    drawn = big_word(
        word,
        frame.width,
        max(frame.height - reserve, 1),
        half_blocks=frame.signs.half_blocks,
    )
    details = _cut(details, frame.height - len(drawn), look, frame)
    spare = frame.height - len(drawn) - len(details)
    blank = line(frame.width, (), look.plain)
    above = min(max(spare, 0) // 2, 2)
    between = min(max(spare - above, 0), 1)
    rows = _drawn(drawn, look, frame)
    return [*[blank] * above, *rows, *[blank] * between, *details]


def _cut(rows: list[Line], room: int, look: Look, frame: Frame) -> list[Line]:
    """Return as many rows as there is room for; the last one says when there are more."""
    if len(rows) <= room:
        return rows
    if room < 1:
        return []
    words = "".join(segment.text for segment in rows[room - 1])
    cut = line(frame.width, [(words, look.plain)], look.plain, [(" …", look.strong)])
    return [*rows[: room - 1], cut]


def _drawn(rows: Sequence[str], look: Look, frame: Frame) -> list[Line]:
    return [
        line(frame.width, blocks(centred(row, frame.width), look.strong, look.plain), look.plain)
        for row in rows
    ]


def _device(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    words = "  ".join(part for part in (_device_words(slot), slot.plan) if part)
    return [line(frame.width, [(" ", look.faint), (words, look.faint)], look.plain)]


def _device_words(slot: SlotModel) -> str:
    device = slot.device
    if device is None:
        return slot.info.kind
    return " ".join(part for part in (device.maker, device.model) if part) or device.kind


def _step(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    """Paint step n of m with its title, and the bar."""
    steps = slot.planned
    outside = len(slot.outside)
    count = f" {text.OUTSIDE.format(count=outside)} " if outside else ""
    number = text.STEP.format(number=min(slot.number + 1, len(steps)), total=len(steps))
    before = f" {number}  "
    title = shortened(_doing(slot, steps), frame.width - len(before) - 1)
    heading: list[Piece] = [(before, look.plain), (title, look.strong)]
    bar: list[Piece] = [(" ", look.plain), *progress(steps, frame.width - 2 - len(count), look)]
    return [
        line(frame.width, heading, look.plain),
        line(frame.width, bar, look.plain, [(count, look.bad)] if count else ()),
    ]


def _doing(slot: SlotModel, steps: Sequence[StepModel]) -> str:
    if slot.step is not None:
        return slot.step.title
    if not any(step.started for step in steps):
        return text.STARTING
    if slot.stopping or slot.number + 1 >= len(steps):
        return text.MAKING_SAFE
    return steps[slot.number].title


def _values(slot: SlotModel, look: Look, frame: Frame, room: int) -> list[Line]:
    """Paint the last values: those of this step, and of the ones before while there is room."""
    if room < 1:
        return []
    latest: list[Measurement] = []
    for step in reversed(slot.steps):
        latest[:0] = step.measurements[-(room - len(latest)) :]
        if len(latest) >= room:
            break
    return indented(value_lines(latest, frame.width - 1, look, frame.signs), look)


_BETWEEN_RUNS = (Mood.PASS, Mood.MARGINAL, Mood.FAIL, Mood.ERROR, Mood.ABORTED, Mood.INCOMPLETE)

_BODIES: dict[Mood, Callable[[SlotModel, Look, Frame], list[Line]]] = {
    Mood.READY: _ready,
    Mood.RUNNING: _running,
    Mood.WAITING: _waiting,
    Mood.ASKING: _asking,
    Mood.PASS: _finished,
    Mood.MARGINAL: _finished,
    Mood.FAIL: _finished,
    Mood.ERROR: _finished,
    Mood.ABORTED: _finished,
    Mood.INCOMPLETE: _finished,
    Mood.UNSAVED: _unsaved,
    Mood.UNSAFE: _unsafe,
}
