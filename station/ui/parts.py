"""Parts that tiles and lists are painted from: values, choices, the bar of steps, texts."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style

from records import Measurement, Verdict
from records.words import Language
from records.words.values import limit_text, name_text, value_text
from station.ui.look import Line, Look, Piece, Signs, line, shortened
from station.ui.slot import StepModel

WIDEST_NAME = 40  # cells: farther away, the eye loses the line


def value_lines(
    measurements: Sequence[Measurement], width: int, look: Look, signs: Signs, words: Language
) -> list[Line]:
    """Paint name, value with unit, limit and sign, in columns that suit these measurements."""
    values = [value_text(m, words) for m in measurements]
    limits = [_limit_beside(m, words) for m in measurements]
    value_width = min(max(map(len, values), default=0), 18)
    limit_width = min(max(map(len, limits), default=0), 26)
    if width - value_width - limit_width - 5 < 6:
        limit_width = 0
    room = width - value_width - limit_width - (5 if limit_width else 4)
    name_width = min(max(room, 1), WIDEST_NAME)
    rows = []
    for measurement, value, limit in zip(measurements, values, limits, strict=True):
        style, sign = judgement(measurement, look, signs)
        pieces: list[Piece] = [
            (
                shortened(name_text(measurement.name, words), name_width).ljust(name_width + 1),
                look.plain,
            ),
            (shortened(value, value_width).rjust(value_width), style),
        ]
        if limit_width:
            pieces.append((" " + shortened(limit, limit_width).ljust(limit_width), look.faint))
        pieces.append((f" {sign}", style))
        rows.append(line(width, pieces, look.plain))
    return rows


def _limit_beside(measurement: Measurement, words: Language) -> str:
    """Return the limit for a column; a yes that has to be a yes leaves its room to the name."""
    if isinstance(measurement.value, bool) and measurement.verdict is Verdict.PASS:
        return ""
    return limit_text(measurement.limit, measurement.unit, words)


def judgement(measurement: Measurement, look: Look, signs: Signs) -> tuple[Style, str]:
    """Return how a measurement is marked."""
    if measurement.verdict is Verdict.FAIL:
        return look.bad, signs.bad
    if measurement.marginal:
        return look.near, signs.near
    if measurement.verdict is Verdict.PASS:
        return look.good, signs.good
    return look.plain, "  "


def progress(steps: Sequence[StepModel], width: int, look: Look) -> list[Piece]:
    """Paint a stretch of the bar for each step: done, failed, going on, still to come."""
    if not steps or width < 1:
        return []
    edges = [round(number * width / len(steps)) for number in range(len(steps) + 1)]
    pieces = []
    for step, start, end in zip(steps, edges, edges[1:], strict=False):
        mark, style = _stretch(step, look)
        pieces.append((mark * (end - start), style))
    return pieces


def _stretch(step: StepModel, look: Look) -> tuple[str, Style]:
    match step.verdict:
        case None:
            return ("▒", look.strong) if step.started else ("░", look.faint)
        case Verdict.PASS:
            return ("█", look.near if step.marginal else look.good)
        case Verdict.SKIPPED | Verdict.NOT_TESTED:
            return "-", look.faint
        case Verdict.FAIL:
            return "X", look.bad
        case _:
            return "!", look.bad


def texts(rows: Sequence[str], width: int, style: Style) -> list[Line]:
    """Paint one text a line, cut where it does not fit."""
    return [line(width, [(" ", style), (shortened(row, width - 1), style)], style) for row in rows]


def indented(rows: list[Line], look: Look) -> list[Line]:
    """Return the lines with a blank before each."""
    return [[Segment(" ", look.plain), *row] for row in rows]
