"""Run a plan. A generator of events: no threads, no UI, no network."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from drivers.errors import DriverError
from drivers.formats.text import clean
from records import Device, Measurement, Phrase, Proof, Reading, RunRecord, StepRecord, Verdict
from records.run import NOT_SAFE, Chance, Series, not_safe
from records.verdicts import CONCLUDE, MAKE_SAFE, OPEN
from station.engine.bench import Bench, BenchNotSafe, Lacks, SharedLock
from station.engine.clock import Cancelled, Clock
from station.engine.deciding import Judge, worst_of, writable, written
from station.engine.events import (
    Acquired,
    Event,
    Found,
    Measured,
    RunFinished,
    RunStarted,
    Shown,
    StepFinished,
    StepStarted,
    Waiting,
)
from station.engine.plan import Plan, PlannedStep, Untested
from station.engine.step import BenchFault, Learned, NotApplicable

Stepping = Generator[Event, None, StepRecord]
NOT_REACHED = Phrase("run.not_reached")
NOT_SAFE_BUT_CUT = "bench.not_safe_but_cut"
NEVER_MEASURED = "run.never_measured"


def run(plan: Plan, bench: Bench, draft: RunRecord) -> Generator[Event, None, None]:
    """Run the plan; end with the bench made safe and, unless closed early, one `RunFinished`.

    `draft` is the record as it would be if the power went now: ABORTED, with nothing reached.
    """
    start_s = bench.clock.monotonic()
    done: list[StepRecord] = []
    learned: list[Learned] = []
    safe = False
    yield RunStarted(
        draft.record_id,
        draft.sequence,
        draft.device,
        plan.name,
        tuple(planned.name for planned in plan.steps),
        {language: dict(said) for language, said in plan.words.items()},
    )
    try:
        done.append((yield from _open_bench(plan, bench)))
        yield Found(draft.device, bench.used())
        if done[0].verdict is Verdict.PASS:
            judge = _judge(plan, bench, draft)
            yield from _run_steps(plan, bench, draft.device, done, learned, judge)
        now = bench.clock.now()
        done.extend(not_reached(plan.steps[len(done) - 1 :], now))
        done.extend(_record_untested(one, now) for one in plan.untested)
        if (concluded := _conclusion(bench.clock, done)) is not None:
            done.append((yield from _finish(concluded)))
        safe = True
        done.append((yield from _make_safe(plan, bench)))
    finally:
        try:
            if not safe:
                bench.make_safe()
        finally:
            bench.close()
    finished = msgspec.structs.replace(
        draft,
        device=_describe(draft.device, learned),
        instruments=bench.used(),
        duration_s=round(bench.clock.monotonic() - start_s, 3),
        steps=tuple(done),
        not_safe=not_safe(done),
        dead_man=any(one.dead_man for one in bench.used()),
    )
    conclusion = finished.conclude()
    yield RunFinished(
        msgspec.structs.replace(finished, verdict=conclusion.verdict, marginal=conclusion.marginal)
    )


def not_reached(steps: Iterable[PlannedStep], at: datetime) -> tuple[StepRecord, ...]:
    """Return the records of tests that a run does not come to, all of the moment `at`."""
    return tuple(_record(planned, at, Verdict.NOT_TESTED, reason=NOT_REACHED) for planned in steps)


def draft_steps(plan: Plan, at: datetime) -> tuple[StepRecord, ...]:
    """Return the records of all tests of a plan, as if the run ended before the first."""
    untested = tuple(_record_untested(one, at) for one in plan.untested)
    return not_reached(plan.steps, at) + untested


def _record_untested(one: Untested, at: datetime) -> StepRecord:
    return StepRecord(
        test=one.test,
        step="",
        title=one.name,
        clause=one.clause,
        verdict=one.verdict,
        started_at=at,
        required=one.required,
        reason=one.reason,
    )


def _record(
    planned: PlannedStep, at: datetime, verdict: Verdict, reason: Phrase | None = None
) -> StepRecord:
    judged = verdict in (Verdict.PASS, Verdict.FAIL)
    return StepRecord(
        test=planned.test or planned.use,
        step=planned.use,
        title=planned.name,
        clause=planned.clause,
        verdict=verdict,
        started_at=at,
        required=planned.required,
        proof=planned.proves if judged else Proof.NONE,
        roles=tuple(sorted(planned.step.roles_used)),
        reason=reason,
    )


def _judge(plan: Plan, bench: Bench, draft: RunRecord) -> Judge:
    """Return the judge of a run. A date means something only while the clock is believed."""
    expired = bench.expired(draft.started_at.date()) if draft.clock_synchronised else ()
    return Judge(plan.rule, bench.roles, bench.accuracies, expired, remarks_only=draft.remarks_only)


def _run_steps(
    plan: Plan,
    bench: Bench,
    device: Device,
    done: list[StepRecord],
    learned: list[Learned],
    judge: Judge,
) -> Generator[Event, None, None]:
    """Run the steps, until one stops the run."""
    for number, planned in enumerate(plan.steps):
        known = (len(learned), len(bench.used()))
        record = yield from _run_step(number, planned, bench, learned, judge)
        done.append(record)
        if known != (len(learned), len(bench.used())):
            yield Found(_describe(device, learned), bench.used())
        undecided = record.verdict is Verdict.NOT_TESTED and record.reason == judge.reason()
        well = record.verdict in (Verdict.PASS, Verdict.SKIPPED) or undecided
        if _has_stopped(bench.clock, done) or (planned.stop_on_fail and not well):
            return


def _has_stopped(clock: Clock, done: Sequence[StepRecord]) -> bool:
    """Tell whether a step says already that the run was stopped."""
    return clock.reason is not None and any(record.reason == clock.reason for record in done)


def _conclusion(clock: Clock, done: Sequence[StepRecord]) -> StepRecord | None:
    """Return what is to be said of a run that was stopped, besides what its steps say.

    Where the device may have been replaced no FAIL stands: an ERROR without roles at fault says so.
    """
    in_doubt = clock.in_doubt and any(record.verdict is Verdict.FAIL for record in done)
    if not in_doubt and (not clock.cancelled or _has_stopped(clock, done)):
        return None
    return StepRecord(
        test=CONCLUDE,
        step=CONCLUDE,
        title=Phrase(f"title.{CONCLUDE}"),
        verdict=Verdict.ERROR if in_doubt else Verdict.ABORTED,
        started_at=clock.now(),
        reason=clock.reason,
    )


def _finish(record: StepRecord) -> Stepping:
    yield StepFinished(record)
    return record


def _describe(device: Device, learned: list[Learned]) -> Device:
    for facts in learned:
        known = {
            name: clean(value) if isinstance(value, str) else value
            for name, value in facts._asdict().items()
            if value
        }
        device = msgspec.structs.replace(device, **known)
    return device


def _open_bench(plan: Plan, bench: Bench) -> Stepping:
    started_at, start_s = bench.clock.now(), bench.clock.monotonic()
    verdict, reason, at_fault = Verdict.PASS, None, frozenset[str]()
    try:
        for planned in plan.steps:
            bench.check(planned.step)
        bench.open_own(plan.roles)
    except Lacks as error:
        verdict, reason = Verdict.ERROR, error.phrase
    except Exception as error:
        verdict, reason, at_fault = Verdict.ERROR, _explain(error), _blame(error)
    record = StepRecord(
        test=OPEN,
        step=OPEN,
        title=Phrase(f"title.{OPEN}"),
        verdict=verdict,
        started_at=started_at,
        duration_s=round(bench.clock.monotonic() - start_s, 3),
        at_fault=tuple(sorted(at_fault)),
        asked=tuple(bench.asked),
        reason=reason,
    )
    return (yield from _finish(record))


def _run_step(
    number: int, planned: PlannedStep, bench: Bench, learned: list[Learned], judge: Judge
) -> Stepping:
    clock, step = bench.clock, planned.step
    started_at, start_s = clock.now(), clock.monotonic()
    taken: list[Measurement] = []
    chances: list[Chance] = []
    series: list[Series] = []
    at_fault = frozenset[str]()
    whole = False
    bench.asked.clear()
    yield StepStarted(number, planned.name, planned.use)
    try:
        clock.check()
        if not judge.begin(planned):
            raise _Undecided
        locks = bench.shared_by(step)
        if locks:
            yield from _acquire(bench, locks)
        with bench.holding(step, locks) as instruments:
            items = step(*instruments, **planned.settings)
            try:
                for item in items:
                    if isinstance(item, Reading):
                        taken.append(measurement := judge.measurement(item, planned))
                        yield Measured(measurement)
                    elif isinstance(item, Shown):
                        yield item
                    elif isinstance(item, Chance):
                        chances.append(item)
                    elif isinstance(item, Series):
                        series.append(item)
                    else:
                        learned.append(item)
                whole = True
            finally:
                items.close()
        verdict, reason = _judge_all(planned, taken, judge)
    except _Undecided:
        verdict, reason = Verdict.NOT_TESTED, judge.reason()
    except NotApplicable as why:
        verdict, reason = Verdict.SKIPPED, written(why.phrase)
        if taken:
            verdict, missed = _judge_all(planned, taken, judge)
            never = missed is not None and missed.id == NEVER_MEASURED
            reason = _as(missed, reason) if missed and never else reason
    except Cancelled:
        verdict, reason = Verdict.ABORTED, clock.reason
    except BenchNotSafe as error:
        verdict, reason, at_fault = Verdict.ERROR, _explain(error), error.roles
        if whole and judge.failed_without(error.roles):
            verdict, reason, at_fault = Verdict.FAIL, judge.reason(), frozenset()
            bench.note_unsafe(error)
    except Exception as error:
        verdict, reason, at_fault = Verdict.ERROR, _explain(error), _blame(error)
    record = msgspec.structs.replace(
        _record(planned, started_at, verdict, reason),
        duration_s=round(clock.monotonic() - start_s, 3),
        at_fault=tuple(sorted(at_fault)),
        measurements=tuple(taken),
        asked=tuple(bench.asked),
        proof=judge.proof(planned, verdict),
        chances=tuple(chances),
        series=tuple(series),
    )
    return (yield from _finish(record))


class _Undecided(Exception):
    """The bench can decide no limit of a step: it is not done, and the device not touched."""


def _judge_all(
    planned: PlannedStep, taken: list[Measurement], judge: Judge
) -> tuple[Verdict, Phrase | None]:
    """Return the verdict of the worst measurement. A limit that was never measured is an error."""
    verdict = worst_of(taken, judge.undecided)
    missed = planned.limits.keys() - {m.name for m in taken}
    if missed and verdict is not Verdict.FAIL:  # after a failure there may be nothing more
        return Verdict.ERROR, Phrase(NEVER_MEASURED, {"measurements": ", ".join(sorted(missed))})
    return verdict, judge.reason()


def _as(missed: Phrase, why: Phrase) -> Phrase:
    """Return what was never measured, with the reason: one sentence in the other."""
    return Phrase("run.never_measured_as", {**why.values, **missed.values, "because": why.id})


def _acquire(bench: Bench, locks: list[SharedLock]) -> Iterator[Event]:
    """Take every lock, or none: a slot that is stopped while it waits keeps nothing."""
    taken: list[SharedLock] = []
    try:
        for lock in locks:
            waits = not lock.acquire(bench.slot, timeout_s=0.0)
            if waits:
                yield Waiting(lock.name, lock.holder)
                while not lock.acquire(bench.slot, timeout_s=0.05):
                    bench.clock.check()
            taken.append(lock)
            if waits:
                yield Acquired(lock.name)
    except BaseException:
        for lock in taken:
            lock.release()
        raise


def _make_safe(plan: Plan, bench: Bench) -> Stepping:
    """Let go of the device. Roles that the run did not reach are not made safe, and it says so."""
    started_at, start_s = bench.clock.now(), bench.clock.monotonic()
    verdict, reason, at_fault = Verdict.PASS, None, frozenset[str]()
    try:
        reason = bench.make_safe()
    except Exception as error:
        verdict, reason, at_fault = Verdict.ERROR, _explain(error), _blame(error)
    if unreached := ", ".join(bench.unreached(plan.roles)):
        if verdict is Verdict.PASS:
            verdict, reason = Verdict.NOT_TESTED, Phrase("bench.not_reached", {"roles": unreached})
        elif reason is not None:
            reason = Phrase("bench.not_safe_nor_reached", {"roles": unreached}, reason.text)
    elif verdict is Verdict.PASS and not bench.instruments and bench.unreached(plan.roles, object):
        verdict = Verdict.SKIPPED  # no instrument was reached, and none of them holds the device
    record = StepRecord(
        test=MAKE_SAFE,
        step=MAKE_SAFE,
        title=Phrase(f"title.{MAKE_SAFE}"),
        verdict=verdict,
        started_at=started_at,
        duration_s=round(bench.clock.monotonic() - start_s, 3),
        at_fault=tuple(sorted(at_fault)),
        reason=reason,
    )
    return (yield from _finish(record))


def _blame(error: Exception) -> frozenset[str]:
    """Return the roles at fault. A fault of this program names none: it may be any role's."""
    if isinstance(error, DriverError | BenchFault | BenchNotSafe):
        return error.roles
    return frozenset()


def _explain(error: Exception) -> Phrase:
    """Return the bench's fault in its own words, and ours with its type: it is to read as a bug."""
    if isinstance(error, BenchNotSafe) and error.cut_by:
        return Phrase(NOT_SAFE_BUT_CUT, {"roles": ", ".join(error.cut_by)}, writable(str(error)))
    if isinstance(error, BenchNotSafe):
        return Phrase(NOT_SAFE, text=writable(str(error)))
    if isinstance(error, BenchFault):
        return written(error.phrase)
    if isinstance(error, DriverError):
        said = writable(str(error)) or type(error).__name__
        if roles := ", ".join(sorted(error.roles)):
            return Phrase("bench.driver_error", {"roles": roles}, said)
        return Phrase("bench.driver_fault", text=said)
    return Phrase("run.program_fault", text=writable(repr(error)))
