"""Compiles the statements of the hot path once, for rows as tuples in the driver's own style."""

import re
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from host_agent import columns
from host_agent.store import evidence_tables as tables
from host_agent.store import schema

_NAMED_PLACE = re.compile(r"%\((\w+)\)s")
_BOOLEANS = {column.name for column in columns.COLUMNS if column.kind is bool}
_STAYS = ("key", "head_chain", "head_position", "head_digest")
"""Columns that a last will does not say, and so does not empty."""


class Statements:
    """SQL whose parameters are rows; each row has the order that the attribute's comment says."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
        quarantine, stations = insert(schema.quarantine), insert(schema.stations)
        self.insert_run = self._text(  # as `columns.ROW`
            insert(schema.runs).on_conflict_do_nothing(index_elements=["record_id"]), columns.ROW
        )
        self.update_run = self._text(  # as `columns.TAKEN`, then the run's `id`
            sa.update(schema.runs).where(schema.runs.c.id == sa.bindparam("of_run")),
            (*columns.TAKEN, "of_run"),
        )
        self.insert_step = self._text(insert(schema.steps), _names(schema.steps.c))
        self.insert_measurement = self._text(
            insert(schema.measurements), _names(schema.measurements.c)
        )
        self.insert_flag = self._text(insert(schema.flags), _names(schema.flags.c))
        self.insert_wanted = self._text(
            insert(schema.wanted).on_conflict_do_nothing(
                index_elements=["kind", "name", "station"]
            ),
            _names(schema.wanted.c),
        )
        self.insert_link = self._text(
            insert(tables.links).on_conflict_do_nothing(index_elements=["digest"]),
            _names(tables.links.c),
        )
        self.upsert_quarantine = self._text(  # as the table, without `id` and `released_at`
            quarantine.on_conflict_do_update(
                index_elements=["sha256", "topic"],
                set_={
                    "times": schema.quarantine.c.times + sa.literal_column("1"),
                    "reason": quarantine.excluded.reason,
                    "last_received_at": quarantine.excluded.last_received_at,
                    "released_at": sa.null(),
                },
            ),
            _names(schema.quarantine.c)[1:-1],
        )
        self.insert_other = self._text(  # as the table, without `id`
            insert(schema.others).on_conflict_do_nothing(index_elements=["sha256"]),
            _names(schema.others.c)[1:],
        )
        self.upsert_station = self._text(
            stations.on_conflict_do_update(
                index_elements=["station"],
                set_={
                    name: sa.func.coalesce(stations.excluded[name], schema.stations.c[name])
                    if name in _STAYS
                    else stations.excluded[name]
                    for name in _names(schema.stations.c)
                    if name != "station"
                },
            ),
            _names(schema.stations.c),
        )

    def rows(
        self, rows: Iterable[columns.Row], names: Sequence[str] = columns.ROW
    ) -> list[columns.Row]:
        """Return rows with the columns `names`, which begin each of them, as this database wants.

        They have 0 and 1 for truths, and PostgreSQL takes no number for a truth.
        """
        if self._dialect.name == "sqlite":
            return list(rows)
        truths = [place for place, name in enumerate(names) if name in _BOOLEANS]
        return [_with_truths(row, truths) for row in rows]

    def _text(self, statement: sa.Insert | sa.Update, names: Sequence[str]) -> str:
        """Return SQL with places by order: psycopg also knows them by name, `%(station)s`."""
        keys = [name for name in names if name != "of_run"]
        compiled = statement.compile(dialect=self._dialect, column_keys=keys)
        text = str(compiled)
        places = compiled.positiontup or _NAMED_PLACE.findall(text)
        if list(places) != list(names):
            raise TypeError(f"{text} does not take {names} in this order")
        return _NAMED_PLACE.sub("%s", text)


def _with_truths(row: columns.Row, truths: Sequence[int]) -> columns.Row:
    values = list(row)
    for place in truths:
        values[place] = bool(values[place])
    return tuple(values)


def _names(columns_: Iterable[sa.Column[object]]) -> tuple[str, ...]:
    return tuple(column.name for column in columns_)
