"""Runner, recovery and host come to one conclusion, wherever a run is cut."""

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.capabilities import Actuator, PowerMeter
from drivers.errors import NoReply
from records import Reading, RunRecord, StepRecord, Verdict, decode_run, encode
from records.judging import contradictions, repeated_keys
from records.signing import split
from station.delivery.journal import POWER_CUT, Journalled, break_off, read_events
from station.delivery.outbox import Outbox
from station.engine.events import Event, RunFinished
from station.engine.plan import PlannedStep
from station.engine.run import not_reached, run
from station.engine.step import BenchFault, Learned, NotApplicable, Yields, step
from tests.station.benches import (
    Meter,
    Relay,
    Socketed,
    make_bench,
    make_clock,
    make_draft,
    make_plan,
    planned,
)

WAYS = ["good", "bad", "marginal", "absent", "fault", "mute", "bug", "stop"]


def ended(ways: list[str], stops: list[bool], stuck: bool) -> tuple[RunRecord, list[Event]]:
    """Return a run whose steps go these ways, and its events. The draft is the first of them."""
    clock, meter = make_clock(), Meter()

    def measure(way: str) -> PlannedStep:
        @step(volts="V")
        def one(relay: Actuator, meter: PowerMeter) -> Yields:
            assert isinstance(relay, Relay)
            relay.close_contact()
            yield Learned(maker="ACME")
            match way:
                case "absent":
                    raise NotApplicable("no such part")
                case "fault":
                    raise BenchFault("it contradicts itself", roles={"relay"})
                case "mute":
                    raise NoReply("mute")
                case "bug":
                    raise ZeroDivisionError
                case "stop":
                    clock.cancel()
                    clock.sleep(1)
            yield Reading("volts", {"bad": 9.0, "marginal": 5.45}.get(way, 5.0))

        return planned(one, volts=(4.5, 5.5))

    steps = [measure(way) for way in ways]
    plan = make_plan(
        *(
            PlannedStep(
                **{
                    **{name: getattr(one, name) for name in one.__dataclass_fields__},
                    "stop_on_fail": stop,
                    "test": f"test-{number}",
                }
            )
            for number, (one, stop) in enumerate(zip(steps, stops, strict=True))
        )
    )
    bench = make_bench(
        clock,
        relay=Socketed(Relay(stuck=-1 if stuck else 0)).place(),
        meter=Socketed(meter).place(),
    )
    draft = make_draft()
    draft = make_draft(record_id=draft.record_id, steps=not_reached(plan.steps, draft.started_at))
    told = list(run(plan, bench, draft))
    assert isinstance(told[-1], RunFinished)
    return draft, told


runs = st.lists(st.tuples(st.sampled_from(WAYS), st.booleans()), min_size=1, max_size=5).flatmap(
    lambda some: st.tuples(st.just(some), st.booleans())
)


@settings(max_examples=150, deadline=None)
@given(runs, st.integers(0, 60))
def test_wherever_a_run_is_cut_its_record_is_whole_and_true(
    story: tuple[list[tuple[str, bool]], bool], cut: int
) -> None:
    steps, stuck = story
    draft, told = ended([way for way, _ in steps], [stop for _, stop in steps], stuck)
    last = told[-1]
    assert isinstance(last, RunFinished)
    noted = [event for event in told if isinstance(event, Journalled)]
    heard = read_events(draft.record_id, [encode(event) for event in noted[:cut]])
    cut_short = break_off(draft, heard, Verdict.ABORTED, POWER_CUT)
    for record in (last.record, cut_short):
        wire = encode(record)
        again = decode_run(wire)
        conclusion = again.conclude()
        assert (conclusion.verdict, conclusion.marginal) == (record.verdict, record.marginal)
        assert contradictions(again) == []
        assert repeated_keys(wire) == []
        tests = [one.test for one in again.steps if one.test.startswith("test-")]
        assert tests == [f"test-{number}" for number in range(len(steps))]
        assert again.steps[-1].step == "bench.make_safe"
    if cut >= len(noted):
        assert cut_short.verdict is last.record.verdict
        assert _reached(cut_short) == _reached(last.record)
        assert cut_short.not_safe == last.record.not_safe
        assert cut_short.instruments == last.record.instruments
        assert cut_short.device == last.record.device
    else:
        assert cut_short.verdict is not Verdict.PASS, "it had not come to its end"
        assert cut_short.not_safe


def _reached(record: RunRecord) -> list[StepRecord]:
    """Its steps, without those that were not reached: the draft knows them from the start."""
    return [one for one in record.steps if one.verdict is not Verdict.NOT_TESTED]


@settings(max_examples=60, deadline=None)
@given(runs, st.integers(0, 60))
def test_a_fault_of_this_program_lets_no_failure_stand_and_nothing_pass(
    story: tuple[list[tuple[str, bool]], bool], cut: int
) -> None:
    steps, stuck = story
    draft, told = ended([way for way, _ in steps], [stop for _, stop in steps], stuck)
    noted = [event for event in told if isinstance(event, Journalled)]
    record = break_off(draft, noted[:cut], Verdict.ERROR, POWER_CUT)
    assert record.verdict is Verdict.ERROR
    assert contradictions(record) == []


def test_the_host_reads_what_the_outbox_signed_as_the_runner_concluded_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("station")
    with closing(Outbox(folder / "outbox.db")) as outbox:
        concluded: dict[str, Verdict] = {}
        for way in WAYS:
            draft, told = ended([way], [False], stuck=False)
            last = told[-1]
            assert isinstance(last, RunFinished)
            outbox.begin(draft)
            outbox.finish(last.record)
            concluded[last.record.record_id] = last.record.verdict
        read = [decode_run(split(one.body).record) for one in outbox.waiting()]
    assert {one.record_id: one.conclude().verdict for one in read} == concluded
    assert set(concluded.values()) == {
        Verdict.PASS,
        Verdict.FAIL,
        Verdict.ERROR,
        Verdict.ABORTED,
        Verdict.INCOMPLETE,
    }
