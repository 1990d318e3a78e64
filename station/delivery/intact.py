"""Stored messages that are checked before they are sent, and those that are set aside as damaged.

A memory card changes bits without a word. A message leaves the station only while its digest is the
one that was stored with it, or its signature proves it where that digest has changed; what the
table says of it besides is compared with what it says itself.
"""

import logging
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from records.reading import head_of
from records.signing import NotGenuine, digest, header_of, split, verify
from records.words import Phrase

if TYPE_CHECKING:
    from nacl.signing import VerifyKey

log = logging.getLogger(__name__)

TOLD_S = 86400.0
"""For a day the screen tells that the outbox was set aside; `pace outbox list` always does."""


class Row(NamedTuple):
    """A row of `outbox` with its message; damage can make every field another value."""

    id: int
    record_id: Any
    kind: Any
    station: Any
    sha256: Any
    chain: Any
    position: Any
    body: Any


COLUMNS = "id, record_id, kind, station, sha256, chain, position, body"


def checked(db: sqlite3.Connection, row: Row, folder: Path) -> Row | None:
    """Return the row as its message says it, or None where the message is set aside.

    A message without damage is believed before its row, which is corrected. The station's keys are
    in `folder`.
    """
    if not isinstance(row.body, bytes):
        _set_aside(db, row, "its message is gone")
        return None
    sha256 = digest(row.body)
    if sha256 != row.sha256 and not is_ours(row.body, keys_of(folder)):
        _set_aside(db, row, "its message and its digest do not fit: bits have changed")
        return None
    said = facts(row.body, row._replace(sha256=sha256))
    if said != row:
        log.error("row %d of the outbox did not fit its message, and is corrected", row.id)
        db.execute(
            "UPDATE outbox SET record_id = ?, station = ?, chain = ?, position = ?, sha256 = ?"
            " WHERE id = ?",
            (said.record_id, said.station, said.chain, said.position, said.sha256, row.id),
        )
    return said


def keys_of(folder: Path) -> "Mapping[str, VerifyKey]":
    """Return the keys with which this station signed, by thumbprint; none where they are lost."""
    from records import keys  # and the cryptography with it, which takes a while

    try:
        return keys.verify_keys(keys.known(folder))
    except keys.KeyTrouble as error:
        log.warning("signatures cannot be used to tell what is whole: %s", error)
        return {}


def is_ours(body: bytes, keys: "Mapping[str, VerifyKey]") -> bool:
    """Tell whether a message has the signature of this station, which proves every byte."""
    try:
        verify(body, keys)
    except NotGenuine:
        return False
    return True


def facts(body: bytes, row: Row) -> Row:
    """Return the row with what the message says of itself in place of what the table says."""
    signature, record = split(body)
    if signature:
        try:
            header = header_of(signature)
        except NotGenuine:  # it is as it was stored, and the host will say what it makes of it
            return row
        row = row._replace(chain=header.chain, position=header.position)
    try:
        head = head_of(record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return row
    if head.record_id and head.station:  # a plan has neither
        row = row._replace(record_id=head.record_id, station=head.station)
    return row


def _set_aside(db: sqlite3.Connection, row: Row, why: str) -> None:
    log.error(
        "record %.64r is damaged, and is not sent: %s; see `pace outbox list`", row.record_id, why
    )
    db.execute("UPDATE outbox SET damaged = ? WHERE id = ?", (why, row.id))


def troubles(db: sqlite3.Connection) -> tuple[Phrase, ...]:
    """Return what a person should know of this outbox; nothing while all is well."""
    (count,) = db.execute(
        "SELECT count(*) FROM outbox WHERE damaged IS NOT NULL AND delivered_at IS NULL"
    ).fetchone()
    told = db.execute(
        "SELECT told FROM trouble WHERE at_s > ? ORDER BY rowid DESC", (time.time() - TOLD_S,)
    ).fetchall()
    said = [read_trouble(one) for (one,) in told]
    if count:
        said.append(Phrase("outbox.damaged", {"count": count}))
    return tuple(said)


def tell(db: sqlite3.Connection, trouble: Phrase) -> None:
    """Write down what a person should know of this outbox."""
    told = msgspec.json.encode(trouble).decode()
    db.execute("INSERT INTO trouble VALUES (?, ?)", (time.time(), told))


def read_trouble(told: str) -> Phrase:
    """Return what was written down; damage and earlier versions have left words without an id."""
    try:
        return msgspec.json.decode(told, type=Phrase)
    except msgspec.MsgspecError:
        return Phrase(text=told)
