"""Derives tables from the stored records: steps and measurements, and after an upgrade columns."""

import sqlalchemy as sa

from host_agent import columns
from host_agent.store import projection, schema
from host_agent.store.database import Database
from host_agent.store.keeping import add_to_total
from records import decode_run

_progress = schema.projection.c


class Deriving(Database):
    """The lane beside the ingest: receipts never wait for it."""

    def derive(self, limit: int = 200) -> bool:
        """Derive up to `limit` runs more. Return whether there may be others."""
        runs = schema.runs.c
        with self._engine.begin() as connection:
            last, last_old = _done(connection)
            waiting = connection.execute(
                sa.select(runs.id, runs.record).where(runs.id > last).order_by(runs.id).limit(limit)
            ).all()
            if not waiting:
                return False
            old_rows: list[columns.Row] = []
            steps: list[columns.Row] = []
            measurements: list[columns.Row] = []
            for run_id, body in waiting:
                record = decode_run(body)
                if run_id <= last_old:
                    old_rows.append((*columns.taken(record), run_id))
                steps += projection.step_rows(run_id, record)
                measurements += projection.measurement_rows(run_id, record)
            if old_rows:
                connection.exec_driver_sql(self._sql.update_run, self._sql.rows(old_rows))
            if steps:
                connection.exec_driver_sql(self._sql.insert_step, steps)
            if measurements:
                connection.exec_driver_sql(self._sql.insert_measurement, measurements)
            _set_done(connection, "measurements", waiting[-1].id)
            add_to_total(connection, "derived", len(waiting))
        return len(waiting) == limit

    def forget_derived(self) -> None:
        """Empty the derived tables and distrust all columns; `derive` makes them again."""
        number = sa.select(sa.func.count()).select_from(schema.runs).scalar_subquery()
        newest = sa.select(sa.func.coalesce(sa.func.max(schema.runs.c.id), 0)).scalar_subquery()
        totals = schema.totals
        with self._engine.begin() as connection:
            connection.execute(sa.delete(schema.measurements))
            connection.execute(sa.delete(schema.steps))
            _set_done(connection, "measurements", 0)
            _set_done(connection, "columns", newest)
            for name, value in (("runs", number), ("derived", 0)):
                connection.execute(
                    sa.update(totals).where(totals.c.name == name).values(number=value)
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
