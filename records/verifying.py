"""Verify records with public keys alone, and say what the records themselves cannot tell.

Nothing here opens a network or a database: messages come from wherever they were read.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from nacl.signing import VerifyKey

from records import version_1
from records.chain import Finding, Link, audit, link_of
from records.messages import Head, KeySet
from records.reading import UNREADABLE
from records.signing import Header, NotGenuine, UnknownKey, digest, header_of, split, verify


class Source(NamedTuple):
    """Messages from one place. `complete`: what is not here is missing, and was not put away.

    In an `ordered` place each chain runs upwards. `heads` are how far the stations say that their
    chains have come.
    """

    name: str
    messages: Iterable[bytes]
    complete: bool = True
    ordered: bool = False
    heads: tuple[Head, ...] = ()


class Trouble(NamedTuple):
    """One thing that is wrong.

    `what`: altered, unsigned, unknown_key, revoked, missing, fork, broken, order.

    `position` is 0 where the record does not say one.
    """

    what: str
    text: str
    record_id: str = ""
    chain: str = ""
    position: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The findings. `troubles` are in the order of chains and positions, the first one first.

    `unsigned` counts the records of version 0.1, which are not signed. `elsewhere` are the stated
    heads of whose chain nothing is here, although the place is complete.
    """

    messages: int
    verified: int
    unsigned: int
    chains: int
    troubles: tuple[Trouble, ...]
    cannot_know: tuple[str, ...]
    elsewhere: tuple[Head, ...] = ()


class _Seen(NamedTuple):
    link: Link
    station: str


def check(
    source: Source,
    keys: Mapping[str, VerifyKey],
    known: KeySet = KeySet(),  # noqa: B008
    now: datetime | None = None,
) -> Report:
    """Verify every message of a place. `known` says which of `keys` are revoked, and since when.

    A record of a revoked key counts only when it was made and received before that, as at a host.
    Who has nothing but the messages receives them `now`: a thief can write any time into a record.
    """
    now = now or datetime.now(UTC)
    revoked = {one.kid: one.revoked_at for one in known.keys if one.revoked_at}
    troubles: list[Trouble] = []
    seen: list[_Seen] = []
    times: dict[str, datetime | None] = {}  # of each chain's last record that says one
    number = verified = unsigned = 0
    for message in source.messages:
        number += 1
        signature, record = split(message)
        record_id, station, started = _named(record)
        if not signature:
            if _is_of_0_1(record):
                unsigned += 1
            else:
                text = f"message {number}: no signature, and only version 0.1 signed nothing"
                troubles.append(Trouble("unsigned", text, record_id))
            continue
        try:
            header = header_of(signature)
        except NotGenuine as error:
            troubles.append(Trouble("altered", f"message {number}: {error}", record_id))
            continue
        seen.append(_Seen(link_of(header, digest(message), record_id), station))
        trouble = _of_its_signature(message, header, keys, record_id)
        started = times[header.chain] = (
            started or times.get(header.chain) or _opened_at(header.chain)
        )
        if trouble is None and header.kid in revoked and _since(now, revoked[header.kid]):
            text = f"the key {header.kid} is revoked since {revoked[header.kid]}"
            if not _since(started, revoked[header.kid]):
                text += ", and only a host that received this before can say that it is older"
            trouble = Trouble("revoked", text, record_id, header.chain, header.position)
        if trouble is not None:
            troubles.append(trouble)
        else:
            verified += 1
    notes = _notes(source, seen, unsigned)
    for links in _by_station(seen).values():
        for finding in audit(links, _head(source, links)):
            if finding.kind == "missing" and not source.complete and not _is_tail(finding, links):
                notes.append(
                    f"chain {finding.chain}: {finding.text} here: delivered records are put away"
                    " after a while, and what was deleted looks the same"
                )
                continue
            here = [one for one in links if (one.chain, one.position) == finding[1:3]]
            troubles.append(
                Trouble(
                    finding.kind,
                    finding.text,
                    here[0].record_id if here else "",
                    finding.chain,
                    finding.first,
                )
            )
    if source.ordered:
        troubles += _out_of_order(seen)
    order = {
        chain: place for place, chain in enumerate(dict.fromkeys(one.link.chain for one in seen))
    }
    troubles.sort(key=lambda one: (order.get(one.chain, len(order)), one.position))
    return Report(
        messages=number,
        verified=verified,
        unsigned=unsigned,
        chains=len(order),
        troubles=tuple(troubles),
        cannot_know=tuple(notes),
        elsewhere=_elsewhere(source, seen) if source.complete else (),
    )


def _of_its_signature(
    message: bytes, header: Header, keys: Mapping[str, VerifyKey], record_id: str
) -> Trouble | None:
    try:
        verify(message, keys)
    except UnknownKey as error:
        what, text = "unknown_key", str(error)
    except NotGenuine as error:
        what, text = "altered", str(error)
    else:
        return None
    return Trouble(what, text, record_id, header.chain, header.position)


class _Named(msgspec.Struct):
    """The head of a record: a run has `started_at`, an event `at`, a plan neither."""

    schema: str = ""
    record_id: str = ""
    station: str = ""
    started_at: datetime | None = None
    at: datetime | None = None


_decode_named = msgspec.json.Decoder(_Named).decode


def _named(record: bytes) -> tuple[str, str, datetime | None]:
    """Return id, station and time of a record, as far as it says them."""
    try:
        named = _decode_named(record)
    except UNREADABLE:
        return "", "", None
    return named.record_id, named.station, named.started_at or named.at


def _is_of_0_1(record: bytes) -> bool:
    try:
        return _decode_named(record).schema == version_1.RUN
    except UNREADABLE:
        return False


def _opened_at(chain: str) -> datetime | None:
    """Return when a chain was opened: its name is a UUIDv7 (RFC 9562, 5.7)."""
    try:
        name = UUID(chain)
        return datetime.fromtimestamp((name.int >> 80) / 1000, UTC) if name.version == 7 else None
    except (ValueError, OverflowError, OSError):
        return None


def _since(when: datetime | None, revoked_at: str) -> bool:
    """Tell whether a key was revoked at that time; also where either time is not known."""
    try:
        revoked = datetime.fromisoformat(revoked_at)
    except ValueError:
        return True
    return when is None or _utc(when) >= _utc(revoked)


def _utc(when: datetime) -> datetime:
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _by_station(seen: Sequence[_Seen]) -> dict[str, list[Link]]:
    """Return the links of each station. A plan names none: it is its chain's."""
    stations = {one.link.chain: one.station for one in seen if one.station}
    links: dict[str, list[Link]] = defaultdict(list)
    for one in seen:
        links[stations.get(one.link.chain, "")].append(one.link)
    return links


def _head(source: Source, links: Sequence[Link]) -> Link | None:
    """Return the stated head of the station that these links are of."""
    chains = {one.chain for one in links} | {one.after_chain for one in links}
    found = [head for head in source.heads if head.chain in chains]
    return Link(found[-1].chain, found[-1].position, "", found[-1].digest) if found else None


def _elsewhere(source: Source, seen: Sequence[_Seen]) -> tuple[Head, ...]:
    here = {one.link.chain for one in seen} | {one.link.after_chain for one in seen}
    return tuple(head for head in source.heads if head.chain not in here)


def _is_tail(finding: Finding, links: Sequence[Link]) -> bool:
    """Tell whether the missing part follows the last link that is here: it was never put away."""
    last = max((one.position for one in links if one.chain == finding.chain), default=0)
    return finding.first > last > 0


def _out_of_order(seen: Sequence[_Seen]) -> list[Trouble]:
    last: dict[str, int] = {}
    troubles = []
    for link, _ in seen:
        before = last.get(link.chain, 0)
        if link.position < before:
            text = f"position {link.position} comes after position {before}"
            troubles.append(Trouble("order", text, link.record_id, link.chain, link.position))
        last[link.chain] = max(before, link.position)
    return troubles


def _notes(source: Source, seen: Sequence[_Seen], unsigned: int) -> list[str]:
    notes = []
    if unsigned:
        notes.append(
            f"{unsigned} records are not signed, as version 0.1 left them: nobody can say whether"
            " they were altered, or whether some are missing"
        )
    stated = {head.chain for head in source.heads}
    for station, links in _by_station(seen).items():
        if any(one.chain in stated for one in links):
            continue
        followed = {one.after_chain for one in links}
        ends = {one.chain: 0 for one in links if one.chain not in followed}
        for one in links:
            if one.chain in ends:
                ends[one.chain] = max(ends[one.chain], one.position)
        notes += [
            f"whether {station or 'the station'} signed more after position {position} of chain"
            f" {chain}: nobody states a head of it (--head)"
            for chain, position in ends.items()
        ]
    return notes
