"""The end of a run in a slot's tile: a large word, and below it why and what to do next."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.style import Style

from records.words import Language
from records.words.values import failure_text
from station.ui.big import big_word
from station.ui.look import HAZARD, Frame, Line, Look, blocks, centred, line, wrapped
from station.ui.parts import indented, texts, value_lines
from station.ui.slot import Mood, SlotModel

MOST_BESIDE_WORD = 5  # lines for which a word becomes smaller
LEAST_WORD = 3  # lines of the smallest drawing
ROOMY_LINES = 12  # of a tile, from which more than one failure is told


class _Details(NamedTuple):
    """The lines below a large word: why, what to do next, and what is good to know.

    Where there is little room the last goes first, and then the end of the first.
    """

    why: list[Line]
    what_next: list[Line]
    besides: list[Line]


def paint_finished(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    details = _details(slot, look, frame)
    return word_and(frame.words.text(f"verdict.{slot.ending}"), details, look, frame)


def _details(slot: SlotModel, look: Look, frame: Frame) -> _Details:
    """Paint why the run ended so, what to do next, and which device that was."""
    width, words = frame.width, frame.words

    def told(style: Style, *rows: str) -> list[Line]:
        return [row for one in rows for row in texts(wrapped(one, width - 2), width, style)]

    what_next = told(look.strong, words.text(f"next.{slot.ending}"))
    device = texts([device_words(slot, words)], width, look.plain)
    reason = words.text(slot.reason) if slot.reason is not None else ""
    match slot.mood:
        case Mood.FAIL:
            return _Details(told(look.plain, *_failures(slot, frame)), what_next, device)
        case Mood.MARGINAL:
            values = value_lines(slot.near, width - 1, look, frame.signs, words)
            note = texts([words.text("screen.marginal_note")], width, look.plain)
            return _Details(indented(values, look), what_next, [*note, *device])
        case Mood.ERROR:
            fault = told(look.strong, words.text("screen.bench_fault"))
            why = told(look.plain, reason)
            needed = len(fault) + len(why) + len(what_next)
            if frame.height >= 6 and needed > frame.height - LEAST_WORD:
                fault = []  # the word above and the advice below say so, too
            return _Details([*fault, *why], what_next, device)
        case Mood.ABORTED:
            note = told(look.plain, words.text("screen.aborted_note"))
            return _Details([*told(look.plain, reason), *note], what_next, device)
        case Mood.INCOMPLETE:
            unproved = ", ".join(words.text(title) for title in slot.unproved)
            why = told(look.plain, words.text("screen.incomplete_note", tests=unproved))
            return _Details(why, what_next, device)
        case _:
            plan = told(look.plain, words.text(slot.plan))
            return _Details(device if _is_named(slot) else [], what_next, plan)


def _failures(slot: SlotModel, frame: Frame) -> list[str]:
    """Return what is outside, in sentences: the first ones, and how many more there are."""
    failures = slot.failures
    shown = 1 if frame.height < ROOMY_LINES else 3
    told = [failure_text(one, others, frame.words) for one, others in failures[:shown]]
    if (more := len(failures) - shown) > 0:
        told.append(frame.words.text("screen.more_failed", count=more))
    return told


def paint_unsafe(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    width = frame.width
    shout = texts(wrapped(frame.words.text("screen.still_powered"), width - 2), width, HAZARD)
    advice = texts(wrapped(frame.words.text("screen.switch_off"), width - 2), width, look.strong)
    reasons = " ".join(frame.words.text(one) for one in slot.unsafe_reasons)
    why = texts(wrapped(reasons, width - 2), width, look.plain)
    below = frame._replace(height=frame.height - len(shout))
    details = _Details([], advice, why)
    return shout + word_and(frame.words.text("screen.danger"), details, look, below)


def paint_unsaved(slot: SlotModel, look: Look, frame: Frame) -> list[Line]:
    width, words = frame.width, frame.words
    reason = words.text(slot.not_saved.reason) if slot.not_saved else ""
    why = texts(wrapped(reason, width - 2), width, look.plain)
    what_next = texts(wrapped(words.text("screen.not_saved"), width - 2), width, look.strong)
    return word_and(words.text("screen.unsaved"), _Details(why, what_next, []), look, frame)


def word_and(word: str, details: _Details | list[Line], look: Look, frame: Frame) -> list[Line]:
    """Paint the word as large as fits over the details, of which the first two kinds go before it.

    A word of half blocks needs three lines; without these, few lines stand below a large one.
    """
    details = _Details(details, [], []) if isinstance(details, list) else details
    needed = len(details.why) + len(details.what_next)
    least = 3 if frame.height >= 8 else 2
    lines = max(min(needed, MOST_BESIDE_WORD), least) if frame.signs.half_blocks else least
    room = frame.height - min(sum(map(len, details)), lines)
    room = max(room, min(LEAST_WORD, frame.height - 2), 1)
    large = big_word(word, frame.width, room, half_blocks=frame.signs.half_blocks)
    below = _fit(details, frame.height - len(large), look, frame)
    spare = frame.height - len(large) - len(below)
    blank = line(frame.width, (), look.plain)
    above = min(max(spare, 0) // 2, 2)
    between = min(max(spare - above, 0), 1)
    rows = drawn(large, look, frame)
    return [*[blank] * above, *rows, *[blank] * between, *below]


def _fit(details: _Details, room: int, look: Look, frame: Frame) -> list[Line]:
    """Return the lines for which there is room: what to do next stays beside the reason."""
    why, what_next, besides = details
    if len(why) + len(what_next) > room > len(what_next):
        return [*_cut(why, room - len(what_next), look, frame), *what_next]
    return (
        _cut([*why, *what_next], room, look, frame)
        + besides[: max(room - len(why) - len(what_next), 0)]
    )


def _cut(rows: list[Line], room: int, look: Look, frame: Frame) -> list[Line]:
    """Return as many rows as there is room for; the last one says when there are more."""
    if len(rows) <= room:
        return rows
    if room < 1:
        return []
    words = "".join(segment.text for segment in rows[room - 1])
    cut = line(frame.width, [(words, look.plain)], look.plain, [(" …", look.strong)])
    return [*rows[: room - 1], cut]


def drawn(rows: Sequence[str], look: Look, frame: Frame) -> list[Line]:
    return [
        line(frame.width, blocks(centred(row, frame.width), look.strong, look.plain), look.plain)
        for row in rows
    ]


def _is_named(slot: SlotModel) -> bool:
    """Tell whether the device says more of itself than its kind, which the plan says, too."""
    return slot.device is not None and bool(slot.device.maker or slot.device.model)


def named_device(slot: SlotModel, words: Language) -> str:
    """Return maker and model; empty where they are unknown."""
    return device_words(slot, words) if _is_named(slot) else ""


def device_words(slot: SlotModel, words: Language) -> str:
    device = slot.device
    if device is None:
        return words.name("kind", slot.info.kind)
    said = " ".join(part for part in (device.maker, device.model) if part)
    return said or words.name("kind", device.kind)
