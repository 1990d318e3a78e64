"""Derives tables from the stored records: steps, measurements, flags, and after an upgrade columns.

Every run is judged again from what it says itself. What contradicts itself is flagged, and stays.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from host_agent import columns, messages
from host_agent.messages import Other, Refusal, Run, Sorted, is_sha256, read_again, whole
from host_agent.store import projection, schema
from host_agent.store.attachments import ASK_AFTER_S
from host_agent.store.care.faults import is_of_the_row
from host_agent.store.care.intact import damage, is_intact, note_damage
from host_agent.store.care.portions import portion_end
from host_agent.store.keeping import Keeping, add_to_total
from host_agent.text import bounded, is_plain, later_text, now_text, printable
from records import RunRecord, decode_run, topics
from records.judging import Contradiction, contradictions, repeated_keys
from records.reading import version_of

log = logging.getLogger(__name__)

MOST_ROWS = 10_000
_MOST_FLAGS = 100
_MOST_CHARACTERS = 2000
_MOST_ATTACHMENTS = 100
_PLAN = re.compile(r"[0-9A-Za-z]{1,64}")
_READ = ("id", "record_id", "station", "sha256", "signature", "record")

Rows = list[columns.Row]

_progress = schema.projection.c
_others = schema.others.c


class Deriving(Keeping):
    """The lane beside the ingest: receipts never wait for it."""

    def derive(self, limit: int = 200) -> bool:
        """Derive up to `limit` runs more. Return whether there may be others.

        When all are derived, records that an older software could not read are read.
        """
        return self._derive(limit) or self._read_later(limit)

    def _derive(self, limit: int) -> bool:
        """Derive a portion; where a row is at fault, each run of it alone, and the rest of all."""
        runs = schema.runs.c
        with self._engine.connect() as connection:
            last, _ = _done(connection)
            end = portion_end(connection, schema.runs, last, limit)
            if end == last:
                return False
            query = sa.select(*(runs[name] for name in _READ))
            query = query.where(runs.id > last, runs.id <= end).order_by(runs.id)
            waiting = connection.execute(query).all()
        try:
            self._derive_these(waiting)
        except Exception as error:
            if not is_of_the_row(error):
                raise
            for run in waiting:
                self._derive_alone(run)
        with self._engine.connect() as connection:
            return portion_end(connection, schema.runs, end, 1) > end

    def _derive_alone(self, run: sa.Row[Any]) -> None:
        """Derive one run; flag it when the database does not take its rows, and go on."""
        try:
            self._derive_these([run])
        except Exception as error:
            if not is_of_the_row(error):
                raise
            log.warning("run %s is not derived: %.500s", run.record_id, error)
            why = bounded(f"the database does not take its rows: {error}", _MOST_CHARACTERS)
            with self._engine.begin() as connection:
                flag = (run.id, 0, "not_derived", "", printable(why))
                connection.exec_driver_sql(self._sql.insert_flag, [flag])
                _fill_searched(connection, run.id, run.id)
                _set_done(connection, "measurements", run.id)
                add_to_total(connection, "derived", 1)

    def _derive_these(self, waiting: Sequence[sa.Row[Any]]) -> None:
        """Write the rows of some runs, in one commit with the note that they are derived."""
        old_rows: list[columns.Row] = []
        derived: tuple[Rows, Rows, Rows] = ([], [], [])
        named: dict[tuple[str, str, str], None] = {}
        with self._engine.begin() as connection:
            _, last_old = _done(connection)
            for run in waiting:
                if not is_intact(run.sha256, run.signature, run.record):
                    found = damage("run", run.record_id, run.station, run.sha256)
                    note_damage(connection, found)
                    continue
                record = decode_run(run.record)
                if run.id <= last_old:
                    old_rows.append((*columns.taken(record), run.id))
                of_run = derived_rows(run.id, run.record, record)
                for rows, more in zip(derived, of_run, strict=True):
                    rows += more
                named.update(dict.fromkeys(_named(run.station, run.record, record)))
            if old_rows:
                connection.exec_driver_sql(
                    self._sql.update_run, self._sql.rows(old_rows, columns.TAKEN)
                )
            statements = (
                self._sql.insert_step,
                self._sql.insert_measurement,
                self._sql.insert_flag,
            )
            for statement, rows in zip(statements, derived, strict=True):
                if rows:
                    connection.exec_driver_sql(statement, rows)
            _fill_searched(connection, waiting[0].id, waiting[-1].id)
            self._want(connection, named)
            _set_done(connection, "measurements", waiting[-1].id)
            add_to_total(connection, "derived", len(waiting))

    def forget_derived(self) -> None:
        """Empty the derived tables and distrust all columns; `derive` makes them again."""
        number = sa.select(sa.func.count()).select_from(schema.runs).scalar_subquery()
        newest = sa.select(sa.func.coalesce(sa.func.max(schema.runs.c.id), 0)).scalar_subquery()
        totals = schema.totals
        with self._engine.begin() as connection:
            for table in (schema.measurements, schema.steps, schema.flags, schema.searched):
                connection.execute(sa.delete(table))
            _set_done(connection, "measurements", 0)
            _set_done(connection, "columns", newest)
            for name, value in (("runs", number), ("derived", 0)):
                connection.execute(
                    sa.update(totals).where(totals.c.name == name).values(number=value)
                )

    def _read_later(self, limit: int) -> bool:
        """Read records that an older software kept without reading them, up to `limit`.

        Return whether there were any: they are to be derived now. What turns out to be no record
        goes to the quarantine.
        """
        where = (_others.unread, _others.schema.in_(messages.READ_HERE))
        with self._engine.connect() as connection:
            end = portion_end(connection, schema.others, 0, limit, *where)
            query = sa.select(schema.others).where(*where, _others.id <= end).order_by(_others.id)
            waiting = connection.execute(query).all()
        if not waiting:
            return False
        runs: list[Run] = []
        refusals: list[Refusal] = []
        with self._engine.begin() as connection:
            for row in waiting:
                if not is_intact(row.sha256, row.signature, row.record):
                    note_damage(connection, damage("other", row.sha256, row.station, row.sha256))
                    is_read = sa.update(schema.others).where(_others.id == row.id)
                    connection.execute(is_read.values(unread=False))  # until it comes again
                    continue
                message = whole(row.signature, row.record)
                read = read_again(message, row.station, row.received_at)
                if isinstance(read, Other):
                    connection.execute(
                        sa.update(schema.others)
                        .where(_others.id == row.id)
                        .values(unread=False, asset_tag=read.asset_tag)
                    )
                elif isinstance(read, Run):
                    runs.append(read)
                else:
                    refusals.append(_refusal(row, message, read))
        self.keep(Sorted(runs, {}, refusals))
        self._drop_moved([run.sha256 for run in runs], [one.sha256 for one in refusals])
        return True

    def _drop_moved(self, runs: list[str], refused: list[str]) -> None:
        """Drop what is kept elsewhere now. A run that was there already stays as another link."""
        of_runs = schema.runs.c
        elsewhere = sa.exists().where(
            of_runs.record_id == _others.record_id, of_runs.sha256 == _others.sha256
        )
        with self._engine.begin() as connection:
            connection.execute(sa.delete(schema.others).where(_others.sha256.in_(runs), elsewhere))
            connection.execute(
                sa.update(schema.others).where(_others.sha256.in_(runs)).values(unread=False)
            )
            connection.execute(sa.delete(schema.others).where(_others.sha256.in_(refused)))

    def _want(self, connection: sa.Connection, named: Iterable[tuple[str, str, str]]) -> None:
        """Note plans and attachments that runs name and that are not here.

        What was asked for before stays noted as it is.
        """
        now = now_text()
        wanted = []
        for kind, name, station in named:
            if kind == "plan":
                here = sa.select(_others.id).where(_others.record_id == name).limit(1)
                ask_at = now
            else:
                of = schema.attachments.c
                here = sa.select(of.held_bytes).where(of.sha256 == name, of.whole)
                ask_at = later_text(ASK_AFTER_S)
            if connection.execute(here).first() is None:
                wanted.append((kind, name, station, now, 0, ask_at, False))
        if wanted:
            connection.exec_driver_sql(self._sql.insert_wanted, wanted)


def derived_rows(run_id: int, body: bytes, record: RunRecord) -> tuple[Rows, Rows, Rows]:
    """Return a run's rows of the tables `steps`, `measurements` and `flags`.

    Every database takes them: texts are bounded, and so are their numbers. A record has few of
    either; one that has more is flagged, and whole in `runs.record`.
    """
    steps = projection.step_rows(run_id, record)
    measurements = projection.measurement_rows(run_id, record)
    found = judge(body, record, version_of(body))
    if len(steps) > MOST_ROWS or len(measurements) > MOST_ROWS:
        text = f"{len(steps)} steps and {len(measurements)} measurements: the tables have the first"
        found.insert(0, Contradiction("too_many_rows", "", f"{text} {MOST_ROWS} of each"))
    if len(found) > _MOST_FLAGS:
        more = Contradiction("too_many_flags", "", f"and {len(found) - _MOST_FLAGS} more")
        found[_MOST_FLAGS:] = [more]
    return (
        [_bounded(row) for row in steps[:MOST_ROWS]],
        [_bounded(row) for row in measurements[:MOST_ROWS]],
        [_bounded((run_id, number, *one)) for number, one in enumerate(found)],
    )


def _fill_searched(connection: sa.Connection, first: int, end: int) -> None:
    """Copy what runs are found by, from `first` to `end`, from their columns."""
    runs, of = schema.runs.c, schema.searched.c
    connection.execute(sa.delete(schema.searched).where(of.run_id >= first, of.run_id <= end))
    copied = sa.select(runs.id, *(runs[name] for name in columns.SEARCHED))
    connection.execute(
        sa.insert(schema.searched).from_select(
            ["run_id", *columns.SEARCHED], copied.where(runs.id >= first, runs.id <= end)
        )
    )


def _bounded(row: columns.Row) -> columns.Row:
    for one in row:
        if isinstance(one, str) and not (len(one) <= _MOST_CHARACTERS and is_plain(one)):
            return tuple(
                bounded(each, _MOST_CHARACTERS) if isinstance(each, str) else each for each in row
            )
    return row


def _named(station: str, body: bytes, record: RunRecord) -> Iterator[tuple[str, str, str]]:
    """Yield the plan and the attachments that a run names. Version 1 hashed a file, and sent none.

    A name that is none, and more attachments than a run has, are never asked for.
    """
    if version_of(body) > 1 and _PLAN.fullmatch(record.plan_sha256):
        yield "plan", record.plan_sha256, station
    for one in record.attachments[:_MOST_ATTACHMENTS]:
        if is_sha256(one.sha256):
            yield "attachment", one.sha256, station


def judge(body: bytes, record: RunRecord, version: int) -> list[Contradiction]:
    """Return how a record contradicts itself. Whatever it says, it is judged, and stays."""
    try:
        return [*contradictions(record, version), *repeated_keys(body)]
    except Exception as error:  # a record that breaks the judge must not stop the lane
        return [Contradiction("not_judged", "", f"it cannot be judged: {error}")]


def _refusal(row: sa.Row[tuple[object, ...]], message: bytes, reason: str) -> Refusal:
    return Refusal(
        topic=topics.run(row.station),
        station=row.station,
        record_id=row.record_id,
        reason=reason,
        received_at=row.received_at,
        size=len(message),
        sha256=row.sha256,
        payload=message,
    )


def _done(connection: sa.Connection) -> tuple[int, int]:
    """Return the last run that is derived, and the last whose columns are to be written again."""
    rows = connection.execute(sa.select(_progress.name, _progress.run_id)).all()
    done = {name: run_id for name, run_id in rows}
    return done["measurements"], done["columns"]


def _set_done(connection: sa.Connection, name: str, run_id: int | sa.ScalarSelect[int]) -> None:
    connection.execute(
        sa.update(schema.projection).where(_progress.name == name).values(run_id=run_id)
    )
