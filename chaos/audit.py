"""Compare what operators saw with what the host holds: each once, byte for byte, no gap unnamed.

Nothing here calls the product's own audit of chains, which is among the things that are tried.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from records.signing import NotGenuine, digest, header_of

Place = tuple[str, int]
"""A chain and a position in it."""


class Shown(NamedTuple):
    """A verdict that a station showed. `sha256` is that of the record without its signature."""

    record_id: str
    sequence: int
    sha256: str
    verdict: str


class Seen(NamedTuple):
    """Holds the sightings at a station: runs that began, in any process, and verdicts."""

    begun: Mapping[str, int]
    shown: Sequence[Shown]


class HeldRun(NamedTuple):
    """A run at the host, as the station sent it. `message` is signature, newline and record."""

    record_id: str
    sequence: int
    verdict: str
    record_sha256: str
    message: bytes


class Gap(NamedTuple):
    """Positions of a chain that the host names as missing, forked or broken."""

    kind: str
    chain: str
    first: int
    last: int


class Held(NamedTuple):
    """The contents of a host. `others` are plans, events, and records under a second signature.

    `quarantined` are messages that contradict a record which is there: they are links of a chain.
    """

    runs: Sequence[HeldRun]
    others: Sequence[bytes] = ()
    findings: Sequence[Gap] = ()
    quarantined: Sequence[bytes] = ()


class Audit(NamedTuple):
    """The differences, each as one line. All but `named` have to be empty.

    `unnamed` are holes and breaks of chains, `named` those that a fault excuses and the host names.
    """

    lost: tuple[str, ...]
    altered: tuple[str, ...]
    doubled: tuple[str, ...]
    unnamed: tuple[str, ...]
    named: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.altered or self.doubled or self.unnamed)


def audit(
    seen: Seen, held: Held, *, destroyed: Mapping[str, Place] | None = None, forked: bool = False
) -> Audit:
    """Return the differences between a witness's word and a host.

    `destroyed` are the records that a fault may have destroyed for good, with their places: one
    of them may be missing, or stand as aborted, where the host names its place, and nowhere else.
    `forked`: a copy of a station's card was put back, so that one number may stand for two runs
    where that is named. Without either, a gap that is named is as bad as one that is not.
    """
    named_places = _named(held.findings)
    excused = {
        record_id
        for record_id, place in (destroyed or {}).items()
        if place == NEVER_FINISHED or _covers(named_places, place)
    }
    lost, named = _lost(seen, held, excused)
    altered, aborted = _altered(seen, held, excused)
    unnamed, gaps = _chains(held, named_places)
    doubled = _doubled(held)
    if forked and any(one.kind == "fork" for one in held.findings):
        named += [f"named fork: {one}" for one in doubled if one.startswith("number")]
        doubled = [one for one in doubled if not one.startswith("number")]
    named += [*aborted, *gaps]
    if not (destroyed or forked):  # nothing was destroyed: then a name is no excuse
        unnamed, named = [*unnamed, *named], []
    return Audit(tuple(lost), tuple(altered), tuple(doubled), tuple(unnamed), tuple(named))


def _named(findings: Iterable[Gap]) -> dict[str, list[Gap]]:
    places: dict[str, list[Gap]] = defaultdict(list)
    for one in findings:
        places[one.chain].append(one)
    return places


def _covers(named: Mapping[str, Sequence[Gap]], place: Place) -> bool:
    chain, position = place
    return any(one.first <= position <= one.last for one in named.get(chain, ()))


def _lost(seen: Seen, held: Held, excused: AbstractSet[str]) -> tuple[list[str], list[str]]:
    """Return what is missing, and what of that was destroyed with its place named."""
    here = {run.record_id for run in held.runs}
    lost, told = [], []
    ended = {one.record_id for one in seen.shown}
    away = [(one.record_id, f"{one.verdict} of number {one.sequence}") for one in seen.shown]
    away += [
        (record_id, f"what began as number {sequence}")
        for record_id, sequence in seen.begun.items()
        if record_id not in ended
    ]
    for record_id, what in away:
        if record_id in here:
            continue
        if record_id in excused:
            told.append(f"{what} was destroyed, and that is named: {record_id}")
        else:
            lost.append(f"{what} is not at the host: {record_id}")
    return lost, told


NEVER_FINISHED: Place = ("", 0)
"""The place of a run whose draft was destroyed: there was no record of it yet."""


def _altered(seen: Seen, held: Held, excused: AbstractSet[str]) -> tuple[list[str], list[str]]:
    """Return what is another record, and where that is what a journal still knew."""
    shown = {one.record_id: one for one in seen.shown}
    altered, told = [], []
    for run in held.runs:
        if run.sequence < 0:
            altered.append(f"{run.record_id} does not read at the host")
        one = shown.get(run.record_id)
        if one is None:
            continue
        if one.sha256 != run.record_sha256:
            if run.record_id in excused and run.verdict == "aborted":
                told.append(f"{run.record_id} was {one.verdict}, destroyed, and stands as aborted")
            else:
                altered.append(f"{run.record_id} has other bytes at the host")
        elif (one.sequence, one.verdict) != (run.sequence, run.verdict):
            altered.append(f"{run.record_id} is {run.verdict} at the host, shown was {one.verdict}")
    return altered, told


def _doubled(held: Held) -> list[str]:
    by_id = Counter(run.record_id for run in held.runs)
    by_number: dict[int, set[str]] = defaultdict(set)
    for run in held.runs:
        by_number[run.sequence].add(run.record_id)
    doubled = [f"record {one} is there {count} times" for one, count in by_id.items() if count > 1]
    doubled += [
        f"number {number} stands for {len(ids)} runs"
        for number, ids in by_number.items()
        if len(ids) > 1
    ]
    return doubled


def _chains(held: Held, named: Mapping[str, Sequence[Gap]]) -> tuple[list[str], list[str]]:
    """Return the breaks of chains that the host does not name, and those that it does."""
    links: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    begins: dict[str, tuple[str, Place]] = {}
    unnamed, told = [], []

    def tell(what: str, chain: str, position: int) -> None:
        if _covers(named, (chain, position)):
            told.append(f"{what} at {chain}:{position}")
        else:
            unnamed.append(f"{what} at {chain}:{position}, and the host does not name it")

    digests: set[str] = set()
    runs = (run.message for run in held.runs)
    for message in (*runs, *held.others, *held.quarantined):
        signature, newline, _ = message.partition(b"\n")
        if not newline or message.startswith(b"{"):
            continue
        try:
            header, own = header_of(signature), digest(message)
        except NotGenuine:
            if message not in held.quarantined:
                unnamed.append(f"a signature does not read: {signature[:40]!r}")
            continue
        digests.add(own)
        before = links[header.chain].get(header.position)
        if before is not None and before[0] != own:
            tell("two records", header.chain, header.position)
        links[header.chain][header.position] = (own, header.previous)
        if header.position == 1:
            begins[header.chain] = (header.previous, (header.after_chain, header.after_position))
    for chain, positions in links.items():
        for position in range(1, max(positions) + 1):
            if position not in positions:
                tell("nothing", chain, position)
            elif position - 1 in positions and positions[position][1] != positions[position - 1][0]:
                tell("another predecessor", chain, position)
    for chain, (previous, (after_chain, after_position)) in begins.items():
        if previous and previous not in digests:
            _tell_tail(links, named, (after_chain, after_position), chain, unnamed, told)
    return unnamed, told


def _tell_tail(
    links: Mapping[str, Mapping[int, object]],
    named: Mapping[str, Sequence[Gap]],
    after: Place,
    chain: str,
    unnamed: list[str],
    told: list[str],
) -> None:
    """Tell the end of a chain that the next one names and that is not there."""
    what = f"chain {chain} goes on after {after[0]}:{after[1]}, which is not there"
    explained = _covers(named, after) or _covers(named, (chain, 1))
    (told if explained else unnamed).append(what)
