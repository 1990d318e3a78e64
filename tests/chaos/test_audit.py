"""Tests that the audit can fail: whatever is broken on purpose, it says so."""

import hashlib
from dataclasses import dataclass

import pytest
from nacl.signing import SigningKey

from chaos.audit import NEVER_FINISHED, Gap, Held, HeldRun, Seen, Shown, audit
from records.signing import ALGORITHM, Header, digest, sign

KEY = SigningKey(bytes(range(32)))
PLAN = 2
"""The position of a plan among the runs."""


@dataclass
class Story:
    """The book of a witness about two chains, and a host that holds all of it."""

    seen: Seen
    runs: list[HeldRun]
    others: list[bytes]

    def held(self, *findings: Gap) -> Held:
        return Held(self.runs, self.others, findings)


@pytest.fixture
def story() -> Story:
    begun: dict[str, int] = {}
    shown, runs, others = [], [], []
    previous, after = "", ("", 0)
    number = 0
    for chain in ("chain-1", "chain-2"):
        for position in range(1, 6):
            number += 1
            record_id = f"{chain}-{position}"
            record = f'{{"record_id":"{record_id}"}}'.encode()
            of_before = after if position == 1 else ("", 0)
            header = Header(
                alg=ALGORITHM,
                kid="k",
                chain=chain,
                position=position,
                previous=previous,
                after_chain=of_before[0],
                after_position=of_before[1],
            )
            message = sign(record, KEY, header)
            previous, after = digest(message), (chain, position)
            if position == PLAN:
                others.append(message)
                continue
            sha256 = hashlib.sha256(record).hexdigest()
            begun[record_id] = number
            shown.append(Shown(record_id, number, sha256, "pass"))
            runs.append(HeldRun(record_id, number, "pass", sha256, message))
    return Story(Seen(begun, shown), runs, others)


def test_what_is_whole_is_clean(story: Story) -> None:
    found = audit(story.seen, story.held())
    assert found.clean
    assert found.named == ()


@pytest.mark.parametrize("number", range(8))
def test_a_dropped_row_is_lost_and_leaves_a_gap_that_nobody_names(
    story: Story, number: int
) -> None:
    gone = story.runs.pop(number)
    found = audit(story.seen, story.held())
    assert [gone.record_id in one for one in found.lost] == [True]
    last_of_all = number == 7  # of a chain's tail nothing is left to see
    assert bool(found.unnamed) is not last_of_all


def test_a_message_in_the_quarantine_is_a_link_and_no_record(story: Story) -> None:
    gone = story.runs.pop(2)
    held = story.held()._replace(quarantined=[gone.message])
    found = audit(story.seen, held)
    assert [gone.record_id in one for one in found.lost] == [True]
    assert found.unnamed == ()


def test_a_signature_that_does_not_read_is_told_unless_it_is_in_the_quarantine(
    story: Story,
) -> None:
    story.others.append(b'?\n{"other":1}')
    assert "does not read" in audit(story.seen, story.held()).unnamed[0]
    poison = [story.others.pop()]
    assert audit(story.seen, story.held()._replace(quarantined=poison)).clean


def test_a_lost_plan_is_a_gap(story: Story) -> None:
    story.others.pop()
    found = audit(story.seen, story.held())
    assert found.lost == ()
    assert "chain-2:2" in found.unnamed[0]


def test_a_gap_that_the_host_names_is_no_excuse_where_nothing_was_destroyed(story: Story) -> None:
    gone = story.runs.pop(2)
    gap = Gap("missing", "chain-1", 4, 4)
    found = audit(story.seen, story.held(gap))
    assert [gone.record_id in one for one in found.lost] == [True]
    assert len(found.unnamed) == 1
    elsewhere = {"another": ("chain-1", 5)}
    found = audit(story.seen, story.held(gap), destroyed=elsewhere)
    assert [gone.record_id in one for one in found.lost] == [True]
    assert len(found.named) == 1


def test_what_was_destroyed_is_excused_only_at_the_place_that_the_host_names(
    story: Story,
) -> None:
    gone = story.runs.pop(2)
    places = {gone.record_id: ("chain-1", 4)}
    named = audit(story.seen, story.held(Gap("missing", "chain-1", 4, 4)), destroyed=places)
    assert named.clean
    elsewhere = Gap("missing", "chain-1", 5, 5)
    assert audit(story.seen, story.held(elsewhere), destroyed=places).lost
    assert audit(story.seen, story.held(), destroyed=places).lost


def test_what_was_destroyed_may_stand_as_aborted_and_as_nothing_else(story: Story) -> None:
    one = story.runs[2]
    places, named = {one.record_id: ("chain-1", 4)}, Gap("missing", "chain-1", 4, 4)
    other = one._replace(record_sha256=hashlib.sha256(b"other").hexdigest())
    story.runs[2] = other._replace(verdict="aborted")
    assert audit(story.seen, story.held(named), destroyed=places).clean
    assert audit(story.seen, story.held(), destroyed=places).altered
    story.runs[2] = other
    assert audit(story.seen, story.held(named), destroyed=places).altered


def test_a_flipped_byte_is_altered(story: Story) -> None:
    one = story.runs[3]
    story.runs[3] = one._replace(record_sha256=hashlib.sha256(b"other").hexdigest())
    assert audit(story.seen, story.held()).altered == (
        f"{one.record_id} has other bytes at the host",
    )


def test_another_verdict_is_altered(story: Story) -> None:
    story.runs[3] = story.runs[3]._replace(verdict="fail")
    assert "shown was pass" in audit(story.seen, story.held()).altered[0]


def test_a_record_that_does_not_read_is_altered_though_nobody_saw_it(story: Story) -> None:
    story.runs.append(HeldRun("unseen", -1, "", "", b"{"))
    assert "unseen" in audit(story.seen, story.held()).altered[0]


def test_a_record_that_is_there_twice_is_doubled(story: Story) -> None:
    story.runs.append(story.runs[0])
    assert audit(story.seen, story.held()).doubled == (
        f"record {story.runs[0].record_id} is there 2 times",
    )


def test_one_number_for_two_runs_is_doubled_unless_a_fork_is_named(story: Story) -> None:
    story.runs.append(HeldRun("again", 1, "pass", "", b"{}"))
    fork = Gap("fork", "chain-2", 1, 1)
    assert audit(story.seen, story.held()).doubled == ("number 1 stands for 2 runs",)
    assert audit(story.seen, story.held(fork)).doubled
    assert audit(story.seen, story.held(fork), forked=True).clean
    assert audit(story.seen, story.held(), forked=True).doubled


def test_two_records_at_one_place_are_told(story: Story) -> None:
    header = Header(alg=ALGORITHM, kid="k", chain="chain-1", position=3, previous="")
    story.others.append(sign(b'{"other":1}', KEY, header))
    assert any("two records" in one for one in audit(story.seen, story.held()).unnamed)


def test_a_record_that_follows_another_one_is_told(story: Story) -> None:
    header = Header(alg=ALGORITHM, kid="k", chain="chain-2", position=6, previous="0" * 64)
    story.others.append(sign(b'{"other":1}', KEY, header))
    assert any("another predecessor" in one for one in audit(story.seen, story.held()).unnamed)


def test_a_run_that_began_and_has_no_record_is_lost(story: Story) -> None:
    story.seen = Seen({**story.seen.begun, "begun": 99}, story.seen.shown)
    assert audit(story.seen, story.held()).lost == (
        "what began as number 99 is not at the host: begun",
    )
    excused = audit(story.seen, story.held(), destroyed={"begun": NEVER_FINISHED})
    assert excused.clean
    assert len(excused.named) == 1
