"""The enlarged slot: every step and every measurement, one line each, painted only when seen."""

from typing import NamedTuple

from records import Verdict
from station.ui import text
from station.ui.look import PLAIN, Line, Piece, Signs, line, shortened, wrapped
from station.ui.parts import WIDEST_NAME, judgement
from station.ui.slot import SlotModel, StepModel
from station.ui.values import limit_text, name_text, value_text


class Row(NamedTuple):
    """A line of the list: a step's heading, one of its measurements, or a line of its reason."""

    step: StepModel
    number: int
    measurement: int = -1
    reason: str = ""


def rows_of(slot: SlotModel, width: int) -> list[Row]:
    """Return the lines, to be asked for again when `slot.shape` or the width has changed."""
    rows = []
    for number, step in enumerate(slot.steps, start=1):
        rows.append(Row(step, number))
        reason = step.record.why if step.record and step.started else ""
        rows += [Row(step, number, reason=words) for words in wrapped(reason, width - 8)]
        rows += [Row(step, number, place) for place in range(len(step.measurements))]
    return rows


def state_of(row: Row) -> object:
    """Return what the line shows: it is painted again when this is another object."""
    if row.measurement >= 0:
        return row.step.measurements[row.measurement]
    return row.step.record or row.step.started


def paint_row(row: Row, width: int, signs: Signs) -> Line:
    """Paint one line of the list."""
    if row.measurement >= 0:
        return _measurement(row, width, signs)
    if row.reason:
        return line(width, [("      ", PLAIN.plain), (row.reason, PLAIN.near)], PLAIN.plain)
    return _heading(row, width, signs)


class _Columns(NamedTuple):
    """Widths in cells; the same columns serve headings and measurements."""

    name: int
    value: int
    limit: int


INDENT = 7


def _columns(width: int) -> _Columns:
    value, limit = (16, 26) if width >= 80 else (13, 18)
    return _Columns(min(max(width - INDENT - value - limit - 13, 8), WIDEST_NAME), value, limit)


def _heading(row: Row, width: int, signs: Signs) -> Line:
    step, record, columns = row.step, row.step.record, _columns(width)
    style, sign, word = PLAIN.faint, "  ", text.NOT_RUN
    match step.verdict:
        case None if step.started:
            style, word = PLAIN.strong, text.RUNNING
        case None:
            pass
        case Verdict.PASS:
            style, sign = (PLAIN.near, signs.near) if step.marginal else (PLAIN.good, signs.good)
            word = text.STEP_VERDICTS[Verdict.PASS]
        case Verdict.SKIPPED | Verdict.NOT_TESTED as verdict:
            sign, word = "- ", text.STEP_VERDICTS[verdict]
        case verdict:
            style, sign, word = PLAIN.bad, signs.bad, text.STEP_VERDICTS[verdict]
    title = shortened(step.title, columns.name).ljust(columns.name)
    clause = shortened(record.clause if record else "", columns.limit).ljust(columns.limit)
    pieces: list[Piece] = [
        (f" {row.number:2} ", PLAIN.faint),
        (f"{sign} ", style),
        (title, PLAIN.strong if step.started else PLAIN.faint),
        (word.rjust(columns.value), style),
        (f"  {clause}", PLAIN.faint),
        (f" {record.duration_s:7.1f} s" if record else "", PLAIN.faint),
    ]
    return line(width, pieces, PLAIN.plain)


def _measurement(row: Row, width: int, signs: Signs) -> Line:
    measurement, columns = row.step.measurements[row.measurement], _columns(width)
    style, sign = judgement(measurement, PLAIN, signs)
    limit = limit_text(measurement.limit, measurement.unit)
    pieces: list[Piece] = [
        (" " * INDENT, PLAIN.plain),
        (shortened(name_text(measurement.name), columns.name).ljust(columns.name), PLAIN.plain),
        (shortened(value_text(measurement), columns.value).rjust(columns.value), style),
        ("  " + shortened(limit, columns.limit).ljust(columns.limit), PLAIN.faint),
        (f" {sign}", style),
    ]
    return line(width, pieces, PLAIN.plain)
