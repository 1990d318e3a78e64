"""Writes what arrived: runs, refusals and states in one commit, durable when it returns."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from host_agent import columns
from host_agent.messages import Other, Refusal, Run, Sorted, whole
from host_agent.store import schema
from host_agent.store.attachments import Attachments
from host_agent.store.care.faults import is_of_the_row
from host_agent.store.care.intact import damaged_among, forget_damage
from host_agent.store.care.quota import QuarantineQuota
from host_agent.text import printable
from records import StationState, topics
from records.messages import Held

log = logging.getLogger(__name__)

_REASON_LENGTH = 500
_IDS_PER_QUERY = 500


class Kept(NamedTuple):
    """The result of a commit. `conflicts` are in the quarantine, with the refusals."""

    conflicts: list[Refusal]
    new: int
    again: int
    held: Sequence[tuple[str, Held]] = ()


class Keeping(Attachments):
    """The writing side; for one thread."""

    _known_quota: QuarantineQuota | None = None

    def _quota(self) -> QuarantineQuota:
        if self._known_quota is None:
            self._known_quota = QuarantineQuota(self.quarantine_quota_bytes)
        return self._known_quota

    def keep(self, arrived: Sorted) -> Kept:
        """Write all of it, durable on return. Database errors come out as they are.

        Raises `FullError` while the disk has no room: then none of it is written, and none of it
        may be acknowledged.

        Records are one commit. Pieces of attachments follow, which any error leaves to come again.

        A record that only the database objects to goes to the quarantine alone, and takes no
        other record with it.
        """
        self.room.check()
        kept = self._keep_records(arrived)
        if not arrived.pieces:
            return kept
        return kept._replace(held=self.keep_pieces(arrived.pieces))

    def _keep_records(self, arrived: Sorted) -> Kept:
        """Keep all in one commit; a row that is at fault is found by halves, and refused alone."""
        try:
            return self._keep(arrived)
        except Exception as error:
            if not is_of_the_row(error):
                raise
            single = sum(len(one) for one in arrived[:4]) == 1
            if single:
                return self._refuse(arrived, error)
        kept = Kept([], 0, 0)
        for half in _halves(arrived):
            one = self._keep_records(half)
            kept = Kept(kept.conflicts + one.conflicts, kept.new + one.new, kept.again + one.again)
        return kept

    def _refuse(self, arrived: Sorted, error: Exception) -> Kept:
        """Put the one thing that the database objected to into the quarantine."""
        why = f"the database cannot keep it: {error}"
        log.warning("%.500s", why)
        if arrived.states:
            return Kept([], 0, 0)  # the next state of that station says the same, or better
        if arrived.refusals:
            reduced = _reduced(arrived.refusals[0])
            self._keep(Sorted([], {}, [reduced]))
            return Kept([], 0, 0)
        things: list[Run | Other] = [*arrived.runs, *arrived.others]
        refusal = _refusal(things[0], printable(why[:_REASON_LENGTH]))
        kept = self._keep_records(Sorted([], {}, [refusal]))
        return kept._replace(conflicts=[refusal])

    def _keep(self, arrived: Sorted) -> Kept:
        runs, refusals = arrived.runs, list(arrived.refusals)
        others = list(arrived.others)
        conflicts: list[Refusal] = []
        new = 0
        with self._engine.begin() as connection:
            if runs:
                rows = self._sql.rows(run.row for run in runs)
                new = connection.exec_driver_sql(self._sql.insert_run, rows).rowcount
                if new != len(runs):
                    conflicts, signed_again = self._compare(connection, runs)
                    others += signed_again
            if new:
                add_to_total(connection, "runs", new)
            if refusals or conflicts:
                within = self._quota().within(connection, (*refusals, *conflicts))
                if poison := [_quarantine_row(one) for one in within]:
                    connection.exec_driver_sql(self._sql.upsert_quarantine, poison)
            if others:
                kept = connection.exec_driver_sql(self._sql.insert_other, others).rowcount
                if kept != len(others):
                    self._mend_others(connection, others)
            if arrived.states:
                states = [_state_row(*state) for state in arrived.states.values()]
                connection.exec_driver_sql(self._sql.upsert_station, states)
        return Kept(conflicts, new, len(runs) - new - len(conflicts))

    def _compare(
        self, connection: sa.Connection, runs: Sequence[Run]
    ) -> tuple[list[Refusal], list[Other]]:
        """Return the runs whose record_id is stored with another record, and the rest.

        The rest is the same record under another signature: nothing is lost, and the second link
        of the chain is evidence of a card that was restored or copied. A signed record with other
        content is such a link, too: without it, its place in the chain would stay a gap for ever.
        """
        of = schema.runs.c
        stored: dict[str, str] = {}
        ids = list({run.record_id for run in runs})
        for start in range(0, len(ids), _IDS_PER_QUERY):
            some = ids[start : start + _IDS_PER_QUERY]
            query = sa.select(of.record_id, of.sha256).where(of.record_id.in_(some))
            stored.update((record_id, sha256) for record_id, sha256 in connection.execute(query))
        conflicts: list[Refusal] = []
        signed_again: list[Other] = []
        damaged = damaged_among(connection, "run", stored)
        for run in runs:
            if stored[run.record_id] == run.sha256:
                if run.record_id in damaged:
                    self._mend_run(connection, run)
                    damaged.discard(run.record_id)
                continue
            record = sa.select(of.record).where(of.record_id == run.record_id)
            if connection.execute(record).scalar_one() == run.record:
                signed_again.append(_signed_again(run))
            else:
                reason = f"record {run.record_id} is stored with other content"
                conflicts.append(_refusal(run, reason))
                if run.signature:
                    signed_again.append(_signed_again(run))
        return conflicts, signed_again

    def _mend_run(self, connection: sa.Connection, run: Run) -> None:
        """Store a run again in place of its damaged bytes; it came first when it came first.

        It gets a new number, so that the lanes beside the ingest read it again.
        """
        of = schema.runs.c
        where = of.record_id == run.record_id
        old = connection.execute(sa.select(of.id, of.received_at).where(where)).one()
        for table in (schema.measurements, schema.steps, schema.flags, schema.searched):
            connection.execute(sa.delete(table).where(table.c.run_id == old.id))
        if old.id <= connection.execute(_DERIVED_TO).scalar_one():
            add_to_total(connection, "derived", -1)
        values = dict(zip(columns.ROW, self._sql.rows([run.row])[0], strict=True))
        self._replace(connection, schema.runs, where, {**values, "received_at": old.received_at})
        forget_damage(connection, "run", run.record_id)

    def _mend_others(self, connection: sa.Connection, others: Sequence[Other]) -> None:
        of = schema.others.c
        by_digest = {one.sha256: one for one in others}
        for digest in damaged_among(connection, "other", by_digest):
            where = of.sha256 == digest
            received_at = connection.execute(sa.select(of.received_at).where(where)).scalar()
            values = {**by_digest[digest]._asdict(), "received_at": received_at}
            self._replace(connection, schema.others, where, values)
            forget_damage(connection, "other", digest)

    def _replace(
        self,
        connection: sa.Connection,
        table: sa.Table,
        where: sa.ColumnElement[bool],
        values: dict[str, Any],
    ) -> None:
        """Put a row in place of another, under a number that no row had; SQLite would reuse one."""
        if self._is_sqlite:
            newest = connection.execute(sa.select(sa.func.max(table.c.id))).scalar_one()
            values = {**values, "id": newest + 1}
        connection.execute(sa.delete(table).where(where))
        connection.execute(sa.insert(table).values(values))


_DERIVED_TO = sa.select(schema.projection.c.run_id).where(
    schema.projection.c.name == "measurements"
)


def add_to_total(connection: sa.Connection, name: str, number: int) -> None:
    """Add to one of `schema.totals`, in the transaction that makes it true."""
    total = schema.totals.c
    connection.execute(
        sa.update(schema.totals).where(total.name == name).values(number=total.number + number)
    )


def _halves(arrived: Sorted) -> tuple[Sorted, Sorted]:
    """Return two parts of what arrived, each of half the things."""
    things: list[tuple[int, Any]] = [
        *((0, one) for one in arrived.runs),
        *((1, one) for one in arrived.states.items()),
        *((2, one) for one in arrived.refusals),
        *((3, one) for one in arrived.others),
    ]

    def part(some: list[tuple[int, Any]]) -> Sorted:
        of: tuple[list[Any], ...] = tuple(
            [one for at, one in some if at == kind] for kind in range(4)
        )
        return Sorted(of[0], dict(of[1]), of[2], of[3])

    middle = len(things) // 2
    return part(things[:middle]), part(things[middle:])


def _reduced(refusal: Refusal) -> Refusal:
    """Return a refusal with nothing in it that a database could object to, and no bytes."""
    name = refusal.station if topics.STATION_NAME.fullmatch(refusal.station) else ""
    return refusal._replace(
        topic=topics.run(name),
        station=name,
        record_id="",
        reason="not kept: no database",
        payload=b"",
    )


def _signed_again(run: Run) -> Other:
    return Other(
        record_id=run.record_id,
        station=run.station,
        schema="pace.run/2",
        asset_tag="",
        received_at=run.received_at,
        sha256=run.sha256,
        record=run.record,
        signature=run.signature or None,
    )


def _refusal(run: Run | Other, reason: str) -> Refusal:
    message = whole(run.signature, run.record)
    return Refusal(
        topic=topics.run(run.station),
        station=run.station,
        record_id=run.record_id,
        reason=reason,
        received_at=run.received_at,
        size=len(message),
        sha256=run.sha256,
        payload=message,
    )


def _quarantine_row(refusal: Refusal) -> tuple[object, ...]:
    return (
        refusal.topic,
        refusal.station,
        refusal.record_id,
        refusal.reason,
        refusal.size,
        refusal.sha256,
        refusal.payload,
        1,
        refusal.received_at,
        refusal.received_at,
    )


def _state_row(state: StationState, received_at: str) -> tuple[object, ...]:
    slots = msgspec.json.encode(state.slots).decode()
    key = None if state.key is None else msgspec.json.encode(state.key).decode()
    head = (None, None, None) if state.head is None else msgspec.structs.astuple(state.head)
    return (
        state.station,
        state.online,
        state.software,
        state.waiting,
        slots,
        received_at,
        key,
        *head,
        msgspec.json.encode(state.troubles).decode(),
    )
