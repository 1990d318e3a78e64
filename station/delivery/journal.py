"""The journal of a run, and the record that it makes when the run was broken off."""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from records import Measurement, RunRecord, StepRecord, Verdict
from station.engine.events import Measured, StepFinished, StepStarted

log = logging.getLogger(__name__)

Journalled = StepStarted | Measured | StepFinished
"""The events that a journal holds: what a run had measured must not be lost with it."""

POWER_CUT = "broken off: the station lost power or was killed"

_decode = msgspec.json.Decoder(Journalled).decode


def read_events(record_id: str, rows: Iterable[bytes]) -> list[Journalled]:
    """Return the events of a run's journal, without those that another version wrote unreadably."""
    events: list[Journalled] = []
    for body in rows:
        try:
            events.append(_decode(body))
        except msgspec.MsgspecError:  # the rest is worth having
            log.exception("run %s: this of its journal cannot be read: %r", record_id, body)
    return events


def break_off(
    draft: RunRecord,
    events: Sequence[Journalled],
    verdict: Verdict,
    why: str,
) -> RunRecord:
    """Return the record of a run that has come no further than these events.

    The step that was running, and making safe, end with `verdict` and `why`.
    """
    steps: list[StepRecord] = []
    running: StepStarted | None = None
    taken: list[Measurement] = []
    for event in events:
        match event:
            case StepStarted():
                running, taken = event, []
            case Measured(measurement=measurement):
                taken.append(measurement)
            case StepFinished(record=record):
                steps.append(record)
                running = None
    if running is not None:
        steps.append(
            StepRecord(
                step=running.step,
                title=running.title,
                verdict=verdict,
                started_at=_end(steps[-1]) if steps else draft.started_at,
                measurements=tuple(taken),
                reason=why,
            )
        )
    if not steps or steps[-1].step != "bench.make_safe":
        steps.append(
            StepRecord(
                step="bench.make_safe",
                title="Make safe",
                verdict=verdict,
                started_at=datetime.now(UTC),
                reason=why,
            )
        )
    return msgspec.structs.replace(draft, steps=tuple(steps), verdict=verdict)


def _end(record: StepRecord) -> datetime:
    return record.started_at + timedelta(seconds=record.duration_s)
