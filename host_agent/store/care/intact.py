"""Compares stored bytes with their hash at each read, and keeps account of what is damaged.

Damaged bytes are never served as good. They are asked for again, and are whole again when they
come: the station keeps what it delivered for a while.
"""

import hashlib
import logging
from collections.abc import Iterable
from typing import Literal

import msgspec
import sqlalchemy as sa

from host_agent.messages import whole
from host_agent.store import evidence_tables as tables
from host_agent.store.database import Database
from host_agent.store.errors import DamageError
from host_agent.text import now_text

log = logging.getLogger(__name__)

_damaged = tables.damaged.c

Kind = Literal["run", "other", "attachment", "quarantine"]

_CALLED: dict[str, str] = {
    "run": "the record",
    "other": "the message",
    "attachment": "the attachment",
    "quarantine": "the message in quarantine",
}


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """Stored bytes that are no longer those that came. `name`: a run's id, else the SHA-256."""

    kind: Kind
    name: str
    station: str
    sha256: str
    found_at: str
    asked: int = 0
    ask_at: str = ""

    @property
    def sentence(self) -> str:
        """Return what to say to people."""
        return (
            f"{_CALLED[self.kind]} {self.name} of {self.station or 'no station'} is damaged on the"
            " host's disk: its bytes no longer have the SHA-256 with which they came"
        )


def is_intact(sha256: str, signature: bytes | None, record: bytes) -> bool:
    """Return whether a stored message still has the hash with which it came."""
    return hashlib.sha256(whole(signature, record)).hexdigest() == sha256


def damage(kind: Kind, name: str, station: str, sha256: str) -> Damaged:
    """Return an account of damage that is found now, to be asked for at once."""
    now = now_text()
    return Damaged(kind=kind, name=name, station=station, sha256=sha256, found_at=now, ask_at=now)


def note_damage(connection: sa.Connection, found: Damaged) -> None:
    """Keep account of damage, once."""
    where = (_damaged.kind == found.kind, _damaged.name == found.name)
    if connection.execute(sa.select(_damaged.found_at).where(*where)).first() is None:
        connection.execute(sa.insert(tables.damaged).values(msgspec.structs.asdict(found)))
        log.error("%s", found.sentence)


def damaged_among(connection: sa.Connection, kind: Kind, names: Iterable[str]) -> set[str]:
    """Return which of some messages are known to be damaged."""
    known = connection.execute(sa.select(_damaged.name).where(_damaged.kind == kind)).scalars()
    return set(known).intersection(names)


def forget_damage(connection: sa.Connection, kind: Kind, name: str) -> None:
    """Forget damage that is mended."""
    where = (_damaged.kind == kind, _damaged.name == name)
    connection.execute(sa.delete(tables.damaged).where(*where))


class Intact(Database):
    """The side of the store that believes no byte without its hash."""

    def damaged(self) -> list[Damaged]:
        """Return what is damaged and has not come again, the oldest first."""
        query = sa.select(tables.damaged).order_by(_damaged.found_at, _damaged.name)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        names = Damaged.__struct_fields__
        return [
            msgspec.convert({name: row._mapping[name] for name in names}, Damaged) for row in rows
        ]

    def check_intact(self, found: Damaged, signature: bytes | None, record: bytes) -> None:
        """Check bytes that were read against `found.sha256`.

        Raises `DamageError`, and keeps account of the damage for health, page and station.
        """
        if not is_intact(found.sha256, signature, record):
            self.note_damage(found)
            raise DamageError(found.sentence)

    def note_damage(self, found: Damaged) -> None:
        """Keep account of damage; a database that takes no note of it is said in the log alone."""
        try:
            with self._engine.begin() as connection:
                note_damage(connection, found)
        except sa.exc.SQLAlchemyError:
            log.exception("%s, and that cannot be noted", found.sentence)
