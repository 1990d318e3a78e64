"""Says of stored records how far they can be believed: received, verified, or why not."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from host_agent.columns import RunSummary
from host_agent.store import evidence_tables as tables
from host_agent.store import schema
from host_agent.store.care.intact import Intact, damage, is_intact
from host_agent.store.errors import DamageError
from host_agent.store.evidence.asking import Asking
from host_agent.store.evidence.keys import Keys, KnownKey, known_keys
from host_agent.store.evidence.verifying import FITS, UNKNOWN_KEY, Verifying

_links = tables.links.c
_damaged = tables.damaged.c

State = Literal[
    "verified", "received", "unsigned", "offered", "unknown_key", "other_station", "revoked",
    "altered", "damaged",
]  # fmt: skip


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The trust in a record, with the reason in words, its key and its place.

    `verified`: a trusted key of its station signed it. `received`: its signature was not
    looked at yet.
    """

    state: State
    text: str
    kid: str = ""
    chain: str = ""
    position: int = 0


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a record contradicts itself."""

    what: str
    place: str
    text: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event of a unit, with its record as its station sent it."""

    record_id: str
    station: str
    asset_tag: str
    received_at: str
    sha256: str
    record: bytes


class Evidence(Intact, Keys, Verifying, Asking):
    """The evidence of signatures, chains and judging, for pages, API and commands."""

    def standings(self, runs: Iterable[RunSummary]) -> dict[str, Standing]:
        """Return how far each run can be believed, by `record_id`."""
        wanted = {run.sha256: run for run in runs}
        of = schema.runs.c
        with self._engine.connect() as connection:
            known = {(one.kid, one.station): one for one in known_keys(connection)}
            links = {
                row.digest: row
                for row in connection.execute(
                    sa.select(tables.links).where(_links.digest.in_(wanted))
                )
            }
            names = [run.record_id for run in wanted.values()]
            query = sa.select(of.record_id).where(of.record_id.in_(names), of.signature.is_(None))
            unsigned = set(connection.execute(query).scalars())
            query = sa.select(_damaged.name).where(_damaged.kind == "run", _damaged.name.in_(names))
            special = {name: _UNSIGNED for name in unsigned}
            special |= {name: _DAMAGED for name in connection.execute(query).scalars()}
        return {
            run.record_id: special.get(run.record_id) or _standing(run, links.get(digest), known)
            for digest, run in wanted.items()
        }

    def flags(self, run_id: int) -> list[Flag]:
        """Return how a run contradicts itself."""
        of = schema.flags.c
        query = sa.select(of.what, of.place, of.text).where(of.run_id == run_id).order_by(of.number)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Flag(what=what, place=place, text=text) for what, place, text in rows]

    def flagged(self, run_ids: Iterable[int]) -> dict[int, int]:
        """Return how many flags runs have, of those that have any."""
        of = schema.flags.c
        query = (
            sa.select(of.run_id, sa.func.count())
            .where(of.run_id.in_(list(run_ids)))
            .group_by(of.run_id)
        )
        with self._engine.connect() as connection:
            return {run_id: number for run_id, number in connection.execute(query)}

    def plan(self, sha256: str) -> bytes | None:
        """Return the record of a plan by its hash; None where no station has sent it.

        Stations sign one plan each, and any copy that is intact will do. Raises `DamageError`
        where none is.
        """
        of = schema.others.c
        query = sa.select(of.station, of.sha256, of.signature, of.record).where(
            of.record_id == sha256, of.schema.startswith("pace.plan/")
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        troubles: list[DamageError] = []
        for row in rows:
            try:
                found = damage("other", row.sha256, row.station, row.sha256)
                self.check_intact(found, row.signature, row.record)
            except DamageError as error:
                troubles.append(error)
            else:
                return bytes(row.record)
        if troubles:
            raise troubles[0]
        return None

    def events(self, asset_tag: str, *, limit: int) -> list[Event]:
        """Return the events of a unit, newest first. Damaged ones are noted, and not returned."""
        of = schema.others.c
        columns = [of[name] for name in Event.__struct_fields__] + [of.signature]
        query = (
            sa.select(*columns)
            .where(of.asset_tag == asset_tag, of.schema.startswith("pace.event/"))
            .order_by(of.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found: list[Event] = []
        for row in rows:
            facts = dict(row._mapping)
            signature = facts.pop("signature")
            if is_intact(row.sha256, signature, row.record):
                found.append(Event(**facts))
            else:
                self.note_damage(damage("other", row.sha256, row.station, row.sha256))
        return found


_DAMAGED = Standing(
    state="damaged",
    text="damaged on the host's disk: its bytes no longer have the SHA-256 with which they came",
)
_UNSIGNED = Standing(
    state="unsigned", text="not signed: nobody can say whether it was altered on its way"
)


def _standing(run: RunSummary, link: Any, known: Mapping[tuple[str, str], KnownKey]) -> Standing:
    if link is None:
        return Standing(state="received", text="received; its signature is not looked at yet")
    key = known.get((link.kid, link.station))
    state, text = _of_its_key(run, link, key)
    return Standing(state=state, text=text, kid=link.kid, chain=link.chain, position=link.position)


def _of_its_key(run: RunSummary, link: Any, key: KnownKey | None) -> tuple[State, str]:
    if link.state == UNKNOWN_KEY:
        return "unknown_key", f"not verified: no station has shown the key {link.kid}"
    if link.state != FITS:
        return "altered", "not verified: the signature does not fit the record"
    if key is None:
        return "other_station", f"not verified: the key {link.kid} is another station's"
    if key.state == "trusted":
        return "verified", "verified: a trusted key of its station signed it"
    if key.state == "offered":
        return "offered", "not verified: the signature fits a key that nobody has confirmed"
    since = key.revoked_from or ""
    if run.started_at < since and run.received_at < since:
        return "verified", f"verified: signed and received before its key was revoked ({since})"
    return "revoked", f"not verified: its key is revoked since {since}"
