"""Records of every version are read; what a later version adds survives, and is not understood."""

from pathlib import Path

import msgspec
import pytest

from records import Phrase, PlannedTest, PlanRecord, Verdict, decode_run, encode
from records.reading import decode, head_of, kind_of, version_of
from tests.records.examples import run, step

V1 = b"""{"schema":"pace.run/1","record_id":"r-1","sequence":7,"station":"accra-1","slot":"left",
"operator":"ap","device":{"asset_tag":"A-1","kind":"laptop adapter"},"plan":"p","plan_sha256":"00",
"guideline":"key functions","instruments":[],"software":"0.1.0","clock_synchronised":false,
"simulated":true,"started_at":"2026-11-22T14:22:50.827426Z","duration_s":2.0,"steps":[
{"step":"adapter.no_load","title":"Voltage without load","verdict":"pass",
"started_at":"2026-11-22T14:22:51Z","measurements":[{"name":"v","value":19.6,"unit":"V",
"limit":{"basis":"proposal","min":19.0,"guard":0.1},"verdict":"pass"}]},
{"step":"bench.make_safe","title":"Make safe","verdict":"error",
"started_at":"2026-11-22T14:22:52Z","reason":"the load is mute"}],"verdict":"error"}"""


def test_what_is_written_is_read() -> None:
    record = run(step(reason=Phrase("adapter.lead_loose", {"voltage_v": 1.5})))
    assert decode_run(encode(record)) == record
    assert decode(encode(record)) == record
    assert version_of(encode(record)) == 2


def test_a_run_of_version_1_is_read_as_what_it_was() -> None:
    record = decode_run(V1)
    assert (record.record_id, record.sequence, record.verdict) == ("r-1", 7, Verdict.ERROR)
    assert record.profile == "key functions"
    first, last = record.steps
    assert (first.test, str(first.title)) == ("adapter.no_load", "Voltage without load")
    assert first.measurements[0].value == 19.6
    assert last.reason == Phrase(text="the load is mute")
    assert record.not_safe == (Phrase(text="the load is mute"),)
    assert version_of(V1) == 1


def test_a_field_of_a_later_release_is_passed_over() -> None:
    body = encode(run()).replace(b'"slot":', b'"weather":{"wind":[1]},"slot":', 1)
    assert decode_run(body) == run()


def test_a_word_of_a_later_release_is_kept_and_is_none_of_ours() -> None:
    body = encode(run()).replace(
        b'"verdict":"pass","started_at"', b'"verdict":"waived","started_at"'
    )
    (first, *_) = decode_run(body).steps
    assert first.verdict == "waived"
    assert first.verdict not in tuple(Verdict)


def test_a_later_version_is_not_read_and_yet_known_by_its_head() -> None:
    body = encode(run()).replace(b"pace.run/2", b"pace.run/3")
    with pytest.raises(msgspec.ValidationError):
        decode_run(body)
    head = head_of(body)
    assert (head.record_id, head.station) == (run().record_id, "accra-1")
    assert kind_of(head.schema) == ("run", 3)


@pytest.mark.parametrize("schema", ["", "pace.run/0", "pace.run/", "pace.ran/1", "x pace.run/1"])
def test_another_schema_is_no_record(schema: str) -> None:
    assert kind_of(schema) is None


def test_a_plan_is_always_the_same_bytes() -> None:
    tests = (PlannedTest(test="t", step="power.voltage", settings={"b": 1, "a": 2.0}),)
    plan = PlanRecord(plan="p", kind="k", tests=tests)
    turned = (PlannedTest(test="t", step="power.voltage", settings={"a": 2.0, "b": 1}),)
    assert encode(plan) == encode(PlanRecord(plan="p", kind="k", tests=turned))
    assert decode(encode(plan)) == plan
    with pytest.raises(msgspec.ValidationError, match="PlanRecord is no run"):
        decode_run(encode(plan))


def test_every_record_that_version_0_1_wrote_is_read() -> None:
    folder = Path(__file__).parents[1] / "data" / "version_0_1"
    lines = (folder / "records.jsonl").read_bytes().splitlines()
    assert lines
    for line in lines:
        record = decode_run(line)
        assert record.record_id == head_of(line).record_id
        assert version_of(line) == 1
