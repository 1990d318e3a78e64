import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from host_agent.columns import ROW
from host_agent.messages import Refusal, Run, Sorted, read_again, sort
from host_agent.mqtt import Message, packets
from host_agent.mqtt.packets import HEAD_KEPT_BYTES
from host_agent.text import printable, utc_text
from records import (
    PlanRecord,
    RunRecord,
    SlotState,
    StationState,
    Verdict,
    decode_run,
    encode,
    topics,
)
from records.messages import EventRecord
from records.signing import ALGORITHM, Header, digest, sign, split
from tests.host_agent.load import example_record, record_ending

NOW = "2026-11-22T12:00:00.000000Z"
RECORD = example_record("bench-1", 7)


def message(payload: bytes, topic: str = "pace/1/bench-1/run") -> Message:
    return Message(1, topic.encode(), payload, len(payload))


def refused(payload: bytes, topic: str = "pace/1/bench-1/run") -> Refusal:
    answer = sort([message(payload, topic)], NOW)
    assert not answer.runs
    assert not answer.states
    return answer.refusals[0]


def changed(**changes: Any) -> bytes:
    """Return the record as any JSON writer might send it, with other values in it."""
    return json.dumps({**json.loads(encode(RECORD)), **changes}).encode()


def ending(step: str, **changes: Any) -> bytes:
    """Return a record whose last step ended so, with other values in it."""
    record = record_ending(Verdict(step), "bench-1", 7)
    return json.dumps({**json.loads(encode(record)), **changes}).encode()


def with_value(text: str) -> bytes:
    """Return a record with these characters as its first measurement's value."""
    tree = json.loads(encode(RECORD))
    tree["steps"][0]["measurements"][0] = {"name": "voltage", "value": "HERE"}
    return json.dumps(tree).encode().replace(b'"HERE"', text.encode())


def columns_of(run: Run) -> dict[str, object]:
    return dict(zip(ROW, run.row, strict=True))


def test_a_record_becomes_a_row_and_stays_verbatim() -> None:
    payload = encode(RECORD)
    (run,) = sort([message(payload)], NOW).runs
    assert (run.record_id, run.station, run.received_at) == (RECORD.record_id, "bench-1", NOW)
    assert run.record == payload
    assert columns_of(run) == dict(
        record_id=RECORD.record_id,
        station="bench-1",
        sequence=7,
        slot="A",
        operator="Olga",
        asset_tag="AT-000007",
        kind="laptop-adapter",
        maker="Delta",
        model="ADP-65",
        serial_number="",
        year=None,
        plan="laptop-adapter",
        profile="",
        unit="at-000007\n",
        verdict="pass",
        marginal=1,
        simulated=1,
        started_at=RECORD.started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        received_at=NOW,
        duration_s=3.75,
        sha256=run.sha256,
        record=payload,
        signature=None,
    )
    assert type(columns_of(run)["marginal"]) is int  # a bool takes sqlite3 half a microsecond


def test_another_writers_json_is_as_good() -> None:
    payload = changed(later_addition={"deep": [1, 2]})
    assert read_again(payload, "bench-1", NOW) == read_again(payload, "bench-1", NOW)
    assert isinstance(read_again(payload, "bench-1", NOW), Run)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "an empty message"),
        (b"hello", "malformed"),
        (b"[]", "Expected `object`"),
        (b"null", "Expected `object`"),
        (encode(RECORD)[:-40], "truncated"),
        (encode(RECORD) + b"x", "trailing"),
        (b"\xef\xbb\xbf" + encode(RECORD), "malformed"),
        (encode(RECORD).replace(b"Olga", b"Ol\xffa"), "utf-8"),
        (encode(RECORD).replace(b"Olga", b"Ol\xc0\x80"), "utf-8"),
        (encode(RECORD).replace(b"Olga", b"Ol\xed\xa0\x80"), "utf-8"),
        (encode(RECORD).replace(b"Olga", b"Ol\na"), "malformed"),
        (changed(operator="\ud800"), "malformed"),
        (changed(unknown="X").replace(b'"X"', b'"\xff"'), "utf-8"),
        (changed(operator="a\0b"), "U+0000"),
        (changed(schema="pace.report/9"), "pace.report/9"),
        (changed(schema="pace.run/0"), "pace.run/0"),
        (changed(schema="pace.run/9", record_id="a b"), "record_id"),
        (changed(schema="pace.run/9", station="b"), "'b' in the record"),
        (b'{"record_id": "x"}', "schema ''"),
        (changed(duration_s=float("nan")), "malformed"),
        (changed(duration_s=float("inf")), "malformed"),
        (changed(duration_s=77).replace(b": 77", b": 1e999"), "range"),
        (changed(sequence=2**63), "more than 64 bits"),
        (changed(sequence=-(2**63) - 1), "more than 64 bits"),
        (changed(sequence=1.5), "sequence"),
        (changed(sequence="1"), "sequence"),
        (changed(device={"asset_tag": "x", "kind": "y", "year": 10**30}), "year"),
        (changed(device={"asset_tag": None, "kind": "y"}), "asset_tag"),
        (changed(steps=None), "steps"),
        (changed(verdict=7), "verdict"),
        (changed(record_id=""), "record_id"),
        (changed(record_id="a b"), "record_id"),
        (changed(record_id="x" * 65), "record_id"),
        (changed(record_id="../etc"), "record_id"),
        (changed(started_at="yesterday"), "started_at"),
        (changed(started_at="0001-01-01T00:00:00+05:00"), "range"),
        (changed(station="bench-2"), "'bench-2' in the record, 'bench-1' in the topic"),
        (with_value("9" * 5000), "range"),
        (with_value("-Infinity"), "malformed"),
        (changed()[:-1] + b', "deep": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "recursion"),
        (b"[" * 200_000, "Expected `object`"),
        (encode(StationState(station="bench-1", online=True)), "pace.state/1"),
    ],
)
def test_what_is_no_record_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    refusal = refused(payload)
    assert reason in refusal.reason
    assert refusal.payload == payload
    assert refusal.station == "bench-1"


@pytest.mark.parametrize("text", ["1e308", "-0.0", "true", '"x"', "9" * 400, str(2**64), "1e-320"])
def test_any_value_of_the_contract_is_kept_however_odd(text: str) -> None:
    assert isinstance(read_again(with_value(text), "bench-1", NOW), Run)


@pytest.mark.parametrize("verdict", ["fail", "aborted", "error", "pass", "skipped", "later"])
def test_what_contradicts_itself_is_kept_with_the_verdict_that_it_states(verdict: str) -> None:
    """It is evidence, also of that; so is a word that only a later version knows."""
    for payload in (ending("fail", verdict=verdict), ending(verdict)):
        run = read_again(payload, "bench-1", NOW)
        assert isinstance(run, Run)
        assert columns_of(run)["verdict"] == json.loads(payload)["verdict"]


def test_a_signed_record_is_kept_as_its_own_bytes_with_the_digest_of_the_message() -> None:
    body = encode(RECORD)
    header = Header(alg=ALGORITHM, kid="k", chain="c", position=1)
    signed = sign(body, SigningKey.generate(), header)
    run = read_again(signed, "bench-1", NOW)
    assert isinstance(run, Run)
    assert run.record == body
    assert run.sha256 == digest(signed)
    assert columns_of(run)["signature"] == split(signed).signature
    assert refused(signed.replace(b"Olga", b"Ol\xffa")).record_id == RECORD.record_id


def test_plans_and_events_are_kept_beside_the_runs_and_named_by_hash_and_id() -> None:
    plan = encode(PlanRecord(plan="p", kind="k"))
    event = encode(
        EventRecord(
            record_id="e-1",
            station="bench-1",
            operator="",
            asset_tag="A",
            event="intake",
            at=datetime.now(UTC),
        )
    )
    key = SigningKey.generate()
    messages = [
        sign(one, key, Header(alg=ALGORITHM, kid="k", chain="c", position=number))
        for number, one in enumerate((plan, event), start=1)
    ]
    answer = sort([message(one) for one in messages], NOW)
    assert not answer.refusals
    assert [(one.record_id, one.sha256) for one in answer.others] == [
        (digest(plan), digest(messages[0])),
        ("e-1", digest(messages[1])),
    ]
    assert [one.record for one in answer.others] == [plan, event]
    assert "'bench-2' in the topic" in refused(event, "pace/1/bench-2/run").reason
    assert refused(plan.replace(b'"k"', b"7")).reason.startswith("not a record")


def test_a_backslash_before_u0000_is_no_zero_character() -> None:
    assert isinstance(read_again(changed(operator="C:\\u0000"), "bench-1", NOW), Run)


@pytest.mark.parametrize(
    "topic",
    [
        "pace/1//run",
        "pace/1/a b/run",
        "pace/1/-a/run",
        "pace/2/bench-1/run",
        "pace/1/a/b/run",
        "pace/1/" + "x" * 64 + "/run",
    ],
)
def test_a_topic_without_a_stations_name_is_refused_and_nobody_is_answered(topic: str) -> None:
    refusal = refused(encode(RECORD), topic)
    assert refusal.station == ""
    assert "topic" in refusal.reason


def test_a_topic_that_is_not_utf_8_is_refused() -> None:
    (refusal,) = sort([Message(1, b"pace/1/\xff\xfe/run", b"{}", 2)], NOW).refusals
    assert refusal.topic == "pace/1/\ufffd\ufffd/run"


def test_a_message_beyond_the_limit_is_refused_and_its_record_id_read_from_the_beginning() -> None:
    head = encode(RECORD)[:100]
    large = Message(1, b"pace/1/bench-1/run", head, 5_000_000, "5e" * 32)
    (refusal,) = sort([large], NOW).refusals
    assert refusal.record_id == RECORD.record_id
    assert refusal.sha256 == "5e" * 32
    assert "5000000 bytes" in refusal.reason


@pytest.mark.parametrize(("below", "is_kept"), [(0, True), (1, False), (100, False)])
def test_a_limit_below_the_beginning_that_is_kept_refuses_what_is_above_it(
    below: int, is_kept: bool
) -> None:
    size_bytes = len(encode(RECORD))
    assert size_bytes < HEAD_KEPT_BYTES
    limit_bytes = size_bytes - below
    sent = packets.publish(1, "pace/1/bench-1/run", encode(RECORD), 3)
    body = sent[len(sent) - (2 + len("pace/1/bench-1/run") + 2 + size_bytes) :]
    answer = sort([packets.read_publish(2, body, 3, limit_bytes)], NOW)
    assert len(answer.runs) == is_kept
    if not is_kept:
        assert f"{size_bytes} bytes are more than the host's limit" in answer.refusals[0].reason
        assert answer.refusals[0].record_id == RECORD.record_id


def test_a_record_id_is_only_read_where_the_contract_puts_it() -> None:
    assert refused(b'{"schema":"pace.run/9","record_id":"r1","x":').record_id == "r1"
    assert refused(b' { "schema" : "z", "record_id" : "a b" }').record_id == "a b"
    assert refused(b'{"comment":"\\"record_id\\":\\"r1\\"","record_id":"r2"}').record_id == ""
    assert refused(b'{"steps":[{"record_id":"r1"}]}').record_id == ""


def test_the_last_state_of_each_station_is_kept() -> None:
    states = [
        StationState(station="a", online=True, waiting=1),
        StationState(station="b", online=True, slots=(SlotState(slot="A"),)),
        StationState(station="a", online=False),
    ]
    answer = sort([message(encode(one), topics.state(one.station)) for one in states], NOW)
    assert answer == Sorted([], {"a": (states[2], NOW), "b": (states[1], NOW)}, [])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (encode(RECORD), "pace.run/2"),
        (encode(StationState(station="b", online=True)), "'b' in the state"),
        (b'{"schema":"pace.state/1","station":"a","online":1}', "online"),
        (b'{"schema":"pace.state/1","station":"a","online":true,"waiting":1e40}', "waiting"),
        (b'{"schema":"pace.state/1","station":"a","online":true,"waiting":-99}', "waiting -99"),
        (b'{"schema":"pace.state/1","station":"a","online":true,"waiting":-1}', "less than none"),
        (b'{"schema":"pace.state/1","station":"a","online":true,"software":"\\u0000"}', "U+0000"),
    ],
)
def test_what_is_no_state_is_refused_and_asks_for_no_receipt(payload: bytes, reason: str) -> None:
    refusal = refused(payload, "pace/1/a/state")
    assert reason in refusal.reason
    assert refusal.record_id == ""


@given(st.binary(max_size=400), st.binary(max_size=40))
def test_no_bytes_can_do_more_than_be_refused(payload: bytes, topic: bytes) -> None:
    answer = sort([Message(1, topic, payload, len(payload)), message(encode(RECORD))], NOW)
    assert len(answer.refusals) == 1
    assert len(answer.runs) == 1


@given(st.data())
def test_a_damaged_record_is_a_record_or_refused_and_never_an_exception(
    data: st.DataObject,
) -> None:
    damaged = bytearray(encode(RECORD))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    answer = sort([message(bytes(damaged))], NOW)
    assert len(answer.runs) + len(answer.refusals) == 1
    for run in answer.runs:
        assert isinstance(decode_run(run.record), RunRecord)


def test_reasons_and_topics_cannot_move_a_terminals_cursor() -> None:
    refusal = refused(changed(station="\x1b[2J\r\n"))
    assert refusal.reason.isprintable()
    assert printable("a\x1b\n\u202eb") == "a\ufffd\ufffd\ufffdb"


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3)), None])))
def test_times_are_text_that_sorts(when: datetime) -> None:
    if when.year in {1, 9999}:
        return
    text = utc_text(when)
    assert len(text) == 27
    again = msgspec.convert(text, datetime)
    assert again == (when if when.tzinfo else when.replace(tzinfo=UTC))
