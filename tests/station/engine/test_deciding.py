"""Readings keep their causes into the record, and what a bench cannot decide is not tested."""

from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest

from drivers.capabilities import Identity, Instrument, Power, PowerMeter
from drivers.uncertain import Accuracy, Ranges, Term
from records import (
    Basis,
    Limit,
    Measurement,
    Phrase,
    Proof,
    Reading,
    RunRecord,
    StepRecord,
    Verdict,
)
from records.judging import contradictions
from station.engine.bench import Bench, Place
from station.engine.clock import Clock
from station.engine.events import RunFinished
from station.engine.paper import Paper
from station.engine.plan import Plan, PlannedStep
from station.engine.run import draft_steps, run
from station.engine.step import BenchFault, Step, Yields, step
from tests.records.examples import NOW
from tests.records.examples import run as whole_run
from tests.station.benches import Answers

SHEET: dict[str, Ranges] = {
    "voltage_v": (Accuracy("sheet", (Term("gain", gain=0.01),), resolution=0.01),)
}


class Meter(PowerMeter):
    identity = Identity("Maker", "M1")
    reads_v = 5.0
    read_times = 0

    def read(self) -> Power:
        type(self).read_times += 1
        return self.lift_power(self.reads_v, 1.0)


@step(volts="V", amperes="A", keys="")
def measure(meter: PowerMeter, *, usual_v: float = 5.0) -> Yields:
    """Measure once."""
    sample = meter.read()
    yield Reading("volts", sample.voltage_v)
    yield Reading("amperes", sample.current_a)
    yield Reading("keys", 104)


@measure.on_paper
def _measure(told: Paper, *, usual_v: float, **others: Any) -> dict[str, float]:
    return {
        "volts": told("meter", "voltage_v", told.edge("volts", usual_v)),
        "amperes": told("meter", "current_a", 1.0),
    }


@step(volts="V")
def contradict(meter: PowerMeter) -> Yields:
    """Find the bench at fault, and say so with what was read."""
    raise BenchFault("adapter.lead_broken", roles={"meter"}, meter_v=meter.read().voltage_v)
    yield


def limit(**figures: float) -> Limit:
    return Limit(basis=Basis.PROPOSAL, unit="V", **figures)  # type: ignore[arg-type]


def plan(*steps: PlannedStep, rule: str = "simple") -> Plan:
    return Plan("p", "P", "k", "g", steps, rule=rule)


def planned(one: Step = measure, *, stop_on_fail: bool = False, **limits: Limit) -> PlannedStep:
    settings = one.check({})
    return PlannedStep(one.name, "T", "", one, settings, limits, stop_on_fail=stop_on_fail)


def record_of(
    what: Plan,
    accuracies: dict[str, Ranges] | None = None,
    *,
    until: str = "",
    synchronised: bool = True,
    remarks_only: bool = False,
) -> RunRecord:
    def open_it(closing: ExitStack) -> Instrument:
        return Meter()

    places = {
        "meter": Place(
            "meter", Meter, open_it, accuracies=accuracies, calibrated_until=until,
            certificate="C-1, 2026-01-01",
        )
    }  # fmt: skip
    bench = Bench("slot", places, Clock(), Answers())
    draft = whole_run(
        steps=draft_steps(what, NOW),
        clock_synchronised=synchronised,
        remarks_only=remarks_only,
        marginal=False,
    )
    (last,) = [one for one in run(what, bench, draft) if isinstance(one, RunFinished)]
    return last.record


def step_of(record: RunRecord) -> StepRecord:
    return record.steps[1]


def named(record: RunRecord, name: str) -> Measurement:
    return next(one for one in step_of(record).measurements if one.name == name)


def test_a_record_says_how_uncertain_a_value_is_and_why() -> None:
    record = record_of(plan(planned(volts=limit(max=6.0, uncertainty=0.1))), SHEET)
    volts = named(record, "volts")
    assert type(volts.value) is float
    assert volts.standard_uncertainty == pytest.approx(
        (0.05**2 / 3 + 0.01**2 / 12) ** 0.5, rel=1e-5
    )
    assert volts.expanded_uncertainty == pytest.approx(2 * (volts.standard_uncertainty or 0))
    assert (volts.coverage_factor, volts.rule, volts.role) == (2.0, "simple", "meter")
    assert [one.cause for one in volts.causes] == [
        "meter voltage_v gain",
        "meter voltage_v resolution",
    ]
    assert (volts.verdict, volts.marginal) == (Verdict.PASS, False)
    assert record.instruments[0].certificate == "C-1, 2026-01-01"
    assert contradictions(record) == []


def test_what_nobody_has_stated_is_unknown_and_no_zero() -> None:
    amperes = named(record_of(plan(planned()), SHEET), "amperes")
    assert (amperes.standard_uncertainty, amperes.causes, amperes.role) == (None, (), "")


@pytest.mark.parametrize(
    ("rule", "verdict", "marginal"),
    [
        ("simple", Verdict.PASS, True),
        ("guarded 1", Verdict.FAIL, True),
        ("non-binary 1", Verdict.PASS, True),
    ],
)
def test_the_rule_of_the_plan_judges(rule: str, verdict: Verdict, marginal: bool) -> None:
    record = record_of(plan(planned(volts=limit(max=5.02)), rule=rule), SHEET)
    volts = named(record, "volts")
    assert (volts.rule, volts.verdict, volts.marginal) == (rule, verdict, marginal)
    assert record.verdict is verdict
    assert contradictions(record) == []


def test_a_plan_without_a_rule_is_judged_as_it_always_was() -> None:
    record = record_of(plan(planned(volts=limit(max=6.0)), rule=""), {})
    assert (named(record, "volts").rule, record.verdict) == ("", Verdict.PASS)


def test_a_device_is_not_touched_where_the_sheets_say_that_nothing_can_be_decided() -> None:
    Meter.read_times = 0
    record = record_of(plan(planned(volts=limit(max=6.0, uncertainty=0.01))), SHEET)
    one = step_of(record)
    assert Meter.read_times == 0
    assert (one.verdict, one.measurements, one.proof) == (Verdict.NOT_TESTED, (), Proof.NONE)
    assert one.reason == Phrase("limit.uncertainty_too_large", {"measurements": "volts"})
    assert record.verdict is Verdict.INCOMPLETE
    assert contradictions(record) == []


def test_an_unknown_accuracy_costs_the_limits_that_need_one() -> None:
    record = record_of(plan(planned(volts=limit(max=6.0, uncertainty=0.1))), {})
    assert step_of(record).reason == Phrase("limit.uncertainty_unknown", {"measurements": "volts"})
    assert record.verdict is Verdict.INCOMPLETE


def test_a_limit_that_is_decided_is_judged_beside_one_that_is_not() -> None:
    both = planned(volts=limit(max=6.0, uncertainty=0.01), keys=limit(min=100))
    record = record_of(plan(both), SHEET)
    one = step_of(record)
    assert (named(record, "volts").verdict, named(record, "keys").verdict) == (None, Verdict.PASS)
    assert (one.verdict, one.proof, one.required) == (Verdict.PASS, Proof.PARTIAL, Proof.FULL)
    assert record.verdict is Verdict.INCOMPLETE
    assert contradictions(record) == []


def test_a_step_on_which_others_depend_is_done_all_the_same() -> None:
    first = planned(stop_on_fail=True, volts=limit(max=6.0, uncertainty=0.01))
    record = record_of(plan(first, planned(keys=limit(min=100))), SHEET)
    assert [one.verdict for one in record.steps[1:3]] == [Verdict.NOT_TESTED, Verdict.PASS]
    assert step_of(record).measurements


def test_noise_that_only_the_measurement_shows_is_not_decided_afterwards() -> None:
    noisy: dict[str, Ranges] = {
        "voltage_v": (
            Accuracy("low", (Term("gain", gain=0.001),), up_to=4.0),
            Accuracy("high", (Term("gain", gain=0.1),)),
        )
    }
    record = record_of(plan(planned(volts=limit(max=4.0, uncertainty=0.1))), noisy)
    assert named(record, "volts").verdict is Verdict.FAIL  # 5 V is clear of 4 V by more than U
    near = record_of(plan(planned(volts=limit(max=4.6, min=4.0, uncertainty=0.1))), noisy)
    assert step_of(near).reason == Phrase("limit.uncertainty_too_large", {"measurements": "volts"})


def test_past_the_date_of_its_certificate_an_instrument_judges_nothing() -> None:
    over = plan(planned(volts=limit(max=6.0), keys=limit(min=100)))
    yesterday = date(NOW.year, NOW.month, NOW.day - 1).isoformat()
    record = record_of(over, SHEET, until=yesterday)
    assert named(record, "volts").verdict is None
    assert named(record, "keys").verdict is Verdict.PASS
    assert step_of(record).reason == Phrase("limit.calibration_over", {"measurements": "volts"})
    assert record.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    "facts",
    [{"until": NOW.date().isoformat()}, {"synchronised": False}, {"remarks_only": True}],
    ids=["on the day", "a clock that is not believed", "a start-up phase"],
)
def test_a_date_that_is_not_over_or_not_believed_or_only_remarked_forbids_nothing(
    facts: dict[str, Any],
) -> None:
    record = record_of(
        plan(planned(volts=limit(max=6.0))), SHEET, **{"until": "2020-01-01", **facts}
    )
    assert named(record, "volts").verdict is Verdict.PASS
    assert record.remarks_only is facts.get("remarks_only", False)


def test_a_fault_of_the_bench_is_told_in_plain_numbers() -> None:
    record = record_of(plan(planned(contradict)), SHEET)
    reason = step_of(record).reason
    assert reason is not None
    assert type(reason.values["meter_v"]) is float
