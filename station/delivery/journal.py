"""The journal of a run, and the record that it makes when the run was broken off."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from records import Measurement, Phrase, Proof, RunRecord, StepRecord, Verdict, version_1
from records.reading import UNREADABLE
from records.run import not_safe
from records.verdicts import CONCLUDE, MAKE_SAFE
from station.engine.events import Found, Measured, StepFinished, StepStarted

log = logging.getLogger(__name__)

Journalled = StepStarted | Measured | Found | StepFinished
"""The events that a journal holds: what a run had measured must not be lost with it."""

POWER_CUT = Phrase("run.power_cut")
DAMAGED = Phrase("run.journal_damaged")

_decode = msgspec.json.Decoder(Journalled).decode


def read_events(record_id: str, rows: Iterable[bytes]) -> list[Journalled]:
    """Return what a journal holds. What cannot be read is logged: the rest is worth having."""
    events: list[Journalled] = []
    for row in rows:
        try:
            events.append(_read(row))
        except (*UNREADABLE, KeyError, TypeError):
            log.exception("run %s: this of its journal cannot be read: %r", record_id, row)
    return events


def _read(row: bytes) -> Journalled:
    try:
        event: Journalled = _decode(row)
    except msgspec.MsgspecError:  # of version 0.1, perhaps
        raw: dict[str, Any] = msgspec.json.decode(row)
        if isinstance(raw.get("title"), str):
            return msgspec.convert(raw | {"title": Phrase(text=raw["title"])}, StepStarted)
        raw["record"] = version_1.upgrade_step(raw["record"])
        return msgspec.convert(raw, StepFinished)
    return event


def break_off(
    draft: RunRecord,
    events: Sequence[Journalled],
    verdict: Verdict,
    why: Phrase,
    *,
    whole_journal: bool = True,
) -> RunRecord:
    """Return the record of a run that went as far as `events` tell.

    `verdict` is that of the step that was under way, with the reason `why`. A run that had made its
    bench safe was over, and is concluded as it is; but for an ERROR, which something raised, and
    where its journal is not whole: what is lost of it may have been a FAIL.
    """
    heard = _heard(events)
    begun = _begun(heard, draft, verdict, why)
    tests = list(draft.steps) or [*heard.tests.values(), *begun.values()]
    for number, record in {**heard.tests, **begun}.items():
        if number < len(draft.steps):
            tests[number] = record
    before = [one for one in heard.of_runner if one.step not in (CONCLUDE, MAKE_SAFE)]
    last = [one for one in heard.of_runner if one.step in (CONCLUDE, MAKE_SAFE)]
    whole = bool(last) and last[-1].step == MAKE_SAFE
    if not begun and verdict is Verdict.ERROR:
        last.insert(0, _of_runner(CONCLUDE, verdict, why))
    elif not whole_journal:
        last.insert(0, _of_runner(CONCLUDE, verdict, DAMAGED))
    if not whole:
        last.append(_of_runner(MAKE_SAFE, verdict, why))
    steps = (*before, *tests, *last)
    found = heard.found or Found(draft.device, draft.instruments)
    whole_record = msgspec.structs.replace(
        draft,
        device=found.device,
        instruments=found.instruments,
        duration_s=round(sum(step.duration_s for step in steps), 3),
        steps=steps,
        not_safe=not_safe(steps),
        dead_man=any(one.dead_man for one in found.instruments),
    )
    conclusion = whole_record.conclude()
    return msgspec.structs.replace(
        whole_record, verdict=conclusion.verdict, marginal=conclusion.marginal
    )


class _Heard(NamedTuple):
    """A journal's content: the tests that ended, by number, and the one that was under way."""

    tests: dict[int, StepRecord]
    of_runner: list[StepRecord]
    running: StepStarted | None
    taken: tuple[Measurement, ...]
    found: Found | None


def _heard(events: Sequence[Journalled]) -> _Heard:
    tests: dict[int, StepRecord] = {}
    of_runner: list[StepRecord] = []
    running: StepStarted | None = None
    taken: list[Measurement] = []
    found: Found | None = None
    for event in events:
        match event:
            case Found():
                found = event
            case StepStarted():
                running, taken = event, []
            case Measured(measurement=measurement):
                taken.append(measurement)
            case StepFinished(record=record) if running is not None:
                tests[running.number] = record
                running = None
            case StepFinished(record=record):
                of_runner.append(record)
    return _Heard(tests, of_runner, running, tuple(taken), found)


def _begun(
    heard: _Heard, draft: RunRecord, verdict: Verdict, why: Phrase
) -> Mapping[int, StepRecord]:
    """Return the test that was under way, by its number."""
    running = heard.running
    if running is None:
        return {}
    ended = [*heard.of_runner, *heard.tests.values()]
    started_at = max(map(_end, ended), default=draft.started_at)
    if running.number < len(draft.steps):
        planned = draft.steps[running.number]
    else:
        planned = StepRecord(
            test=running.step,
            step=running.step,
            title=running.title,
            verdict=verdict,
            started_at=started_at,
        )
    record = msgspec.structs.replace(
        planned,
        verdict=verdict,
        proof=Proof.NONE,
        started_at=started_at,
        measurements=heard.taken,
        reason=why,
    )
    return {running.number: record}


def _of_runner(step: str, verdict: Verdict, why: Phrase) -> StepRecord:
    return StepRecord(
        test=step,
        step=step,
        title=Phrase(f"title.{step}"),
        verdict=verdict,
        started_at=datetime.now(UTC),
        reason=why,
    )


def _end(record: StepRecord) -> datetime:
    return record.started_at + timedelta(seconds=record.duration_s)
