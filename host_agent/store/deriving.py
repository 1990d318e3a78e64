"""Derives tables from the stored records: steps, measurements, flags, and after an upgrade columns.

Every run is judged again from what it says itself. What contradicts itself is flagged, and stays.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from host_agent import columns, messages
from host_agent.messages import Other, Refusal, Run, Sorted, is_sha256, read_again, whole
from host_agent.store import projection, schema
from host_agent.store.attachments import ASK_AFTER_S
from host_agent.store.care.intact import damage, is_intact, note_damage
from host_agent.store.care.portions import portion_end
from host_agent.store.keeping import Keeping, add_to_total
from host_agent.text import later_text, now_text
from records import RunRecord, decode_run, topics
from records.judging import Contradiction, contradictions, repeated_keys
from records.reading import version_of

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
        runs = schema.runs.c
        with self._engine.begin() as connection:
            last, last_old = _done(connection)
            end = portion_end(connection, schema.runs, last, limit)
            if end == last:
                return False
            waiting = connection.execute(
                sa.select(
                    *(runs.id, runs.record_id, runs.station, runs.sha256),
                    *(runs.signature, runs.record),
                )
                .where(runs.id > last, runs.id <= end)
                .order_by(runs.id)
            ).all()
            old_rows: list[columns.Row] = []
            steps: list[columns.Row] = []
            measurements: list[columns.Row] = []
            flags: list[columns.Row] = []
            named: dict[tuple[str, str, str], None] = {}
            for run_id, record_id, station, sha256, signature, body in waiting:
                if not is_intact(sha256, signature, body):
                    note_damage(connection, damage("run", record_id, station, sha256))
                    continue
                record = decode_run(body)
                if run_id <= last_old:
                    old_rows.append((*columns.taken(record), run_id))
                for rows, more in zip(
                    (steps, measurements, flags), derived_rows(run_id, body, record), strict=True
                ):
                    rows += more
                if record.plan_sha256 and version_of(body) > 1:  # version 1 hashed a file
                    named["plan", record.plan_sha256, station] = None
                for one in record.attachments:
                    named["attachment", one.sha256, station] = None
            if old_rows:
                connection.exec_driver_sql(
                    self._sql.update_run, self._sql.rows(old_rows, columns.TAKEN)
                )
            for statement, rows in (
                (self._sql.insert_step, steps),
                (self._sql.insert_measurement, measurements),
                (self._sql.insert_flag, flags),
            ):
                if rows:
                    connection.exec_driver_sql(statement, rows)
            _fill_searched(connection, last, end)
            self._want(connection, named)
            _set_done(connection, "measurements", end)
            add_to_total(connection, "derived", len(waiting))
            return portion_end(connection, schema.runs, end, 1) > end

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
        with self._engine.connect() as connection:
            waiting = connection.execute(
                sa.select(schema.others)
                .where(_others.unread, _others.schema.in_(messages.READ_HERE))
                .order_by(_others.id)
                .limit(limit)
            ).all()
        if not waiting:
            return False
        runs: list[Run] = []
        refusals: list[Refusal] = []
        with self._engine.begin() as connection:
            for row in waiting:
                if not is_intact(row.sha256, row.signature, row.record):
                    note_damage(connection, damage("other", row.sha256, row.station, row.sha256))
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
            elif not is_sha256(name):
                continue  # a name that no piece can have
            else:
                of = schema.attachments.c
                here = sa.select(of.held_bytes).where(of.sha256 == name, of.whole)
                ask_at = later_text(ASK_AFTER_S)
            if connection.execute(here).first() is None:
                wanted.append((kind, name, station, now, 0, ask_at, False))
        if wanted:
            connection.exec_driver_sql(self._sql.insert_wanted, wanted)


Rows = list[columns.Row]


def derived_rows(run_id: int, body: bytes, record: RunRecord) -> tuple[Rows, Rows, Rows]:
    """Return a run's rows of the tables `steps`, `measurements` and `flags`."""
    return (
        projection.step_rows(run_id, record),
        projection.measurement_rows(run_id, record),
        _flag_rows(run_id, judge(body, record, version_of(body))),
    )


def _fill_searched(connection: sa.Connection, last: int, end: int) -> None:
    """Copy what runs are found by, after `last` up to `end`, from their columns."""
    runs, of = schema.runs.c, schema.searched.c
    connection.execute(sa.delete(schema.searched).where(of.run_id > last, of.run_id <= end))
    copied = sa.select(runs.id, *(runs[name] for name in columns.SEARCHED))
    connection.execute(
        sa.insert(schema.searched).from_select(
            ["run_id", *columns.SEARCHED], copied.where(runs.id > last, runs.id <= end)
        )
    )


def judge(body: bytes, record: RunRecord, version: int) -> list[Contradiction]:
    """Return how a record contradicts itself. Whatever it says, it is judged, and stays."""
    try:
        return [*contradictions(record, version), *repeated_keys(body)]
    except Exception as error:  # a record that breaks the judge must not stop the lane
        return [Contradiction("not_judged", "", f"it cannot be judged: {error}")]


def _flag_rows(run_id: int, found: Iterable[Contradiction]) -> list[columns.Row]:
    return [
        (run_id, number, *(part.replace("\0", "\ufffd") for part in one))
        for number, one in enumerate(found)
    ]


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
