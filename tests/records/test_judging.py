"""A host judges each record again, and names what contradicts itself."""

from datetime import timedelta
from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import Asked, InstrumentUsed, Limit, Phrase, Proof, RunRecord, Series, Verdict, encode
from records.judging import contradictions, repeated_keys
from records.run import Chance, StepRecord
from tests.records.examples import LIMIT, NOW, VOLTAGE, run, step

WIDER = Limit(basis=LIMIT.basis, min=0.0, max=99.0, unit=LIMIT.unit)
METER = InstrumentUsed(role="meter", driver="ina226")


def again(**facts: object) -> StepRecord:
    """Return a step that measured twice, the second time with other facts."""
    return step(measurements=(VOLTAGE, msgspec.structs.replace(VOLTAGE, **facts)))


def changed(**facts: object) -> StepRecord:
    """Return a step whose one measurement has other facts."""
    return step(measurements=(msgspec.structs.replace(VOLTAGE, **facts),))


def whats(record: RunRecord, version: int = 2) -> set[str]:
    return {one.what for one in contradictions(record, version)}


def test_a_true_record_contradicts_nothing() -> None:
    assert contradictions(run()) == []
    assert contradictions(run(step(Verdict.SKIPPED, measurements=()), step())) == []
    skipped = step(Verdict.NOT_TESTED, measurements=(), required=Proof.NONE)
    assert contradictions(run(step(), skipped)) == []


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (run(verdict=Verdict.FAIL), "verdict"),
        (run(verdict=Verdict.NOT_TESTED), "verdict"),
        (run(step(Verdict.INCOMPLETE)), "verdict"),
        (run(marginal=True), "marginal"),
        (run(duration_s=-1.0), "duration"),
        (run(duration_s=nan), "duration"),
        (run(step(duration_s=-0.001)), "duration"),
        (run(step(duration_s=inf)), "duration"),
        (run(step(started_at=NOW - timedelta(hours=1))), "time"),
        (run(steps=(), verdict=Verdict.INCOMPLETE), "no_steps"),
        (run(instruments=(METER, METER)), "repeated_role"),
        (
            run(step(measurements=(VOLTAGE, msgspec.structs.replace(VOLTAGE, unit="mV")))),
            "repeated_measurement",
        ),
        (
            run(step(measurements=(VOLTAGE, msgspec.structs.replace(VOLTAGE, limit=WIDER)))),
            "repeated_measurement",
        ),
        (
            run(step(measurements=(VOLTAGE, msgspec.structs.replace(VOLTAGE, value=9.0)))),
            "outside_its_limit",
        ),
        (run(step(measurements=())), "pass_without_measurement"),
        (run(changed(limit=None)), "no_limit"),
        (run(changed(value=5.3)), "outside_its_limit"),
        (run(changed(value=5.0, verdict=Verdict.FAIL)), "outside_its_limit"),
        (run(changed(value=nan)), "value"),
        (run(changed(value="5")), "limit"),
        (run(changed(limit=Limit(basis=LIMIT.basis, min=6.0, max=4.0))), "limit"),
        (run(changed(verdict=Verdict.FAIL)), "fail_in_a_pass"),
        (run(changed(verdict=None, marginal=True)), "marginal"),
        (run(changed(standard_uncertainty=-1.0)), "uncertainty"),
        (run(changed(expanded_uncertainty=0.5)), "uncertainty"),
        (run(step(at_fault=("meter",))), "at_fault"),
        (run(step(Verdict.NOT_TESTED)), "not_tested"),
        (run(step(Verdict.FAIL)), "fail_without_measurement"),
        (run(step(series=(Series(name="v", at_s=(0.0,), values=()),))), "series"),
        (run(step(chances=(Chance(defect="d", chance=1.5),))), "chance"),
        (
            run(step(asked=(Asked(Phrase("q"), "y", NOW, -1.0),))),
            "duration",
        ),
    ],
)
def test_what_cannot_be_true_is_named(record: RunRecord, what: str) -> None:
    assert what in whats(record)


def test_it_says_where_and_by_how_much() -> None:
    (found,) = [one for one in contradictions(run(changed(value=5.3))) if one.place]
    assert str(found) == (
        "step 2 (power.voltage), voltage: 5.3 is pass, and by its limit 4.75 … 5.25 V it is fail"
    )


KNOWN = {"standard_uncertainty": 0.01, "expanded_uncertainty": 0.02, "coverage_factor": 2.0}


@pytest.mark.parametrize(
    ("value", "rule", "verdict", "marginal"),
    [
        (5.245, "simple", Verdict.PASS, True),
        (5.245, "guarded 1", Verdict.FAIL, True),
        (5.235, "guarded 0.5", Verdict.PASS, False),
        (5.245, "non-binary 1", Verdict.PASS, True),
        (5.255, "non-binary 1", Verdict.FAIL, True),
        (5.290, "guarded 1", Verdict.FAIL, False),
    ],
)
def test_a_rule_is_applied_again_with_the_uncertainty_of_the_record(
    value: float, rule: str, verdict: Verdict, marginal: bool
) -> None:
    facts = {**KNOWN, "value": value, "rule": rule, "verdict": verdict, "marginal": marginal}
    one = msgspec.structs.replace(changed(**facts), verdict=verdict)
    assert {found.place for found in contradictions(run(one)) if found.place} == set()
    other = Verdict.PASS if verdict is Verdict.FAIL else Verdict.FAIL
    assert "outside_its_limit" in whats(run(changed(**{**facts, "verdict": other})))
    assert "marginal" in whats(run(changed(**{**facts, "marginal": not marginal})))


def test_a_verdict_that_the_uncertainty_does_not_allow_is_named() -> None:
    needs = msgspec.structs.replace(LIMIT, uncertainty=0.01)
    unknown = {"standard_uncertainty": None, "expanded_uncertainty": None}
    assert "not_decided" in whats(run(changed(rule="guarded 1", **unknown)))
    assert "not_decided" in whats(run(changed(rule="simple", limit=needs, **unknown)))
    near = changed(rule="simple", limit=needs, value=5.24, marginal=True, **KNOWN)
    assert "not_decided" in whats(run(near))
    clear = changed(rule="simple", limit=needs, value=5.0, **KNOWN)
    assert "not_decided" not in whats(run(clear))


def test_a_rule_of_a_later_version_is_not_judged_again() -> None:
    assert whats(run(changed(rule="bayesian 0.95"))) == set()


def test_a_run_of_version_1_is_judged_by_its_own_rule() -> None:
    """There a bench that was not made safe made the whole run an ERROR."""
    unsafe = step(
        Verdict.ERROR, "bench.make_safe", measurements=(), required=Proof.NONE, proof=Proof.NONE
    )
    record = run(steps=(step(), unsafe), verdict=Verdict.ERROR)
    assert "verdict" not in whats(record, 1)
    assert "verdict" in whats(record, 2)
    assert "verdict" in whats(run(verdict=Verdict.FAIL), 1)


def test_a_key_that_comes_twice_is_found_at_any_depth() -> None:
    once = encode(run())
    assert repeated_keys(once) == []
    (found,) = repeated_keys(once.replace(b'"value":5.0', b'"value":9.0,"value":5.0'))
    assert (found.what, found.text) == ("repeated_key", "the key 'value' comes 2 times")


@given(st.lists(st.sampled_from(list(Verdict)), max_size=4), st.sampled_from(list(Verdict)))
def test_judging_never_raises_and_a_run_as_concluded_has_a_true_verdict(
    verdicts: list[Verdict], verdict: Verdict
) -> None:
    steps = [step(one) for one in verdicts]
    record = run(*steps, verdict=verdict)
    contradictions(record)
    concluded = record.conclude()
    true = msgspec.structs.replace(record, verdict=concluded.verdict, marginal=concluded.marginal)
    assert "verdict" not in {one.what for one in contradictions(true) if not one.place}


def test_several_readings_of_one_name_are_no_contradiction() -> None:
    assert contradictions(run(step(measurements=(VOLTAGE, VOLTAGE)))) == []
