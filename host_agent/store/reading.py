"""Reads runs, stations, and totals. Any number of threads may read."""

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from host_agent.columns import RunSummary
from host_agent.store import schema
from host_agent.store.care.intact import Intact, damage
from host_agent.store.quarantine import NUMBER_IN_QUARANTINE
from host_agent.store.searching.runs import SUMMARY, Searching, summary_of
from records import SlotState


class StoredRun(NamedTuple):
    """A run, and the record as the station sent it. `signature` is the line before it, if any."""

    summary: RunSummary
    record: bytes
    signature: bytes | None


class StationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A station's last words on itself, of `received_at`; a broker tells that it is gone."""

    station: str
    online: bool
    software: str
    waiting: int
    slots: list[SlotState]
    received_at: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """`underived` runs are stored, and their steps and measurements not yet in tables.

    `unread` records are stored, too: a later version of the host will read them.
    """

    runs: int
    quarantined: int
    underived: int
    unread: int


class Reading(Searching, Intact):
    """The reading side, without the quarantine."""

    def run(self, record_id: str) -> StoredRun | None:
        """Return a run with its record; None when there is none of that id.

        Raises `DamageError` where its bytes no longer have their hash.
        """
        runs = schema.runs.c
        query = sa.select(*SUMMARY, runs.record, runs.signature).where(runs.record_id == record_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        found = damage("run", row.record_id, row.station, row.sha256)
        self.check_intact(found, row.signature, row.record)
        return StoredRun(summary_of(row), row.record, row.signature)

    def stations(self) -> list[StationSummary]:
        """Return all stations in the order of their names, also those that are gone."""
        known = schema.stations.c
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(schema.stations).order_by(known.station)).all()
        return [
            StationSummary(
                station=row.station,
                online=row.online,
                software=row.software,
                waiting=row.waiting,
                slots=msgspec.json.decode(row.slots, type=list[SlotState]),
                received_at=row.received_at,
            )
            for row in rows
        ]

    def counts(self) -> Counts:
        """Return totals. However many runs there are, none of them is looked at."""
        totals = sa.select(schema.totals.c.name, schema.totals.c.number)
        with self._engine.connect() as connection:
            known = {name: number for name, number in connection.execute(totals)}
            quarantined = connection.execute(NUMBER_IN_QUARANTINE).scalar_one()
            unread = connection.execute(_NUMBER_UNREAD).scalar_one()
        return Counts(
            runs=known["runs"],
            quarantined=quarantined,
            underived=known["runs"] - known["derived"],
            unread=unread,
        )


_NUMBER_UNREAD = sa.select(sa.func.count()).where(schema.others.c.unread)
"""Selects the number of records that only a later version reads; an index alone answers it."""
