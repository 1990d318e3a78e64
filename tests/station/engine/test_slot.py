"""A slot: one thread, one device at a time, one way out; and the clock it waits with."""

import logging
import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC

import pytest

from drivers.sim.world import SimulatedTime
from records import Phrase
from station.engine.clock import Cancelled, Clock, clock_is_synchronised
from station.engine.events import Answered, Asked, Event, StepStarted
from station.engine.prompts import Prompter
from station.engine.slot import Begin, Slot
from tests.station.benches import make_clock

STARTED = StepStarted(0, Phrase(text="one"))


class Watch:
    """A listener that keeps what a slot told, and from which thread."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Event, str]] = []
        self.slot = Slot("left", self.hear, make_clock)

    def hear(self, slot: str, event: Event) -> None:
        self.told.append((slot, event, threading.current_thread().name))


@pytest.fixture
def watch() -> Watch:
    return Watch()


def until(gate: threading.Event) -> Begin:
    def begin(clock: Clock, prompter: Prompter) -> Iterator[Event]:
        yield STARTED
        while not gate.wait(0.001):
            clock.check()

    return begin


def test_events_come_from_the_slots_own_thread(watch: Watch) -> None:
    (gate := threading.Event()).set()
    watch.slot.start(until(gate))
    watch.slot.join(10)
    assert watch.told == [("left", STARTED, "left")]
    assert not watch.slot.busy


def test_a_busy_slot_takes_no_second_device(watch: Watch) -> None:
    gate = threading.Event()
    watch.slot.start(until(gate))
    assert watch.slot.busy
    with pytest.raises(RuntimeError, match="slot left is busy"):
        watch.slot.start(until(gate))
    gate.set()
    watch.slot.join(10)
    watch.slot.start(until(gate))
    watch.slot.join(10)
    assert len(watch.told) == 2


def test_stopping_wakes_it_and_the_next_run_starts_afresh(watch: Watch) -> None:
    watch.slot.start(until(threading.Event()))
    watch.slot.cancel()
    watch.slot.cancel()
    watch.slot.join(10)
    assert not watch.slot.busy
    (gate := threading.Event()).set()
    watch.slot.start(until(gate))
    watch.slot.join(10)
    assert len(watch.told) == 2


def test_stopping_and_answering_an_idle_slot_does_nothing(watch: Watch) -> None:
    watch.slot.cancel()
    watch.slot.join()
    assert not watch.slot.answer("y")
    assert watch.told == []


def test_a_question_is_answered_through_the_slot(watch: Watch) -> None:
    answers: list[bool] = []

    def begin(clock: Clock, prompter: Prompter) -> Iterator[Event]:
        answers.append(prompter.confirm("x"))
        yield STARTED

    def hear(slot: str, event: Event) -> None:
        watch.told.append((slot, event, ""))
        if isinstance(event, Asked):
            assert not watch.slot.answer("q")
            assert watch.slot.answer("n")

    watch.slot = Slot("left", hear, make_clock)
    watch.slot.start(begin)
    watch.slot.join(10)
    assert answers == [False]
    assert [type(event) for _, event, _ in watch.told] == [Asked, Answered, StepStarted]
    assert not watch.slot.answer("n")


def test_a_stopped_slot_stops_asking(watch: Watch) -> None:
    asked = threading.Event()

    def begin(clock: Clock, prompter: Prompter) -> Iterator[Event]:
        prompter.confirm("x")
        yield STARTED

    watch.slot = Slot("left", lambda slot, event: asked.set(), make_clock)
    watch.slot.start(begin)
    assert asked.wait(10)
    watch.slot.cancel()
    watch.slot.join(10)
    assert not watch.slot.busy


def test_a_run_that_breaks_off_is_logged_and_closed_and_frees_the_slot(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[bool] = []

    def begin(clock: Clock, prompter: Prompter) -> Iterator[Event]:
        try:
            yield STARTED
            raise KeyError("bug")
        finally:
            closed.append(True)

    with caplog.at_level(logging.ERROR):
        watch.slot.start(begin)
        watch.slot.join(10)
    assert "slot left: the run broke off" in caplog.text
    assert closed == [True]
    assert not watch.slot.busy


def test_a_listener_that_raises_closes_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """The run's own `finally` is what lets go of the device."""
    closed: list[bool] = []

    def begin(clock: Clock, prompter: Prompter) -> Iterator[Event]:
        try:
            yield STARTED
        finally:
            closed.append(True)

    def hear(slot: str, event: Event) -> None:
        raise KeyError("a screen with a bug")

    slot = Slot("left", hear, make_clock)
    slot.start(begin)
    slot.join(10)
    assert closed == [True]
    assert "the run broke off" in caplog.text


# The clock


def test_a_stopped_clock_does_not_let_anybody_sleep() -> None:
    clock = Clock()
    clock.cancel()
    began_s = time.monotonic()
    with pytest.raises(Cancelled):
        clock.sleep(60)
    with pytest.raises(Cancelled):
        clock.check()
    assert clock.cancelled
    assert time.monotonic() - began_s < 30


def test_a_sleeper_on_the_real_clock_is_woken() -> None:
    clock = Clock()
    threading.Timer(0.01, clock.cancel).start()
    began_s = time.monotonic()
    with pytest.raises(Cancelled):
        clock.sleep(60)
    assert time.monotonic() - began_s < 30


def test_a_simulated_sleep_takes_no_time_and_moves_the_clock() -> None:
    source = SimulatedTime()
    clock = Clock(source)
    before_s = clock.monotonic()
    clock.sleep(3600)
    assert clock.monotonic() - before_s == 3600


def test_samples_do_not_drift() -> None:
    source = SimulatedTime()
    clock = Clock(source)
    at_s = []
    for _ in clock.every(1.0, 5):
        at_s.append(clock.monotonic())
        source.sleep(0.3)  # what a reading takes
    assert at_s == pytest.approx([0, 1, 2, 3, 4])


def test_samples_that_take_too_long_do_not_wait_besides() -> None:
    source = SimulatedTime()
    clock = Clock(source)
    at_s = []
    for _ in clock.every(1.0, 3):
        at_s.append(clock.monotonic())
        source.sleep(2.5)
    assert at_s == pytest.approx([0, 2.5, 5.0])


def test_the_time_of_day_says_its_zone() -> None:
    assert Clock().now().tzinfo is UTC


def test_whether_the_time_of_day_is_right_is_the_kernels_word() -> None:
    assert clock_is_synchronised() in (True, False)
    assert not math.isnan(Clock().monotonic())
