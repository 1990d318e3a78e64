"""The tile of a slot: its model painted as lines, in any size. Widgets only show the lines."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment

from records import Measurement
from records.words import Language
from records.words.values import duration_text
from station.engine.events import Shown
from station.ui import pictures
from station.ui.answers import choice_lines
from station.ui.big import big_word
from station.ui.finished import (
    drawn,
    named_device,
    paint_finished,
    paint_unsafe,
    paint_unsaved,
    word_and,
)
from station.ui.look import (
    EDGE,
    EDGE_SELECTED,
    LOOKS,
    MESSAGE,
    TITLE,
    TITLE_SELECTED,
    Frame,
    Line,
    Look,
    Piece,
    line,
    shortened,
    wrapped,
)
from station.ui.parts import indented, progress, texts, value_lines
from station.ui.slot import Mood, SlotModel, StepModel

WAITING_SHOWS_S = 1.0  # shorter waits are part of a step, and would only flicker


def paint_slot(slot: SlotModel, frame: Frame) -> list[Line]:
    """Paint a slot as exactly `frame.height` lines of `frame.width` cells."""
    mood = mood_now(slot, frame.now_s)
    frame = frame._replace(words=slot.words(frame.words))
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
    right = frame.words.text("screen.simulated") if frame.simulated and slot.record else ""
    if slot.running:
        right = duration_text(frame.now_s - slot.started_s)
    if slot.stopping:
        right = frame.words.text("screen.stopping")
    left = f" {frame.key} {slot.name}  "
    room = frame.width - len(left) - len(right) - 2
    if (
        cell_len(tag) > room
    ):  # the tag tells what this is about, its place on the screen whose it is
        left, right = f" {frame.key} ", right if slot.running else ""
        room = frame.width - len(left) - len(right) - 2
    if cell_len(tag) > room:
        right, room = "", frame.width - len(left)
    return line(
        frame.width,
        [(left, style), (shortened(tag, room), style)],
        style,
        [(f" {right} ", style)] if right else (),
    )


def _message(slot: SlotModel, frame: Frame) -> list[Line]:
    if not slot.message:
        return []
    most = min(5, frame.height - 3) if frame.height >= 7 else max(frame.height // 3, 1)
    return texts(wrapped(slot.message, frame.width - 2, most), frame.width, MESSAGE)


def _port(slot: SlotModel, mood: Mood, frame: Frame) -> list[Line]:
    """Paint what has happened at the port beside what the slot is about."""
    if slot.pulled and slot.running:
        return texts([frame.words.text("screen.pulled")], frame.width, MESSAGE)
    if slot.plugged.offered and mood in _BETWEEN_RUNS:
        what_to_do = wrapped(_what_to_do(slot, frame), frame.width - 2, 2)
        told = [frame.words.text("screen.plugged", name=_plugged_name(slot)), *what_to_do]
        return texts(told, frame.width, MESSAGE)
    return []


def _plugged_name(slot: SlotModel) -> str:
    device = slot.plugged.device
    if device is None:
        return ""
    return " ".join(part for part in (device.maker, device.product) if part) or device.usb_id


def _what_to_do(slot: SlotModel, frame: Frame) -> str:
    if slot.plugged.reason:
        reason = frame.words.text(slot.plugged.reason)
        return frame.words.text("screen.not_by_itself", reason=reason)
    return (
        frame.words.text("screen.scan_its_label")
        if frame.selected
        else frame.words.text("screen.select_for_it", key=frame.key)
    )


def _ready(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    if slot.plugged.offered:
        return word_and(frame.words.text("screen.ready"), _offer(slot, look, frame), look, frame)
    hint = (
        frame.words.text("screen.scan_here")
        if frame.selected
        else frame.words.text("screen.select_to_scan", key=frame.key)
    )
    plan = wrapped(_plan_words(slot, frame.words), frame.width - 2, 2)
    details = texts(plan, frame.width, look.faint)
    details += texts(_beforehand(slot, frame), frame.width, look.strong)
    details += texts(wrapped(hint, frame.width - 2), frame.width, look.plain)
    faint = look._replace(strong=look.faint)
    return word_and(frame.words.text("screen.ready"), details, faint, frame)


def _beforehand(slot: SlotModel, frame: Frame) -> list[str]:
    """Say why no run came of the last scan, or that the next one cannot end as PASS."""
    if slot.why_not is not None:
        return wrapped(frame.words.text(slot.why_not), frame.width - 2, 2)
    if titles := slot.cannot_be_proved:
        tests = ", ".join(frame.words.text(title) for title in titles)
        return [shortened(frame.words.text("screen.cannot_pass", tests=tests), frame.width - 2)]
    return []


def _offer(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    """Paint what is plugged in and waits to be tested."""
    device, width = slot.plugged.device, frame.width
    details = texts(
        [frame.words.text("screen.plugged", name=_plugged_name(slot))], width, look.strong
    )
    details += texts(wrapped(_what_to_do(slot, frame), width - 2), width, look.plain)
    if device is not None and device.serial_number:
        number = frame.words.text("screen.serial_number", number=device.serial_number)
        details += texts([number], width, look.plain)
    plan = wrapped(_plan_words(slot, frame.words), width - 2, 2) if frame.height > 9 else []
    return details + texts(plan, width, look.faint)


def _plan_words(slot: SlotModel, words: Language) -> str:
    plans, chosen = slot.info.plans, slot.chosen_plan
    title = words.text(slot.plan_title)
    if len(plans) < 2 or chosen not in plans:
        return words.text("screen.plan", plan=title)
    number = plans.index(chosen) + 1
    return words.text("screen.plan_of", number=number, total=len(plans), plan=title)


def _running(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    if slot.shown is not None:
        rows = _step(slot, look, frame)[: 2 if frame.height > 9 else 1]
        if drawing := _picture(slot.shown, look, frame, frame.height - len(rows)):
            return rows + drawing
    heading, bar = _step(slot, look, frame)
    rows = [heading, bar] if frame.height < 6 else [*_device(slot, heading, look, frame), bar]
    return rows + _values(slot, look, frame, frame.height - len(rows))


def _picture(shown: Shown, look: Look, frame: Frame, room: int) -> list[Line]:
    """Draw what the step shows; no lines where that cannot be drawn."""
    return indented(pictures.draw(shown, frame.width - 1, room, look, frame.words), look)


def _waiting(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    if slot.waiting is None:
        return []
    held = (
        frame.words.text("screen.held_by", slot=slot.waiting.held_by)
        if slot.waiting.held_by
        else ""
    )
    waits = frame.words.text("screen.waiting_for", instrument=slot.waiting.instrument)
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
    choices = choice_lines(question.choices, frame.width - 2, frame.words)
    choices = choices or [frame.words.text("screen.type_line")]
    here = [] if frame.selected else [frame.words.text("screen.select_to_answer", key=frame.key)]
    step = f"{_number(slot, frame.words)}  {_doing(slot, slot.planned, frame.words)}"
    rows = []
    if slot.steps and frame.height > 5 + len(choices):
        rows = texts(wrapped(step, frame.width - 2, 2), frame.width, look.plain)
    room = frame.height - len(rows) - len(choices) - len(here)
    asked = wrapped(frame.words.text(question.asks), frame.width - 2, max(room, 1))
    rows += texts(asked, frame.width, look.strong)
    gap = frame.height - len(rows) - len(choices) - len(here) > 0
    rows += texts([*[""] * gap, *choices, *here], frame.width, look.plain)
    room = frame.height - len(rows)
    if slot.shown is not None and (drawing := _picture(slot.shown, look, frame, room)):
        return rows + drawing
    if room >= 7:
        blank = line(frame.width, (), look.plain)
        return [*rows, blank, *drawn(big_word("?", frame.width, room - 2), look, frame)]
    return rows


def _device(slot: SlotModel, heading: Line, look: Look, frame: Frame) -> list[Line]:
    """Paint device and plan over the heading, or beside its number where the title needs a line."""
    known = (named_device(slot, frame.words), frame.words.text(slot.plan))
    said = "  ".join(part for part in known if part)
    number, title = _number(slot, frame.words), _doing(slot, slot.planned, frame.words)
    if cell_len(number) + cell_len(title) + 4 <= frame.width:
        return [*texts([said], frame.width, look.faint), heading]
    room = frame.width - cell_len(number) - 4
    pieces: list[Piece] = [(f" {number}  ", look.plain), (shortened(said, room), look.faint)]
    return [line(frame.width, pieces, look.plain), *texts([title], frame.width, look.strong)]


def _number(slot: SlotModel, words: Language) -> str:
    """Return the number of the step that goes on: "Step 2 of 3"."""
    total = len(slot.planned)
    return words.text("screen.step", number=min(slot.number + 1, total), total=total)


def _step(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    """Paint step n of m with its title, and the bar."""
    steps = slot.planned
    outside = len(slot.outside)
    count = f" {frame.words.text('screen.outside', count=outside)} " if outside else ""
    left = f"{_time_left(slot, frame)} "
    if len(left) + len(count) > frame.width // 2:
        left = ""
    before = f" {_number(slot, frame.words)}  "
    title = shortened(_doing(slot, steps, frame.words), frame.width - len(before) - 1)
    heading: list[Piece] = [(before, look.plain), (title, look.strong)]
    room = frame.width - 2 - len(count) - len(left)
    bar: list[Piece] = [(" ", look.plain), *progress(steps, room, look)]
    return [
        line(frame.width, heading, look.plain),
        line(frame.width, bar, look.plain, [(left, look.plain), (count, look.bad)]),
    ]


def _time_left(slot: SlotModel, frame: Frame) -> str:
    """Return how long the run may still take, from what such runs took before."""
    if slot.expected_s is None or slot.stopping:
        return ""
    left_s = slot.expected_s - (frame.now_s - slot.started_s)
    if left_s < 1.0:
        return ""
    return f" {frame.words.text('screen.time_left', left=duration_text(left_s))}"


def _doing(slot: SlotModel, steps: Sequence[StepModel], words: Language) -> str:
    if slot.step is not None:
        return words.text(slot.step.title)
    if not any(step.started for step in steps):
        return words.text("screen.starting")
    if slot.stopping or slot.number + 1 >= len(steps):
        return words.text("screen.making_safe")
    return words.text(steps[slot.number].title)


def _values(slot: SlotModel, look: Look, frame: Frame, room: int) -> list[Line]:
    """Paint the last values: those of this step, and of the ones before while there is room."""
    if room < 1:
        return []
    latest: list[Measurement] = []
    for step in reversed(slot.steps):
        latest[:0] = step.measurements[-(room - len(latest)) :]
        if len(latest) >= room:
            break
    return indented(value_lines(latest, frame.width - 1, look, frame.signs, frame.words), look)


_BETWEEN_RUNS = (Mood.PASS, Mood.MARGINAL, Mood.FAIL, Mood.ERROR, Mood.ABORTED, Mood.INCOMPLETE)

_BODIES: dict[Mood, Callable[[SlotModel, Look, Frame], list[Line]]] = {
    Mood.READY: _ready,
    Mood.RUNNING: _running,
    Mood.WAITING: _waiting,
    Mood.ASKING: _asking,
    Mood.PASS: paint_finished,
    Mood.MARGINAL: paint_finished,
    Mood.FAIL: paint_finished,
    Mood.ERROR: paint_finished,
    Mood.ABORTED: paint_finished,
    Mood.INCOMPLETE: paint_finished,
    Mood.UNSAVED: paint_unsaved,
    Mood.UNSAFE: paint_unsafe,
}
