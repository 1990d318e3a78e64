"""Finds runs by what is asked for, and says what can be asked for. Any number of threads may read.

A filter is held against the narrow table `searched`, which the lane that derives fills, and against
`runs` itself for the few that are not derived yet: so that a filter without hits reads no records.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from host_agent.columns import RunSummary
from host_agent.store import schema
from host_agent.store.database import Database
from records import Verdict
from records.verdicts import OF_A_RUN

MARGINAL = "marginal"
VERDICTS = (Verdict.PASS.value, MARGINAL, *(one.value for one in OF_A_RUN[1:]))
"""The words for a verdict that a filter takes: a marginal run is a pass as well."""

CHOICES = ("station", "slot", "kind", "plan", "profile")
"""The columns of which a filter takes only values that a run has."""


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that are wanted: of each filter one of its values; an empty one means any.

    `asset_tag` is compared as a whole; `unit` is a part of an asset tag or a serial number, in
    either case. Runs that began at `begin` or later and before `end`, as `text.utc_text` has them.
    """

    station: tuple[str, ...] = ()
    slot: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    profile: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    simulated: tuple[bool, ...] = ()
    asset_tag: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    begin: str = ""
    end: str = ""

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
        self._choices: dict[str, set[str]] = {name: set() for name in CHOICES}
        self._choices_of = 0  # the last run whose values are among them
        self._choices_lock = threading.Lock()

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
            if len(found) < limit:
                ids = sa.select(of.run_id).where(of.run_id <= derived, *which.conditions(of))
                if before is not None:
                    ids = ids.where(of.run_id < before)
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
        runs, of = schema.runs.c, schema.searched.c
        names = sa.select(schema.stations.c.station)
        with self._choices_lock, self._engine.connect() as connection:
            derived = _derived(connection)
            if derived < self._choices_of:  # the tables are being made again
                self._choices_of = 0
                self._choices = {name: set() for name in CHOICES}
            new = sa.select(*(of[name] for name in CHOICES)).distinct()
            new = new.where(of.run_id > self._choices_of, of.run_id <= derived)
            for row in connection.execute(new):
                for name, value in zip(CHOICES, row, strict=True):
                    self._choices[name].add(value)
            self._choices_of = derived
            fresh = sa.select(*(runs[name] for name in CHOICES)).distinct()
            rows = connection.execute(fresh.where(runs.id > derived)).all()
            stations = set(connection.execute(names).scalars())
            known = {
                name: {*self._choices[name], *(row[place] for row in rows)}
                for place, name in enumerate(CHOICES)
            }
        known["station"] |= stations
        return {name: sorted(one for one in values if one) for name, values in known.items()}


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
