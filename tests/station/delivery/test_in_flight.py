"""A record without a receipt is sent again, after pauses that double up to the longest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.delivery.in_flight import InFlight


def send(flight: InFlight, record_id: str, now_s: float) -> None:
    with flight.sending(record_id, now_s):
        pass


@given(st.integers(1, 12))
def test_pauses_double_from_the_shortest_to_the_longest(times: int) -> None:
    flight, now_s = InFlight(2.0, 60.0), 0.0
    for number in range(times):
        send(flight, "a", now_s)
        pause_s = min(2.0 * 2**number, 60.0)
        assert flight.on_their_way(now_s + 0.99 * pause_s) == ["a"]
        now_s += pause_s
        assert flight.on_their_way(now_s) == []


def test_a_record_with_its_receipt_is_forgotten_and_begins_anew() -> None:
    flight = InFlight(2.0, 60.0)
    for _ in range(3):
        send(flight, "a", 0.0)
    flight.received("a")
    flight.received("never sent")
    assert flight.on_their_way(0.0) == []
    send(flight, "a", 0.0)
    assert flight.on_their_way(2.0) == []


def test_after_a_new_connection_only_what_broke_the_old_one_waits() -> None:
    flight = InFlight(2.0, 60.0)
    send(flight, "a", 0.0)
    with pytest.raises(OSError, match="thrown out"), flight.sending("too large", 0.0):
        raise OSError("thrown out")
    flight.forget()
    assert flight.on_their_way(0.0) == ["too large"]
    flight.forget()
    assert flight.on_their_way(0.0) == [], "it is suspected once for each time that it is sent"
