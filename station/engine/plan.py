"""A test plan as it is run: frozen, with settings and limits complete, and hashed by content.

`engine.resolve` makes one from equipment, profile, label and bench; no file holds one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from records import Limit, Phrase, PlannedTest, PlanRecord, Proof, Value, Verdict, encode, words
from station.engine import step as steps


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a plan, with its settings complete and its limits checked.

    `title` is the plan's own; empty, the step is called as the catalogues call it. `label` is the
    id under which the plan's `words` have it in other languages.
    `test` tells it from others that use the same step; empty, it is called as the step is. `asked`
    is the proof that a profile asks for; None, a run needs all that it can prove.
    """

    use: str
    title: str
    clause: str
    step: steps.Step
    settings: Mapping[str, Any]
    limits: Mapping[str, Limit]
    stop_on_fail: bool = False
    test: str = ""
    asked: Proof | None = None
    depth: str = ""
    label: str = ""

    @property
    def required(self) -> Proof:
        """Return the proof without which a run is INCOMPLETE."""
        return self.proves if self.asked is None else self.asked

    @property
    def name(self) -> Phrase:
        """Return the title of the test as records hold it."""
        return Phrase(self.label, text=self.title) if self.title else Phrase(f"title.{self.use}")

    @property
    def proves(self) -> Proof:
        """Return how much it proves when it passes: nothing where no limit judges it."""
        return self.step.proves if self.limits else Proof.NONE


@dataclass(frozen=True, slots=True)
class Untested:
    """A test that is not done: SKIPPED where there is no such part, else NOT TESTED, and why."""

    test: str
    title: str
    clause: str
    required: Proof
    verdict: Verdict
    reason: Phrase
    label: str = ""

    @property
    def name(self) -> Phrase:
        """Return the title of the test as records hold it."""
        return Phrase(self.label, text=self.title)


@dataclass(frozen=True, slots=True)
class Plan:
    """`kind` is the equipment it is for, `guideline` the profile it follows, in words.

    `untested` are the tests of this kind that the run does not do. `incomplete` says why it cannot
    end as PASS, as far as that is known before it starts, and `unproved` are the titles of those
    tests. `equipment`, `profile`, `rule`, `altered_by_site` and `nameplate` are those of a plan
    that was resolved.
    """

    id: str
    title: str
    kind: str
    guideline: str
    steps: tuple[PlannedStep, ...]
    untested: tuple[Untested, ...] = ()
    equipment: str = ""
    profile: str = ""
    rule: str = ""
    altered_by_site: int = 0
    incomplete: tuple[str, ...] = ()
    unproved: tuple[Phrase, ...] = ()
    nameplate: Mapping[str, Value] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The plan's own words, by language and id; `label` is the id of its title."""
    label: str = ""
    record: bytes = field(init=False, repr=False)
    """The plan's content, as the host keeps it: `records.PlanRecord` as JSON."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "record", encode(_record(self)))

    @property
    def sha256(self) -> str:
        """Return the hash of what the plan says, however its file is written."""
        return hashlib.sha256(self.record).hexdigest()

    @property
    def name(self) -> Phrase:
        """Return the title as it is shown: in any language where the catalogues have this plan."""
        known = f"plan.{self.id}"
        if not self.label and words.language().has(known):
            return Phrase(known)
        return Phrase(self.label, text=self.title)

    @property
    def roles(self) -> frozenset[str]:
        """Return every role that one of its steps needs."""
        return frozenset(name for planned in self.steps for name in planned.step.roles)


def _record(plan: Plan) -> PlanRecord:
    return PlanRecord(
        plan=plan.id,
        kind=plan.kind,
        title=plan.title,
        equipment=plan.equipment,
        profile=plan.profile or plan.guideline,
        guideline=plan.guideline if plan.profile else "",
        rule=plan.rule,
        altered_by_site=plan.altered_by_site,
        tests=tuple(
            PlannedTest(
                test=planned.test or planned.use,
                step=planned.use,
                title=planned.name.words,
                clause=planned.clause,
                required=planned.required,
                proof=planned.proves,
                depth=planned.depth,
                settings=dict(planned.settings),
                limits=dict(planned.limits),
                stop_on_fail=planned.stop_on_fail,
            )
            for planned in plan.steps
        )
        + tuple(
            PlannedTest(
                test=one.test, step="", title=one.title, clause=one.clause, required=one.required
            )
            for one in plan.untested
        ),
        words={language: dict(said) for language, said in plan.words.items()},
    )
