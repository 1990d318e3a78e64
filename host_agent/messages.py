"""Sorts messages from the broker into runs, states of stations, and refusals.

Pure functions. Whatever arrives, `sort` gives an answer: what is not a record of the contract, or
could not be kept in every database, is refused with a reason that a person can act on.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from host_agent import columns
from host_agent.mqtt import Message
from host_agent.text import printable
from records import RunRecord, StationState, decode_run, decode_state, topics
from records.messages import decode_event, decode_plan
from records.signing import split

_RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_HEAD_OF_A_RUN = re.compile(
    rb'\s*\{\s*"schema"\s*:\s*"[^"\\]{0,64}"\s*,\s*"record_id"\s*:\s*"([^"\\\x00-\x1f]{1,200})"'
)
_RUNS = ("pace.run/2", "pace.run/1")
_STATES = ("pace.state/1",)
_PLAN = b'{"schema":"pace.plan/1",'
_EVENT = b'{"schema":"pace.event/1",'
_REASON_LENGTH = 500
_INT64 = range(-(2**63), 2**63)


class Run(NamedTuple):
    """A record to be stored. `row` is in the order of `columns.ROW`."""

    record_id: str
    station: str
    received_at: str
    sha256: str
    record: bytes
    row: columns.Row


class Refusal(NamedTuple):
    """A message for the quarantine. `payload` is all of it, or its beginning when it was too large.

    `station` and `record_id` are empty when the message does not say them.
    """

    topic: str
    station: str
    record_id: str
    reason: str
    received_at: str
    size: int
    sha256: str
    payload: bytes


class Other(NamedTuple):
    """A plan or an event, as the table `others` keeps it, column by column in its order."""

    record_id: str
    station: str
    schema: str
    received_at: str
    sha256: str
    record: bytes
    signature: bytes | None


class Sorted(NamedTuple):
    """`states` holds the last state of each station, and when it came."""

    runs: list[Run]
    states: dict[str, tuple[StationState, str]]
    refusals: list[Refusal]
    others: Sequence[Other] = ()


class _NotAccepted(Exception):
    """The reason, in words."""


def sort(messages: Iterable[Message], received_at: str) -> Sorted:
    """Sort messages in the order of arrival. Raises nothing, whatever they hold."""
    sorted_ = Sorted([], {}, [])
    others: list[Other] = []
    stations: dict[bytes, tuple[str, str, bool]] = {}  # a batch is long, its topics are few
    for message in messages:
        if message.topic not in stations:
            stations[message.topic] = _topic(message.topic)
        topic, station, is_run = stations[message.topic]
        try:
            _check_message(message, station)
            if is_run and (other := _other(message.payload, station, received_at)) is not None:
                others.append(other)
            elif is_run:
                sorted_.runs.append(_run(message.payload, station, received_at))
            else:
                sorted_.states[station] = _state(message.payload, station), received_at
        except _NotAccepted as why:
            sorted_.refusals.append(_refuse(message, topic, station, str(why), received_at))
        except Exception as error:  # whatever a message does to a decoder, the next one is read
            reason = f"not a record: {error}"
            sorted_.refusals.append(_refuse(message, topic, station, reason, received_at))
    return sorted_._replace(others=others) if others else sorted_


def read_run(payload: bytes, station: str, received_at: str) -> Run | str:
    """Return a run to be stored, or the reason why the payload is none."""
    result = sort([Message(0, topics.run(station).encode(), payload, len(payload))], received_at)
    return result.runs[0] if result.runs else result.refusals[0].reason


def _topic(encoded: bytes) -> tuple[str, str, bool]:
    """Return a topic as text, its station (empty: no name), and whether it carries runs."""
    topic = encoded.decode(errors="replace")
    station = topics.station_of(topic)
    if not topics.STATION_NAME.fullmatch(station):
        station = ""
    return topic, station, topic.endswith("/run")


def _check_message(message: Message, station: str) -> None:
    if not station:
        raise _NotAccepted("the topic names no station")
    if message.size > len(message.payload):
        raise _NotAccepted(f"{message.size} bytes are more than the host's limit for a message")
    if not message.payload:
        raise _NotAccepted("an empty message")


def _run(payload: bytes, station: str, received_at: str) -> Run:
    signature, body = split(payload)
    _check_text(body, _RUNS)
    record = decode_run(body)
    if record.station != station:
        raise _NotAccepted(f"station {record.station!r} in the record, {station!r} in the topic")
    if not _RECORD_ID.fullmatch(record.record_id):
        raise _NotAccepted(f"record_id {record.record_id!r} is not 1 to 64 of A-Z a-z 0-9 . _ : -")
    if b"\\u0000" in body:
        _check_no_nul(record)
    sha256 = hashlib.sha256(payload).hexdigest()
    row = columns.row(record, received_at, sha256, body, signature)
    if why := columns.too_wide(row):
        raise _NotAccepted(why)
    return Run(record.record_id, station, received_at, sha256, body, row)


def _other(payload: bytes, station: str, received_at: str) -> Other | None:
    """Return the plan or event that a message is; None for anything else."""
    signature, body = split(payload)
    if body.startswith(_PLAN):
        _check_text(body, ("pace.plan/1",))
        decode_plan(body)
        schema, record_id = "pace.plan/1", hashlib.sha256(body).hexdigest()
    elif body.startswith(_EVENT):
        _check_text(body, ("pace.event/1",))
        event = decode_event(body)
        schema, record_id = "pace.event/1", event.record_id
        if event.station != station:
            raise _NotAccepted(f"station {event.station!r} in the event, {station!r} in the topic")
        if not _RECORD_ID.fullmatch(record_id):
            raise _NotAccepted(f"record_id {record_id!r} is not 1 to 64 of A-Z a-z 0-9 . _ : -")
    else:
        return None
    sha256 = hashlib.sha256(payload).hexdigest()
    return Other(record_id, station, schema, received_at, sha256, body, signature or None)


def _state(payload: bytes, station: str) -> StationState:
    _check_text(payload, _STATES)
    state = decode_state(payload)
    if state.station != station:
        raise _NotAccepted(f"station {state.station!r} in the state, {station!r} in the topic")
    if state.waiting < 0:
        raise _NotAccepted(f"waiting {state.waiting} is less than none")
    if state.waiting not in _INT64:
        raise _NotAccepted(f"waiting {state.waiting} needs more than 64 bits")
    if b"\\u0000" in payload:
        _check_no_nul(state)
    return state


class _Tag(msgspec.Struct):
    schema: str = ""


_decode_tag = msgspec.json.Decoder(_Tag).decode


def _check_text(payload: bytes, schemas: tuple[str, ...]) -> None:
    """Check that a payload is UTF-8, also where the decoder skips, and names its schema.

    A decoder with one type takes a message without a tag for it.
    """
    if not payload.isascii():
        payload.decode()
    for schema in schemas:
        if payload.startswith(b'{"schema":"%b",' % schema.encode()):
            return
    said = _decode_tag(payload).schema
    if said not in schemas:
        known = " and ".join(repr(schema) for schema in schemas)
        raise _NotAccepted(f"schema {said!r}, and this host knows {known} here")


def _check_no_nul(record: RunRecord | StationState) -> None:
    """Refuse U+0000: PostgreSQL keeps none in a text, and no name or reading has one."""
    waiting: list[object] = [msgspec.to_builtins(record)]
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text:
                raise _NotAccepted(f"U+0000 in {text[:40]!r}")
            case dict(mapping):
                waiting += mapping.values()
            case list(items) | tuple(items):
                waiting += items


def _refuse(message: Message, topic: str, station: str, reason: str, received_at: str) -> Refusal:
    head = _HEAD_OF_A_RUN.match(split(message.payload).record) if topic.endswith("/run") else None
    return Refusal(
        topic=printable(topic),
        station=station,
        record_id=head[1].decode(errors="ignore") if head else "",
        reason=printable(reason[:_REASON_LENGTH]),
        received_at=received_at,
        size=message.size,
        sha256=message.sha256 or hashlib.sha256(message.payload).hexdigest(),
        payload=message.payload,
    )
