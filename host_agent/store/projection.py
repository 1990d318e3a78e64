"""Turns steps and measurements of a record into rows. Pure and total: every record fits."""

import msgspec

from host_agent.text import utc_text
from records import Limit, Measurement, RunRecord, StepRecord, Value

Row = tuple[object, ...]

_LIMITLESS: Row = (None, None, None, None, None, None)
_encode = msgspec.json.Encoder().encode


def step_rows(run_id: int, record: RunRecord) -> list[Row]:
    """Return rows in the order of the columns of `schema.steps`."""
    return [_step_row(run_id, number, step) for number, step in enumerate(record.steps)]


def measurement_rows(run_id: int, record: RunRecord) -> list[Row]:
    """Return rows in the order of the columns of `schema.measurements`."""
    return [
        (run_id, step_number, number, *_measurement(measurement))
        for step_number, step in enumerate(record.steps)
        for number, measurement in enumerate(step.measurements)
    ]


def _step_row(run_id: int, number: int, step: StepRecord) -> Row:
    return (
        run_id,
        number,
        step.step,
        step.title.words,
        step.verdict.value,
        _when(step),
        step.duration_s,
        step.clause,
        step.why,
    )


def _when(step: StepRecord) -> str:
    try:
        return utc_text(step.started_at)
    except OverflowError:  # the first or last hours of the calendar, in another zone
        return step.started_at.isoformat()


def _measurement(measurement: Measurement) -> Row:
    return (
        measurement.name,
        *_value(measurement.value),
        measurement.unit,
        *_limit(measurement.limit),
        measurement.verdict.value if measurement.verdict else None,
        measurement.marginal,
    )


def _value(value: Value) -> Row:
    """Return a value as number, text, truth. A whole number beyond every float becomes a text."""
    if isinstance(value, bool):
        return (None, None, value)
    if isinstance(value, str):
        return (None, value, None)
    try:
        return (float(value), None, None)
    except OverflowError:
        return (None, str(value), None)


def _limit(limit: Limit | None) -> Row:
    if limit is None:
        return _LIMITLESS
    equals = None if limit.equals is None else _encode(limit.equals).decode()
    return (limit.min, limit.max, equals, limit.guard, limit.basis.value, limit.source)
