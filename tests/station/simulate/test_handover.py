"""Waiting for a host, slow or silent, on a clock that only its sleeps move."""

from collections.abc import Callable
from itertools import pairwise

from station.console import DeliveryNotice
from station.delivery.outbox import Counts
from station.simulate.handover import LOOK_S, SAYS_EVERY_S, STANDS_STILL_S, Handover


class SleptTime:
    """Time that passes only where the program sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float, /) -> None:
        self.now_s += seconds


class SlowHost:
    """Confirms one of `records` every `each_s`, but `silent` ones never."""

    def __init__(self, time: SleptTime, records: int, each_s: float, silent: int = 0) -> None:
        self._time = time
        self._began_s = time.now_s
        self._records = records
        self._each_s = each_s
        self._silent = silent

    def counts(self) -> Counts:
        due = int((self._time.now_s - self._began_s) / self._each_s)
        delivered = min(due, self._records - self._silent)
        return Counts(delivered, self._records - delivered, 0)


def wait(time: SleptTime, counts: Callable[[], Counts], handover: Handover) -> list[str]:
    said: list[str] = []
    handover.wait(counts, said.append, time)
    return said


def test_a_host_that_is_ever_so_slow_is_waited_for_as_long_as_it_confirms_something() -> None:
    time = SleptTime()
    host = SlowHost(time, records=10, each_s=0.9 * STANDS_STILL_S)
    handover = Handover()
    handover.hear(DeliveryNotice(connected=True, delivered=0, waiting=10))
    said: list[str] = []
    assert handover.wait(host.counts, said.append, time) == Counts(10, 0, 0)
    assert time.now_s - 1000.0 >= 9 * STANDS_STILL_S
    assert not any("gave up" in one for one in said)
    assert said[0] == (
        "waiting for the host's word on 10 of 10 records: no progress for 10 s, the broker is"
        " there, 0 records are refused"
    )


def test_it_says_what_it_waits_for_every_so_often_and_no_more() -> None:
    time = SleptTime()
    said: list[tuple[float, str]] = []
    host = SlowHost(time, records=2, each_s=45.0)
    Handover().wait(host.counts, lambda text: said.append((time.now_s, text)), time)
    times_s = [1000.0, *(at_s for at_s, _ in said)]
    assert len(said) == 8
    assert all(
        SAYS_EVERY_S <= later_s - sooner_s < SAYS_EVERY_S + 2 * LOOK_S
        for sooner_s, later_s in pairwise(times_s)
    )
    assert "the broker is not found yet" in said[0][1]


def test_a_host_that_stands_still_is_given_up_with_what_is_missing() -> None:
    time = SleptTime()
    host = SlowHost(time, records=4, each_s=7.0, silent=2)
    said = wait(time, host.counts, Handover())
    assert said[-1] == (
        "gave up waiting for the host's word on 2 of 4 records: no progress for 60 s, the broker"
        " is not found yet, 0 records are refused"
    )
    assert STANDS_STILL_S <= time.now_s - 1000.0 - 2 * 7.0 < STANDS_STILL_S + 1.0


def test_a_broker_that_comes_and_goes_and_brings_nothing_is_no_progress() -> None:
    time = SleptTime()
    handover = Handover()
    looks = 0

    def counts() -> Counts:
        nonlocal looks
        looks += 1
        handover.hear(DeliveryNotice(connected=looks % 2 == 0, delivered=0, waiting=1))
        return Counts(0, 1, 0)

    said = wait(time, counts, handover)
    assert said[-1].startswith("gave up")
    assert time.now_s - 1000.0 < STANDS_STILL_S + 2.0


def test_a_refused_record_is_progress_and_is_told() -> None:
    time = SleptTime()

    def counts() -> Counts:
        refused = time.now_s - 1000.0 > 0.5 * STANDS_STILL_S
        return Counts(0, 1, 1) if refused else Counts(0, 2, 0)

    said = wait(time, counts, Handover())
    assert "1 records are refused" in said[-1]
    assert time.now_s - 1000.0 >= 1.5 * STANDS_STILL_S


def test_with_nothing_to_deliver_nobody_waits() -> None:
    time = SleptTime()
    assert wait(time, lambda: Counts(3, 0, 0), Handover()) == []
    assert time.now_s == 1000.0
