"""A broken bench never condemns a device, a bad device never passes, and power always goes off."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.capabilities import Actuator, Power, PowerMeter
from drivers.errors import BadReply, NoReply, NotConnected, NotPermitted, Refused, WrongDevice
from drivers.uncertain import Cause, Uncertain
from records import (
    Phrase,
    Proof,
    Reading,
    RunRecord,
    StepRecord,
    Value,
    Verdict,
    decode_run,
    encode,
)
from records.judging import contradictions
from records.run import NOT_SAFE
from station.engine.bench import Bench, SharedLock
from station.engine.clock import BY_OPERATOR, Cancelled, Clock
from station.engine.events import (
    Acquired,
    Asked,
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
from station.engine.plan import PlannedStep, Untested
from station.engine.prompts import Operator, Prompter
from station.engine.run import NOT_REACHED, draft_steps, run
from station.engine.step import BenchFault, Learned, NotApplicable, Socket, Step, Yields, step
from tests.station.benches import (
    Answers,
    Meter,
    Relay,
    Socketed,
    events,
    finish,
    make_bench,
    make_clock,
    make_draft,
    make_plan,
    planned,
    silence,
)

ANOTHER = Phrase("run.swapped")


@step(volts="V", amperes="A")
def measure(relay: Actuator, meter: PowerMeter, clock: Clock) -> Yields:
    """Close the relay, and read."""
    assert isinstance(relay, Relay)
    relay.close_contact()
    clock.sleep(1.0)
    yield Reading("volts", meter.read().voltage_v)
    yield Reading("amperes", meter.read().current_a)


GOOD = planned(measure, volts=(4.5, 5.5), amperes=(0.0, 0.2))


class Rig:
    """A relay and a meter at a bench."""

    def __init__(self) -> None:
        self.clock = make_clock()
        self.relay, self.meter = Relay(), Meter()
        self.relay_socket, self.meter_socket = Socketed(self.relay), Socketed(self.meter)
        self.bench = make_bench(
            self.clock, relay=self.relay_socket.place(), meter=self.meter_socket.place()
        )

    @property
    def is_safe(self) -> bool:
        return not (self.relay.closed or self.relay_socket.is_open or self.meter_socket.is_open)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def verdicts(record: RunRecord) -> list[tuple[str, Verdict]]:
    return [(one.step.partition(".")[2], one.verdict) for one in record.steps]


def named(record: RunRecord, name: str) -> StepRecord:
    (found,) = [one for one in record.steps if one.step.endswith(name)]
    return found


# The verdict


def test_a_good_device_passes(rig: Rig) -> None:
    record = finish(rig.bench, GOOD)
    assert record.verdict is Verdict.PASS
    assert verdicts(record) == [
        ("open", Verdict.PASS),
        ("measure", Verdict.PASS),
        ("make_safe", Verdict.PASS),
    ]
    assert record.steps[1].clause == "1.2"
    assert record.steps[1].duration_s == record.duration_s == 1.0
    assert [one.model for one in record.instruments] == ["relay", "Meter"]
    assert rig.is_safe


def test_a_bad_device_fails_on_the_limit_it_broke(rig: Rig) -> None:
    rig.meter.current_a = 0.2001
    record = finish(rig.bench, GOOD)
    assert record.verdict is Verdict.FAIL
    broken = [m.name for s in record.steps for m in s.measurements if m.verdict is Verdict.FAIL]
    assert broken == ["amperes"]
    assert rig.is_safe


@pytest.mark.parametrize(
    "error",
    [
        NotConnected("gone"),
        WrongDevice("another"),
        NoReply("mute"),
        BadReply("garbled"),
        Refused("no"),
        NotPermitted("forbidden"),
        BenchFault("the meters disagree"),
        ValueError("out of range"),
        ZeroDivisionError("bug"),
        KeyError("bug"),
        OSError(5, "input/output error"),
        StopIteration("bug"),
        RuntimeError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_the_bench_does_is_an_error_and_never_a_failure(
    rig: Rig, error: Exception
) -> None:
    def trouble() -> None:
        raise error

    rig.meter.trouble = trouble
    record = finish(rig.bench, GOOD)
    assert record.verdict is Verdict.ERROR
    assert named(record, "measure").reason
    assert named(record, "measure").measurements == ()
    assert rig.is_safe


def test_what_a_driver_says_is_the_reason_and_a_bug_reads_as_one(rig: Rig) -> None:
    rig.meter.trouble = silence
    said_nothing = Phrase(
        "bench.driver_error", {"roles": "meter"}, "it was asked, and said nothing"
    )
    assert named(finish(rig.bench, GOOD), "measure").reason == said_nothing

    def bug() -> None:
        raise KeyError("volts")

    rig.meter.trouble = bug
    reads_as_bug = Phrase("run.program_fault", text="KeyError('volts')")
    assert named(finish(rig.bench, GOOD), "measure").reason == reads_as_bug


def test_an_error_after_a_failed_measurement_is_an_error_with_the_measurement_kept(
    rig: Rig,
) -> None:
    rig.meter.voltage_v = 0.0
    asked = []

    def second_time() -> None:
        asked.append(1)
        if len(asked) == 2:
            silence()

    rig.meter.trouble = second_time
    record = finish(rig.bench, GOOD)
    assert record.verdict is Verdict.ERROR
    (kept,) = named(record, "measure").measurements
    assert (kept.name, kept.verdict) == ("volts", Verdict.FAIL)
    assert rig.is_safe


def test_a_limit_nobody_measured_is_an_error(rig: Rig) -> None:
    @step(volts="V", amperes="A")
    def forgetful(meter: PowerMeter) -> Yields:
        yield Reading("volts", meter.read().voltage_v)

    record = finish(rig.bench, planned(forgetful, volts=(0.0, 9.0), amperes=(0.0, 1.0)))
    assert record.verdict is Verdict.ERROR
    missed = Phrase("run.never_measured", {"measurements": "amperes"})
    assert named(record, "forgetful").reason == missed


def test_a_step_that_ends_early_after_a_failure_failed(rig: Rig) -> None:
    @step(there="", volts="V")
    def absent(meter: PowerMeter) -> Yields:
        yield Reading("there", False)

    record = finish(rig.bench, planned(absent, there=True, volts=(0.0, 9.0)))
    assert record.verdict is Verdict.FAIL


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("limited", [True, False])
def test_a_reading_that_is_no_number_is_an_error(rig: Rig, value: float, limited: bool) -> None:
    rig.meter.voltage_v = value
    one = planned(measure, volts=(0.0, 9.0)) if limited else planned(measure, amperes=(0.0, 9.0))
    record = finish(rig.bench, one)
    assert record.verdict is Verdict.ERROR
    reason = named(record, "measure").reason
    assert reason is not None
    assert f"volts is {value}" in reason.text


@pytest.mark.parametrize(
    "value", [None, 1 + 2j, b"raw", (1.0,), 2**64, -(2**63) - 1, "half a pair \ud800", "zero \0"]
)
@pytest.mark.parametrize("limited", [True, False])
def test_a_reading_that_no_record_can_hold_is_an_error(
    rig: Rig, value: Value, limited: bool
) -> None:
    @step(thing="", other="")
    def odd(meter: PowerMeter) -> Yields:
        yield Reading("other", 1)
        yield Reading("thing", value)

    one = planned(odd, other=(0, 2), thing=(0, 2)) if limited else planned(odd, other=(0, 2))
    record = finish(rig.bench, one)
    assert record.verdict is Verdict.ERROR
    reason = named(record, "odd").reason
    assert reason is not None
    assert "thing" in reason.text
    assert decode_run(encode(record)) == record


@pytest.mark.parametrize(
    ("value", "wanted"), [(1, True), (True, 1), ("1", 1), (0, False), (True, (0, 2))]
)
def test_a_value_of_another_kind_than_its_limit_is_an_error(
    rig: Rig, value: Value, wanted: Value | tuple[int, int]
) -> None:
    @step(thing="")
    def odd(meter: PowerMeter) -> Yields:
        yield Reading("thing", value)

    assert finish(rig.bench, planned(odd, thing=wanted)).verdict is Verdict.ERROR


def test_a_reading_that_the_step_never_declared_is_an_error(rig: Rig) -> None:
    @step(volts="V")
    def chatty(meter: PowerMeter) -> Yields:
        yield Reading("volts", 1.0)
        yield Reading("watts", 5.0)

    record = finish(rig.bench, planned(chatty, volts=(0.0, 9.0)))
    assert record.verdict is Verdict.ERROR
    reason = named(record, "chatty").reason
    assert reason is not None
    assert "watts" in reason.text


@given(st.lists(st.sampled_from([4.0, 5.0, 5.45, 6.0]), min_size=1, max_size=4))
def test_the_worst_of_many_readings_counts(values: list[float]) -> None:
    @step(volts="V")
    def often(meter: PowerMeter) -> Yields:
        for value in values:
            yield Reading("volts", value)

    record = finish(Rig().bench, planned(often, volts=(4.5, 5.5)))
    bad = any(not 4.5 <= value <= 5.5 for value in values)
    assert record.verdict is (Verdict.FAIL if bad else Verdict.PASS)


# Nothing judged


def test_a_run_in_which_nothing_was_judged_is_no_pass(rig: Rig) -> None:
    record = finish(rig.bench, planned(measure))
    assert record.verdict is Verdict.INCOMPLETE
    assert record.steps[-1].step == "bench.make_safe"
    assert contradictions(record) == []


def test_a_run_in_which_everything_was_skipped_is_no_pass(rig: Rig) -> None:
    @step(volts="V")
    def without(meter: PowerMeter) -> Yields:
        raise NotApplicable("part.not_fitted", part="battery")
        yield

    record = finish(rig.bench, planned(without, volts=(0.0, 9.0)))
    assert named(record, "without").verdict is Verdict.SKIPPED
    assert named(record, "without").reason == Phrase("part.not_fitted", {"part": "battery"})
    assert record.verdict is Verdict.INCOMPLETE


def test_a_missing_part_is_skipped_and_the_run_still_passes(rig: Rig) -> None:
    @step(volts="V")
    def without(meter: PowerMeter) -> Yields:
        raise NotApplicable("part.not_fitted", part="battery")
        yield

    record = finish(rig.bench, planned(without, volts=(0.0, 9.0)), GOOD)
    assert record.verdict is Verdict.PASS


def test_what_was_measured_before_a_step_gave_up_still_counts(rig: Rig) -> None:
    @step(volts="V", amperes="A")
    def halfway(meter: PowerMeter) -> Yields:
        yield Reading("volts", meter.read().voltage_v)
        raise NotApplicable("bench.no_ammeter", slot="left")

    one = planned(halfway, volts=(4.5, 5.5), amperes=(0.0, 1.0))
    rig.meter.voltage_v = 0.0
    assert finish(rig.bench, one).verdict is Verdict.FAIL


def test_a_step_cannot_skip_the_limits_that_are_left_after_it_has_passed_one(rig: Rig) -> None:
    """It would be a pass with a limit that was not measured."""

    @step(volts="V", amperes="A")
    def halfway(meter: PowerMeter) -> Yields:
        yield Reading("volts", meter.read().voltage_v)
        raise NotApplicable("bench.no_ammeter", slot="left")

    record = finish(rig.bench, planned(halfway, volts=(4.5, 5.5), amperes=(0.0, 1.0)))
    assert record.verdict is Verdict.ERROR
    values = {"slot": "left", "measurements": "amperes", "because": "bench.no_ammeter"}
    assert named(record, "halfway").reason == Phrase("run.never_measured_as", dict(values))


# Marginal


@pytest.mark.parametrize(
    ("volts", "verdict", "marginal"),
    [(5.0, Verdict.PASS, False), (5.45, Verdict.PASS, True), (5.6, Verdict.FAIL, False)],
)
def test_only_a_pass_can_be_marginal(
    rig: Rig, volts: float, verdict: Verdict, marginal: bool
) -> None:
    from records import Basis, Limit

    near = Limit(basis=Basis.GENERAL, unit="V", min=4.5, max=5.5)
    rig.meter.voltage_v = Uncertain(volts, {Cause("gain"): 0.05})
    record = finish(rig.bench, planned(measure, volts=near))
    assert (record.verdict, record.marginal) == (verdict, marginal)


def test_a_marginal_measurement_in_a_run_that_fails_is_no_warning(rig: Rig) -> None:
    from records import Basis, Limit

    near = Limit(basis=Basis.GENERAL, unit="V", min=4.5, max=5.5)
    rig.meter.voltage_v, rig.meter.current_a = Uncertain(5.45, {Cause("gain"): 0.05}), 9.0
    record = finish(rig.bench, planned(measure, volts=near, amperes=(0.0, 1.0)))
    assert (record.verdict, record.marginal) == (Verdict.FAIL, False)


# The order of things


def test_a_step_that_must_not_fail_ends_the_run(rig: Rig) -> None:
    rig.meter.voltage_v = 0.0
    first = planned(measure, stop_on_fail=True, volts=(4.5, 5.5))
    record = finish(rig.bench, first, GOOD)
    assert verdicts(record) == [
        ("open", Verdict.PASS),
        ("measure", Verdict.FAIL),
        ("measure", Verdict.NOT_TESTED),
        ("make_safe", Verdict.PASS),
    ]
    assert record.verdict is Verdict.FAIL
    unreached = record.steps[2]
    assert (unreached.reason, unreached.measurements) == (NOT_REACHED, ())
    assert (unreached.required, unreached.proof) == (Proof.FULL, Proof.NONE)
    assert unreached.roles == ("meter", "relay")


def test_a_step_that_may_fail_does_not_end_the_run(rig: Rig) -> None:
    rig.meter.voltage_v = 0.0
    record = finish(rig.bench, GOOD, GOOD)
    assert len(record.steps) == 4


def test_events_tell_the_run_in_order(rig: Rig) -> None:
    told = list(events(rig.bench, GOOD))
    assert [type(event) for event in told] == [
        RunStarted,
        StepFinished,
        Found,
        StepStarted,
        Measured,
        Measured,
        StepFinished,
        StepFinished,
        RunFinished,
    ]
    assert isinstance(told[0], RunStarted)
    assert told[0].titles == (Phrase(text="measure"),)


def test_a_bench_that_lacks_a_role_is_an_error_before_anything_is_opened(rig: Rig) -> None:
    bench = make_bench(relay=rig.relay_socket.place())
    record = finish(bench, GOOD)
    assert verdicts(record) == [
        ("open", Verdict.ERROR),
        ("measure", Verdict.NOT_TESTED),
        ("make_safe", Verdict.NOT_TESTED),
    ]
    lacks = Phrase("bench.lacks_role", {"role": "meter", "slot": "left"})
    assert record.steps[0].reason == lacks
    assert [one.values for one in record.not_safe] == [{"roles": "relay"}]
    assert rig.relay_socket.openings == 0


def test_a_bench_that_does_not_open_is_an_error_and_made_safe(rig: Rig) -> None:
    rig.meter_socket.refuse = silence
    rig.relay.close_contact()
    record = finish(rig.bench, GOOD)
    assert verdicts(record) == [
        ("open", Verdict.ERROR),
        ("measure", Verdict.NOT_TESTED),
        ("make_safe", Verdict.PASS),
    ]
    assert record.not_safe == ()
    silent = Phrase("bench.driver_error", {"roles": "meter"}, "it was asked, and said nothing")
    assert record.steps[0].reason == silent
    assert rig.is_safe


def test_what_the_device_says_of_itself_is_in_the_record(rig: Rig) -> None:
    @step(volts="V")
    def curious(meter: PowerMeter) -> Yields:
        yield Learned(maker="ACME", serial_number="7")
        yield Shown("no such picture", {"seen": (4,)})
        yield Learned(maker="", model="M", serial_number="8 \ud800", year=2015)
        yield Reading("volts", meter.read().voltage_v)

    record = finish(rig.bench, planned(curious, volts=(0.0, 9.0)))
    device = record.device
    assert (device.asset_tag, device.maker, device.model, device.year) == ("A-1", "ACME", "M", 2015)
    assert device.serial_number.startswith("8 ")
    assert decode_run(encode(record)) == record


def test_a_reason_that_no_record_can_hold_is_written_so_that_it_can(rig: Rig) -> None:
    def trouble() -> None:
        raise BadReply("it said \ud800 and \0")

    rig.meter.trouble = trouble
    record = finish(rig.bench, GOOD)
    reason = named(record, "measure").reason
    assert reason is not None
    assert reason.text == "it said \\ud800 and \\x00"
    assert decode_run(encode(record)) == record


# Safety


@pytest.mark.parametrize(("volts", "verdict"), [(5.0, Verdict.PASS), (0.0, Verdict.FAIL)])
def test_an_actuator_that_stays_stuck_is_a_flag_beside_any_verdict(
    rig: Rig, volts: float, verdict: Verdict
) -> None:
    rig.relay.stuck = -1
    rig.meter.voltage_v = volts
    record = finish(rig.bench, GOOD)
    assert record.verdict is verdict
    safe = named(record, "make_safe")
    assert record.not_safe == (safe.reason,)
    assert safe.verdict is Verdict.ERROR
    told = "relay: relay does not answer; relay does not answer"
    assert safe.reason == Phrase(NOT_SAFE, text=told)
    assert rig.relay.attempts == 2
    assert rig.relay_socket.openings == 2
    assert not rig.relay_socket.is_open


def test_an_actuator_that_recovers_is_remarked_and_harms_no_verdict(rig: Rig) -> None:
    rig.relay.stuck = 1
    record = finish(rig.bench, GOOD)
    assert record.verdict is Verdict.PASS
    remark = Phrase("bench.safe_again", {"roles": "relay"}, "relay does not answer")
    assert named(record, "make_safe").reason == remark
    assert rig.is_safe


def test_a_shared_actuator_that_stays_stuck_is_told_as_danger_by_its_step() -> None:
    relay, meter = Relay(stuck=-1), Meter()
    lock = SharedLock("relay")
    bench = make_bench(relay=Socketed(relay).place(shared=lock), meter=Socketed(meter).place())
    record = finish(bench, GOOD)
    assert record.verdict is Verdict.ERROR
    reason = named(record, "measure").reason
    assert reason is not None
    assert (reason.id, reason.text.partition(":")[0]) == (NOT_SAFE, "relay")
    assert lock.acquire("right", timeout_s=0)


@pytest.mark.parametrize(
    ("owner", "verdict"),
    [("meter", Verdict.FAIL), ("relay", Verdict.ERROR), ("", Verdict.ERROR)],
)
def test_a_failure_stands_when_a_shared_actuator_sticks_that_had_no_part_in_it(
    owner: str, verdict: Verdict
) -> None:
    relay, meter = Relay(stuck=-1), Meter()
    lock = SharedLock("relay")
    bench = make_bench(relay=Socketed(relay).place(shared=lock), meter=Socketed(meter).place())
    owners: dict[str, object] = {"meter": meter, "relay": relay}
    meter.voltage_v = Uncertain(0.0, {Cause("gain", "voltage_v", owners.get(owner)): 0.01})
    record = finish(bench, GOOD)
    assert named(record, "measure").verdict is verdict
    assert record.verdict is verdict
    (why,) = record.not_safe
    assert (why.id, why.text.partition(":")[0]) == (NOT_SAFE, "relay")
    told_by = "make_safe" if verdict is Verdict.FAIL else "measure"
    assert named(record, told_by).at_fault == ("relay",)
    assert contradictions(record) == []
    assert lock.acquire("right", timeout_s=0)


@pytest.mark.parametrize("seen", range(1, 8))
def test_a_run_that_is_closed_at_any_moment_leaves_a_safe_bench(rig: Rig, seen: int) -> None:
    told = run(make_plan(GOOD), rig.bench, make_draft())
    for _ in range(seen):
        next(told)
    told.close()
    assert rig.is_safe


def test_a_run_that_is_closed_while_a_port_makes_trouble_closes_the_others(rig: Rig) -> None:
    rig.relay_socket.refuse_to_close = silence
    told = run(make_plan(GOOD), rig.bench, make_draft())
    for _ in range(4):
        next(told)
    told.close()
    assert rig.is_safe


def test_a_step_is_closed_before_the_bench_is_made_safe(rig: Rig) -> None:
    order: list[str] = []

    @step(volts="V")
    def tidy(relay: Actuator) -> Yields:
        try:
            yield Reading("volts", 1.0)
            silence()
        finally:
            order.append(f"step ends, attempts {rig.relay.attempts}")

    finish(rig.bench, planned(tidy, volts=(0.0, 9.0)))
    assert order == ["step ends, attempts 0"]


# Cancelling


def cancelled_at(rig: Rig, *steps: PlannedStep, event: type[Event]) -> RunRecord:
    """Stop the run as soon as it tells this."""
    last: Event | None = None
    for last in events(rig.bench, *steps):
        if isinstance(last, event):
            rig.clock.cancel()
    assert isinstance(last, RunFinished)
    return last.record


def test_a_run_stopped_before_its_first_step_is_aborted(rig: Rig) -> None:
    record = cancelled_at(rig, GOOD, GOOD, event=RunStarted)
    assert record.verdict is Verdict.ABORTED
    assert verdicts(record)[1:] == [
        ("measure", Verdict.ABORTED),
        ("measure", Verdict.NOT_TESTED),
        ("make_safe", Verdict.PASS),
    ]
    assert record.steps[1].reason == BY_OPERATOR
    assert rig.is_safe


def test_a_run_stopped_inside_a_step_keeps_what_was_measured(rig: Rig) -> None:
    @step(volts="V", amperes="A")
    def slow(meter: PowerMeter, clock: Clock) -> Yields:
        yield Reading("volts", meter.read().voltage_v)
        clock.sleep(100)
        yield Reading("amperes", meter.read().current_a)

    one = planned(slow, volts=(0.0, 9.0), amperes=(0.0, 9.0))
    record = cancelled_at(rig, one, GOOD, event=Measured)
    assert record.verdict is Verdict.ABORTED
    assert [m.name for m in named(record, "slow").measurements] == ["volts"]
    assert [verdict for _, verdict in verdicts(record)] == [
        Verdict.PASS,
        Verdict.ABORTED,
        Verdict.NOT_TESTED,
        Verdict.PASS,
    ]
    assert rig.is_safe


def test_a_run_stopped_between_steps_starts_no_other(rig: Rig) -> None:
    told = []
    for event in events(rig.bench, GOOD, GOOD):
        told.append(event)
        if isinstance(event, StepFinished) and event.record.step.endswith("measure"):
            rig.clock.cancel()
    last = told[-1]
    assert isinstance(last, RunFinished)
    assert [verdict for _, verdict in verdicts(last.record)] == [
        Verdict.PASS,
        Verdict.PASS,
        Verdict.ABORTED,
        Verdict.PASS,
    ]


def test_a_step_that_catches_everything_still_stops(rig: Rig) -> None:
    @step(volts="V")
    def stubborn(clock: Clock) -> Yields:
        try:
            clock.sleep(1)
        except Exception:
            yield Reading("volts", 5.0)

    record = cancelled_at(rig, planned(stubborn, volts=(0.0, 9.0)), event=StepStarted)
    assert record.verdict is Verdict.ABORTED


@pytest.mark.parametrize("moment", [Measured, StepFinished])
@pytest.mark.parametrize(("volts", "verdict"), [(5.0, Verdict.ABORTED), (0.0, Verdict.FAIL)])
def test_a_stop_during_the_last_step_counts(
    rig: Rig, moment: type[Event], volts: float, verdict: Verdict
) -> None:
    """The operator may know something of the device that no step does; a FAIL stands."""
    rig.meter.voltage_v = volts
    began = False
    for event in events(rig.bench, GOOD):
        began |= isinstance(event, StepStarted)
        if began and isinstance(event, moment):
            rig.clock.cancel()
    assert isinstance(event, RunFinished)
    record = event.record
    assert record.verdict is verdict
    assert len(named(record, "measure").measurements) == 2, "what was measured is kept"
    assert named(record, "conclude").verdict is Verdict.ABORTED
    assert named(record, "conclude").reason == BY_OPERATOR
    assert rig.is_safe


def test_the_record_says_why_a_run_was_stopped_first(rig: Rig) -> None:
    for event in events(rig.bench, GOOD, GOOD):
        if isinstance(event, RunStarted):
            rig.clock.cancel(ANOTHER)
            rig.clock.cancel()
    assert isinstance(event, RunFinished)
    assert event.record.steps[1].reason == ANOTHER
    assert event.record.verdict is Verdict.ABORTED


@pytest.mark.parametrize(("volts", "verdict"), [(5.0, Verdict.ABORTED), (0.0, Verdict.ERROR)])
def test_no_fail_stands_where_the_device_may_have_been_replaced(
    rig: Rig, volts: float, verdict: Verdict
) -> None:
    """It is not known which of the two devices failed."""
    rig.meter.voltage_v = volts
    for event in events(rig.bench, GOOD, GOOD):
        if isinstance(event, StepFinished) and event.record.step.endswith("measure"):
            rig.clock.cancel()
            rig.clock.cancel(ANOTHER, in_doubt=True)
    assert isinstance(event, RunFinished)
    assert event.record.verdict is verdict
    assert event.record.steps[2].reason == ANOTHER
    assert contradictions(event.record) == []


def test_stopping_after_everything_was_measured_does_not_undo_it(rig: Rig) -> None:
    told: list[Event] = []
    for event in events(rig.bench, GOOD):
        told.append(event)
        if isinstance(event, StepFinished) and event.record.step == "bench.make_safe":
            rig.clock.cancel()
    assert isinstance(told[-1], RunFinished)
    assert told[-1].record.verdict is Verdict.PASS


def test_a_failure_before_a_stop_stands(rig: Rig) -> None:
    rig.meter.voltage_v = 0.0
    record = cancelled_at(rig, GOOD, event=Measured)
    assert verdicts(record)[1] == ("measure", Verdict.FAIL)
    again = Rig()
    again.meter.voltage_v = 0.0
    record = cancelled_at(again, GOOD, GOOD, event=Measured)
    assert verdicts(record)[2] == ("measure", Verdict.ABORTED)
    assert record.verdict is Verdict.FAIL


@pytest.mark.parametrize(("at_fault", "verdict"), [("meter", "error"), ("other", "fail")])
@pytest.mark.parametrize("shares", [(), ("hub:1",)])
def test_a_failure_stands_unless_an_error_meets_the_roles_that_gave_it(
    rig: Rig, at_fault: str, verdict: str, shares: tuple[str, ...]
) -> None:
    @step(volts="V")
    def broken(meter: PowerMeter, other: PowerMeter) -> Yields:
        raise BenchFault("it contradicts itself", roles={at_fault})
        yield

    rig.meter.voltage_v = 0.0
    places = {name: replace(place, shares=shares) for name, place in rig.bench.places.items()}
    other = replace(Socketed(Meter()).place(), shares=shares)
    bench = make_bench(rig.clock, **places, other=other)
    record = finish(bench, GOOD, planned(broken, volts=(0.0, 9.0)))
    assert record.verdict == ("error" if shares else verdict)
    assert contradictions(record) == []


def test_what_the_operator_was_asked_is_in_the_record_with_the_answer(rig: Rig) -> None:
    @step(lit="")
    def look(operator: Operator, clock: Clock) -> Yields:
        clock.sleep(2.0)
        yield Reading("lit", operator.confirm("x.lit", lamp="caps"))

    rig.bench.operator = Answers(x_lit="y")
    record = finish(rig.bench, planned(look, lit=True), GOOD)
    (asked,) = named(record, "look").asked
    assert (asked.question, asked.answer) == (Phrase("x.lit", {"lamp": "caps"}), "y")
    assert named(record, "measure").asked == ()


def test_a_test_that_no_profile_requires_may_stay_without_proof(rig: Rig) -> None:
    extra = replace(planned(measure, volts=(4.5, 5.5)), asked=Proof.NONE, test="extra")
    bad = replace(GOOD, stop_on_fail=True)
    rig.meter.voltage_v = 9.0
    record = finish(rig.bench, bad, extra)
    assert [one.required for one in record.steps] == [
        Proof.NONE,
        Proof.FULL,
        Proof.NONE,
        Proof.NONE,
    ]


def test_a_run_is_stopped_while_the_operator_is_asked(rig: Rig) -> None:
    """The question is asked in the slot's thread, and it will never be answered."""

    @step(volts="V")
    def asks(operator: Operator) -> Yields:
        operator.confirm("x.sure")
        yield Reading("volts", 5.0)

    def hear(event: Event) -> None:
        if isinstance(event, Asked):
            rig.clock.cancel()

    rig.bench.operator = Prompter(hear, rig.clock)
    record = finish(rig.bench, planned(asks, volts=(0.0, 9.0)))
    assert record.verdict is Verdict.ABORTED
    assert rig.is_safe


def test_cancelled_is_no_exception_that_a_step_could_take_for_the_benchs() -> None:
    assert not issubclass(Cancelled, Exception)


# Shared instruments


class Counted(PowerMeter):
    """Knows how many are inside."""

    def __init__(self) -> None:
        self.identity = Meter().identity
        self.inside = 0
        self.most = 0
        self.uses = 0

    def read(self) -> Power:
        self.uses += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(50):  # long enough to be interrupted
            threading.Event().is_set()
        self.inside -= 1
        return Power(5.0, 0.1, 0.5)


@step(volts="V")
def share(probe: PowerMeter, clock: Clock) -> Yields:
    for _ in range(5):
        sample = probe.read()
    clock.sleep(0.1)
    yield Reading("volts", sample.voltage_v)


def test_two_slots_are_never_both_at_a_shared_instrument() -> None:
    lock, probe = SharedLock("probe"), Counted()
    socketed = Socketed(probe)
    records: list[RunRecord] = []
    opened_twice: list[int] = []

    def work(name: str) -> None:
        for _ in range(15):
            bench = make_bench(make_clock(), probe=socketed.place(shared=lock))
            bench.slot = name
            for event in run(
                make_plan(planned(share, volts=(0.0, 9.0))), bench, make_draft(slot=name)
            ):
                if socketed.openings - socketed.closings > 1:
                    opened_twice.append(1)
                if isinstance(event, RunFinished):
                    records.append(event.record)

    threads = [threading.Thread(target=work, args=(f"slot {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.verdict for one in records] == [Verdict.PASS] * 60
    assert probe.most == 1
    assert probe.uses == 300
    assert not opened_twice
    assert lock.acquire("anybody", timeout_s=0)


def test_whoever_waits_says_for_what_and_for_whom() -> None:
    lock, probe = SharedLock("probe"), Counted()
    lock.acquire("right", timeout_s=0)
    bench = make_bench(make_clock(), probe=Socketed(probe).place(shared=lock))
    told: list[Event] = []
    for event in events(bench, planned(share, volts=(0.0, 9.0))):
        told.append(event)
        if isinstance(event, Waiting):
            lock.release()
    waits = [event for event in told if isinstance(event, Waiting | Acquired)]
    assert waits == [Waiting("probe", "right"), Acquired("probe")]
    assert isinstance(told[-1], RunFinished)
    assert told[-1].record.verdict is Verdict.PASS


def test_whoever_is_stopped_while_waiting_keeps_nothing() -> None:
    one, two = SharedLock("a"), SharedLock("b")
    two.acquire("right", timeout_s=0)

    @step(volts="V")
    def both(probe: PowerMeter, other: PowerMeter) -> Yields:
        yield Reading("volts", 1.0)

    clock = make_clock()
    bench = make_bench(
        clock,
        probe=Socketed(Counted()).place(shared=one),
        other=Socketed(Counted()).place(shared=two),
    )
    told: list[Event] = []
    for event in events(bench, planned(both, volts=(0.0, 9.0))):
        told.append(event)
        if isinstance(event, Waiting):
            assert not one.acquire("third", timeout_s=0)
            clock.cancel()
    assert isinstance(told[-1], RunFinished)
    assert told[-1].record.verdict is Verdict.ABORTED
    assert one.acquire("third", timeout_s=0)
    assert not two.acquire("third", timeout_s=0)
    assert two.holder == "right"


def test_a_run_that_is_closed_while_waiting_keeps_nothing() -> None:
    one = SharedLock("a")
    one.acquire("right", timeout_s=0)
    bench = make_bench(probe=Socketed(Counted()).place(shared=one))
    told = events(bench, planned(share, volts=(0.0, 9.0)))
    while not isinstance(next(told), Waiting):
        pass
    told.close()
    assert one.holder == "right"
    one.release()


def test_a_run_that_is_closed_as_soon_as_it_has_the_instrument_keeps_nothing() -> None:
    one = SharedLock("a")
    one.acquire("right", timeout_s=0)
    bench = make_bench(probe=Socketed(Counted()).place(shared=one))
    told = events(bench, planned(share, volts=(0.0, 9.0)))
    for event in told:
        if isinstance(event, Waiting):
            one.release()
        if isinstance(event, Acquired):
            break
    assert one.holder == "left"
    told.close()
    assert one.holder == ""
    assert one.acquire("right", timeout_s=0)


def errors_at_the_probe() -> Iterator[Callable[[], None]]:
    def bug() -> None:
        raise KeyError("bug")

    def stopped() -> None:
        raise Cancelled

    yield from (silence, bug, stopped)


@pytest.mark.parametrize("trouble", list(errors_at_the_probe()), ids=lambda one: one.__name__)
def test_a_shared_instrument_is_free_again_after_trouble(trouble: Callable[[], None]) -> None:
    lock, meter = SharedLock("probe"), Meter()
    meter.trouble = trouble
    socketed = Socketed(meter)
    bench: Bench = make_bench(probe=socketed.place(shared=lock))
    record = finish(bench, planned(share, volts=(0.0, 9.0)))
    assert record.verdict in (Verdict.ERROR, Verdict.ABORTED)
    assert lock.holder == ""
    assert lock.acquire("right", timeout_s=0)
    assert not socketed.is_open


# The roles at fault


def finished(bench: Bench, *steps: PlannedStep) -> dict[str, StepRecord]:
    """Return how each step ended, by the last part of its name."""
    return {
        event.record.step.rpartition(".")[2]: event.record
        for event in events(bench, *steps)
        if isinstance(event, StepFinished)
    }


def test_a_verdict_names_the_roles_that_it_rests_on(rig: Rig) -> None:
    ended = finished(rig.bench, GOOD)
    assert ended["measure"].roles == ("meter", "relay")
    assert [one.at_fault for one in ended.values()] == [(), (), ()]


@pytest.mark.parametrize("role", ["relay", "meter"])
def test_an_instrument_that_fails_in_a_step_is_named_by_its_role(rig: Rig, role: str) -> None:
    @step(volts="V")
    def touch(relay: Actuator, meter: PowerMeter) -> Yields:
        relay.make_safe()
        yield Reading("volts", meter.read().voltage_v)

    (rig.relay if role == "relay" else rig.meter).trouble = silence
    ended = finished(rig.bench, planned(touch, volts=(0.0, 9.0)))
    assert ended["touch"].verdict is Verdict.ERROR
    assert ended["touch"].at_fault == (role,)


def test_an_instrument_that_does_not_open_is_named_by_its_role(rig: Rig) -> None:
    rig.meter_socket.refuse = silence
    assert finished(rig.bench, GOOD)["open"].at_fault == ("meter",)


@pytest.mark.parametrize("error", [NotConnected("no such port"), BenchFault("no such bus")])
def test_a_device_that_does_not_open_in_its_step_is_named_by_its_role(error: Exception) -> None:
    @step(volts="V")
    def plug(device: Socket[PowerMeter], meter: PowerMeter) -> Yields:
        yield Reading("volts", device.open().read().voltage_v)

    def refuse() -> None:
        raise error

    device = Socketed(Meter())
    device.refuse = refuse
    bench = make_bench(device=device.place(device=True), meter=Socketed(Meter()).place())
    assert finished(bench, planned(plug, volts=(0.0, 9.0)))["plug"].at_fault == ("device",)


def test_a_shared_instrument_is_named_although_it_is_given_back_at_once(rig: Rig) -> None:
    shared = Socketed(rig.meter).place(shared=SharedLock("probe"))
    bench = make_bench(rig.clock, relay=rig.relay_socket.place(), meter=shared)
    rig.meter.trouble = silence
    assert finished(bench, GOOD)["measure"].at_fault == ("meter",)


def test_a_step_that_blames_roles_is_believed(rig: Rig) -> None:
    @step(volts="V")
    def doubtful(meter: PowerMeter, relay: Actuator) -> Yields:
        raise BenchFault("the relay is stuck", roles={"relay"})
        yield

    ended = finished(rig.bench, planned(doubtful, volts=(0.0, 9.0)))
    assert ended["doubtful"].at_fault == ("relay",)


@pytest.mark.parametrize("error", [BenchFault("they disagree"), NoReply("mute")])
def test_trouble_that_names_no_role_is_that_of_all_the_step_has(rig: Rig, error: Exception) -> None:
    @step(volts="V")
    def vague(meter: PowerMeter, relay: Actuator, clock: Clock) -> Yields:
        raise error
        yield

    ended = finished(rig.bench, planned(vague, volts=(0.0, 9.0)))
    assert ended["vague"].at_fault == ("meter", "relay")


def test_a_fault_of_this_program_may_be_any_roles(rig: Rig) -> None:
    def bug() -> None:
        raise KeyError("volts")

    rig.meter.trouble = bug
    ended = finished(rig.bench, GOOD)
    assert ended["measure"].verdict is Verdict.ERROR
    assert ended["measure"].at_fault == ()


def test_an_actuator_that_does_not_let_go_is_named_by_its_role(rig: Rig) -> None:
    rig.relay.stuck = -1
    ended = finished(rig.bench, GOOD)
    assert ended["measure"].at_fault == ()
    assert ended["make_safe"].at_fault == ("relay",)


# What is not tested


@pytest.mark.parametrize(
    ("verdict", "required", "expected"),
    [
        (Verdict.SKIPPED, Proof.FULL, Verdict.PASS),
        (Verdict.NOT_TESTED, Proof.LOOK, Verdict.INCOMPLETE),
        (Verdict.NOT_TESTED, Proof.NONE, Verdict.PASS),
    ],
)
def test_a_test_that_is_not_done_has_a_record_with_its_reason(
    rig: Rig, verdict: Verdict, required: Proof, expected: Verdict
) -> None:
    why = Phrase("plan.no_such_part", text="it has none")
    plan = replace(
        make_plan(GOOD), untested=(Untested("lamp", "Lamp", "C1", required, verdict, why),)
    )
    told = list(run(plan, rig.bench, make_draft()))
    assert isinstance(told[-1], RunFinished)
    record = told[-1].record
    assert record.verdict is expected
    assert [one.test for one in record.steps][-2:] == ["lamp", "bench.make_safe"]
    lamp = record.steps[-2]
    assert (lamp.step, lamp.verdict, lamp.required, lamp.reason) == ("", verdict, required, why)
    assert contradictions(record) == []
    assert decode_run(encode(record)) == record


def test_the_draft_of_a_run_has_a_record_of_every_test() -> None:
    why = Phrase("plan.no_such_part", text="it has none")
    lamp = Untested("lamp", "Lamp", "C1", Proof.NONE, Verdict.SKIPPED, why)
    clock = make_clock()
    steps = draft_steps(replace(make_plan(GOOD), untested=(lamp,)), clock.now())
    assert [(one.test, one.verdict) for one in steps] == [
        (GOOD.use, Verdict.NOT_TESTED),
        ("lamp", Verdict.SKIPPED),
    ]


def test_a_profile_asks_for_more_proof_than_a_method_gives_or_for_none(rig: Rig) -> None:
    assert finish(rig.bench, replace(GOOD, asked=Proof.NONE)).verdict is Verdict.PASS
    partial = replace(GOOD, step=Step(GOOD.step.function, GOOD.step.units, Proof.PARTIAL))
    assert finish(Rig().bench, replace(partial, asked=Proof.FULL)).verdict is Verdict.INCOMPLETE
    assert finish(Rig().bench, replace(partial, asked=Proof.LOOK)).verdict is Verdict.PASS


@pytest.mark.parametrize("device", [True, False])
def test_an_instrument_that_does_not_open_casts_doubt_on_those_that_share_with_it(
    rig: Rig, *, device: bool
) -> None:
    """A hub that dies takes the meter along, and then the probe that is opened behind it."""

    @step(volts="V")
    def probe(probe: Socket[PowerMeter]) -> Yields:
        yield Reading("volts", probe.open().read().voltage_v)

    rig.meter.voltage_v = 0.0
    socket = Socketed(Meter())
    socket.refuse = silence
    lock = None if device else SharedLock("probe")
    opened_late = replace(socket.place(device=device, shared=lock), shares=("hub:1",))
    places = {name: replace(one, shares=("hub:1",)) for name, one in rig.bench.places.items()}
    record = finish(
        make_bench(rig.clock, **places, probe=opened_late), GOOD, planned(probe, volts=(0.0, 9.0))
    )
    assert [one.verdict for one in record.steps[1:3]] == [Verdict.FAIL, Verdict.ERROR]
    assert record.verdict is Verdict.ERROR
    assert contradictions(record) == []
