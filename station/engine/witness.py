"""The moves with which a step gets a witness before it believes silence, or what it saw once.

A device that does not answer may be dead, or not plugged in; a key that is silent may be worn out,
or its finger may. Decision 10 says why no device is condemned before a person has looked. Each move
raises `BenchFault` when the witness clears the device:

    ask_when_silent     nothing answers: is it plugged in? Then it gets one more chance
    must_confirm        the operator's No clears the device
    must_deny           the operator's Yes clears the device
    Witness             an operator; after each answer the device has to show that it is there
    must_be_the_same    a device that was replaced during a question is not judged
    must_stay_silent    what comes back after a question may have been out before it
    may_differ          how far two instruments of one quantity may be apart
    look_twice          what one look shows, a second look has to show, too
    press_by_hand       what a finger finds bad, a hand has to find bad, too
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeVar

from drivers.errors import BusMissing, HubMissing, NoReply, NotConnected
from drivers.uncertain import largest_error
from records import Phrase, Value
from station.engine.clock import Clock
from station.engine.events import Choice
from station.engine.prompts import Operator
from station.engine.step import BenchFault

ASK_AGAIN_S = 0.25

Answer = TypeVar("Answer")
Seen = TypeVar("Seen")


class Doubt(NamedTuple):
    """A question that a person has to answer before the device is believed to be at fault.

    `about` is the id of the question. `fault` is the id of the reason of the ERROR when the answer
    clears the device, and `roles` are the roles at fault then. `values` fill both sentences.
    """

    about: str
    fault: str
    roles: AbstractSet[str]
    values: Mapping[str, Value] = {}

    def as_fault(self, text: str = "") -> BenchFault:
        """Return the fault of the bench, with what an instrument said."""
        return BenchFault(self.fault, roles=self.roles, text=text, **self.values)


def patiently(ask: Callable[[], Answer], clock: Clock, patience_s: float) -> Answer:
    """Return the answer of a device that may have been plugged in just now.

    Asks until it no longer raises `NotConnected` or `NoReply`; after `patience_s` that is raised.
    """
    deadline_s = clock.monotonic() + patience_s
    while True:
        try:
            return ask()
        except (NotConnected, NoReply):
            if clock.monotonic() >= deadline_s:
                raise
        clock.sleep(ASK_AGAIN_S)


def ask_when_silent(
    ask: Callable[[], Answer],
    operator: Operator,
    clock: Clock,
    doubt: Doubt,
    *,
    patience_s: float,
    first_patience_s: float = 0.0,
) -> Answer | None:
    """Return the answer of a device, or None when it is plugged in and stays silent.

    A device that is not found within `first_patience_s` gets `patience_s` more after the operator
    has confirmed that it is plugged in: it may be so only since the question. Raises `BenchFault`
    after a No. No question is put where silence cannot be the device's: no bus, or no hub.
    """
    try:
        return patiently(ask, clock, first_patience_s) if first_patience_s else ask()
    except (BusMissing, HubMissing):
        raise
    except NotConnected as error:
        if not operator.confirm(doubt.about, **doubt.values):
            raise doubt.as_fault(str(error)) from error
    try:
        return patiently(ask, clock, patience_s)
    except (BusMissing, HubMissing):
        raise
    except NotConnected:
        return None


def must_confirm(operator: Operator, doubt: Doubt) -> None:
    """Ask the operator. Raises `BenchFault` after a No."""
    if not operator.confirm(doubt.about, **doubt.values):
        raise doubt.as_fault()


def must_deny(operator: Operator, doubt: Doubt) -> None:
    """Ask the operator. Raises `BenchFault` after a Yes."""
    if operator.confirm(doubt.about, **doubt.values):
        raise doubt.as_fault()


class Witness(Operator):
    """An operator who is asked about a device that has to be there still after each answer.

    `still_there` raises when it is not: then no answer says anything about the device.
    """

    def __init__(self, operator: Operator, still_there: Callable[[], object]) -> None:
        self._operator = operator
        self._still_there = still_there

    def ask(self, asks: Phrase, *choices: Choice) -> str:
        key = self._operator.ask(asks, *choices)
        self._still_there()
        return key


def must_be_the_same(now: object, before: object, fault: str, *, roles: AbstractSet[str]) -> None:
    """Compare what tells a device from another. Raises `BenchFault` when it was replaced."""
    if now != before:
        raise BenchFault(fault, roles=roles)


def must_stay_silent(back: bool, fault: str, *, roles: AbstractSet[str], **values: Value) -> None:
    """Raise `BenchFault` when a device that was silent is back: it may have been out before."""
    if back:
        raise BenchFault(fault, roles=roles, text="", **values)


def may_differ(one: float, other: float, unknown: float) -> float:
    """Return how far two good instruments may be apart: the sum of their specification limits.

    Where the accuracy of one is not known it is no witness; then `unknown` is the band that only a
    broken bench leaves.
    """
    limits = largest_error(one), largest_error(other)
    known = [limit for limit in limits if limit is not None]
    return sum(known) if len(known) == len(limits) else unknown


def look_twice(
    first: Seen,
    look: Callable[[], Seen],
    *,
    alike: Callable[[Seen, Seen], bool],
    differ: Callable[[Seen, Seen], Phrase],
    roles: AbstractSet[str],
) -> Seen:
    """Return what a second look shows.

    Raises `BenchFault` when the two are not `alike`: a hand or a cord before a sensor is seen
    once. `differ` says so.
    """
    second = look()
    if not alike(first, second):
        said = differ(first, second)
        raise BenchFault(said.id, roles=roles, text=said.text, **said.values)
    return second


def press_by_hand(
    press: Callable[[], bool],
    times: int,
    fault: str,
    *,
    roles: AbstractSet[str],
    **values: Value,
) -> None:
    """Have the operator press what an actuator has found bad, up to `times` times.

    `press` asks for one press and returns whether all was well. Raises `BenchFault` when it always
    was: the actuator's finger is at fault. After one press that was not, the device is.
    """
    if all(press() for _ in range(times)):
        raise BenchFault(fault, roles=roles, text="", **values)
