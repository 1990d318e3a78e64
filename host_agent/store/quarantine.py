"""Shows the messages that are no records, and tries one of them again."""

from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from host_agent.messages import Run, Sorted, read_again
from host_agent.store import schema
from host_agent.store.care.intact import Damaged, damage
from host_agent.store.errors import DamageError, StoreError
from host_agent.store.keeping import Keeping
from host_agent.text import now_text


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is no record, and why. `complete`: all its bytes are kept."""

    id: int
    topic: str
    station: str
    record_id: str
    reason: str
    size: int
    complete: bool
    sha256: str
    times: int
    first_received_at: str
    last_received_at: str
    released_at: str | None


_PURGED_AT_ONCE = 500

NUMBER_IN_QUARANTINE = sa.select(sa.func.count()).where(schema.quarantine.c.released_at.is_(None))
"""Selects the number of messages that are not released; an index alone answers it."""


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """The messages in quarantine that are meant; empty means any.

    `reason` is a part of the reason's text; `before` is a time as `text.utc_text` writes it, after
    which the last of its kind came; `released` ones are only meant where that is said.
    """

    station: str = ""
    reason: str = ""
    before: str = ""
    released: bool = False

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """Yield a condition for each thing that is asked for."""
        of = schema.quarantine.c
        if self.station:
            yield of.station == self.station
        if self.reason:
            yield of.reason.contains(self.reason, autoescape=True)
        if self.before:
            yield of.last_received_at < self.before
        yield of.released_at.is_not(None) if self.released else of.released_at.is_(None)


class Quarantine(Keeping):
    """The quarantine's side of the store."""

    def quarantined(self, *, limit: int) -> list[Quarantined]:
        """Return messages in quarantine, newest first, released ones too."""
        query = _QUARANTINED.order_by(schema.quarantine.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [_quarantined(row) for row in connection.execute(query)]

    def quarantined_message(self, quarantine_id: int) -> tuple[Quarantined, bytes] | None:
        """Return one message with what is kept of its bytes; None when there is none.

        Raises `DamageError` where its bytes no longer have their hash.
        """
        query = _QUARANTINED.add_columns(schema.quarantine.c.payload).where(
            schema.quarantine.c.id == quarantine_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        one = _quarantined(row)
        if one.complete:
            self.check_intact(_damage(one.sha256, one.station), None, row.payload)
        return one, row.payload

    def quarantined_number(self) -> int:
        """Return how many messages are not released."""
        with self._engine.connect() as connection:
            return connection.execute(NUMBER_IN_QUARANTINE).scalar_one()

    def quarantined_numbers(self, which: Which) -> list[int]:
        """Return the numbers of the messages that are meant, the oldest first."""
        of = schema.quarantine.c
        query = sa.select(of.id).where(*which.conditions()).order_by(of.id)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def purge(self, which: Which) -> int:
        """Delete messages from the quarantine for good; return how many. Stations keep theirs."""
        deleted = 0
        while numbers := self.quarantined_numbers(which)[:_PURGED_AT_ONCE]:
            query = sa.delete(schema.quarantine).where(schema.quarantine.c.id.in_(numbers))
            with self._engine.begin() as connection:
                deleted += connection.execute(query).rowcount
        return deleted

    def release(self, quarantine_id: int) -> str:
        """Store a quarantined message as the record that it is now; return its record_id.

        Raises `StoreError` that says why it is still none.
        """
        table = schema.quarantine.c
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(schema.quarantine).where(table.id == quarantine_id)
            ).one_or_none()
        if row is None:
            raise StoreError(f"nothing in the quarantine has the number {quarantine_id}")
        if row.size > len(row.payload):
            raise StoreError(
                f"{row.size} bytes came, and only the first {len(row.payload)} are kept"
            )
        try:
            self.check_intact(_damage(row.sha256, row.station), None, row.payload)
        except DamageError as error:
            raise StoreError(str(error)) from error
        received_at = now_text()
        read = read_again(row.payload, row.station, received_at)
        if isinstance(read, str):
            raise StoreError(f"still refused: {read}")
        if isinstance(read, Run):
            kept = self.keep(Sorted([read], {}, []))
        else:
            kept = self.keep(Sorted([], {}, [], [read]))
        if kept.conflicts:
            raise StoreError(f"still refused: {kept.conflicts[0].reason}")
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(schema.quarantine)
                .where(table.id == quarantine_id)
                .values(released_at=received_at)
            )
        return read.record_id


_SHOWN = [name for name in Quarantined.__struct_fields__ if name != "complete"]
_QUARANTINED = sa.select(
    *(schema.quarantine.c[name] for name in _SHOWN),
    sa.func.length(schema.quarantine.c.payload).label("kept_bytes"),
)


def _damage(sha256: str, station: str) -> Damaged:
    return damage("quarantine", sha256, station, sha256)


def _quarantined(row: sa.Row[*tuple[Any, ...]]) -> Quarantined:
    shown = {name: row._mapping[name] for name in _SHOWN}
    return Quarantined(complete=row.kept_bytes == row.size, **shown)
