"""Limits judge truly, and records survive the wire to the last byte."""

import math
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import (
    Basis,
    Device,
    InstrumentUsed,
    Limit,
    Measurement,
    Receipt,
    Rejected,
    RunRecord,
    SlotState,
    StationState,
    StepRecord,
    Value,
    Verdict,
    contradiction,
    decode_receipt,
    decode_run,
    decode_state,
    encode,
    new_record_id,
    topics,
)
from station.delivery.outbox import Outbox
from station.engine.events import StepFinished, StepStarted
from tests.station.benches import make_draft

finite = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**63), 2**64 - 1)
values = st.one_of(finite, integers, st.booleans(), st.text())


def limit(**figures: float | str | bool) -> Limit:
    """A limit by general knowledge, with these figures."""
    return msgspec.convert({"basis": "general", **figures}, Limit)


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    basis = draw(st.sampled_from(Basis))
    source = draw(st.text().map(lambda text: f"IEC {text}"))
    unit = draw(st.sampled_from(["", "W", "cd/m²", "%"]))
    if draw(st.booleans()):
        return Limit(basis=basis, source=source, unit=unit, equals=draw(values))
    low, high = sorted((draw(finite), draw(finite)))
    which = draw(st.sampled_from(["min", "max", "both"]))
    return Limit(
        basis=basis,
        source=source,
        unit=unit,
        min=low if which != "max" else None,
        max=high if which != "min" else None,
        guard=abs(draw(finite)),
    )


verdicts = st.sampled_from(Verdict)
times = st.datetimes(timezones=st.just(UTC))
measurements = st.builds(
    Measurement,
    name=st.text(),
    value=values,
    unit=st.text(),
    limit=st.none() | limits(),
    verdict=st.none() | verdicts,
    marginal=st.booleans(),
)
step_records = st.builds(
    StepRecord,
    step=st.text(),
    title=st.text(),
    verdict=verdicts,
    started_at=times,
    duration_s=finite,
    clause=st.text(),
    measurements=st.lists(measurements, max_size=3).map(tuple),
    reason=st.text(),
)
run_records = st.builds(
    RunRecord,
    record_id=st.text(),
    sequence=st.integers(0, 2**63 - 1),
    station=st.text(),
    slot=st.text(),
    operator=st.text(),
    device=st.builds(
        Device, asset_tag=st.text(), kind=st.text(), maker=st.text(), year=st.none() | integers
    ),
    plan=st.text(),
    plan_sha256=st.text(),
    guideline=st.text(),
    instruments=st.lists(
        st.builds(InstrumentUsed, role=st.text(), driver=st.text(), serial_number=st.text()),
        max_size=2,
    ).map(tuple),
    software=st.text(),
    clock_synchronised=st.booleans(),
    simulated=st.booleans(),
    started_at=times,
    duration_s=finite,
    steps=st.lists(step_records, max_size=3).map(tuple),
    verdict=verdicts,
    marginal=st.booleans(),
)


# Verdicts


def test_a_run_is_as_bad_as_its_worst_step() -> None:
    order = [Verdict.SKIPPED, Verdict.PASS, Verdict.FAIL, Verdict.ABORTED, Verdict.ERROR]
    for rank, verdict in enumerate(order):
        assert Verdict.worst(order[: rank + 1]) is verdict
        assert Verdict.worst(reversed(order[: rank + 1])) is verdict


@given(st.lists(verdicts, min_size=1), verdicts)
def test_one_more_step_never_makes_a_run_better(some: list[Verdict], one: Verdict) -> None:
    order = list(Verdict)
    assert order.index(Verdict.worst([*some, one])) >= order.index(Verdict.worst(some))


# Verdicts that are true


def ended(verdict: Verdict, *steps: tuple[str, Verdict], marginal: bool = False) -> RunRecord:
    """A run whose steps (name, verdict) came to this; nobody judges their readings."""
    return make_draft(verdict=verdict, marginal=marginal, steps=tuple(step(*one) for one in steps))


def step(
    name: str, verdict: Verdict, judged: Verdict | None = None, *, marginal: bool = False
) -> StepRecord:
    return StepRecord(
        step=name,
        title=name,
        verdict=verdict,
        started_at=datetime.now(UTC),
        measurements=(Measurement(name="voltage", value=5.0, verdict=judged, marginal=marginal),),
    )


@given(st.lists(verdicts, max_size=4))
def test_a_verdict_as_bad_as_the_worst_step_is_true(some: list[Verdict]) -> None:
    steps = [("bench.open", Verdict.PASS), *(("a.step", verdict) for verdict in some)]
    steps.append(("bench.make_safe", Verdict.PASS))
    assert contradiction(ended(Verdict.worst(verdict for _, verdict in steps), *steps)) == ""


@given(st.lists(verdicts, min_size=1, max_size=4), verdicts)
def test_no_other_verdict_is_true_of_a_run_that_came_to_its_end(
    some: list[Verdict], verdict: Verdict
) -> None:
    record = ended(verdict, *(("a.step", one) for one in some))
    true = verdict is Verdict.worst(some) and verdict is not Verdict.SKIPPED
    assert (contradiction(record) == "") is true


@pytest.mark.parametrize("worst", [Verdict.PASS, Verdict.FAIL, Verdict.ABORTED, Verdict.ERROR])
@pytest.mark.parametrize("verdict", Verdict)
def test_only_aborted_and_error_are_true_of_a_run_that_broke_off(
    verdict: Verdict, worst: Verdict
) -> None:
    record = ended(verdict, ("a.step", worst), ("bench.make_safe", Verdict.PASS))
    true = verdict in {Verdict.ABORTED, Verdict.ERROR} or (
        verdict is worst and verdict is not Verdict.SKIPPED
    )
    assert (contradiction(record) == "") is true


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.ERROR])
@pytest.mark.parametrize("made_safe", [True, False])
@pytest.mark.parametrize("by", ["power", "program"])
def test_what_the_outbox_makes_of_a_run_that_broke_off_is_true(
    verdict: Verdict, made_safe: bool, by: str, tmp_path: Path
) -> None:
    with closing(Outbox(tmp_path / "outbox.db")) as outbox:
        draft = outbox.begin(make_draft())
        outbox.note(draft.record_id, StepFinished(step("a.step", verdict)))
        if made_safe:
            outbox.note(draft.record_id, StepFinished(step("bench.make_safe", Verdict.PASS)))
        else:
            outbox.note(draft.record_id, StepStarted(1, "Next", "b.step"))
        if by == "power":
            (record,) = outbox.recover()
        else:
            record = outbox.break_off(draft.record_id, "a fault of this program")
    assert record.verdict is (Verdict.ABORTED if by == "power" else Verdict.ERROR)
    assert contradiction(record) == ""


@pytest.mark.parametrize(
    ("verdict", "marginal", "steps", "why"),
    [
        (Verdict.PASS, False, (), "no step to give it"),
        (
            Verdict.FAIL,
            True,
            (step("a", Verdict.FAIL, Verdict.FAIL),),
            "fail and marginal, and only a pass",
        ),
        (Verdict.PASS, True, (step("a", Verdict.PASS),), "marginal, and no measurement is"),
        (
            Verdict.PASS,
            False,
            (step("a", Verdict.PASS, Verdict.PASS, marginal=True),),
            "a measurement is marginal, and the verdict is not",
        ),
        (
            Verdict.PASS,
            False,
            (step("a", Verdict.PASS, Verdict.FAIL),),
            "a is pass, and voltage in it is fail",
        ),
        (
            Verdict.PASS,
            False,
            (step("a", Verdict.PASS), step("b", Verdict.SKIPPED, Verdict.FAIL)),
            "b is skipped, and voltage in it is fail",
        ),
    ],
)
def test_what_contradicts_itself_is_told_in_words(
    verdict: Verdict, marginal: bool, steps: tuple[StepRecord, ...], why: str
) -> None:
    assert why in contradiction(make_draft(verdict=verdict, marginal=marginal, steps=steps))


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ABORTED, Verdict.ERROR])
def test_a_failed_measurement_may_be_in_a_step_that_got_no_further(verdict: Verdict) -> None:
    steps = (step("a", verdict, Verdict.FAIL), step("b", Verdict.PASS, marginal=True))
    assert contradiction(make_draft(verdict=verdict, steps=steps)) == ""


# Limits


@pytest.mark.parametrize(
    ("figures", "value", "verdict", "text"),
    [
        ({"max": 12, "unit": "W"}, 12.0, Verdict.PASS, "≤ 12 W"),
        ({"max": 12, "unit": "W"}, math.nextafter(12.0, 13.0), Verdict.FAIL, "≤ 12 W"),
        ({"min": 0, "unit": "V"}, 0.0, Verdict.PASS, "≥ 0 V"),
        ({"min": 0, "unit": "V"}, -5e-324, Verdict.FAIL, "≥ 0 V"),
        ({"min": 0, "max": 5}, 2, Verdict.PASS, "0 … 5"),
        ({"min": 0, "max": 5}, 6, Verdict.FAIL, "0 … 5"),
        ({"min": 3, "max": 3}, 3, Verdict.PASS, "3 … 3"),
        ({"max": 12}, math.nan, Verdict.FAIL, "≤ 12"),
        ({"min": 12}, math.nan, Verdict.FAIL, "≥ 12"),
        ({"equals": True}, True, Verdict.PASS, "= True"),
        ({"equals": False}, True, Verdict.FAIL, "= False"),
        ({"equals": "OK"}, "NOK", Verdict.FAIL, "= OK"),
        ({"equals": 0}, 0.0, Verdict.PASS, "= 0"),
        ({"equals": 2.5, "unit": "V"}, 2, Verdict.FAIL, "= 2.5 V"),
    ],
)
def test_a_limit_is_inclusive_and_reads_like_one(
    figures: dict[str, float | str | bool], value: Value, verdict: Verdict, text: str
) -> None:
    assert limit(**figures).judge(value) is verdict
    assert str(limit(**figures)) == text


@given(limits(), values)
def test_a_limit_passes_only_what_lies_inside(one: Limit, value: Value) -> None:
    try:
        passed = one.judge(value) is Verdict.PASS
    except TypeError:
        return
    if one.equals is not None:
        assert passed is (value == one.equals)
        return
    assert isinstance(value, float | int)
    low = -math.inf if one.min is None else one.min
    high = math.inf if one.max is None else one.max
    assert passed is (low <= value <= high)


@given(finite, finite, finite.map(abs), finite)
def test_marginal_is_inside_but_within_the_guard(
    a: float, b: float, guard: float, value: float
) -> None:
    low, high = sorted((a, b))
    one = limit(min=low, max=high, guard=guard)
    if one.judge(value) is Verdict.PASS and guard:
        near = value < low + guard or value > high - guard
        assert one.is_marginal(value) is near


@pytest.mark.parametrize(
    ("figures", "value"),
    [
        ({"equals": True}, 1),
        ({"equals": True}, 1.0),
        ({"equals": False}, 0),
        ({"equals": 1}, True),
        ({"equals": 0.0}, False),
        ({"equals": "1"}, 1),
        ({"equals": 1}, "1"),
        ({"equals": "True"}, True),
        ({"max": 1}, True),
        ({"max": 1}, "0"),
    ],
)
def test_a_value_of_another_kind_is_nobodys_verdict(
    figures: dict[str, float | str | bool], value: Value
) -> None:
    with pytest.raises(TypeError):
        limit(**figures).judge(value)


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [
        ({}, "needs `min`, `max` or `equals`"),
        ({"guard": 1.0}, "needs `min`, `max` or `equals`"),
        ({"equals": 1, "max": 2}, "not both"),
        ({"min": 2, "max": 1}, "min 2 is above max 1"),
        ({"max": 1, "guard": -0.1}, "not negative"),
        ({"max": math.nan}, "numbers"),
        ({"min": -math.inf}, "numbers"),
        ({"max": math.inf}, "numbers"),
        ({"max": 1, "guard": math.inf}, "numbers"),
        ({"max": 1, "guard": math.nan}, "numbers"),
        ({"equals": math.nan}, "numbers"),
        ({"equals": math.inf}, "numbers"),
        ({"equals": True, "guard": 1.0}, "`guard` needs bounds"),
        ({"max": 1, "basis": "source"}, "needs `source`"),
        ({"max": 1, "basis": "source", "source": " \t"}, "needs `source`"),
    ],
)
def test_a_limit_that_could_not_judge_cannot_be_made(
    figures: dict[str, float | str | bool], complaint: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        limit(**figures)


# The wire


@given(run_records)
def test_a_record_survives_the_wire_to_the_last_byte(record: RunRecord) -> None:
    wire = encode(record)
    assert wire.startswith(b'{"schema":"pace.run/1",')
    again = decode_run(wire)
    assert again == record
    assert encode(again) == wire


@given(run_records)
def test_a_value_keeps_its_kind_on_the_wire(record: RunRecord) -> None:
    """An equal value is not enough: 1, 1.0 and true are different statements."""
    before = [m.value for step in record.steps for m in step.measurements]
    after = [m.value for step in decode_run(encode(record)).steps for m in step.measurements]
    assert [type(value) for value in after] == [type(value) for value in before]


@given(
    st.lists(st.text()).map(tuple),
    st.lists(st.builds(Rejected, record_id=st.text(), reason=st.text())).map(tuple),
)
def test_a_receipt_survives_the_wire(
    stored: tuple[str, ...], rejected: tuple[Rejected, ...]
) -> None:
    receipt = Receipt(stored=stored, rejected=rejected)
    assert decode_receipt(encode(receipt)) == receipt


def test_the_last_will_and_a_busy_station_survive_the_wire() -> None:
    busy = SlotState(slot="left", asset_tag="A-1", plan="p", step="Idle")
    for state in (
        StationState(station="pi", online=False),
        StationState(station="pi", online=True, waiting=3, slots=(busy,)),
    ):
        assert decode_state(encode(state)) == state


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"null", b"[]", b'{"schema":"pace.run/1"}', b'{"schema":"pace.run/2"}', b"\xff"],
)
def test_what_is_no_record_is_refused(damaged: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        decode_run(damaged)


def test_a_record_cannot_be_changed() -> None:
    one = limit(max=1)
    with pytest.raises(AttributeError):
        one.max = 2.0  # type: ignore[misc]


# Names


def test_record_ids_are_uuids_of_version_7_in_the_order_of_time() -> None:
    ids = [new_record_id() for _ in range(1000)]
    assert len(set(ids)) == len(ids)
    assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(7, "specified in RFC 4122")}
    milliseconds = [UUID(one).int >> 80 for one in ids]
    assert milliseconds == sorted(milliseconds)
    now_ms = datetime.now(UTC).timestamp() * 1000
    assert abs(now_ms - milliseconds[-1]) < 60_000


@pytest.mark.parametrize("name", ["pi-1", "A", "9", "a.b_c-d", "x" * 63])
def test_a_station_has_a_name_that_is_one_level_of_a_topic(name: str) -> None:
    assert topics.STATION_NAME.fullmatch(name)
    for topic in (topics.run(name), topics.receipt(name), topics.state(name), topics.live(name)):
        assert topics.station_of(topic) == name


@pytest.mark.parametrize("name", ["", "+", "#", "a/b", "-a", ".a", "a b", "a\n", "ä", "x" * 64])
def test_what_would_be_another_topic_is_no_name(name: str) -> None:
    assert not topics.STATION_NAME.fullmatch(name)


@pytest.mark.parametrize("topic", ["", "pace", "pace/1/x", "pace/2/x/run", "pace/1/x/run/y"])
def test_a_foreign_topic_has_no_station(topic: str) -> None:
    assert topics.station_of(topic) == ""


def test_the_contract_needs_nothing_of_the_station() -> None:
    """The host imports it: no other module of ours may come along."""
    code = (
        "import sys, records.topics; print(*sorted(name for name in sys.modules"
        " if name.partition('.')[0] in ('records', 'station', 'drivers', 'host_agent')))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["records", "records.topics"]
