"""The messages of station and host besides runs: receipts, requests, states, plans, events, pieces.

A version is in the tag of each; a field that a reader does not know is passed over.
"""

from datetime import datetime
from typing import Any

import msgspec

from records.limits import Limit
from records.run import Attachment, Record
from records.verdicts import Proof, Verdict
from records.words import Phrase, Value


class Stored(Record, frozen=True):
    """A message that the host holds durably. `sha256` is that of the message as it arrived."""

    record_id: str
    sha256: str


class Rejected(Record, frozen=True):
    """A message that the host keeps in quarantine instead of its tables, and why."""

    record_id: str
    reason: str
    sha256: str = ""


class Held(Record, frozen=True):
    """The count of an attachment's first bytes that the host holds. Whole at `size_bytes`."""

    sha256: str
    held_bytes: int
    refused: str = ""


class Receipt(Record, frozen=True, tag_field="schema", tag="pace.receipt/2"):
    """The host's word of what it holds durably. Sent after its commit."""

    stored: tuple[Stored, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    attachments: tuple[Held, ...] = ()


class Wanted(Record, frozen=True):
    """The positions of a chain that the host lacks, both included."""

    chain: str
    first: int
    last: int


class Request(Record, frozen=True, tag_field="schema", tag="pace.request/1"):
    """The messages that the host asks its station to send again."""

    records: tuple[Wanted, ...] = ()
    plans: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()


def _key_type() -> str:
    return "OKP"


def _curve() -> str:
    return "Ed25519"


class PublicKey(Record, frozen=True):
    """A public key as a JWK (RFC 8037, 2). `endorsed_by` names the key that signed it.

    `kty` and `crv` are always written: a JWK without them is none (RFC 7517, 4.1).

    `station` is whose it is; from `revoked_at` on nothing that it signed is believed.
    """

    kid: str
    x: str
    kty: str = msgspec.field(default_factory=_key_type)
    crv: str = msgspec.field(default_factory=_curve)
    station: str = ""
    revoked_at: str = ""
    endorsed_by: str = ""
    endorsement: str = ""


class KeySet(Record, frozen=True):
    """A JWK Set (RFC 7517, 5)."""

    keys: tuple[PublicKey, ...] = ()


class SlotState(Record, frozen=True):
    """The state of a slot, for people who are not at the station.

    `step` is the title of the step that goes on; stations of version 0.1 say it in English.
    """

    slot: str
    asset_tag: str = ""
    plan: str = ""
    step: str | Phrase = ""
    verdict: Verdict | None = None  # of the last run, while nothing is running


class Head(Record, frozen=True):
    """The end of a station's chain. `digest` is that of the last message."""

    chain: str
    position: int
    digest: str


class StationState(Record, frozen=True, tag_field="schema", tag="pace.state/1"):
    """Retained on the broker; `online=False` is left behind as the last will.

    `key` is the key that the station signs with now, `head` the last record that it signed.
    `troubles` say what is wrong with its disk and the records on it.
    """

    station: str
    online: bool
    software: str = ""
    waiting: int = 0
    slots: tuple[SlotState, ...] = ()
    key: PublicKey | None = None
    head: Head | None = None
    troubles: tuple[Phrase, ...] = ()


class PlannedTest(Record, frozen=True):
    """One test of a plan: what does it, with which settings, and what judges it."""

    test: str
    step: str
    title: str = ""
    clause: str = ""
    method: str = ""
    required: Proof = Proof.NONE
    proof: Proof = Proof.NONE
    depth: str = ""
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    limits: dict[str, Limit] = msgspec.field(default_factory=dict)
    stop_on_fail: bool = False


class PlanRecord(Record, frozen=True, tag_field="schema", tag="pace.plan/1"):
    """The plan that a device was tested by. Its id, in a run `plan_sha256`, is its bytes' SHA-256.

    `words` are the texts of a plan from outside, by language and id. `origins` says for each value
    which file and line it comes from; it is not part of what is hashed.
    """

    plan: str
    kind: str
    title: str = ""
    equipment: str = ""
    profile: str = ""
    guideline: str = ""
    rule: str = ""
    altered_by_site: int = 0
    tests: tuple[PlannedTest, ...] = ()
    words: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)


class EventRecord(Record, frozen=True, tag_field="schema", tag="pace.event/1"):
    """Something that happened to a unit besides a run: intake, repair, grade, label, sale."""

    record_id: str
    station: str
    operator: str
    asset_tag: str
    event: str
    at: datetime
    facts: dict[str, Value] = msgspec.field(default_factory=dict)
    follows: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()


LONGEST_PIECE_BYTES = 256 * 1024


class PieceHead(Record, frozen=True, tag_field="schema", tag="pace.piece/1"):
    """The place of a piece in its attachment; its bytes follow after the newline of this line."""

    sha256: str
    size_bytes: int
    offset_bytes: int
    media_type: str = ""


encode = msgspec.json.Encoder(order="deterministic").encode
"""Any record as JSON bytes; the same record always as the same bytes."""

decode_receipt = msgspec.json.Decoder(Receipt | Request).decode
"""The messages that a host publishes for a station; a receipt of version 1 is none of them."""
decode_state = msgspec.json.Decoder(StationState).decode
decode_plan = msgspec.json.Decoder(PlanRecord).decode
decode_event = msgspec.json.Decoder(EventRecord).decode
_decode_piece_head = msgspec.json.Decoder(PieceHead).decode


def piece(head: PieceHead, data: bytes) -> bytes:
    """Return one piece of an attachment as a message. Raises `ValueError` for too long a one."""
    if len(data) > LONGEST_PIECE_BYTES:
        raise ValueError(f"a piece has at most {LONGEST_PIECE_BYTES} bytes, not {len(data)}")
    return encode(head) + b"\n" + data


def read_piece(message: bytes) -> tuple[PieceHead, bytes]:
    """Return a piece's head and bytes. Raises `msgspec.MsgspecError` or `ValueError`."""
    line, newline, data = message.partition(b"\n")
    head = _decode_piece_head(line)
    if not newline or len(data) > LONGEST_PIECE_BYTES:
        raise ValueError(f"a piece of {len(data)} bytes")
    if not 0 <= head.offset_bytes <= head.size_bytes - len(data):
        raise ValueError(f"{len(data)} bytes at {head.offset_bytes} of {head.size_bytes}")
    return head, data
