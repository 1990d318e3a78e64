"""Audits the chains of stations as their links come in: what is missing, forked or broken.

`records.chain.audit` decides. It is shown what is near the new links and no more: a chain is
settled up to a position before which nothing more is expected, and only links from there on are
read again. So a chain of months costs no more than one of an hour.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from host_agent.store import evidence_tables as tables
from host_agent.store import schema
from host_agent.store.database import Database
from host_agent.text import now_text, utc_text
from records.chain import Finding, Link, audit

_links = tables.links.c
_chains = tables.chains.c
_findings = tables.findings.c
_LINK = [_links[name] for name in Link._fields]

FIRST_PAUSE_S = 10.0
"""A gap may close by itself so long: records overtake each other, and states overtake records."""

Span = tuple[int, int]
"""Positions of a chain from the first to the last, both included."""


class Auditing(Database):
    """The audit's side of the store."""

    def heads(self) -> dict[str, Link]:
        """Return the head of each station that states one."""
        of = schema.stations.c
        query = sa.select(of.station, of.head_chain, of.head_position, of.head_digest).where(
            of.head_chain.is_not(None)
        )
        with self._engine.connect() as connection:
            return {
                station: Link(chain, position, "", digest)
                for station, chain, position, digest in connection.execute(query)
            }

    def audit_heads(self, heads: dict[str, Link]) -> None:
        """Audit the chains that stations state as their newest."""
        with self._engine.begin() as connection:
            for station, head in heads.items():
                self.audit_chain(connection, station, head.chain)

    def audit_chain(
        self, connection: sa.Connection, station: str, chain: str, lowest: int | None = None
    ) -> None:
        """Audit a chain from where it is settled, or from its `lowest` new position.

        The chain "" stands for what comes before a station's first chain of all.
        """
        settled = _settled(connection, station, chain)
        start = settled if lowest is None else max(0, min(settled, lowest - 1))
        start = _before_gaps(connection, station, chain, start)
        links, head = _neighbourhood(connection, station, chain, start)
        missing: list[Span] = []
        found = audit(links, head)
        _close_explained(connection, station, chain, start, links, found)
        for finding in found:
            if finding.kind != "missing":
                _note(connection, station, finding)
            elif finding.chain == chain and finding.last > start:
                missing.append((max(finding.first, start + 1), finding.last))
        if chain:
            here = [one.position for one in links if one.chain == chain]
            open_ = _note_missing(connection, station, chain, start, missing)
            last = max((*here, *(last for _, last in missing), start))
            _settle(connection, station, chain, open_[0][0] - 1 if open_ else last)


def _settled(connection: sa.Connection, station: str, chain: str) -> int:
    query = sa.select(_chains.settled).where(_chains.station == station, _chains.chain == chain)
    return connection.execute(query).scalar() or 0


def _before_gaps(connection: sa.Connection, station: str, chain: str, start: int) -> int:
    """Return `start`, or what comes before the gap that `start` lies in."""
    query = sa.select(sa.func.min(_findings.first)).where(
        _findings.station == station,
        _findings.chain == chain,
        _findings.kind == "missing",
        _findings.state != "closed",
        _findings.first <= start,
        _findings.last > start,
    )
    first = connection.execute(query).scalar()
    return start if first is None else int(first) - 1


def _settle(connection: sa.Connection, station: str, chain: str, settled: int) -> None:
    where = (_chains.station == station, _chains.chain == chain)
    changed = connection.execute(sa.update(tables.chains).where(*where).values(settled=settled))
    if changed.rowcount == 0:
        connection.execute(
            sa.insert(tables.chains).values(station=station, chain=chain, settled=settled)
        )


def _neighbourhood(
    connection: sa.Connection, station: str, chain: str, start: int
) -> tuple[list[Link], Link | None]:
    """Return the links that decide about a chain from `start` on, and its stated head.

    Beside the chain's own links these are the first links of the chains that go on from it, and of
    its settled part the links at the places that those and the head name.
    """
    of = schema.stations.c
    head_row = connection.execute(
        sa.select(of.head_position, of.head_digest).where(
            of.station == station, of.head_chain == chain
        )
    ).one_or_none()
    head = None if head_row is None else Link(chain, head_row[0], "", head_row[1])
    fitting = (_links.station == station, _links.state == "fits")
    followers = _select(connection, *fitting, _links.after_chain == chain, tables.IS_FIRST)
    if not chain:
        return followers, None
    named = {one.after_position for one in followers} | {
        one.after_position + 1 for one in followers
    }
    if head is not None:
        named.add(head.position)
    earlier = sorted(position for position in named if 0 < position < start)
    own = _select(connection, *fitting, _links.chain == chain, _links.position >= start)
    for at in range(0, len(earlier), 500):
        some = _links.position.in_(earlier[at : at + 500])
        own += _select(connection, *fitting, _links.chain == chain, some)
    return [*own, *followers], head


def _select(
    connection: sa.Connection, *where: sa.ColumnElement[bool] | sa.TextClause
) -> list[Link]:
    return [Link(*row) for row in connection.execute(sa.select(*_LINK).where(*where))]


def _close_explained(
    connection: sa.Connection,
    station: str,
    chain: str,
    start: int,
    links: Iterable[Link],
    found: Iterable[Finding],
) -> None:
    """Drop the breaks that a link which came since explains: there is a fork instead."""
    still = {(one.chain, one.first) for one in found if one.kind == "broken"}
    followers = {one.chain for one in links if one.chain != chain}
    known = connection.execute(
        sa.select(_findings.id, _findings.chain, _findings.first).where(
            _findings.station == station,
            _findings.kind == "broken",
            _findings.state == "open",
            sa.or_(
                sa.and_(_findings.chain == chain, _findings.first > max(start, 1)),
                sa.and_(_findings.chain.in_(followers), _findings.first == 1),
            ),
        )
    ).all()
    for number, name, first in known:
        if (name, first) not in still:
            connection.execute(sa.delete(tables.findings).where(_findings.id == number))


def _note(connection: sa.Connection, station: str, finding: Finding) -> None:
    """Keep a fork or a break, once: it stays as a person has left it."""
    where = (
        _findings.station == station,
        _findings.kind == finding.kind,
        _findings.chain == finding.chain,
        _findings.first == finding.first,
        _findings.last == finding.last,
    )
    known = connection.execute(sa.select(_findings.id).where(*where)).first()
    if known is None:
        _insert(connection, station, finding, "open")


def _note_missing(
    connection: sa.Connection, station: str, chain: str, start: int, missing: list[Span]
) -> list[Span]:
    """Make the chain's findings after `start` say what is missing now; return what may still come.

    What is lost stays so where it is still missing. A gap that is smaller than before is asked for
    anew: the station still has what is in it.
    """
    known = connection.execute(
        sa.select(tables.findings).where(
            _findings.station == station,
            _findings.chain == chain,
            _findings.kind == "missing",
            _findings.state != "closed",
            _findings.last > start,
        )
    ).all()
    lost = [(row.first, row.last) for row in known if row.state == "lost"]
    still_lost = _common(missing, lost)
    open_ = _without(missing, lost)
    wanted = {(span, "open") for span in open_} | {(span, "lost") for span in still_lost}
    now = now_text()
    for row in known:
        place = ((row.first, row.last), row.state)
        if place in wanted:
            wanted.remove(place)
        elif _common([place[0]], missing):
            connection.execute(sa.delete(tables.findings).where(_findings.id == row.id))
        else:
            connection.execute(
                sa.update(tables.findings)
                .where(_findings.id == row.id)
                .values(state="closed", reason="it has come", changed_at=now)
            )
    for (first, last), state in sorted(wanted):
        which = f"position {first} is" if first == last else f"positions {first} to {last} are"
        finding = Finding("missing", chain, first, last, f"{which} missing")
        _forget_closed(connection, station, finding)
        _insert(connection, station, finding, state)
    return sorted(open_)


def _forget_closed(connection: sa.Connection, station: str, finding: Finding) -> None:
    connection.execute(
        sa.delete(tables.findings).where(
            _findings.station == station,
            _findings.kind == finding.kind,
            _findings.chain == finding.chain,
            _findings.first == finding.first,
            _findings.last == finding.last,
        )
    )


def _insert(connection: sa.Connection, station: str, finding: Finding, state: str) -> None:
    now = datetime.now(UTC)
    ask_at = utc_text(now + timedelta(seconds=FIRST_PAUSE_S))
    row: dict[str, Any] = {
        "station": station,
        "kind": finding.kind,
        "chain": finding.chain,
        "first": finding.first,
        "last": finding.last,
        "text": finding.text,
        "found_at": utc_text(now),
        "state": state,
        "reason": "",
        "changed_at": utc_text(now),
        "asked": 0,
        "ask_at": ask_at,
    }
    connection.execute(sa.insert(tables.findings), row)


def _without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Return the positions of `spans` that are in none of `others`."""
    left = list(spans)
    for first, last in others:
        left = [
            part
            for start, end in left
            for part in ((start, min(end, first - 1)), (max(start, last + 1), end))
            if part[0] <= part[1]
        ]
    return left


def _common(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Return the positions that are in both."""
    found = [(max(start, first), min(end, last)) for start, end in spans for first, last in others]
    return [span for span in found if span[0] <= span[1]]
