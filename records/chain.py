"""Tell from signed records what is missing, altered, out of order or made by a copied card.

Each start of a station's service opens a new chain, whose first link names the last head that the
station knew. So the chains of a station make one line, in which these are told apart:

* a gap: a position that no place has, or a predecessor that none has;
* a fork: two links that name the same predecessor. A copied card runs twice, or a restored one runs
  again from an older state.

A tail that is missing leaves no trace in what is there: it is found only against a head that the
station states elsewhere.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from records.signing import Header


class Link(NamedTuple):
    """The facts of a signed message that are kept. `digest` is that of the message as sent."""

    chain: str
    position: int
    previous: str
    digest: str
    kid: str = ""
    record_id: str = ""
    after_chain: str = ""
    after_position: int = 0


Chains = Mapping[str, Mapping[int, set[Link]]]
Kind = Literal["missing", "fork", "broken"]


class Finding(NamedTuple):
    """One trouble of a chain. `first` to `last` are positions, both included.

    `missing`: no place has these. `fork`: two links go on from the same one. `broken`: a link names
    another predecessor than the one that is there.
    """

    kind: Kind
    chain: str
    first: int
    last: int
    text: str


def link_of(header: Header, digest: str, record_id: str = "") -> Link:
    """Return the link that a message with this header is."""
    return Link(
        header.chain,
        header.position,
        header.previous,
        digest,
        header.kid,
        record_id,
        header.after_chain,
        header.after_position,
    )


def audit(links: Iterable[Link], head: Link | None = None) -> list[Finding]:
    """Return every trouble of the chains of one station, in the order of chains and positions.

    Any order of arrival will do, and the same link may come twice. With a stated `head`, which is
    the station's own word of how far it has come, a missing tail is found, too.
    """
    chains: dict[str, dict[int, set[Link]]] = defaultdict(lambda: defaultdict(set))
    digests: set[str] = set()
    for link in links:
        chains[link.chain][link.position].add(link)
        digests.add(link.digest)
    findings: list[Finding] = []
    for chain, positions in chains.items():
        findings += _inside(chain, positions)
    findings += _between(chains, digests)
    if head is not None:
        findings += _tail(chains.get(head.chain, {}), head)
    order = {chain: number for number, chain in enumerate(chains)}
    return sorted(findings, key=lambda one: (order.get(one.chain, len(order)), one.first))


def _inside(chain: str, positions: Mapping[int, set[Link]]) -> list[Finding]:
    findings: list[Finding] = []
    known = sorted(positions)
    for before, after in zip([0, *known], known, strict=False):
        if after > before + 1:
            findings.append(_missing(chain, before + 1, after - 1))
    for position in known:
        here = positions[position]
        if len(here) > 1:
            findings.append(
                Finding(
                    "fork",
                    chain,
                    position,
                    position,
                    f"position {position} was signed {len(here)} times: a copied or restored card",
                )
            )
        before_it = {one.digest for one in positions.get(position - 1, ())}
        if position > 1 and before_it:
            findings += [
                Finding(
                    "broken",
                    chain,
                    position,
                    position,
                    f"position {position} does not follow the record at position {position - 1}",
                )
                for link in here
                if link.previous not in before_it
            ]
    return findings


def _between(chains: Chains, digests: set[str]) -> list[Finding]:
    """Return the findings of the first links about the chains before them."""
    firsts = [one for its in chains.values() for one in its.get(1, ())]
    inner = {
        one.previous: one
        for its in chains.values()
        for position, here in its.items()
        for one in here
        if position > 1
    }
    findings: list[Finding] = []
    followers: dict[str, set[str]] = defaultdict(set)
    for first in firsts:
        followers[first.previous].add(first.chain)
        if first.previous and first.previous not in digests:
            findings += _before(first, chains.get(first.after_chain, {}))
        if (other := inner.get(first.previous)) is not None:
            text = (
                f"this chain goes on from before position {other.position} of chain {other.chain}:"
                " a card was copied, or restored from an older copy"
            )
            findings.append(Finding("fork", first.chain, 1, 1, text))
    for names in followers.values():
        if len(names) > 1:
            text = (
                f"chains {', '.join(sorted(names))} go on from the same record: a card was copied,"
                " or restored from an older copy"
            )
            findings.append(Finding("fork", min(names), 1, 1, text))
    return findings


def _before(first: Link, positions: Mapping[int, set[Link]]) -> list[Finding]:
    """Return the findings about the end of the chain that `first` goes on from."""
    last = max(positions, default=0)
    if first.after_position > last:
        return [_missing(first.after_chain, last + 1, first.after_position)]
    text = (
        f"this chain goes on from position {first.after_position} of chain {first.after_chain}, and"
        " another record is there"
    )
    if first.after_position in positions:
        return [Finding("broken", first.chain, 1, 1, text)]
    return []  # it is in a gap of that chain, which is named already


def _tail(positions: Mapping[int, set[Link]], head: Link) -> list[Finding]:
    last = max(positions, default=0)
    if head.position > last:
        return [_missing(head.chain, last + 1, head.position)]
    here = {one.digest for one in positions.get(head.position, ())}
    if head.digest and here and head.digest not in here:
        return [
            Finding(
                "broken",
                head.chain,
                head.position,
                head.position,
                f"position {head.position} is not the record that the station states as its head",
            )
        ]
    return []


def _missing(chain: str, first: int, last: int) -> Finding:
    which = f"position {first} is" if first == last else f"positions {first} to {last} are"
    return Finding("missing", chain, first, last, f"{which} missing")


def gaps(findings: Sequence[Finding]) -> list[tuple[str, int, int]]:
    """Return what is missing as chain, first and last position, for asking the station again."""
    return [(one.chain, one.first, one.last) for one in findings if one.kind == "missing"]
