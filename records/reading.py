"""Read a record of any version that this software knows, and what is left of any other.

A record's bytes are kept as they were sent and never encoded again: fields of a later version
survive software that does not know them.
"""

import re
from typing import NamedTuple

import msgspec

from records import version_1
from records.messages import EventRecord, PlanRecord
from records.run import RunRecord

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The exceptions of msgspec for bytes that are not what was asked for, from wherever they come: it
raises the two others for a text that is not UTF-8, and for what is nested too deeply."""

_RUN_2 = b'{"schema":"pace.run/2",'
_decode_any = msgspec.json.Decoder(
    RunRecord | version_1.RunRecordV1 | PlanRecord | EventRecord
).decode
_decode_run_2 = msgspec.json.Decoder(RunRecord).decode
_KIND = re.compile(r"pace\.(run|plan|event)/([1-9][0-9]{0,3})")


class Head(msgspec.Struct, frozen=True):
    """The fields that a record has in every version: enough to keep it."""

    schema: str = ""
    record_id: str = ""
    station: str = ""


_decode_head = msgspec.json.Decoder(Head).decode


class Kind(NamedTuple):
    """The kind of a record: `run`, `plan` or `event`, and its version."""

    name: str
    version: int


def head_of(record: bytes) -> Head:
    """Return schema, id and station of a record. Raises `msgspec.MsgspecError`."""
    return _decode_head(record)


def kind_of(schema: str) -> Kind | None:
    """Return what a schema such as `pace.run/2` names; None where that is no record of ours."""
    found = _KIND.fullmatch(schema)
    return Kind(found[1], int(found[2])) if found else None


def decode_run(record: bytes) -> RunRecord:
    """Return a run of any known version as the present one. Raises `msgspec.MsgspecError`."""
    if record.startswith(_RUN_2):
        return _decode_run_2(record)
    read = decode(record)
    if not isinstance(read, RunRecord):
        raise msgspec.ValidationError(f"a {type(read).__name__} is no run")
    return read


def decode(record: bytes) -> RunRecord | PlanRecord | EventRecord:
    """Return a record of any known kind and version. Raises `msgspec.MsgspecError`."""
    read: RunRecord | version_1.RunRecordV1 | PlanRecord | EventRecord = _decode_any(record)
    if isinstance(read, version_1.RunRecordV1):
        raw = version_1.upgrade(msgspec.json.decode(record))
        return msgspec.convert(raw, RunRecord)
    return read


def version_of(record: bytes) -> int:
    """Return the version of a record that `decode` reads."""
    kind = kind_of(head_of(record).schema)
    return kind.version if kind else 0
