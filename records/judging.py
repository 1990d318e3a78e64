"""Judge a record again from what it says itself, as a host does with every record that it keeps.

What contradicts itself is named and never thrown away: the record is evidence, also of that.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import isclose, isfinite
from typing import Any, NamedTuple

from records import version_1
from records.rules import decide, rule
from records.run import LONGEST_SERIES, Measurement, RunRecord, StepRecord
from records.verdicts import OF_A_RUN, Verdict

_PASSING = (Verdict.PASS, Verdict.SKIPPED, Verdict.NOT_TESTED)
_EARLY_S = 5.0
"""A step may begin so much before its run: a clock that was set in between."""


class Contradiction(NamedTuple):
    """One way in which a record cannot be true. `place` is a step and perhaps a measurement."""

    what: str
    place: str = ""
    text: str = ""

    def __str__(self) -> str:
        return " ".join(
            part for part in (f"{self.place}:" if self.place else "", self.text) if part
        )


def contradictions(record: RunRecord, version: int = 2) -> list[Contradiction]:
    """Return every way in which the record contradicts itself, in its own order.

    `version` is that of the record as it was sent: a run of version 1 is as bad as its worst step.
    """
    return [*_of_the_run(record, version), *_of_its_steps(record, version)]


def repeated_keys(record: bytes) -> list[Contradiction]:
    """Return the keys that a JSON object of the record says twice: readers disagree on them."""
    found: list[Contradiction] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        whole = dict(pairs)
        if len(whole) == len(pairs):
            return whole
        for key, times in Counter(key for key, _ in pairs).items():
            if times > 1:
                found.append(
                    Contradiction("repeated_key", "", f"the key {key!r} comes {times} times")
                )
        return whole

    json.loads(record, object_pairs_hook=note)
    return found


def _of_the_run(record: RunRecord, version: int) -> Iterator[Contradiction]:
    if record.verdict not in OF_A_RUN:
        yield Contradiction("verdict", "", f"a run cannot be {record.verdict}")
    if not record.steps:
        yield Contradiction("no_steps", "", "no step gives the verdict")
    if not record.duration_s >= 0 or not isfinite(record.duration_s):
        yield Contradiction("duration", "", f"the run took {record.duration_s} s")
    if version == 1:
        yield from _version_1(record)
        return
    conclusion = record.conclude()
    if conclusion.verdict is not record.verdict:
        text = f"the verdict is {record.verdict}, and the steps come to {conclusion.verdict}"
        yield Contradiction("verdict", "", text)
    if conclusion.marginal is not record.marginal:
        says = "marginal" if record.marginal else "not marginal"
        yield Contradiction("marginal", "", f"the record says {says}, and its steps do not")
    roles = Counter(one.role for one in record.instruments)
    for role, times in roles.items():
        if times > 1:
            yield Contradiction("repeated_role", "", f"the role {role} is filled {times} times")


def _version_1(record: RunRecord) -> Iterator[Contradiction]:
    worst = version_1.worst(record)
    broke_off = record.verdict in (Verdict.ABORTED, Verdict.ERROR)
    if record.verdict is not worst and not broke_off:
        yield Contradiction(
            "verdict", "", f"the verdict is {record.verdict}, and the worst step is {worst}"
        )
    marginal = any(one.marginal for step in record.steps for one in step.measurements)
    if record.marginal is not (marginal and record.verdict is Verdict.PASS):
        yield Contradiction("marginal", "", "the record and its steps do not agree on marginal")


def _of_its_steps(record: RunRecord, version: int) -> Iterator[Contradiction]:
    for number, step in enumerate(record.steps, start=1):
        place = f"step {number} ({step.step})"
        if step.verdict is Verdict.INCOMPLETE:
            yield Contradiction("verdict", place, "a step cannot be incomplete")
        if not step.duration_s >= 0 or not isfinite(step.duration_s):
            yield Contradiction("duration", place, f"it took {step.duration_s} s")
        if _utc(step.started_at) < _utc(record.started_at) - timedelta(seconds=_EARLY_S):
            yield Contradiction("time", place, "it began before the run did")
        yield from _of_a_step(step, place, version)
        for measurement in step.measurements:
            yield from _of_a_measurement(step, measurement, f"{place}, {measurement.name}")


def _of_a_step(step: StepRecord, place: str, version: int) -> Iterator[Contradiction]:
    judged = [one.verdict for one in step.measurements if one.verdict is not None]
    if step.verdict is Verdict.FAIL and Verdict.FAIL not in judged and version > 1:
        yield Contradiction("fail_without_measurement", place, "no measurement of it failed")
    if step.verdict is Verdict.PASS and step.proof.rank and Verdict.PASS not in judged:
        yield Contradiction("pass_without_measurement", place, "nothing of it was judged")
    if step.verdict is Verdict.NOT_TESTED and judged:
        yield Contradiction("not_tested", place, "it was not tested, and has judged measurements")
    if step.at_fault and step.verdict is not Verdict.ERROR and step.verdict is not Verdict.ABORTED:
        yield Contradiction("at_fault", place, f"it is {step.verdict}, and names roles at fault")
    yield from _of_repeated(step, place)
    for series in step.series:
        if len(series.at_s) != len(series.values) or len(series.values) > LONGEST_SERIES:
            text = f"{series.name} has {len(series.at_s)} times and {len(series.values)} values"
            yield Contradiction("series", place, text)
    for asked in step.asked:
        if not asked.answered_after_s >= 0:
            yield Contradiction("duration", place, f"answered after {asked.answered_after_s} s")
    for chance in step.chances:
        if not 0.0 <= chance.chance <= 1.0:
            yield Contradiction("chance", place, f"{chance.defect} is found with {chance.chance}")


def _of_repeated(step: StepRecord, place: str) -> Iterator[Contradiction]:
    """Yield the names that stand for two quantities: a name read often has one unit and limit."""
    first: dict[str, Measurement] = {}
    for one in step.measurements:
        before = first.setdefault(one.name, one)
        if (one.unit, one.limit) != (before.unit, before.limit):
            text = f"{one.name} was measured in another unit, or by another limit, than before"
            yield Contradiction("repeated_measurement", place, text)


def _of_a_measurement(step: StepRecord, one: Measurement, place: str) -> Iterator[Contradiction]:
    if isinstance(one.value, float) and not isfinite(one.value):
        yield Contradiction("value", place, f"the value is {one.value}")
    if one.verdict is Verdict.FAIL and step.verdict in _PASSING:
        text = f"it failed, and its step is {step.verdict}"
        yield Contradiction("fail_in_a_pass", place, text)
    if one.marginal and (one.verdict is None or (one.verdict is not Verdict.PASS and not one.rule)):
        yield Contradiction("marginal", place, "it is marginal, and did not pass")
    yield from _of_its_limit(one, place)
    yield from _of_its_uncertainty(one, place)


def _of_its_limit(one: Measurement, place: str) -> Iterator[Contradiction]:
    if one.limit is None:
        if one.verdict is not None:
            yield Contradiction("no_limit", place, f"it is {one.verdict}, and has no limit")
        return
    if why := one.limit.mistake():
        yield Contradiction("limit", place, why)
        return
    try:
        by = rule(one.rule)
    except ValueError:
        return  # a rule of a later version
    try:
        decided = decide(one.limit, one.value, one.expanded_uncertainty, by)
    except TypeError as error:
        yield Contradiction("limit", place, str(error))
        return
    if one.verdict is None:
        return
    if decided.verdict is None:
        text = f"it is {one.verdict}, and its limit {one.limit} is not decided: {decided.why}"
        yield Contradiction("not_decided", place, text)
    elif one.verdict is not decided.verdict:
        text = f"{one.value} is {one.verdict}, and by its limit {one.limit} it is {decided.verdict}"
        yield Contradiction("outside_its_limit", place, text)
    elif one.rule and one.marginal is not decided.marginal:
        text = f"{one.value} is marginal by its rule" if decided.marginal else "it is not marginal"
        yield Contradiction("marginal", place, text)


def _of_its_uncertainty(one: Measurement, place: str) -> Iterator[Contradiction]:
    small, large, factor = one.standard_uncertainty, one.expanded_uncertainty, one.coverage_factor
    for value in (small, large, factor):
        if value is not None and not (value >= 0 and isfinite(value)):
            yield Contradiction("uncertainty", place, f"an uncertainty is {value}")
            return
    if small is None or large is None or factor is None:
        return
    if not isclose(large, factor * small, rel_tol=1e-6, abs_tol=1e-12):
        text = f"the expanded uncertainty is {large}, and {factor} × {small} is not"
        yield Contradiction("uncertainty", place, text)


def _utc(when: datetime) -> datetime:
    """Return a time in UTC, as the contract's are; without a zone it is taken for UTC."""
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
