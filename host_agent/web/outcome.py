"""Says under the heading of a run's page why the run ended as it did: figures first."""

from typing import NamedTuple

from host_agent.web.speaker import Speaker
from records import RunRecord, StepRecord, Verdict


class Failed(NamedTuple):
    """A value that is outside its limit, or near it, as the page says it. `by` may be empty."""

    sentence: str
    test: str
    name: str
    value: str
    limit: str
    by: str


class Outcome(NamedTuple):
    """The reasons for a run's verdict.

    `reasons` are tests that have no verdict on the device: verdict, title and why.
    """

    failed: list[Failed]
    near: list[Failed]
    reasons: list[tuple[str, str, str]]
    unproved: list[str]
    not_safe: list[str]


def outcome_of(record: RunRecord, say: Speaker) -> Outcome:
    """Return why a run ended as it did, in the words of the speaker."""
    is_incomplete = record.verdict is Verdict.INCOMPLETE
    unproved = record.conclude().unproved if is_incomplete else ()
    return Outcome(
        failed=[one for step in record.steps for one in _failed(step, say)],
        near=[one for step in record.steps for one in _near(step, say)],
        reasons=[
            (str(step.verdict), say.title(step), say.phrase(step.reason))
            for step in record.steps
            if step.verdict in (Verdict.ERROR, Verdict.ABORTED)
            or (step.verdict is Verdict.FAIL and step.reason is not None)
        ],
        unproved=[say.title(step) for step in record.steps if step.test in unproved],
        not_safe=[say.phrase(one) for one in record.not_safe],
    )


def _failed(step: StepRecord, say: Speaker) -> list[Failed]:
    return [
        Failed(
            say.failure(one, step.measurements),
            say.title(step),
            say.name(one.name),
            say.value(one),
            say.limit(one),
            say.excess(one),
        )
        for one in step.measurements
        if one.verdict is Verdict.FAIL
    ]


def _near(step: StepRecord, say: Speaker) -> list[Failed]:
    return [
        Failed("", say.title(step), say.name(one.name), say.value(one), say.limit(one), "")
        for one in step.measurements
        if one.marginal and one.verdict is Verdict.PASS
    ]
