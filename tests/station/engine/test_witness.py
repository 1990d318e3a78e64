"""A device is condemned only when a person has looked, and what was seen has been seen again."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BusMissing, HubMissing, NoReply, NotConnected, Refused
from records import Phrase
from station.engine.step import BenchFault
from station.engine.witness import (
    Doubt,
    Witness,
    ask_when_silent,
    look_twice,
    must_be_the_same,
    must_confirm,
    must_deny,
    must_stay_silent,
    patiently,
    press_by_hand,
)
from tests.station.benches import Answers, make_clock

DOUBT = Doubt("lamp.plugged", "lamp.not_plugged", {"socket"}, {"where": "socket"})


class Lamp:
    """Answers from a time on; before that it raises `trouble`."""

    def __init__(self, from_s: float, trouble: type[Exception] = NotConnected) -> None:
        self.clock = make_clock()
        self.from_s, self.trouble = from_s, trouble
        self.asked = 0

    def ask(self) -> str:
        self.asked += 1
        if self.clock.monotonic() < self.from_s:
            raise self.trouble("no lamp")
        return "a lamp"

    def ask_when_silent(self, operator: Answers, **patience_s: float) -> str | None:
        return ask_when_silent(self.ask, operator, self.clock, DOUBT, **patience_s)


def saying(answer: str) -> Answers:
    return Answers(lamp_plugged=answer)


def fault_of(move: Callable[[], object]) -> tuple[Phrase, frozenset[str]] | None:
    """Return the bench's fault and the roles at fault; None when the device is not cleared."""
    try:
        move()
    except BenchFault as fault:
        return fault.phrase, fault.roles
    return None


# Asking a device


@given(st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_patience_waits_as_long_as_it_is_told_and_not_much_longer(
    from_s: float, patience_s: float
) -> None:
    lamp = Lamp(from_s)
    try:
        assert patiently(lamp.ask, lamp.clock, patience_s) == "a lamp"
        assert lamp.clock.monotonic() <= from_s + 0.25
    except NotConnected:
        assert patience_s < from_s
    assert lamp.clock.monotonic() <= patience_s + 0.25


def test_patience_is_for_silence_only() -> None:
    lamp = Lamp(1.0, Refused)
    with pytest.raises(Refused):
        patiently(lamp.ask, lamp.clock, 5.0)
    assert lamp.asked == 1


def test_nobody_is_asked_about_a_device_that_answers() -> None:
    operator = saying("n")
    assert Lamp(0.0).ask_when_silent(operator, patience_s=3.0) == "a lamp"
    assert Lamp(2.0).ask_when_silent(operator, patience_s=3.0, first_patience_s=3.0) == "a lamp"
    assert operator.asked == []


def test_a_silent_device_that_is_plugged_in_is_silent() -> None:
    operator = saying("y")
    assert Lamp(99.0).ask_when_silent(operator, patience_s=3.0) is None
    assert operator.asked == ["lamp.plugged"]


def test_a_silent_device_that_was_not_plugged_in_is_the_fault_of_its_socket() -> None:
    lamp = Lamp(99.0)
    with pytest.raises(BenchFault) as told:
        lamp.ask_when_silent(saying("n"), patience_s=3.0)
    assert told.value.phrase == Phrase("lamp.not_plugged", {"where": "socket"}, "no lamp")
    assert told.value.roles == {"socket"}
    assert isinstance(told.value.__cause__, NotConnected)
    assert lamp.asked == 1, "it is not tried again after a No"


def test_a_device_that_is_plugged_in_during_the_question_gets_its_time() -> None:
    lamp, operator = Lamp(99.0), saying("y")
    operator.at["lamp.plugged"] = lambda: setattr(lamp, "from_s", lamp.clock.monotonic() + 2.0)
    assert lamp.ask_when_silent(operator, patience_s=3.0) == "a lamp"


@pytest.mark.parametrize("trouble", [BusMissing, HubMissing])
@pytest.mark.parametrize("moment", ["before", "during"])
def test_nobody_condemns_a_device_whose_bus_or_hub_is_gone(
    trouble: type[Exception], moment: str
) -> None:
    lamp, operator = Lamp(99.0), saying("y")
    if moment == "before":
        lamp.trouble = trouble
    operator.at["lamp.plugged"] = lambda: setattr(lamp, "trouble", trouble)
    with pytest.raises(trouble):
        lamp.ask_when_silent(operator, patience_s=3.0)
    assert operator.asked == ([] if moment == "before" else ["lamp.plugged"])


def test_trouble_other_than_absence_is_passed_on_without_a_question() -> None:
    operator = saying("y")
    with pytest.raises(NoReply):
        Lamp(99.0, NoReply).ask_when_silent(operator, patience_s=3.0)
    assert operator.asked == []


# Asking the operator


@pytest.mark.parametrize(
    ("move", "clears"), [(must_confirm, "n"), (must_deny, "y")], ids=["confirm", "deny"]
)
@pytest.mark.parametrize("answer", ["y", "n"])
def test_one_of_two_answers_clears_the_device(
    move: Callable[[Answers, Doubt], None], clears: str, answer: str
) -> None:
    fault = fault_of(lambda: move(saying(answer), DOUBT))
    found = (Phrase("lamp.not_plugged", {"where": "socket"}), frozenset({"socket"}))
    assert fault == (found if answer == clears else None)


def test_no_answer_counts_about_a_device_that_is_gone() -> None:
    there = True

    def still_there() -> None:
        if not there:
            raise NotConnected("gone")

    operator = Answers(lamp_lit="y", lamp_spots="4")
    witness = Witness(operator, still_there)
    assert witness.confirm("lamp.lit")
    assert witness.count("lamp.spots") == 4
    there = False
    for ask in (witness.confirm, witness.count):
        with pytest.raises(NotConnected):
            ask("lamp.lit" if ask == witness.confirm else "lamp.spots")
    assert operator.asked == ["lamp.lit", "lamp.spots"] * 2


# Looking again


@given(st.integers(), st.integers())
def test_two_looks_that_differ_are_the_benches_fault(first: int, second: int) -> None:
    seen: list[int] = []
    fault = fault_of(
        lambda: seen.append(
            look_twice(
                first,
                lambda: second,
                alike=lambda a, b: a == b,
                differ=lambda a, b: Phrase("lamp.differs", {"first": a, "again": b}),
                roles={"sensor"},
            )
        )
    )
    if first == second:
        assert (fault, seen) == (None, [second])
    else:
        assert (fault, seen) == (
            (
                Phrase("lamp.differs", {"first": first, "again": second}),
                frozenset({"sensor"}),
            ),
            [],
        )


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.integers(1, 3))
def test_a_key_is_bad_when_one_press_by_hand_finds_it_so(presses: list[bool], times: int) -> None:
    made = iter(presses)
    fault = fault_of(
        lambda: press_by_hand(lambda: next(made), times, "finger.weak", roles={"actuator"}, key="A")
    )
    assert fault == (
        (Phrase("finger.weak", {"key": "A"}), frozenset({"actuator"}))
        if all(presses[:times])
        else None
    )
    used = presses.index(False) + 1 if False in presses[:times] else times
    assert len(list(made)) == 3 - used, "nobody presses once more than it takes"


def test_what_was_replaced_or_is_back_is_not_judged() -> None:
    must_be_the_same("EDID 1", "EDID 1", "another", roles={"monitor"})
    must_stay_silent(False, "it is back", roles={"monitor"})
    with pytest.raises(BenchFault, match="another") as replaced:
        must_be_the_same("EDID 2", "EDID 1", "another", roles={"monitor"})
    with pytest.raises(BenchFault, match="it is back") as back:
        must_stay_silent(True, "it is back", roles={"monitor"})
    assert replaced.value.roles == back.value.roles == {"monitor"}
