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
from host_agent.text import bounded, printable
from records import RunRecord, StationState, decode_run, decode_state, topics
from records.messages import decode_event, decode_plan, read_piece
from records.reading import Head, head_of, kind_of
from records.signing import split

_RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9][a-z0-9.+-]{0,60}")
_HEAD_OF_A_RUN = re.compile(
    rb'\s*\{\s*"schema"\s*:\s*"[^"\\]{0,64}"\s*,\s*"record_id"\s*:\s*"([^"\\\x00-\x1f]{1,200})"'
)
_STATES = ("pace.state/1",)
_AS_SENT = (b'{"schema":"pace.run/2",', b'{"schema":"pace.run/1",')
RUNS = frozenset({"pace.run/2", "pace.run/1"})
READ_HERE = RUNS | {"pace.plan/1", "pace.event/1"}
"""Schemas that this version reads. A later version's record is kept, and read after an upgrade."""

_REASON_LENGTH = 500
_TOPIC_LENGTH = 200
_STATE_MOST_BYTES = 65_536
_CHAIN = re.compile(r"[!-~]{1,80}")
_INT64 = range(-(2**63), 2**63)


class Run(NamedTuple):
    """A record to be stored. `row` is in the order of `columns.ROW`."""

    record_id: str
    station: str
    received_at: str
    sha256: str
    signature: bytes
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
    """A record that is kept beside the runs, in the order of the columns of the table `others`.

    It is a plan, an event, or what only a later version reads (`unread`). A run that was signed
    once more is one, too: its record is stored already, and this is another link of a chain.
    """

    record_id: str
    station: str
    schema: str
    asset_tag: str
    received_at: str
    sha256: str
    record: bytes
    signature: bytes | None
    unread: bool = False


class Piece(NamedTuple):
    """A piece of an attachment, which names a file: `sha256` is 64 hexadecimal digits."""

    station: str
    sha256: str
    size_bytes: int
    offset_bytes: int
    media_type: str
    data: bytes


class Sorted(NamedTuple):
    """`states` holds the last state of each station, and when it came."""

    runs: list[Run]
    states: dict[str, tuple[StationState, str]]
    refusals: list[Refusal]
    others: Sequence[Other] = ()
    pieces: Sequence[Piece] = ()


class _NotAccepted(Exception):
    """The reason, in words."""


def sort(messages: Iterable[Message], received_at: str) -> Sorted:
    """Sort messages in the order of arrival. Raises nothing, whatever they hold."""
    sorted_ = Sorted([], {}, [])
    others: list[Other] = []
    pieces: list[Piece] = []
    stations: dict[bytes, tuple[str, str, str]] = {}  # a batch is long, its topics are few
    for message in messages:
        if message.topic not in stations:
            stations[message.topic] = _topic(message.topic)
        topic, station, kind = stations[message.topic]
        try:
            _check_message(message, station)
            if kind == "run":
                read = _record(message.payload, station, received_at)
                if isinstance(read, Run):
                    sorted_.runs.append(read)
                else:
                    others.append(read)
            elif kind == "piece":
                pieces.append(_piece(message.payload, station))
            else:
                sorted_.states[station] = _state(message.payload, station), received_at
        except _NotAccepted as why:
            sorted_.refusals.append(_refuse(message, topic, station, str(why), received_at))
        except Exception as error:  # whatever a message does to a decoder, the next one is read
            reason = f"not a record: {error}"
            sorted_.refusals.append(_refuse(message, topic, station, reason, received_at))
    if others or pieces:
        return sorted_._replace(others=others, pieces=pieces)
    return sorted_


def read_again(payload: bytes, station: str, received_at: str) -> Run | Other | str:
    """Return what a kept message of a station is to this version, or why it is no record."""
    found = sort([Message(0, topics.run(station).encode(), payload, len(payload))], received_at)
    if found.refusals:
        return found.refusals[0].reason
    return found.runs[0] if found.runs else found.others[0]


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256 in hexadecimal, as files are named by."""
    return _SHA256.fullmatch(text) is not None


def whole(signature: bytes | None, record: bytes) -> bytes:
    """Return the message that came as these two parts."""
    return b"\n".join((signature, record)) if signature else record


def _topic(encoded: bytes) -> tuple[str, str, str]:
    """Return a topic as text, its station (empty: no name), and its last word."""
    topic = encoded.decode(errors="replace")
    station = topics.station_of(topic)
    if not topics.STATION_NAME.fullmatch(station):
        station = ""
    return topic, station, topic.rpartition("/")[2]


def _check_message(message: Message, station: str) -> None:
    if not station:
        raise _NotAccepted("the topic names no station")
    if message.sha256:  # it was counted while it came, and is not whole here, or too large
        raise _NotAccepted(f"{message.size} bytes are more than the host's limit for a message")
    if not message.payload:
        raise _NotAccepted("an empty message")


def _record(payload: bytes, station: str, received_at: str) -> Run | Other:
    signature, body = split(payload)
    if not body.isascii():
        body.decode()  # also where the decoder skips
    schema = "pace.run/2" if body.startswith(_AS_SENT) else _decode_tag(body).schema
    if schema in RUNS:
        return _run(payload, signature, body, station, received_at)
    kind = kind_of(schema)
    if kind is None:
        known = " and ".join(repr(one) for one in sorted(READ_HERE))
        raise _NotAccepted(f"schema {schema!r}, and this host knows {known} here")
    asset_tag = ""
    if schema not in READ_HERE:
        head = head_of(body)
    elif kind.name == "plan":
        decode_plan(body)
        head = Head(schema)
    else:
        event = decode_event(body)
        head, asset_tag = Head(schema, event.record_id, event.station), event.asset_tag
    if head.station or kind.name != "plan":
        _check_station(head.station, station)
    if kind.name == "plan":
        record_id = hashlib.sha256(body).hexdigest()
    else:
        record_id = _checked_id(head.record_id)
    return Other(
        record_id=record_id,
        station=station,
        schema=schema,
        asset_tag=bounded(asset_tag, columns.MOST_CHARACTERS),
        received_at=received_at,
        sha256=hashlib.sha256(payload).hexdigest(),
        record=body,
        signature=signature or None,
        unread=schema not in READ_HERE,
    )


def _run(payload: bytes, signature: bytes, body: bytes, station: str, received_at: str) -> Run:
    record = decode_run(body)
    _check_station(record.station, station)
    _checked_id(record.record_id)
    if b"\\u0000" in body:
        _check_no_nul(record)
    sha256 = hashlib.sha256(payload).hexdigest()
    row = columns.row(record, received_at, sha256, body, signature)
    if why := columns.too_wide(row):
        raise _NotAccepted(why)
    return Run(record.record_id, station, received_at, sha256, signature, body, row)


def _check_station(said: str, station: str) -> None:
    if said != station:
        raise _NotAccepted(f"station {said!r} in the record, {station!r} in the topic")


def _checked_id(record_id: str) -> str:
    if not _RECORD_ID.fullmatch(record_id):
        raise _NotAccepted(f"record_id {record_id!r} is not 1 to 64 of A-Z a-z 0-9 . _ : -")
    return record_id


def _piece(payload: bytes, station: str) -> Piece:
    head, data = read_piece(payload)
    if not is_sha256(head.sha256):
        raise _NotAccepted(f"{head.sha256[:80]!r} is not a SHA-256 in hexadecimal")
    if head.size_bytes not in _INT64:
        raise _NotAccepted(f"size_bytes {head.size_bytes} needs more than 64 bits")
    media_type = head.media_type if _MEDIA_TYPE.fullmatch(head.media_type) else ""
    return Piece(station, head.sha256, head.size_bytes, head.offset_bytes, media_type, data)


def _state(payload: bytes, station: str) -> StationState:
    if len(payload) > _STATE_MOST_BYTES:
        raise _NotAccepted(f"a state of {len(payload)} bytes, and {_STATE_MOST_BYTES} are enough")
    _check_text(payload, _STATES)
    state = decode_state(payload)
    if state.station != station:
        raise _NotAccepted(f"station {state.station!r} in the state, {station!r} in the topic")
    if state.waiting < 0:
        raise _NotAccepted(f"waiting {state.waiting} is less than none")
    if state.waiting not in _INT64:
        raise _NotAccepted(f"waiting {state.waiting} needs more than 64 bits")
    if state.head is not None and state.head.position not in _INT64:
        raise _NotAccepted(f"position {state.head.position} needs more than 64 bits")
    if state.head is not None and not _CHAIN.fullmatch(state.head.chain):
        raise _NotAccepted(f"the chain {state.head.chain[:80]!r} has no name of a chain")
    if state.head is not None and not is_sha256(state.head.digest):
        raise _NotAccepted(f"{state.head.digest[:80]!r} is not a SHA-256 in hexadecimal")
    if b"\\u0000" in payload:
        _check_no_nul(state)
    return state


def is_chain(name: str) -> bool:
    """Return whether a text can be the name of a chain: 1 to 80 printable ASCII characters."""
    return _CHAIN.fullmatch(name) is not None


class _Tag(msgspec.Struct):
    schema: str = ""


_decode_tag = msgspec.json.Decoder(_Tag).decode


def _check_text(payload: bytes, schemas: tuple[str, ...]) -> None:
    """Check that it is UTF-8 throughout, also where the decoder skips, and says its schema.

    A decoder with one type takes a message without a tag for it.
    """
    if not payload.isascii():
        payload.decode()
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


def _shown(topic: str) -> str:
    """Return a topic for people and indexes: a long one is cut, and told apart by its hash."""
    if len(topic) > _TOPIC_LENGTH:
        digest = hashlib.sha256(topic.encode(errors="replace")).hexdigest()[:16]
        topic = f"{topic[:_TOPIC_LENGTH]}… ({digest})"
    return printable(topic)


def _refuse(message: Message, topic: str, station: str, reason: str, received_at: str) -> Refusal:
    head = _HEAD_OF_A_RUN.match(split(message.payload).record) if topic.endswith("/run") else None
    return Refusal(
        topic=_shown(topic),
        station=station,
        record_id=printable(head[1].decode(errors="ignore")) if head else "",
        reason=printable(reason[:_REASON_LENGTH]),
        received_at=received_at,
        size=message.size,
        sha256=message.sha256 or hashlib.sha256(message.payload).hexdigest(),
        payload=message.payload,
    )
