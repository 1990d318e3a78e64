"""Verifies a whole database: hashes, signatures, chains, attachments, and what is derived."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from nacl.signing import VerifyKey

from host_agent import columns
from host_agent.store import evidence_tables as tables
from host_agent.store import schema
from host_agent.store.attachments import Attachments, file_digest
from host_agent.store.care.intact import Damaged, Kind, damage, is_intact
from host_agent.store.care.portions import portion_end
from host_agent.store.deriving import derived_rows
from host_agent.store.evidence.keys import known_keys, verify_keys_of
from host_agent.store.evidence.verifying import ALTERED, LinkRow, verified
from records import decode_run
from records.chain import Finding, Link, audit
from records.reading import UNREADABLE

_AT_ONCE = 200
_links = tables.links.c
_findings = tables.findings.c


class Mistake(NamedTuple):
    """One thing in a database that is not as it should be.

    `what`: database, damaged, unreadable, columns, steps, measurements, flags, totals, signature,
    link, chain or attachment. `where` names the record, the station or the file.
    """

    what: str
    where: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in self if part)


class Checked(NamedTuple):
    """The number of things that are stored."""

    runs: int
    others: int
    attachments: int
    quarantined: int


class Checking(Attachments):
    """The side of the store that believes nothing of it. A host may run beside it.

    It reads only, but for the note of what is damaged: a running host asks for that again.
    """

    def mistakes(self) -> Iterator[Mistake]:
        """Yield every mistake of the database and of the files beside it."""
        yield from self._of_the_file()
        with self._engine.connect() as connection:
            keys = verify_keys_of(known_keys(connection))
        yield from self._of_messages(schema.runs, keys)
        yield from self._of_messages(schema.others, keys)
        yield from self._of_totals()
        yield from self._of_chains()
        yield from self._of_attachments()
        yield from self._of_the_quarantine()

    def checked(self) -> Checked:
        """Return how many things there are to verify."""
        counted = (schema.runs, schema.others, schema.attachments, schema.quarantine)
        numbers = [sa.select(sa.func.count()).select_from(table) for table in counted]
        with self._engine.connect() as connection:
            return Checked(*(connection.execute(query).scalar_one() for query in numbers))

    def _of_the_file(self) -> Iterator[Mistake]:
        """Yield the faults of SQLite's pages and indexes; PostgreSQL has no such question."""
        if not self._is_sqlite:
            return
        with self._engine.connect() as connection:
            for (text,) in connection.exec_driver_sql("PRAGMA integrity_check(20)").all():
                if text != "ok":
                    yield Mistake("database", "", str(text))

    def _of_messages(self, table: sa.Table, keys: Mapping[str, VerifyKey]) -> Iterator[Mistake]:
        is_run = table is schema.runs
        last = 0
        while True:
            with self._engine.connect() as connection:
                after, derived_to = last, _derived_to(connection)
                last = portion_end(connection, table, after, _AT_ONCE)
                if last == after:
                    return
                rows = connection.execute(
                    sa.select(table).where(table.c.id > after, table.c.id <= last)
                ).all()
                links = _links_of(connection, [row.sha256 for row in rows])
                derived = _derived(connection, after, last) if is_run else {}
            for row in rows:
                if not is_intact(row.sha256, row.signature, row.record):
                    kind: Kind = "run" if is_run else "other"
                    name = row.record_id if is_run else row.sha256
                    yield self._damaged(damage(kind, name, row.station, row.sha256))
                    continue
                yield from _of_its_signature(row, keys, links.get(row.sha256))
                if is_run:
                    yield from _of_a_run(row, derived, derived_to)

    def _damaged(self, found: Damaged) -> Mistake:
        self.note_damage(found)
        return Mistake("damaged", "", found.sentence)

    def _of_totals(self) -> Iterator[Mistake]:
        number = sa.select(sa.func.count()).select_from(schema.runs).scalar_subquery()
        total = schema.totals.c
        query = sa.select(number, total.number).where(total.name == "runs")
        with self._engine.connect() as connection:
            there, noted = connection.execute(query).one()
        if there != noted:
            text = f"{there} runs are stored, and {noted} are counted: `pace-host rebuild`"
            yield Mistake("totals", "", text)

    def _of_chains(self) -> Iterator[Mistake]:
        """Yield what is missing, forked or broken, unless a person has closed it."""
        of = _findings
        query = sa.select(of.station, of.kind, of.chain, of.first).where(of.state == "closed")
        with self._engine.connect() as connection:
            heads = _heads(connection)
            closed = {tuple(row) for row in connection.execute(query)}
            names = connection.execute(sa.select(_links.station).distinct()).scalars().all()
        for station in sorted(names):
            waiting, head = heads.get(station, (0, None))
            query = sa.select(*(_links[name] for name in Link._fields)).where(
                _links.station == station, _links.state == "fits"
            )
            with self._engine.connect() as connection:
                found = audit([Link(*row) for row in connection.execute(query)], head)
            for one in found:
                waits = waiting and _is_tail(one, head)
                if (station, one.kind, one.chain, one.first) not in closed and not waits:
                    yield Mistake("chain", station, f"{one.text} (chain {one.chain})")

    def _of_attachments(self) -> Iterator[Mistake]:
        of = schema.attachments.c
        query = sa.select(of.sha256, of.size_bytes).where(of.whole).order_by(of.sha256)
        with self._engine.connect() as connection:
            known = connection.execute(query).all()
        for sha256, size_bytes in known:
            path = self.attachments_folder / sha256
            if not path.is_file():
                yield Mistake("attachment", sha256, "its file is gone")
            elif path.stat().st_size != size_bytes or file_digest(path) != sha256:
                self.attachment_file(sha256)  # sets it aside, and has it asked for
                yield Mistake("attachment", sha256, "its file has another SHA-256")

    def _of_the_quarantine(self) -> Iterator[Mistake]:
        of = schema.quarantine.c
        with self._engine.connect() as connection:
            numbers = connection.execute(sa.select(of.id).order_by(of.id)).scalars().all()
        for number in numbers:
            query = sa.select(of.sha256, of.station, of.size, of.payload).where(of.id == number)
            with self._engine.connect() as connection:
                row = connection.execute(query).one_or_none()
            if row is None or row.size != len(row.payload):
                continue
            if not is_intact(row.sha256, None, row.payload):
                yield self._damaged(damage("quarantine", row.sha256, row.station, row.sha256))


Derived = Mapping[str, Mapping[int, list[tuple[Any, ...]]]]
_TABLES = {"steps": schema.steps, "measurements": schema.measurements, "flags": schema.flags}


def _of_its_signature(
    row: Any, keys: Mapping[str, VerifyKey], link: LinkRow | None
) -> Iterator[Mistake]:
    true = verified(row, keys)
    if true is not None and true.state == ALTERED:
        yield Mistake("signature", row.record_id, "the signature does not fit the record")
    if true is not None and link is not None and true != link:
        text = "its place in the chain is noted wrongly: `pace-host rebuild`"
        yield Mistake("link", row.record_id, text)


def _of_a_run(row: Any, derived: Derived, derived_to: int) -> Iterator[Mistake]:
    """Yield in what the tables differ from the record, as far as they are made from it."""
    try:
        record = decode_run(row.record)
    except UNREADABLE as error:
        yield Mistake("unreadable", row.record_id, str(error))
        return
    if row.id > derived_to:
        return
    true = columns.taken(record)
    stored = [row._mapping[name] for name in columns.TAKEN]
    wrong = [name for name, a, b in zip(columns.TAKEN, stored, true, strict=True) if a != b]
    if wrong:
        text = f"{', '.join(wrong)} differ from the record: `pace-host rebuild`"
        yield Mistake("columns", row.record_id, text)
    rows_of = derived_rows(row.id, row.record, record)
    for (name, of), rows in zip(derived.items(), rows_of, strict=True):
        if of.get(row.id, []) != [tuple(one) for one in rows]:
            text = "they differ from the record: `pace-host rebuild`"
            yield Mistake(name, row.record_id, text)


def _derived(connection: sa.Connection, after: int, last: int) -> Derived:
    """Return the derived rows of a portion of runs, by table and run, each in its order."""
    found: dict[str, dict[int, list[tuple[Any, ...]]]] = {}
    for name, table in _TABLES.items():
        query = (
            sa.select(table)
            .where(table.c.run_id > after, table.c.run_id <= last)
            .order_by(*table.primary_key.columns)
        )
        found[name] = defaultdict(list)
        for row in connection.execute(query):
            found[name][row.run_id].append(tuple(row))
    return found


def _derived_to(connection: sa.Connection) -> int:
    """Return the last run that is derived, columns included."""
    of = schema.projection.c
    query = sa.select(of.run_id).where(of.name == "measurements")
    return int(connection.execute(query).scalar_one())


def _links_of(connection: sa.Connection, digests: Iterable[str]) -> dict[str, LinkRow]:
    query = sa.select(*(_links[name] for name in LinkRow._fields)).where(
        _links.digest.in_(list(digests))
    )
    return {row.digest: LinkRow(*row) for row in connection.execute(query)}


def _heads(connection: sa.Connection) -> dict[str, tuple[int, Link | None]]:
    """Return how much waits at each station, and its stated head."""
    of = schema.stations.c
    query = sa.select(of.station, of.waiting, of.head_chain, of.head_position, of.head_digest)
    return {
        station: (waiting, None if chain is None else Link(chain, position, "", digest))
        for station, waiting, chain, position, digest in connection.execute(query)
    }


def _is_tail(finding: Finding, head: Link | None) -> bool:
    """Return whether a gap is the newest records of a station, which still wait there."""
    return (
        finding.kind == "missing"
        and head is not None
        and (finding.chain, finding.last) == (head.chain, head.position)
    )
