"""Run a plan. A generator of events: no threads, no UI, no network."""

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from math import isfinite

import msgspec

from drivers.errors import DriverError
from drivers.formats.text import clean
from records import Device, Measurement, Reading, RunRecord, StepRecord, Verdict
from station.engine.bench import Bench, BenchNotSafe, SharedLock
from station.engine.clock import Cancelled
from station.engine.events import (
    Acquired,
    Event,
    KeysSeen,
    Measured,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    Waiting,
)
from station.engine.plan import Plan, PlannedStep
from station.engine.step import BenchFault, Learned, NotApplicable

Stepping = Generator[Event, None, StepFinished]
NOTHING_JUDGED = "nothing was judged, so nothing has passed"


def run(plan: Plan, bench: Bench, draft: RunRecord) -> Generator[Event, None, None]:
    """Always ends with the bench made safe and, unless closed early, one `RunFinished`.

    `draft` is the record as it would be if the power went now: ABORTED, without steps.
    """
    start_s = bench.clock.monotonic()
    done: list[StepFinished] = []
    learned: list[Learned] = []
    safe = False
    yield RunStarted(
        draft.record_id,
        draft.sequence,
        draft.device,
        plan.title,
        tuple(planned.title for planned in plan.steps),
    )
    try:
        done.append((yield from _open_bench(plan, bench)))
        if done[0].record.verdict is Verdict.PASS:
            for number, planned in enumerate(plan.steps):
                done.append((yield from _run_step(number, planned, bench, learned)))
                verdict = done[-1].record.verdict
                if verdict is Verdict.ABORTED or (
                    planned.stop_on_fail and verdict not in (Verdict.PASS, Verdict.SKIPPED)
                ):
                    break
            if bench.clock.cancelled and done[-1].record.verdict is not Verdict.ABORTED:
                done.append((yield from _conclusion(bench, Verdict.ABORTED, bench.clock.reason)))
            elif not _is_judged(finished.record for finished in done):
                done.append((yield from _conclusion(bench, Verdict.ERROR, NOTHING_JUDGED)))
        safe = True
        done.append((yield from _make_safe(bench)))
    finally:
        try:
            if not safe:
                bench.make_safe()
        finally:
            bench.close()
    records = tuple(finished.record for finished in done)
    verdict, marginal = _conclude(records)
    yield RunFinished(
        msgspec.structs.replace(
            draft,
            device=_describe(draft.device, learned),
            instruments=tuple(bench.instruments.values()),
            duration_s=round(bench.clock.monotonic() - start_s, 3),
            steps=records,
            verdict=verdict,
            marginal=marginal,
        )
    )


def _conclude(records: Sequence[StepRecord]) -> tuple[Verdict, bool]:
    """Return the verdict of the worst step, and whether a pass is marginal."""
    verdict = Verdict.worst(record.verdict for record in records)
    marginal = any(m.marginal for record in records for m in record.measurements)
    return verdict, marginal and verdict is Verdict.PASS


def _is_judged(records: Iterable[StepRecord]) -> bool:
    """Tell whether a judged measurement, or a step gone wrong, gives a reason for a verdict."""
    return any(
        record.verdict not in (Verdict.PASS, Verdict.SKIPPED)
        or any(m.verdict for m in record.measurements)
        for record in records
    )


def _conclusion(bench: Bench, verdict: Verdict, reason: str) -> Stepping:
    """Record what is to be said of the run after all its steps."""
    record = StepRecord(
        step="run.conclude",
        title="Conclusion",
        verdict=verdict,
        started_at=bench.clock.now(),
        reason=reason,
    )
    return (yield from _finish(record))


def _finish(
    record: StepRecord, used: Collection[str] = (), at_fault: Collection[str] = ()
) -> Stepping:
    """Tell that a step is over, with the roles that its verdict rests on."""
    finished = StepFinished(record, tuple(sorted(used)), tuple(sorted(at_fault)))
    yield finished
    return finished


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
    verdict, reason, at_fault = Verdict.PASS, "", frozenset[str]()
    try:
        for planned in plan.steps:
            bench.check(planned.step)
        bench.open_own({name for planned in plan.steps for name in planned.step.roles})
    except LookupError as error:
        verdict, reason = Verdict.ERROR, str(error.args[0])
    except Exception as error:
        verdict, reason, at_fault = Verdict.ERROR, _explain(error), _blame(error)
    record = StepRecord(
        step="bench.open",
        title="Bench ready",
        verdict=verdict,
        started_at=started_at,
        duration_s=round(bench.clock.monotonic() - start_s, 3),
        reason=reason,
    )
    return (yield from _finish(record, at_fault=at_fault))


def _run_step(number: int, planned: PlannedStep, bench: Bench, learned: list[Learned]) -> Stepping:
    clock, step = bench.clock, planned.step
    started_at, start_s = clock.now(), clock.monotonic()
    taken: list[Measurement] = []
    at_fault = frozenset[str]()
    yield StepStarted(number, planned.title, planned.use)
    try:
        clock.check()
        locks = bench.shared_by(step)
        if locks:
            yield from _acquire(bench, locks)
        with bench.holding(step, locks) as instruments:
            items = step(*instruments, **planned.settings)
            try:
                for item in items:
                    if isinstance(item, Reading):
                        taken.append(measurement := _judge(item, planned))
                        yield Measured(measurement)
                    elif isinstance(item, KeysSeen):
                        yield item
                    else:
                        learned.append(item)
            finally:
                items.close()
        verdict, reason = _judge_all(planned, taken)
    except NotApplicable as why:
        verdict, reason = Verdict.SKIPPED, _writable(str(why))
        if taken:
            verdict, missed = _judge_all(planned, taken)
            reason = f"{missed}: {reason}" if missed else reason
    except Cancelled:
        verdict, reason = Verdict.ABORTED, clock.reason
    except Exception as error:
        verdict, reason, at_fault = Verdict.ERROR, _explain(error), _blame(error)
    record = StepRecord(
        step=planned.use,
        title=planned.title,
        clause=planned.clause,
        verdict=verdict,
        started_at=started_at,
        duration_s=round(clock.monotonic() - start_s, 3),
        measurements=tuple(taken),
        reason=reason,
    )
    return (yield from _finish(record, step.roles_used, at_fault))


def _judge_all(planned: PlannedStep, taken: list[Measurement]) -> tuple[Verdict, str]:
    """Return the verdict of the worst measurement. A limit that was never measured is an error."""
    verdict = Verdict.worst(m.verdict for m in taken if m.verdict)
    missed = planned.limits.keys() - {m.name for m in taken}
    if missed and verdict is not Verdict.FAIL:  # after a failure there may be nothing more
        return Verdict.ERROR, f"never measured {', '.join(sorted(missed))}"
    return verdict, ""


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


def _make_safe(bench: Bench) -> Stepping:
    started_at, start_s = bench.clock.now(), bench.clock.monotonic()
    verdict, reason, at_fault = Verdict.PASS, "", frozenset[str]()
    try:
        reason = bench.make_safe()
    except Exception as error:
        verdict, reason, at_fault = Verdict.ERROR, _explain(error), _blame(error)
    record = StepRecord(
        step="bench.make_safe",
        title="Make safe",
        verdict=verdict,
        started_at=started_at,
        duration_s=round(bench.clock.monotonic() - start_s, 3),
        reason=reason,
    )
    return (yield from _finish(record, at_fault=at_fault))


def _judge(reading: Reading, planned: PlannedStep) -> Measurement:
    name, value = reading
    if not _is_recordable(value):
        raise ValueError(f"{name} is {value!r}")
    unit = planned.step.units[name]
    limit = planned.limits.get(name)
    if limit is None:
        return Measurement(name=name, value=value, unit=unit)
    return Measurement(
        name=name,
        value=value,
        unit=unit,
        limit=limit,
        verdict=(verdict := limit.judge(value)),
        marginal=verdict is Verdict.PASS and limit.is_marginal(value),
    )


def _is_recordable(value: object) -> bool:
    """Tell whether a record can hold the value, and the host's database, too."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return _writable(value) == value
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _writable(text: str) -> str:
    """Return the text so that it can be recorded: no half surrogate pair, and no U+0000."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _blame(error: Exception) -> frozenset[str]:
    """Return the roles at fault. A fault of this program names none: it may be any role's."""
    if isinstance(error, DriverError | BenchFault | BenchNotSafe):
        return error.roles
    return frozenset()


def _explain(error: Exception) -> str:
    """Return the bench's fault in its own words, and ours with its type: it is to read as a bug."""
    if isinstance(error, BenchNotSafe):
        return _writable(f"the device may still be powered: {error}")
    if isinstance(error, DriverError | BenchFault):
        return _writable(str(error)) or type(error).__name__
    return _writable(repr(error))
