"""Say what a step and a run came to, and conclude the one from the other.

A word on the wire is text: one that only a later version knows is kept as it is, and equals none of
those that are known here.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, Self


class OpenEnum(StrEnum):
    """An enumeration that keeps a word it does not know, as a member of its own."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = value
        return word


class Verdict(OpenEnum):
    """The outcome of a step or a run. A step is as bad as its worst measurement, in this order."""

    NOT_TESTED = "not_tested"  # of a step: this bench cannot, a value is unknown, or it never came
    SKIPPED = "skipped"  # of a step: the device has no such part
    PASS = "pass"
    FAIL = "fail"  # measured, and outside the limit
    ABORTED = "aborted"  # a person stopped it, or the power went
    ERROR = "error"  # the bench could not measure: says nothing about the device
    INCOMPLETE = "incomplete"  # of a run: nothing failed, and what is required was not all proved

    @classmethod
    def worst(cls, verdicts: "Iterable[Verdict]") -> "Verdict":
        """Return the most severe of a step's verdicts; PASS where there is none."""
        return max(verdicts, key=_severity, default=cls.PASS)


_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


def _severity(verdict: Verdict) -> int:
    return _SEVERITY.get(verdict, _SEVERITY[Verdict.ERROR])


OF_A_RUN = (Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.ABORTED, Verdict.INCOMPLETE)
"""The verdicts that a run can have."""


class Proof(OpenEnum):
    """The strength of a method's proof, weakest first."""

    NONE = ""
    LOOK = "look"  # a pair of eyes
    PARTIAL = "partial"  # measured, not everything or not everywhere
    FULL = "full"

    @property
    def rank(self) -> int:
        """Return its place; a word of a later version proves nothing here."""
        return _RANKS.get(self, 0)


_RANKS = {proof: rank for rank, proof in enumerate(Proof)}

OPEN = "bench.open"
MAKE_SAFE = "bench.make_safe"
CONCLUDE = "run.conclude"
"""The steps of the runner: the first and the last of each record, and before the last what is to
be said of a run that was stopped or broke off between its tests."""


class Judged(Protocol):
    """The part of a measurement that `conclude` reads."""

    @property
    def verdict(self) -> Verdict | None: ...
    @property
    def marginal(self) -> bool: ...


class Step(Protocol):
    """The part of a step's record that `conclude` reads."""

    @property
    def step(self) -> str: ...
    @property
    def test(self) -> str: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def required(self) -> Proof: ...
    @property
    def proof(self) -> Proof: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def at_fault(self) -> tuple[str, ...]: ...
    @property
    def measurements(self) -> Sequence[Judged]: ...


class Conclusion(NamedTuple):
    """A run's verdict and what decided it. Steps are numbered from 0."""

    verdict: Verdict
    marginal: bool
    stands: tuple[int, ...]
    """The steps whose FAIL stands."""
    doubted: tuple[int, ...]
    """The steps whose FAIL does not stand: an ERROR has a role, or what it shares, in common."""
    unproved: tuple[str, ...]
    """The tests whose required proof was not given."""


def conclude(
    steps: Sequence[Step], shares: Mapping[str, Iterable[str]] | None = None
) -> Conclusion:
    """Return the verdict of a run from the records of its steps.

    `shares` names for each role what it has in common with others: its bus, hub and mains.

    The order is: a FAIL that stands > ERROR > ABORTED > INCOMPLETE > PASS. A FAIL stands unless the
    roles at fault in an ERROR, with what they share, meet the roles that gave it, with what those
    share. An ERROR without roles at fault meets every role, and every ERROR meets a FAIL without
    roles. That the bench could not be made safe is a flag of the record beside its verdict, and
    changes none. What is not judged never passes.
    """
    errors = [step for step in steps if step.verdict is Verdict.ERROR and step.step != MAKE_SAFE]
    stands: list[int] = []
    doubted: list[int] = []
    for number, step in enumerate(steps):
        if step.verdict is Verdict.FAIL:
            meets = any(_meet(step.roles, error.at_fault, shares or {}) for error in errors)
            (doubted if meets else stands).append(number)
    unproved = _unproved(steps)
    known = all(step.verdict in _SEVERITY for step in steps)
    if stands:
        verdict = Verdict.FAIL
    elif errors or not known:
        verdict = Verdict.ERROR
    elif any(step.verdict is Verdict.ABORTED for step in steps):
        verdict = Verdict.ABORTED
    elif unproved or not _has_passed(steps):
        verdict = Verdict.INCOMPLETE
    else:
        verdict = Verdict.PASS
    marginal = any(one.marginal for step in steps for one in step.measurements)
    return Conclusion(
        verdict,
        marginal and verdict is Verdict.PASS,
        tuple(stands),
        tuple(doubted),
        unproved,
    )


def _meet(
    gave: Sequence[str], at_fault: Sequence[str], shares: Mapping[str, Iterable[str]]
) -> bool:
    """Tell whether an error of `at_fault` casts doubt on what the roles `gave`."""
    if not at_fault or not gave:
        return True
    return not _with_shared(gave, shares).isdisjoint(_with_shared(at_fault, shares))


def _with_shared(roles: Iterable[str], shares: Mapping[str, Iterable[str]]) -> set[str]:
    together = set(roles)
    for role in tuple(together):
        together.update(shares.get(role, ()))
    return together


def _unproved(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the tests that were required, and not proved as far; an absent part needs no proof.

    What a step passes without a judged measurement proves nothing.
    """
    required: dict[str, int] = {}
    given: dict[str, int] = {}
    for step in steps:
        name = step.test or step.step
        required[name] = max(required.get(name, 0), step.required.rank)
        if step.verdict is Verdict.PASS and _has_passed([step]):
            given[name] = max(given.get(name, 0), step.proof.rank)
        elif step.verdict is Verdict.SKIPPED:
            given[name] = max(given.get(name, 0), step.required.rank)
    return tuple(name for name, rank in required.items() if given.get(name, 0) < rank)


def _has_passed(steps: Sequence[Step]) -> bool:
    """Tell whether a measurement was judged and found good."""
    return any(
        measurement.verdict is Verdict.PASS for step in steps for measurement in step.measurements
    )
