"""A question is answered once, by one of its keys, or the run is stopped."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import Phrase
from station.engine.clock import Cancelled, Clock
from station.engine.events import Answered, Asked, Choice, Event
from station.engine.prompts import DIGITS, LONGEST_LINE, NO, YES, Operator, Prompter
from tests.station.benches import make_clock


class Desk:
    """An operator who does something for every event that arrives."""

    def __init__(self, *keys: str) -> None:
        self.clock: Clock = make_clock()
        self.prompter = Prompter(self.hear, self.clock)
        self.keys = list(keys)
        self.heard: list[Event] = []
        self.taken: list[bool] = []

    def hear(self, event: Event) -> None:
        self.heard.append(event)
        if isinstance(event, Asked):
            self.taken += [self.prompter.answer(key) for key in self.keys]


def test_the_key_that_was_pressed_is_the_answer() -> None:
    desk = Desk("b")
    assert desk.prompter.ask(Phrase("x.y", {"n": 3}), Choice("a"), Choice("b")) == "b"
    asked, answered = desk.heard
    assert isinstance(asked, Asked)
    assert asked.question.about == "x.y"
    assert asked.question.asks == Phrase("x.y", {"n": 3})
    assert answered == Answered("b")


@pytest.mark.parametrize(("key", "meaning"), [("y", True), ("n", False)])
def test_yes_and_no(key: str, meaning: bool) -> None:
    assert Desk(key).prompter.confirm("x") is meaning


@pytest.mark.parametrize("number", range(10))
def test_how_many(number: int) -> None:
    assert Desk(str(number)).prompter.count("x") == number


@given(st.lists(st.text(max_size=2), max_size=4))
def test_keys_that_are_no_answers_are_refused(wrong: list[str]) -> None:
    desk = Desk(*(key for key in wrong if key not in ("y", "n")), "n")
    assert desk.prompter.confirm("x") is False
    assert desk.taken == [False] * (len(desk.taken) - 1) + [True]


def test_a_second_answer_is_refused_and_answers_no_later_question() -> None:
    """An operator's key that bounced must not say anything about the next picture."""
    desk = Desk("y", "y", "n")
    assert desk.prompter.confirm("x")
    assert desk.taken == [True, False, False]
    desk.keys = ["n"]
    assert not desk.prompter.confirm("x")


def test_the_keys_of_the_open_question_are_known_and_of_none_else() -> None:
    desk = Desk()
    keys: list[frozenset[str]] = []

    def hear(event: Event) -> None:
        if isinstance(event, Asked):
            keys.append(desk.prompter.keys)
            desk.prompter.answer("d")

    desk.prompter = Prompter(hear, desk.clock)
    desk.prompter.ask(Phrase("x"), Choice("d"), Choice("c"))
    assert keys == [{"d", "c"}]
    assert desk.prompter.keys == frozenset()


def test_nobody_can_answer_before_and_after_the_question() -> None:
    desk = Desk("y")
    assert not desk.prompter.answer("y")
    desk.prompter.confirm("x")
    assert not desk.prompter.answer("y")


def test_a_question_ends_when_the_run_is_stopped() -> None:
    desk = Desk()
    stopper = threading.Thread(target=desk.clock.cancel)
    stopper.start()
    with pytest.raises(Cancelled):
        desk.prompter.confirm("x")
    stopper.join()
    assert not desk.prompter.answer("y")


def test_a_run_that_was_stopped_asks_nothing_any_more() -> None:
    desk = Desk("y")
    desk.clock.cancel()
    with pytest.raises(Cancelled):
        desk.prompter.confirm("x")
    assert not any(isinstance(event, Answered) for event in desk.heard)


@pytest.mark.parametrize(
    "choices",
    [(YES, YES), (Choice("yy"),), (Choice(""),), (YES, Choice("y", "answer.begin"))],
)
def test_a_question_without_distinct_keys_is_a_bug(choices: tuple[Choice, ...]) -> None:
    with pytest.raises(ValueError, match="one distinct key each"):
        Desk("y").prompter.ask(Phrase("x"), *choices)


@pytest.mark.parametrize("line", ["19,5", "y", "Delta ADP-65JH", "x" * LONGEST_LINE])
def test_a_question_without_choices_is_answered_by_a_line(line: str) -> None:
    desk = Desk(line)
    assert desk.prompter.ask(Phrase("x")) == line
    assert not desk.prompter.answer("again")
    assert not desk.prompter.keys


@pytest.mark.parametrize("line", ["", "  ", "x" * (LONGEST_LINE + 1)])
def test_an_empty_line_and_one_without_end_are_no_answers(line: str) -> None:
    desk = Desk(line, "7")
    assert desk.prompter.ask(Phrase("x")) == "7"


def test_many_threads_answer_and_only_one_is_taken() -> None:
    desk = Desk()
    taken: list[bool] = []
    go = threading.Barrier(9)

    def press() -> None:
        go.wait(10)
        taken.append(desk.prompter.answer("y"))

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()

    def hear(event: Event) -> None:
        if isinstance(event, Asked):
            go.wait(10)

    desk.prompter = Prompter(hear, desk.clock)
    assert desk.prompter.confirm("x")
    for thread in threads:
        thread.join(10)
    assert sorted(taken) == [False] * 7 + [True]


def test_an_answer_wakes_the_slot_from_another_thread() -> None:
    desk = Desk()
    asked = threading.Event()
    desk.prompter = Prompter(lambda event: asked.set(), desk.clock)

    def person() -> None:
        asked.wait(10)
        desk.prompter.answer("n")

    thread = threading.Thread(target=person)
    thread.start()
    assert not desk.prompter.confirm("x")
    thread.join(10)


def test_the_usual_answers_have_keys_of_their_own() -> None:
    assert len({choice.key for choice in (YES, NO, *DIGITS)}) == 12
    assert issubclass(Prompter, Operator)
