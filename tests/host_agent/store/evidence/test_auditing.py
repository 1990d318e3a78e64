"""The chains of a station are audited as links come in, and the answer is that of the whole."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from host_agent.store import Store, StoreError
from host_agent.store.evidence import auditing
from host_agent.store.evidence.asking import LOST_AFTER
from host_agent.store.evidence.verifying import LinkRow, Portion
from records import StationState, encode
from records.chain import Finding, Link, audit
from records.messages import Wanted
from tests.host_agent.load import example_record
from tests.host_agent.store.evidence.signing import Card, settle, tell
from tests.records.test_chain import Station, three_chains

SOON = timedelta(minutes=5)


def link_row(link: Link, station: str = "a") -> LinkRow:
    return LinkRow(
        link.digest,
        station,
        link.chain,
        link.position,
        link.previous,
        link.after_chain,
        link.after_position,
        "k",
        link.digest,
        "fits",
    )


def arrive(store: Store, links: list[Link]) -> None:
    store.note_links(Portion([link_row(one) for one in links], [], 0, 0, more=False))


def found(store: Store) -> set[tuple[str, str, int, int]]:
    return {(one.kind, one.chain, one.first, one.last) for one in store.findings()}


def of_the_whole(links: list[Link], head: Link | None = None) -> set[tuple[str, str, int, int]]:
    return {(one.kind, one.chain, one.first, one.last) for one in audit(links, head)}


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Link], list[list[Link]]]:
    """Return what arrived of a station's links, and in which portions; copies, losses and all."""
    cards = [Station("card")]
    links: list[Link] = []
    for _ in range(draw(st.integers(1, 24))):
        card = draw(st.sampled_from(cards))
        match draw(st.integers(0, 9)):
            case 0 if len(cards) < 3:
                cards.append(card.copy(f"copy{len(cards)}"))
            case 1:
                card.restart()
            case 2 if links:
                made = card.sign()
                links += [made, made._replace(digest=f"again {made.digest}")]
            case 3:
                made = card.sign()
                links.append(made._replace(previous=f"not {made.previous}, {len(links)}"))
            case _:
                links.append(card.sign())
    order = random.Random(draw(st.integers(0, 2**16)))
    arrived = [one for one in links if order.random() > 0.2]
    if draw(st.booleans()):
        order.shuffle(arrived)
    portions: list[list[Link]] = []
    while arrived:
        size = order.randint(1, 5)
        portions.append(arrived[:size])
        arrived = arrived[size:]
    return [one for portion in portions for one in portion], portions


@given(life=lives())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_portions_in_any_order_come_to_what_the_whole_comes_to(
    life: tuple[list[Link], list[list[Link]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    links, portions = life
    path = tmp_path_factory.getbasetemp() / "audit.db"
    with Store(f"sqlite:///{path}") as store:
        store.open()
        store.forget_links()
        with store._engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM findings")
        for portion in portions:
            arrive(store, portion)
        assert found(store) == of_the_whole(links)


def test_a_gap_is_found_asked_for_with_doubling_pauses_and_closes_when_it_is_filled(
    store: Store,
) -> None:
    card = Card()
    messages = [card.sign(example_record("bench-1", number)) for number in range(6)]
    tell(store, "bench-1", card.state(), topic="state")
    tell(store, "bench-1", *messages[:2], *messages[4:])
    settle(store)
    (gap,) = store.findings()
    assert (gap.kind, gap.first, gap.last, gap.state) == ("missing", 3, 4, "open")
    assert store.evidence_troubles() == []  # it may still be on its way
    now = datetime.now(UTC)
    assert store.due_requests(now) == []
    pauses: list[float] = []
    asked = now + timedelta(seconds=11)
    for _ in range(4):
        (due,) = store.due_requests(asked)
        assert due.station == "bench-1"
        assert due.request.records == (Wanted(chain=card.chain, first=3, last=4),)
        store.note_asked([due], asked)
        before = asked
        while not store.due_requests(asked):
            asked += timedelta(seconds=1)
        pauses.append((asked - before).total_seconds())
    assert pauses == [10.0, 20.0, 40.0, 80.0]
    (trouble,) = store.evidence_troubles(now + SOON)
    assert "positions 3 to 4 are missing" in trouble
    assert "asked for 4 times" in trouble
    tell(store, "bench-1", *messages[2:4])
    settle(store)
    assert store.findings() == []
    assert store.due_requests(now + timedelta(days=1)) == []
    (closed,) = store.findings(closed=True)
    assert closed.reason == "it has come"


def test_what_a_station_never_sends_is_lost_with_its_positions_and_may_still_come(
    store: Store,
) -> None:
    card = Card()
    messages = [card.sign(example_record("bench-1", number)) for number in range(9)]
    tell(store, "bench-1", card.state(), topic="state")
    tell(store, "bench-1", messages[0], *messages[4:8])
    settle(store)
    at = datetime.now(UTC)
    for _ in range(LOST_AFTER):
        at += timedelta(hours=2)
        store.note_asked(store.due_requests(at), at)
    lost = store.findings()
    assert [(one.first, one.last, one.state) for one in lost] == [(2, 4, "lost"), (9, 9, "lost")]
    assert any("positions 2 to 4 are missing" in one for one in store.evidence_troubles(at))
    assert any("lost" in one for one in store.evidence_troubles(at))
    tell(store, "bench-1", messages[8])  # the chain goes on beyond what is lost
    settle(store)
    assert [(one.first, one.last, one.state) for one in store.findings()] == [(2, 4, "lost")]
    tell(store, "bench-1", messages[2])
    settle(store)
    left = sorted((one.first, one.last, one.state) for one in store.findings())
    assert left == [(2, 2, "lost"), (4, 4, "lost")]
    tell(store, "bench-1", messages[1], messages[3])
    settle(store)
    assert store.findings() == []


def test_a_tail_is_missed_by_the_stated_head_but_not_while_it_waits_at_the_station(
    store: Store,
) -> None:
    card = Card()
    messages = [card.sign(example_record("bench-1", number)) for number in range(5)]
    tell(store, "bench-1", *messages[:3])
    tell(store, "bench-1", card.state(waiting=2), topic="state")
    settle(store)
    later = datetime.now(UTC) + SOON
    assert found(store) == {("missing", card.chain, 4, 5)}
    assert store.evidence_troubles(later) == []
    assert store.due_requests(later) == []
    tell(store, "bench-1", card.state(waiting=0), topic="state")
    assert len(store.evidence_troubles(later)) == 1
    assert len(store.due_requests(later)) == 1
    last_will = encode(StationState(station="bench-1", online=False))
    tell(store, "bench-1", last_will, topic="state")
    assert store.heads()["bench-1"].position == 5  # a last will takes no head away
    assert store.due_requests(later) == []  # a station that is away is not asked


def test_a_restored_card_is_a_fork_that_stays_until_a_person_closes_it(store: Store) -> None:
    links = three_chains()[1]
    station = Station("restored", links[3])
    arrive(store, links[:7])
    assert store.findings() == []
    arrive(store, [station.sign()])
    (fork,) = store.findings()
    assert fork.kind == "fork"
    assert "a card was copied" in fork.text
    arrive(store, [station.sign()])
    assert store.close_finding(fork.id, "the card of August was restored").state == "closed"
    arrive(store, [station.sign()])
    assert store.findings() == []
    with pytest.raises(StoreError, match="number 99"):
        store.close_finding(99, "")


def test_the_newest_links_of_a_long_chain_are_audited_without_reading_the_rest(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Station("card")
    arrive(file_store, [card.sign() for _ in range(3000)])
    audited: list[int] = []

    def watched(links: list[Link], head: Link | None) -> list[Finding]:
        audited.append(len(links))
        return audit(links, head)

    monkeypatch.setattr(auditing, "audit", watched)
    arrive(file_store, [card.sign() for _ in range(100)])
    assert audited == [101]
    assert file_store.findings() == []


def test_links_of_one_station_say_nothing_of_another(store: Store) -> None:
    links = three_chains()[1]
    store.note_links(Portion([link_row(one, "a") for one in links[:5]], [], 0, 0, more=False))
    store.note_links(Portion([link_row(one, "b") for one in links[8:]], [], 0, 0, more=False))
    assert {one.station for one in store.findings()} == {"b"}
