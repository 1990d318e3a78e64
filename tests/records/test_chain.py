"""The chains of a station tell what is missing, altered, out of order, or made by a copied card."""

import hashlib
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.chain import Finding, Link, audit, gaps


class Station:
    """A card with its chains; `restart` opens a new one, as each start of the service does."""

    def __init__(self, name: str = "card", head: Link | None = None) -> None:
        self.name = name
        self.starts = 0
        self.head = head
        self.position = 0
        self.restart()

    def restart(self) -> None:
        self.starts += 1
        self.chain = f"{self.name}-{self.starts}"
        self.position = 0

    def sign(self) -> Link:
        self.position += 1
        before = self.head
        first = self.position == 1
        made = Link(
            self.chain,
            self.position,
            before.digest if before else "",
            hashlib.sha256(f"{self.chain} {self.position}".encode()).hexdigest(),
            after_chain=before.chain if before and first else "",
            after_position=before.position if before and first else 0,
        )
        self.head = made
        return made

    def copy(self, name: str) -> "Station":
        """Return the same card in another station, at its next start."""
        return Station(name, self.head)


def three_chains() -> tuple[Station, list[Link]]:
    station = Station()
    links = []
    for number in range(12):
        if number in (5, 9):
            station.restart()
        links.append(station.sign())
    return station, links


def kinds(findings: Sequence[Finding]) -> list[tuple[str, str, int, int]]:
    return [(one.kind, one.chain, one.first, one.last) for one in findings]


def test_whole_chains_have_no_trouble_in_any_order_of_arrival() -> None:
    station, links = three_chains()
    random.Random(1).shuffle(links)
    assert audit([*links, links[3]], station.head) == []
    assert audit([]) == []


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ([1, 2], [("missing", "card-1", 2, 3)]),
        ([0], [("missing", "card-1", 1, 1)]),
        ([4], [("missing", "card-1", 5, 5)]),  # the last of its chain: the next chain names it
        ([3, 4], [("missing", "card-1", 4, 5)]),
        ([5], [("missing", "card-2", 1, 1)]),
        ([5, 6, 7, 8], [("missing", "card-2", 1, 4)]),  # a whole chain
        ([2, 7], [("missing", "card-1", 3, 3), ("missing", "card-2", 3, 3)]),
        ([11], [("missing", "card-3", 3, 3)]),
        ([9, 10, 11], [("missing", "card-3", 1, 3)]),
    ],
)
def test_what_is_missing_is_named_by_chain_and_position(
    gone: list[int], expected: list[tuple[str, str, int, int]]
) -> None:
    station, links = three_chains()
    left = [link for number, link in enumerate(links) if number not in gone]
    findings = audit(left, station.head)
    assert kinds(findings) == expected
    assert gaps(findings) == [(chain, first, last) for _, chain, first, last in expected]


def test_a_missing_tail_is_found_only_against_a_stated_head() -> None:
    station, links = three_chains()
    assert audit(links[:-1]) == []
    assert kinds(audit(links[:-1], station.head)) == [("missing", "card-3", 3, 3)]


@given(st.sets(st.integers(0, 11)))
def test_asking_for_what_is_missing_until_nothing_is_brings_everything_back(gone: set[int]) -> None:
    """The first link of a chain may be missing, too, so that each answer may show another gap."""
    station, links = three_chains()
    by_place = {(link.chain, link.position): link for link in links}
    held = [link for number, link in enumerate(links) if number not in gone]
    for _ in range(len(links) + 1):
        findings = audit(held, station.head)
        assert {one.kind for one in findings} <= {"missing"}
        asked = [
            by_place[chain, position]
            for chain, first, last in gaps(findings)
            for position in range(first, last + 1)
        ]
        assert not set(asked) & set(held)
        if not asked:
            break
        held += asked
    assert set(held) == set(links)


def test_a_record_that_was_exchanged_breaks_the_chain() -> None:
    station, links = three_chains()
    links[2] = links[2]._replace(digest="00" * 32)
    assert kinds(audit(links, station.head)) == [("broken", "card-1", 4, 4)]


def test_the_last_record_of_a_chain_that_was_exchanged_is_found_by_the_next_chain() -> None:
    station, links = three_chains()
    links[4] = links[4]._replace(digest="00" * 32)
    assert kinds(audit(links, station.head)) == [("broken", "card-2", 1, 1)]


def test_the_head_itself_that_was_exchanged_is_found_by_the_stations_word() -> None:
    station, links = three_chains()
    links[11] = links[11]._replace(digest="00" * 32)
    assert kinds(audit(links, station.head)) == [("broken", "card-3", 3, 3)]


def test_a_copied_card_is_a_fork() -> None:
    station = Station()
    links = [station.sign() for _ in range(3)]
    copy = station.copy("copy")
    station.restart()
    links += [station.sign(), copy.sign(), station.sign(), copy.sign()]
    findings = audit(links)
    assert {one.kind for one in findings} == {"fork"}
    assert "copied" in findings[0].text


def test_a_restored_card_is_a_fork() -> None:
    """It goes on from where it was when it was backed up, and the host knows what came after."""
    station = Station()
    links = [station.sign() for _ in range(3)]
    restored = station.copy("restored")
    links += [station.sign() for _ in range(2)]
    links += [restored.sign()]
    assert [(one.kind, one.chain) for one in audit(links)] == [("fork", "restored-1")]


def test_a_restored_card_is_told_from_a_lost_tail() -> None:
    station = Station()
    links = [station.sign() for _ in range(5)]
    station.restart()
    after = station.sign()
    lost = audit([*links[:3], after])
    assert kinds(lost) == [("missing", "card-1", 4, 5)]


def test_two_signatures_for_one_position_are_a_fork() -> None:
    _, links = three_chains()
    twice = links[2]._replace(digest="11" * 32)
    assert ("fork", "card-1", 3, 3) in kinds(audit([*links, twice]))


def test_what_comes_before_the_first_link_of_all_is_nothing() -> None:
    first = Station().sign()
    assert first.previous == ""
    assert audit([first]) == []
