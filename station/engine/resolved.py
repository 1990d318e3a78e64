"""Hold a resolved plan: each test with its method, settings and limits, or why it is not tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from records import Limit, Phrase, Proof, Verdict, words
from station.engine.library.kinds import Origin, Words
from station.engine.library.tables import DecisionRule, Depth, Told
from station.engine.plan import Plan as RunnerPlan
from station.engine.plan import PlannedStep, Untested
from station.engine.step import Step

LANGUAGE = "en"


class Reason(StrEnum):
    """The reasons why something is not tested."""

    NO_SUCH_PART = "no_such_part"  # the device has none, or no figure is known for one like it
    NOT_POSSIBLE_HERE = "not_possible_here"  # this bench cannot
    VALUE_UNKNOWN = "value_unknown"  # a person could tell


class NotTested(NamedTuple):
    """A reason why something is not tested. `values` are the ratings that would help if told.

    `why` names steps, for those who write equipment files; `said` is for operators and pages.
    """

    reason: Reason
    why: str
    said: Phrase
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTest:
    """A test of a plan. Without a `step` it is not tested, and `not_tested` says why.

    `not_judged` says of a measurement why its limit is not known, `waived` who does without one.
    `better_with` are ratings with which a method that stands before this one could be used.
    `altered` are the measurements whose limit is the site's and not the profile's. `origins` has a
    key for each value: `use`, `settings.NAME`, `limits.NAME`, `require`, `depth`, `clause`.
    """

    id: str
    title: Words
    clause: str = ""
    required: Proof = Proof.NONE
    depth: Depth = "quick"
    step: Step | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    stop_on_fail: bool = False
    not_tested: NotTested | None = None
    not_judged: Mapping[str, NotTested] = field(default_factory=dict)
    waived: Mapping[str, str] = field(default_factory=dict)
    better_with: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def use(self) -> str:
        """Return the name of the method; empty when it is not tested."""
        return self.step.name if self.step else ""

    @property
    def proves(self) -> Proof:
        """Return how much it proves when it passes: nothing where no limit judges it."""
        return self.step.proves if self.step and self.limits else Proof.NONE

    @property
    def incomplete(self) -> str:
        """Return why the run cannot end better than INCOMPLETE; empty when it can."""
        if self.required.rank <= self.proves.rank:
            return ""
        asked = f"{self.id}: {self.required.value} is required"
        if self.not_tested is None:
            return f"{asked}, and {self.use} proves {self.proves.value or 'nothing'}"
        if self.not_tested.reason is Reason.NO_SUCH_PART:
            return ""
        return f"{asked}, and it is not tested: {self.not_tested.why}"

    @property
    def lacks_a_value(self) -> bool:
        """Return whether it is not tested because a value is unknown, which a person could tell."""
        return self.not_tested is not None and self.not_tested.reason is Reason.VALUE_UNKNOWN

    def title_in(self, language: str = LANGUAGE) -> str:
        """Return the title in a language, or in English."""
        return self.title.get(language) or self.title[LANGUAGE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The tests of one device, in order. `sha256` is that of the plan's content."""

    equipment: str
    profile: str
    site: str
    title: Words
    profile_title: str
    decision_rule: DecisionRule
    nameplate: Mapping[str, Told]
    units: Mapping[str, str]
    rating_titles: Mapping[str, Words]
    products: frozenset[str]
    tests: tuple[ResolvedTest, ...]

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Return why the run cannot end better than INCOMPLETE, known before it starts."""
        return tuple(test.incomplete for test in self.tests if test.incomplete)

    @property
    def asks(self) -> tuple[str, ...]:
        """Return the ratings that would help if told, each once."""
        found: dict[str, None] = {}
        for test in self.tests:
            whys = [test.not_tested, *test.not_judged.values()]
            found |= dict.fromkeys(value for why in whys if why for value in why.values)
            found |= dict.fromkeys(test.better_with)
        return tuple(found)

    @property
    def altered_by_site(self) -> int:
        """Return how many limits are the site's and not the profile's."""
        return sum(len(test.altered) for test in self.tests)

    @property
    def guideline(self) -> str:
        """Return the profile's title, with what the site has altered."""
        count = self.altered_by_site
        if not count:
            return self.profile_title
        altered = Phrase("run.altered_by_site", {"count": count})
        return f"{self.profile_title}, {altered.words}"

    @property
    def roles(self) -> frozenset[str]:
        """Return every role that one of its tests needs."""
        return frozenset(name for test in self.tests if test.step for name in test.step.roles)

    def title_in(self, language: str = LANGUAGE) -> str:
        """Return the title for people, such as "Laptop adapter 19.5 V 3.33 A (65 W)"."""
        said = [self.title.get(language) or self.title[LANGUAGE]]
        known = language if language in words.languages() else LANGUAGE
        for name, value in self.nameplate.items():
            if isinstance(value, float) and "." not in name:
                written = words.language(known).written(_figure(value))
                figure = f"{written} {self.units[name]}"
                said.append(f"({figure})" if name in self.products else figure)
        return " ".join(said)

    def words_for(self, plan_id: str) -> dict[str, dict[str, str]]:
        """Return the words that the plan brings along, by language and id.

        They are the titles, in English of those ratings alone that a reason names.
        """
        told: dict[str, dict[str, str]] = {}
        for language in self.title:
            said = {
                f"rating.{name}": self.rating_titles[name][language]
                for name in self._named_ratings()
                if language in self.rating_titles.get(name, {})
            }
            if language != LANGUAGE:
                said[_label(plan_id, "")] = self.title_in(language)
                for test in self.tests:
                    if language in test.title:
                        said[_label(self.equipment, test.id)] = test.title[language]
            if said:
                told[language] = said
        return told

    def _named_ratings(self) -> list[str]:
        """Return the ratings that a reason names for which a test is not done."""
        whys = [test.not_tested.said for test in self.tests if test.not_tested]
        named = [str(why.values["ratings"]) for why in whys if "ratings" in why.values]
        return list(dict.fromkeys(name for several in named for name in several.split(", ")))

    def runnable(self, plan_id: str = "", *, values_are_asked: bool = False) -> RunnerPlan:
        """Return the plan as it is run and recorded, under an id that a station gives it.

        `values_are_asked`: what only lacks a value of the label counts as possible.
        """
        unproved = [test for test in self.tests if test.incomplete]
        if values_are_asked:
            unproved = [test for test in unproved if not test.lacks_a_value]
        return RunnerPlan(
            id=plan_id or self.equipment,
            title=self.title_in(),
            kind=self.equipment,
            guideline=self.profile_title,
            steps=tuple(
                _planned(test, test.step, _label(self.equipment, test.id))
                for test in self.tests
                if test.step
            ),
            untested=tuple(
                _untested(test, test.not_tested, _label(self.equipment, test.id))
                for test in self.tests
                if test.not_tested
            ),
            equipment=self.equipment,
            profile=self.profile,
            rule=self.decision_rule,
            altered_by_site=self.altered_by_site,
            incomplete=tuple(test.incomplete for test in unproved),
            unproved=tuple(
                Phrase(_label(self.equipment, test.id), text=test.title_in()) for test in unproved
            ),
            nameplate={
                name: " ".join(value) if isinstance(value, tuple) else value
                for name, value in self.nameplate.items()
                if name not in self.products
            },
            words=self.words_for(plan_id or self.equipment),
            label=_label(plan_id or self.equipment, ""),
        )

    @property
    def sha256(self) -> str:
        """Return the hash of what the plan says, however its files are written."""
        return self.runnable().sha256


def _label(of: str, test: str) -> str:
    """Return the id of the title of an equipment's test, or of a plan."""
    return f"{of}.{test or 'title'}"


def _planned(test: ResolvedTest, step: Step, label: str) -> PlannedStep:
    return PlannedStep(
        use=step.name,
        title=test.title_in(),
        clause=test.clause,
        step=step,
        settings=test.settings,
        limits=test.limits,
        stop_on_fail=test.stop_on_fail,
        test=test.id,
        asked=test.required,
        depth=test.depth,
        label=label,
    )


def _untested(test: ResolvedTest, why: NotTested, label: str) -> Untested:
    absent = why.reason is Reason.NO_SUCH_PART
    return Untested(
        test=test.id,
        title=test.title_in(),
        clause=test.clause,
        required=test.required,
        verdict=Verdict.SKIPPED if absent else Verdict.NOT_TESTED,
        reason=Phrase(why.said.id, why.said.values, why.why),
        label=label,
    )


def _figure(value: float) -> str:
    """Return a figure as labels print it: a product such as 64.935 W is printed 65 W."""
    return f"{value:.0f}" if value >= 20 and value != round(value, 1) else f"{value:.4g}"
