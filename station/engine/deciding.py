"""Judge the readings of a run by its rule, and say which limits this bench cannot decide.

Part of that is known from data sheets and certificates, before the device is touched; the rest
shows when it is measured. What is not decided is not tested: neither passed nor failed.
"""

from collections.abc import Iterable, Mapping, Set
from math import isfinite
from typing import Any

from records import Measurement, Phrase, Proof, Reading, Verdict
from records.rules import decide, rule
from records.verdicts import Judged
from station.engine.paper import Accuracies, outlook
from station.engine.plan import PlannedStep
from station.engine.uncertainty import Roles, facts_of, owners_of, plain

EXPIRED = "limit.calibration_over"
"""The id of the reason why an instrument past the date of its certificate judges nothing."""


class Judge:
    """Judges readings. `undecided` are those of the step at hand, each with the id of its reason.

    `expired` are the roles whose certificate is over. With `remarks_only` they judge all the same.
    """

    def __init__(
        self,
        by: str,
        roles: Roles,
        accuracies: Accuracies,
        expired: Iterable[str] = (),
        *,
        remarks_only: bool = False,
    ) -> None:
        self._rule = rule(by)
        self._says = str(self._rule) if by else ""
        self._roles = roles
        self._accuracies = accuracies
        self._expired = frozenset() if remarks_only else frozenset(expired)
        self._before: dict[str, str] = {}
        self._failed_by: list[frozenset[str]] = []
        self.undecided: dict[str, str] = {}

    def begin(self, planned: PlannedStep) -> bool:
        """Take on a step. Return whether it can decide a limit, or has none.

        A step on which the run depends is done in any case.
        """
        self.undecided = {}
        self._failed_by = []
        self._before = {
            name: EXPIRED if found.roles & self._expired else found.why
            for name, found in outlook(planned, self._accuracies, self._rule).items()
            if name in planned.limits and (found.why or found.roles & self._expired)
        }
        if not planned.limits or planned.stop_on_fail or planned.limits.keys() - self._before:
            return True
        self.undecided = dict(self._before)
        return False

    def measurement(self, reading: Reading, planned: PlannedStep) -> Measurement:
        """Return a reading as judged. Raises `ValueError` for what no record can hold."""
        name, value = reading
        if not _is_recordable(value):
            raise ValueError(f"{name} is {value!r}")
        facts: dict[str, Any] = facts_of(value, self._roles)
        unit, bare = planned.step.units[name], plain(value)
        limit = planned.limits.get(name)
        if limit is None:
            return Measurement(name=name, value=bare, unit=unit, **facts)
        verdict, marginal, why = decide(limit, bare, facts.get("expanded_uncertainty"), self._rule)
        if isinstance(value, float) and (self._expired or self._before):
            if self._expired & owners_of(value, self._roles):
                why = EXPIRED
            why = self._before.get(name) or why
        if why:
            self.undecided[name] = why
            verdict, marginal = None, False
        if verdict is Verdict.FAIL:
            self._failed_by.append(owners_of(value, self._roles))
        return Measurement(
            name=name,
            value=bare,
            unit=unit,
            limit=limit,
            rule=self._says,
            verdict=verdict,
            marginal=marginal,
            **facts,
        )

    def failed_without(self, roles: Set[str]) -> bool:
        """Tell whether a reading of the step failed that certainly none of these roles gave.

        A reading without causes of error does not tell its instruments: any role may have given it.
        """
        return any(gave and not gave & roles for gave in self._failed_by)

    def reason(self) -> Phrase | None:
        """Return why limits of the step were not decided; None where all were."""
        if not self.undecided:
            return None
        why = next(iter(self.undecided.values()))
        names = [name for name, one in self.undecided.items() if one == why]
        return Phrase(why, {"measurements": ", ".join(names)})

    def proof(self, planned: PlannedStep, verdict: Verdict) -> Proof:
        """Return what the step proves: not all of it while a limit is not decided."""
        if verdict not in (Verdict.PASS, Verdict.FAIL):
            return Proof.NONE
        if self.undecided and planned.proves is Proof.FULL:
            return Proof.PARTIAL
        return planned.proves


def worst_of(taken: Iterable[Judged], undecided: Mapping[str, str]) -> Verdict:
    """Return the verdict of a step from its measurements: NOT TESTED where none was decided."""
    verdicts = [one.verdict for one in taken if one.verdict]
    if undecided and not verdicts:
        return Verdict.NOT_TESTED
    return Verdict.worst(verdicts)


def _is_recordable(value: object) -> bool:
    """Tell whether a record can hold the value, and the host's database, too."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, str):
        return writable(value) == value
    return isinstance(value, int) and -(2**63) <= value < 2**63


def writable(text: str) -> str:
    """Return the text so that it can be recorded: no half surrogate pair, and no U+0000."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def written(phrase: Phrase) -> Phrase:
    """Return a phrase so that it can be recorded."""
    values = {
        name: writable(value) if isinstance(value, str) else plain(value)
        for name, value in phrase.values.items()
    }
    return Phrase(writable(phrase.id), values, writable(phrase.text))
