"""Verifies every signature, in portions, beside ingest and deriving.

The cryptography needs no writing: `signed_portion` reads and verifies in any thread, and
`note_links` writes what came of it in the store's own.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from nacl.signing import VerifyKey

from host_agent.messages import is_chain, is_sha256, whole
from host_agent.store import evidence_tables as tables
from host_agent.store import schema
from host_agent.store.care.intact import Damaged, Kind, damage, is_intact, note_damage
from host_agent.store.care.portions import portion_end
from host_agent.store.evidence.auditing import Auditing
from host_agent.store.evidence.keys import known_keys, verify_keys_of
from records.signing import Header, NotGenuine, UnknownKey, header_of, verify

FITS, UNKNOWN_KEY, ALTERED = "fits", "unknown_key", "altered"

_links = tables.links.c
_progress = schema.projection.c


class LinkRow(NamedTuple):
    """A row of the table `links`, in its order."""

    digest: str
    station: str
    chain: str
    position: int
    previous: str
    after_chain: str
    after_position: int
    kid: str
    record_id: str
    state: str


class Portion(NamedTuple):
    """Verified messages: `links` of the signed ones, and how far the two tables are read.

    `damaged` ones say nothing: their bytes no longer have their hash.
    """

    links: list[LinkRow]
    damaged: list[Damaged]
    runs_to: int
    others_to: int
    more: bool


class Verifying(Auditing):
    """The lane of signatures: neither receipts nor derived tables wait for it."""

    def signed_portion(self, limit: int = 200) -> Portion | None:
        """Verify up to `limit` messages more of each table; None when all are. Writes nothing."""
        with self._engine.connect() as connection:
            runs_from, others_from = _done(connection)
            runs = _messages(connection, schema.runs, runs_from, limit)
            others = _messages(connection, schema.others, others_from, limit)
            if not runs and not others:
                return None
            runs_to = runs[-1].id if runs else runs_from
            others_to = others[-1].id if others else others_from
            more = (
                portion_end(connection, schema.runs, runs_to, 1) > runs_to
                or portion_end(connection, schema.others, others_to, 1) > others_to
            )
            keys = verify_keys_of(known_keys(connection))
        damaged = [_damage("run", row) for row in runs if not _is_intact(row)]
        damaged += [_damage("other", row) for row in others if not _is_intact(row)]
        return Portion(
            [link for row in (*runs, *others) if (link := verified(row, keys)) is not None],
            damaged,
            runs_to,
            others_to,
            more,
        )

    def note_links(self, portion: Portion) -> None:
        """Write the links of a portion, and audit the chains that they are of."""
        with self._engine.begin() as connection:
            for damaged in portion.damaged:
                note_damage(connection, damaged)
            if portion.links:
                connection.exec_driver_sql(self._sql.insert_link, portion.links)
            for name, done in (
                ("links_of_runs", portion.runs_to),
                ("links_of_others", portion.others_to),
            ):
                connection.execute(
                    sa.update(schema.projection).where(_progress.name == name).values(run_id=done)
                )
            self._audit_those(connection, [one for one in portion.links if one.state == FITS])
            _forget_what_came(connection)

    def verified_again(self, limit: int = 50) -> list[LinkRow]:
        """Verify up to `limit` messages whose key has become known since. Writes nothing."""
        with self._engine.connect() as connection:
            known = known_keys(connection)
            digests = connection.execute(
                sa.select(_links.digest)
                .where(tables.IS_UNKNOWN, _links.kid.in_({one.kid for one in known}))
                .limit(limit)
            ).scalars()
            waiting = list(digests)
            rows = [
                row
                for table in (schema.runs, schema.others)
                for row in _by_digest(connection, table, waiting)
            ]
        keys = verify_keys_of(known)
        return [link for row in rows if (link := verified(row, keys)) is not None]

    def note_verified_again(self, links: list[LinkRow]) -> None:
        """Write what has become of messages whose key was not known, and audit their chains."""
        with self._engine.begin() as connection:
            for link in links:
                connection.execute(
                    sa.update(tables.links)
                    .where(_links.digest == link.digest)
                    .values(state=link.state)
                )
            self._audit_those(connection, [one for one in links if one.state == FITS])

    def forget_links(self) -> None:
        """Forget what was verified and audited; the lane does all of it again."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(tables.links))
            connection.execute(sa.delete(tables.chains))
            connection.execute(
                sa.update(schema.projection)
                .where(_progress.name.in_(("links_of_runs", "links_of_others")))
                .values(run_id=0)
            )

    def unverified(self) -> int:
        """Return how many messages are stored and not verified yet, at the most."""
        with self._engine.connect() as connection:
            runs_from, others_from = _done(connection)
            return _newest(connection, schema.runs, runs_from) + _newest(
                connection, schema.others, others_from
            )

    def _audit_those(self, connection: sa.Connection, links: list[LinkRow]) -> None:
        """Audit the chains of new links, and those that their first ones go on from."""
        touched: dict[tuple[str, str], int | None] = {}
        lowest: dict[tuple[str, str], int] = defaultdict(lambda: 2**63 - 1)
        for link in links:
            here = (link.station, link.chain)
            lowest[here] = min(lowest[here], link.position)
            if link.position == 1:
                touched.setdefault((link.station, link.after_chain), None)
        for (station, chain), first in {**touched, **lowest}.items():
            self.audit_chain(connection, station, chain, first)


def _forget_what_came(connection: sa.Connection) -> None:
    """Want no plan that is here now. An attachment is wanted until its last piece is kept."""
    here = sa.exists().where(schema.others.c.record_id == schema.wanted.c.name)
    connection.execute(sa.delete(schema.wanted).where(schema.wanted.c.kind == "plan", here))


def verified(row: Any, keys: Mapping[str, VerifyKey]) -> LinkRow | None:
    """Return the link that a message is, and whether its signature fits.

    None where it is not signed, or damaged: it is a link again when it has come again.
    """
    if not row.signature or not _is_intact(row):
        return None
    try:
        header = header_of(row.signature)
        _check_bounds(header)
    except NotGenuine:
        return LinkRow(row.sha256, row.station, "", 0, "", "", 0, "", row.record_id, ALTERED)
    try:
        verify(whole(row.signature, row.record), keys)
        state = FITS
    except UnknownKey:
        state = UNKNOWN_KEY
    except NotGenuine:
        state = ALTERED
    return LinkRow(
        row.sha256,
        row.station,
        header.chain,
        header.position,
        header.previous,
        header.after_chain,
        header.after_position,
        header.kid,
        row.record_id,
        state,
    )


def _check_bounds(header: Header) -> None:
    """Check that a header says what a database keeps. Raises `NotGenuine` where it does not."""
    digests = (header.previous,) if header.previous else ()
    chains = (header.chain, header.after_chain) if header.after_chain else (header.chain,)
    fits = (
        all(map(is_chain, chains))
        and all(map(is_sha256, digests))
        and is_chain(header.kid)
        and max(header.position, header.after_position) < _MOST_POSITIONS
        and header.after_position >= 0
    )
    if not fits:
        raise NotGenuine("the header of the signature is none of a station's")


_MOST_POSITIONS = 2**63


def _is_intact(row: Any) -> bool:
    return is_intact(row.sha256, row.signature, row.record)


def _damage(kind: Kind, row: Any) -> Damaged:
    name = row.record_id if kind == "run" else row.sha256
    return damage(kind, name, row.station, row.sha256)


_READ = ("id", "station", "record_id", "sha256", "record", "signature")


def _messages(
    connection: sa.Connection, table: sa.Table, after: int, limit: int
) -> list[sa.Row[Any]]:
    columns = [table.c[name] for name in _READ]
    last = portion_end(connection, table, after, limit)
    if last == after:
        return []
    query = sa.select(*columns).where(table.c.id > after, table.c.id <= last).order_by(table.c.id)
    return list(connection.execute(query))


def _by_digest(connection: sa.Connection, table: sa.Table, digests: list[str]) -> list[sa.Row[Any]]:
    columns = [table.c[name] for name in _READ]
    names = sa.select(_links.record_id).where(_links.digest.in_(digests))
    query = sa.select(*columns).where(table.c.record_id.in_(names), table.c.sha256.in_(digests))
    return list(connection.execute(query))


def _done(connection: sa.Connection) -> tuple[int, int]:
    rows = connection.execute(sa.select(_progress.name, _progress.run_id)).all()
    done = {name: run_id for name, run_id in rows}
    return done["links_of_runs"], done["links_of_others"]


def _newest(connection: sa.Connection, table: sa.Table, after: int) -> int:
    """Return how far a table's numbers have come since; rows that are gone count, too."""
    last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
    return max(0, int(last) - after)
