"""Finds runs by what is asked for, and says what can be asked for. Any number of threads may read.

First `facets` says whether there can be any. Then a filter is held against the narrow table
`searched`, which the lane that derives fills, and against `runs` itself for the few that are not
derived yet: so that a filter without hits reads no records.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from host_agent.columns import RunSummary
from host_agent.store import schema
from host_agent.store.database import Database
from host_agent.store.searching.facets import (
    CHOICES,
    MARGINAL,
    Combination,
    Combinations,
    Units,
    Wanted,
)
from records import Verdict
from records.verdicts import OF_A_RUN


class RunFilter(Wanted, frozen=True, kw_only=True):
    """The runs that are wanted, as conditions of a query."""

    def __bool__(self) -> bool:
        return self != _ANY

    def conditions(self, of: Any) -> Iterable[sa.ColumnElement[bool]]:
        """Yield a condition for each thing that is asked for; `of` has the columns of a table."""
        for name in (*CHOICES, "simulated", "asset_tag"):
            if wanted := getattr(self, name):
                yield of[name].in_(wanted)
        if self.unit:
            yield sa.or_(*(of.unit.contains(one.casefold(), autoescape=True) for one in self.unit))
        if self.verdict:
            near = sa.and_(of.verdict == Verdict.PASS.value, of.marginal)
            yield sa.or_(*(near if one == MARGINAL else of.verdict == one for one in self.verdict))
        if self.begin:
            yield of.started_at >= self.begin
        if self.end:
            yield of.started_at < self.end


_ANY = RunFilter()


class Searching(Database):
    """The side of the store that finds runs."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._combinations = Combinations()
        self._units = Units()
        self._facets_lock = threading.Lock()

    def latest_runs(
        self, which: RunFilter, *, limit: int, before: int | None = None
    ) -> list[RunSummary]:
        """Return runs, newest first; `before` is the `id` of the last run of the page before."""
        runs, of = schema.runs.c, schema.searched.c
        query = sa.select(*SUMMARY).order_by(runs.id.desc()).limit(limit)
        if before is not None:
            query = query.where(runs.id < before)
        with self._engine.connect() as connection:
            if not which or which.asset_tag:  # an index of `runs` has these
                query = query.where(*which.conditions(runs))
                return [summary_of(row) for row in connection.execute(query)]
            derived = _derived(connection)
            fresh = query.where(runs.id > derived, *which.conditions(runs))
            found = [summary_of(row) for row in connection.execute(fresh)]
            if len(found) < limit and self._may_have(connection, which, derived):
                ids = sa.select(of.run_id).where(of.run_id <= derived, *which.conditions(of))
                if before is not None:
                    ids = ids.where(of.run_id < before)
                if (few := self._few(connection, which, derived)) is not None:
                    ids = ids.where(of.run_id.in_(few))
                ids = ids.order_by(of.run_id.desc()).limit(limit - len(found))
                rest = sa.select(*SUMMARY).where(runs.id.in_(ids)).order_by(runs.id.desc())
                found += [summary_of(row) for row in connection.execute(rest)]
        return found

    def verdicts(self, which: RunFilter = _ANY) -> dict[str, int]:
        """Return how many runs ended with which verdict; looks at every run.

        `marginal` ones are counted among `pass` as well.
        """
        counted = {verdict.value: 0 for verdict in OF_A_RUN} | {MARGINAL: 0}
        runs, of = schema.runs.c, schema.searched.c
        with self._engine.connect() as connection:
            derived = _derived(connection)
            for table, part in ((of, of.run_id <= derived), (runs, runs.id > derived)):
                query = (
                    sa.select(
                        table.verdict,
                        sa.func.count(),
                        sa.func.sum(sa.case((table.marginal, 1), else_=0)),
                    )
                    .where(part, *which.conditions(table))
                    .group_by(table.verdict)
                )
                for verdict, number, marginal in connection.execute(query):
                    counted[verdict] = counted.get(verdict, 0) + number
                    counted[MARGINAL] += marginal
        return counted

    def choices(self) -> Mapping[str, list[str]]:
        """Return the values that runs have in the columns `CHOICES`, sorted.

        What was read once is remembered: each row is looked at once in the life of a host.
        """
        runs = schema.runs.c
        with self._engine.connect() as connection:
            derived = _derived(connection)
            fresh = sa.select(*(runs[name] for name in CHOICES)).distinct()
            rows = connection.execute(fresh.where(runs.id > derived)).all()
            stations = set(connection.execute(sa.select(schema.stations.c.station)).scalars())
            with self._facets_lock:
                self._refresh(connection, derived)
                known = {
                    name: {*self._combinations.values(name), *(row[place] for row in rows)}
                    for place, name in enumerate(CHOICES)
                }
        known["station"] |= stations
        return {name: sorted(one for one in values if one) for name, values in known.items()}

    def _may_have(self, connection: sa.Connection, which: RunFilter, derived: int) -> bool:
        """Return False if certainly no run up to `derived` is wanted."""
        with self._facets_lock:
            self._refresh(connection, derived)
            return self._combinations.may_have(which)

    def _few(self, connection: sa.Connection, which: RunFilter, derived: int) -> list[int] | None:
        """Return the runs with a wanted part of a tag; None where they are not few, or any do."""
        if not which.unit:
            return None
        of = schema.searched.c
        with self._facets_lock:
            units = self._units
            if derived < units.last:
                units = self._units = Units()
            if derived > units.last:
                new = sa.select(of.run_id, of.unit).order_by(of.run_id)
                new = new.where(of.run_id > units.last, of.run_id <= derived)
                rows = connection.execute(new).all()
                units.add(derived, [(run_id, unit) for run_id, unit in rows])
            return units.with_parts([one.casefold() for one in which.unit])

    def _refresh(self, connection: sa.Connection, derived: int) -> None:
        """Take in the combinations of runs that were derived since the last time."""
        known = self._combinations
        if derived < known.last:  # the tables are being made again
            known = self._combinations = Combinations()
        if derived > known.last:
            of = schema.searched.c
            columns = [of[name] for name in Combination._fields]
            day = sa.func.substr(of.started_at, 1, len("2026-11-29"))
            new = sa.select(*columns, day).distinct()
            new = new.where(of.run_id > known.last, of.run_id <= derived)
            known.add(derived, connection.execute(new))


def _derived(connection: sa.Connection) -> int:
    """Return the last run that is in the table `searched`."""
    of = schema.projection.c
    query = sa.select(of.run_id).where(of.name == "measurements")
    return int(connection.execute(query).scalar_one())


SUMMARY = [schema.runs.c[name] for name in RunSummary.__struct_fields__]


def summary_of(row: Any) -> RunSummary:
    """Return the summary in a row that has the columns `SUMMARY`."""
    values = {name: row._mapping[name] for name in RunSummary.__struct_fields__}
    return msgspec.convert(values, RunSummary)
