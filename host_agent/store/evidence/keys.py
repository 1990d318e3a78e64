"""Keeps the public keys of stations, and what people think of them.

A station offers its key in its state. It is believed when a person has trusted it, or when a
trusted key of the same station endorsed it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from nacl.signing import VerifyKey

from host_agent.store import evidence_tables as tables
from host_agent.store import schema
from host_agent.store.database import Database
from host_agent.store.errors import StoreError
from host_agent.text import now_text
from records.keys import KeyTrouble, check_endorsement, verify_key
from records.messages import KeySet, PublicKey
from records.signing import NotGenuine

_keys = tables.keys.c
_decode_key = msgspec.json.Decoder(PublicKey).decode

_MOST_OFFERED = 20
"""Keys of a station that are kept without being trusted; no more are taken from its states."""

KeyState = Literal["offered", "trusted", "revoked"]


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key of a station. `revoked_from`: nothing that it signed then or later counts."""

    kid: str
    station: str
    x: str
    state: KeyState
    reason: str
    first_seen_at: str
    changed_at: str
    revoked_from: str | None
    endorsed_by: str
    endorsement: str

    @property
    def public(self) -> PublicKey:
        """Return it as a JWK."""
        return PublicKey(
            kid=self.kid,
            x=self.x,
            station=self.station,
            revoked_at=self.revoked_from or "",
            endorsed_by=self.endorsed_by,
            endorsement=self.endorsement,
        )


class Keys(Database):
    """The keys' side of the store."""

    def station_keys(self) -> list[KnownKey]:
        """Return all keys, by station, the oldest first."""
        with self._engine.connect() as connection:
            return known_keys(connection)

    def key_set(self) -> KeySet:
        """Return the keys that were trusted once, as a JWK Set for `pace record verify --keys`."""
        return KeySet(tuple(one.public for one in self.station_keys() if one.state != "offered"))

    def trust(self, kid: str, station: str = "") -> list[KnownKey]:
        """Trust the key whose name begins with `kid`, and what it endorsed; return what changed.

        `station` gives the key to a station that had another name. Raises `StoreError`.
        """
        now = now_text()
        with self._engine.begin() as connection:
            known = known_keys(connection)
            found = _one(known, kid)
            if found.state == "revoked":
                raise StoreError(f"{found.kid} is revoked since {found.revoked_from}")
            if station and all(one.station != station for one in known if one.kid == found.kid):
                named = msgspec.structs.replace(
                    found, station=station, endorsed_by="", endorsement="", first_seen_at=now
                )
                connection.execute(sa.insert(tables.keys), msgspec.to_builtins(named))
            before = {(one.kid, one.station): one.state for one in known}
            which = (_keys.kid == found.kid, *((_keys.station == station,) if station else ()))
            connection.execute(
                sa.update(tables.keys)
                .where(*which)
                .values(state="trusted", reason="trusted by hand", changed_at=now)
            )
            _endorse(connection, now)
            after = known_keys(connection)
        return [one for one in after if before.get((one.kid, one.station)) != one.state]

    def revoke(self, kid: str, revoked_from: str = "") -> KnownKey:
        """Revoke the key whose name begins with `kid`, from a time on or from now.

        `revoked_from` is written as `text.utc_text` writes it. Raises `StoreError`.
        """
        now = now_text()
        with self._engine.begin() as connection:
            found = _one(known_keys(connection), kid)
            connection.execute(
                sa.update(tables.keys)
                .where(_keys.kid == found.kid)
                .values(
                    state="revoked",
                    reason="revoked by hand",
                    changed_at=now,
                    revoked_from=revoked_from or now,
                )
            )
            return _one(known_keys(connection), found.kid)

    def offers(self) -> list[PublicKey]:
        """Return the keys that stations offer in their states, and that are not known yet."""
        stations = schema.stations.c
        found: list[PublicKey] = []
        with self._engine.connect() as connection:
            all_known = known_keys(connection)
            rows = connection.execute(
                sa.select(stations.station, stations.key).where(stations.key.is_not(None))
            ).all()
        known = {(one.kid, one.station) for one in all_known}
        offered = Counter(one.station for one in all_known if one.state == "offered")
        for station, text in rows:
            key = _decode_key(text)
            if (key.kid, station) in known or offered[station] >= _MOST_OFFERED:
                continue
            try:
                verify_key(key)
            except KeyTrouble:
                continue
            found.append(msgspec.structs.replace(key, station=station))
        return found

    def note_offers(self, offered: Iterable[PublicKey]) -> None:
        """Keep keys that stations offer; trust those that a trusted key of theirs endorsed."""
        now = now_text()
        with self._engine.begin() as connection:
            for key in offered:
                row = {
                    "kid": key.kid,
                    "station": key.station,
                    "x": key.x,
                    "state": "offered",
                    "reason": "the station's own word",
                    "first_seen_at": now,
                    "changed_at": now,
                    "revoked_from": None,
                    "endorsed_by": key.endorsed_by,
                    "endorsement": key.endorsement,
                }
                connection.execute(sa.insert(tables.keys), row)
            _endorse(connection, now)


def known_keys(connection: sa.Connection) -> list[KnownKey]:
    """Return all keys, by station, the oldest first."""
    query = sa.select(tables.keys).order_by(_keys.station, _keys.first_seen_at, _keys.kid)
    return [_known(row) for row in connection.execute(query)]


def verify_keys_of(known: Iterable[KnownKey]) -> Mapping[str, VerifyKey]:
    """Return the keys themselves by their thumbprints."""
    return {one.kid: verify_key(one.public) for one in known}


def _endorse(connection: sa.Connection, now: str) -> None:
    """Trust each offered key that a trusted key of its station endorsed, and so on from there."""
    while True:
        known = known_keys(connection)
        trusted = {(one.station, one.kid): one for one in known if one.state == "trusted"}
        fresh = [
            one
            for one in known
            if one.state == "offered"
            and (by := trusted.get((one.station, one.endorsed_by))) is not None
            and _is_endorsed(one, by)
        ]
        if not fresh:
            return
        for one in fresh:
            connection.execute(
                sa.update(tables.keys)
                .where(_keys.kid == one.kid, _keys.station == one.station)
                .values(
                    state="trusted", reason=f"endorsed by key {one.endorsed_by}", changed_at=now
                )
            )


def _is_endorsed(fresh: KnownKey, by: KnownKey) -> bool:
    try:
        check_endorsement(fresh.public, verify_key(by.public))
    except NotGenuine:
        return False
    return True


def _one(known: Iterable[KnownKey], kid: str) -> KnownKey:
    found = [one for one in known if one.kid.startswith(kid)]
    names = {one.kid for one in found}
    if not names:
        raise StoreError(f"no key begins with {kid!r}: `pace-host keys list` shows them")
    if len(names) > 1:
        raise StoreError(f"{len(names)} keys begin with {kid!r}: write more of it")
    return found[0]


def _known(row: Any) -> KnownKey:
    shown = {name: row._mapping[name] for name in KnownKey.__struct_fields__}
    return msgspec.convert(shown, KnownKey)
