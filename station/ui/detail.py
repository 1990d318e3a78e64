"""The enlarged slot: every step and every measurement, one line each, painted only when seen."""

from typing import NamedTuple

from records import Verdict
from records.words import Language
from records.words.values import limit_text, name_text, value_text
from station.ui.look import PLAIN, Line, Piece, Signs, line, shortened, wrapped
from station.ui.parts import WIDEST_NAME, judgement
from station.ui.slot import SlotModel, StepModel


class Row(NamedTuple):
    """A line of the list: a step's heading, one of its measurements, or a line of its reason.

    `number` counts the plan's steps from 1; the steps of the runner have 0.
    """

    step: StepModel
    number: int
    measurement: int = -1
    reason: str = ""


def rows_of(slot: SlotModel, width: int, words: Language) -> list[Row]:
    """Return the lines, to be asked for again when `slot.shape` or the width has changed."""
    rows = []
    numbers = {id(step): number for number, step in enumerate(slot.planned, start=1)}
    for step in slot.steps:
        number = numbers.get(id(step), 0)
        rows.append(Row(step, number))
        record = step.record
        told = record.reason if record is not None else None
        if told is not None and told.id == NOT_REACHED:
            told = None  # as of every other step from here on
        reason = words.text(told) if told is not None else ""
        rows += [Row(step, number, reason=part) for part in wrapped(reason, width - 8)]
        rows += [Row(step, number, place) for place in range(len(step.measurements))]
    return rows


def state_of(row: Row) -> object:
    """Return what the line shows: it is painted again when this is another object."""
    if row.measurement >= 0:
        return row.step.measurements[row.measurement]
    return row.step.record or row.step.started


def paint_row(row: Row, width: int, signs: Signs, words: Language) -> Line:
    """Paint one line of the list."""
    if row.measurement >= 0:
        return _measurement(row, width, signs, words)
    if row.reason:
        return line(width, [("      ", PLAIN.plain), (row.reason, PLAIN.near)], PLAIN.plain)
    return _heading(row, width, signs, words)


class _Columns(NamedTuple):
    """Widths in cells; the same columns serve headings and measurements."""

    name: int
    value: int
    limit: int


INDENT = 7
NOT_REACHED = "run.not_reached"
ROOMY = 60  # cells from which clause and duration are shown
CLAUSE, DURATION = 14, 7


def _columns(width: int) -> _Columns:
    value, limit = (16, 26) if width >= 80 else (13, 18)
    return _Columns(min(max(width - INDENT - value - limit - 13, 8), WIDEST_NAME), value, limit)


def _heading(row: Row, width: int, signs: Signs, words: Language) -> Line:
    """Paint number, sign, title, verdict, clause and duration; the title has what room is left."""
    step, record = row.step, row.step.record
    style, sign, word = PLAIN.faint, "  ", "not_run"
    match step.verdict:
        case None if step.started:
            style, word = PLAIN.strong, "running"
        case None:
            pass
        case Verdict.PASS:
            style, sign = (PLAIN.near, signs.near) if step.marginal else (PLAIN.good, signs.good)
            word = str(Verdict.PASS)
        case Verdict.SKIPPED | Verdict.NOT_TESTED as verdict:
            sign, word = "- ", str(verdict)
        case verdict:
            style, sign, word = PLAIN.bad, signs.bad, str(verdict)
    right: list[Piece] = [(words.text(f"step.{word}").rjust(8), style)]
    if width >= ROOMY and (record is None or not step.started):
        right.append((" " * (CLAUSE + DURATION + 3), PLAIN.faint))
    elif width >= ROOMY and record is not None:
        duration = words.number(record.duration_s, ".1f")
        right.append((f"  {shortened(record.clause, CLAUSE).ljust(CLAUSE)}", PLAIN.faint))
        right.append((f" {duration:>{DURATION}} {words.unit('s')} ", PLAIN.faint))
    number = str(row.number) if row.number else ""
    room = width - INDENT - sum(len(part) for part, _ in right) - 1
    left: list[Piece] = [
        (f" {number:>2} ", PLAIN.faint),
        (f"{sign} ", style),
        (shortened(words.text(step.title), room), PLAIN.strong if step.started else PLAIN.faint),
    ]
    return line(width, left, PLAIN.plain, right)


def _measurement(row: Row, width: int, signs: Signs, words: Language) -> Line:
    measurement, columns = row.step.measurements[row.measurement], _columns(width)
    style, sign = judgement(measurement, PLAIN, signs)
    limit = limit_text(measurement.limit, measurement.unit, words)
    pieces: list[Piece] = [
        (" " * INDENT, PLAIN.plain),
        (
            shortened(name_text(measurement.name, words), columns.name).ljust(columns.name),
            PLAIN.plain,
        ),
        (shortened(value_text(measurement, words), columns.value).rjust(columns.value), style),
        ("  " + shortened(limit, columns.limit).ljust(columns.limit), PLAIN.faint),
        (f" {sign}", style),
    ]
    return line(width, pieces, PLAIN.plain)
