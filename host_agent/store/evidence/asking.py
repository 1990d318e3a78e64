"""Says what stations are to be asked for again, how often, and when it counts as lost."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from host_agent.store import evidence_tables as tables
from host_agent.store import schema
from host_agent.store.database import Database
from host_agent.store.errors import StoreError
from host_agent.store.evidence.auditing import FIRST_PAUSE_S
from host_agent.text import now_text, utc_text
from records.messages import Request, Wanted

LAST_PAUSE_S = 3600.0
LOST_AFTER = 6
"""Requests without an answer after which a thing counts as lost: about ten minutes. A station that
is away is not asked. What is lost is asked for once an hour, and may still come."""

_AT_ONCE = 64
_SHOWN_AFTER_S = 30.0

_findings = tables.findings.c
_wanted = schema.wanted.c
_stations = schema.stations.c
_damaged = tables.damaged.c
_links = tables.links.c

_COUNTED = {
    "run": "records of runs",
    "other": "other messages",
    "attachment": "attachments",
    "quarantine": "messages in quarantine",
}


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A trouble of a chain. `state`: open, lost, or closed for the `reason` given.

    `asked`: how often the station was asked to send it again.
    """

    id: int
    station: str
    kind: str
    chain: str
    first: int
    last: int
    text: str
    found_at: str
    state: str
    reason: str
    changed_at: str
    asked: int

    @property
    def sentence(self) -> str:
        """Return what to say to people."""
        what = f"{self.station}: {self.text} (chain {self.chain})"
        if self.kind != "missing":
            return what
        if self.state == "lost":
            return f"{what}: lost, the station was asked {self.asked} times and did not send it"
        return f"{what}: asked for {self.asked} times"


class Due(NamedTuple):
    """A request to a station, and what it asks for."""

    station: str
    request: Request
    findings: tuple[int, ...]
    things: tuple[tuple[str, str], ...]
    damaged: tuple[tuple[str, str], ...] = ()


class Asking(Database):
    """The side of the store that knows what is missing."""

    def findings(self, *, closed: bool = False) -> list[FindingRow]:
        """Return what is wrong with chains, oldest first; closed ones only when asked for."""
        query = _SELECT.order_by(_findings.id)
        if not closed:
            query = query.where(_findings.state != "closed")
        with self._engine.connect() as connection:
            return [_finding(row) for row in connection.execute(query)]

    def close_finding(self, number: int, reason: str) -> FindingRow:
        """Close a finding that was looked into. Raises `StoreError`."""
        where = _findings.id == number
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(tables.findings)
                .where(where)
                .values(state="closed", reason=reason, changed_at=now_text())
            )
            if changed.rowcount == 0:
                raise StoreError(f"no finding has the number {number}")
            return _finding(connection.execute(_SELECT.where(where)).one())

    def evidence_troubles(self, now: datetime | None = None) -> list[str]:
        """Return what is wrong with chains now, a sentence each; ten at the most."""
        before = _at(now, -_SHOWN_AFTER_S)
        query = (
            _SELECT.where(_findings.state != "closed", _findings.found_at <= before)
            .order_by(_findings.id.desc())
            .limit(_AT_ONCE)
        )
        with self._engine.connect() as connection:
            waiting = _still_waiting(connection)
            found = [
                row.sentence
                for row in map(_finding, connection.execute(query))
                if not waiting.covers(row)
            ]
            found = _of_damage(connection) + found
        if full := self.room.trouble():
            found.insert(0, full)
        return found[:10] + ([f"and {len(found) - 10} more findings"] if len(found) > 10 else [])

    def station_troubles(self) -> dict[str, int]:
        """Return how many troubles each station states, of those that state any."""
        query = sa.select(_stations.station, _stations.troubles).where(_stations.troubles != "[]")
        with self._engine.connect() as connection:
            return {
                station: len(msgspec.json.decode(troubles, type=list[Any]))
                for station, troubles in connection.execute(query)
            }

    def due_requests(self, now: datetime | None = None) -> list[Due]:
        """Return what stations that are online are to be asked for now."""
        at = _at(now)
        with self._engine.connect() as connection:
            waiting = _still_waiting(connection)
            online = connection.execute(sa.select(_stations.station).where(_stations.online))
            return [
                due
                for station in online.scalars().all()
                if (due := _due(connection, station, at, waiting)) is not None
            ]

    def note_asked(self, dues: Iterable[Due], now: datetime | None = None) -> None:
        """Note that stations were asked, and when to ask again. The pause doubles each time."""
        with self._engine.begin() as connection:
            for due in dues:
                for number in due.findings:
                    where: tuple[sa.ColumnElement[bool], ...] = (_findings.id == number,)
                    asked = connection.execute(sa.select(_findings.asked).where(*where)).scalar()
                    values: dict[str, Any] = _asked(asked or 0, now)
                    if values["asked"] >= LOST_AFTER:
                        values["state"] = "lost"
                    connection.execute(sa.update(tables.findings).where(*where).values(values))
                for kind, name in due.damaged:
                    where = (_damaged.kind == kind, _damaged.name == name)
                    asked = connection.execute(sa.select(_damaged.asked).where(*where)).scalar()
                    values = _asked(asked or 0, now)
                    connection.execute(sa.update(tables.damaged).where(*where).values(values))
                for kind, name in due.things:
                    where = (
                        _wanted.kind == kind,
                        _wanted.name == name,
                        _wanted.station == due.station,
                    )
                    asked = connection.execute(sa.select(_wanted.asked).where(*where)).scalar()
                    values = _asked(asked or 0, now)
                    values["lost"] = values["asked"] >= LOST_AFTER
                    connection.execute(sa.update(schema.wanted).where(*where).values(values))


_SHOWN = FindingRow.__struct_fields__
_SELECT = sa.select(*(_findings[name] for name in _SHOWN))


def _finding(row: sa.Row[Any]) -> FindingRow:
    return msgspec.convert({name: row._mapping[name] for name in _SHOWN}, FindingRow)


class _Waiting(NamedTuple):
    """The number of records that wait at each station, and its stated head."""

    heads: dict[str, tuple[int, str, int]]

    def covers(self, row: FindingRow) -> bool:
        """Return whether a gap is the station's newest records, which are still to come."""
        if row.kind != "missing" or row.station not in self.heads:
            return False
        number, chain, position = self.heads[row.station]
        return (chain, position) == (row.chain, row.last) and row.last - row.first < number


def _still_waiting(connection: sa.Connection) -> _Waiting:
    query = sa.select(
        _stations.station, _stations.waiting, _stations.head_chain, _stations.head_position
    ).where(_stations.waiting > 0, _stations.head_chain.is_not(None))
    return _Waiting({row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)})


def _due(connection: sa.Connection, station: str, at: str, waiting: _Waiting) -> Due | None:
    query = (
        _SELECT.where(
            _findings.station == station,
            _findings.kind == "missing",
            _findings.state != "closed",
            _findings.ask_at <= at,
        )
        .order_by(_findings.ask_at, _findings.id)
        .limit(_AT_ONCE)
    )
    gaps = [row for row in map(_finding, connection.execute(query)) if not waiting.covers(row)]
    things = connection.execute(
        sa.select(_wanted.kind, _wanted.name)
        .where(_wanted.station == station, _wanted.ask_at <= at)
        .order_by(_wanted.ask_at)
        .limit(_AT_ONCE)
    ).all()
    damaged = connection.execute(
        sa.select(_damaged.kind, _damaged.name, _links.chain, _links.position)
        .join(tables.links, _links.digest == _damaged.sha256)
        .where(_damaged.station == station, _damaged.ask_at <= at, _links.position > 0)
        .order_by(_damaged.ask_at)
        .limit(_AT_ONCE)
    ).all()
    if not gaps and not things and not damaged:
        return None
    wanted = [Wanted(chain=row.chain, first=row.first, last=row.last) for row in gaps]
    wanted += [Wanted(chain=row[2], first=row[3], last=row[3]) for row in damaged]
    request = Request(
        records=tuple(wanted),
        plans=tuple(name for kind, name in things if kind == "plan"),
        attachments=tuple(name for kind, name in things if kind == "attachment"),
    )
    numbers = tuple(row.id for row in gaps)
    return Due(
        station,
        request,
        numbers,
        tuple((kind, name) for kind, name in things),
        tuple((row[0], row[1]) for row in damaged),
    )


def _of_damage(connection: sa.Connection) -> list[str]:
    """Return in words how much of what is stored is damaged."""
    query = sa.select(_damaged.kind, sa.func.count()).group_by(_damaged.kind)
    number = {kind: count for kind, count in connection.execute(query)}
    counted = [f"{number[kind]} {words}" for kind, words in _COUNTED.items() if kind in number]
    if not counted:
        return []
    return [
        f"Damaged on the host's disk, not shown and asked for again: {', '.join(counted)};"
        " `pace-host verify` names them"
    ]


def _asked(before: int, now: datetime | None) -> dict[str, Any]:
    pause_s = min(FIRST_PAUSE_S * 2.0 ** min(before, 20), LAST_PAUSE_S)
    return {"asked": before + 1, "ask_at": _at(now, pause_s)}


def _at(now: datetime | None, later_s: float = 0.0) -> str:
    return utc_text((now or datetime.now(UTC)) + timedelta(seconds=later_s))
