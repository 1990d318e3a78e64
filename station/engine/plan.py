"""A test plan: TOML in, checked and frozen out. A plan that loads has no silly mistakes left."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from records import (
    Limit,
    LimitInFile,
    Phrase,
    PlannedTest,
    PlanRecord,
    Proof,
    Verdict,
    encode,
    words,
)
from records.toml.tables import MistakesInFile, TableError, convert
from station.engine import step as steps

SHIPPED = Path(__file__).parents[1] / "plans"


class PlanError(MistakesInFile):
    """Tells the mistakes of a plan file, one line each: file, place, and what would be right."""


class _StepTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    use: str
    title: str = ""
    clause: str = ""
    settings: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    stop_on_fail: bool = False
    optional: bool = False


class _PlanTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    title: str
    kind: str
    guideline: str
    settings: dict[str, Any] = {}
    step: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a plan, with its settings complete and its limits checked.

    `title` is the plan's own; empty, the step is called as the catalogues call it. `label` is the
    id under which the plan's `words` have it in other languages.
    `test` tells it from others that use the same step; empty, it is called as the step is. A run
    passes without an `optional` one; `asked` is the proof that a profile asks for instead.
    """

    use: str
    title: str
    clause: str
    step: steps.Step
    settings: Mapping[str, Any]
    limits: Mapping[str, Limit]
    stop_on_fail: bool = False
    optional: bool = False
    test: str = ""
    asked: Proof | None = None
    depth: str = ""
    label: str = ""

    @property
    def required(self) -> Proof:
        """Return the proof without which a run is INCOMPLETE."""
        if self.asked is not None:
            return self.asked
        return Proof.NONE if self.optional else self.proves

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

    `untested` are the tests of this kind that the run does not do, and `incomplete` says why it
    cannot end as PASS, as far as that is known before it starts. `equipment`, `profile`, `rule`
    and `altered_by_site` are those of a plan that was resolved.
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


def load(path: Path) -> Plan:
    """Return the plan of a file. Raises `PlanError` with the first mistake."""
    try:
        text = path.read_bytes()
        table = convert(tomllib.loads(text.decode()), _PlanTable)
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanError(f"{path}: not TOML: {error}") from error
    except TableError as error:
        raise PlanError(*error.after(path)) from error
    if table.id != path.stem:
        raise PlanError(f"{path}: id is {table.id!r}, but the file's name says {path.stem!r}")
    if not table.step:
        raise PlanError(f"{path}: a plan needs at least one [[step]]")
    checked, used = list[PlannedStep](), set[str]()
    for number, raw in enumerate(table.step, start=1):
        place = f"{path}, step {number} ({raw.get('use', 'no `use`')})"
        try:
            planned = _check(convert(raw, _StepTable), table.settings)
        except TableError as error:
            raise PlanError(*error.after(place)) from error
        except LookupError as error:
            raise PlanError(f"{place}: {error.args[0]}") from error
        used |= table.settings.keys() & set(planned.step.settings.__struct_fields__)
        times = sum(one.use == planned.use for one in checked)
        test = f"{planned.use}[{times + 1}]" if times else planned.use
        checked.append(replace(planned, test=test))
    if unused := table.settings.keys() - used:
        raise PlanError(
            f"{path}: no step has the setting {', '.join(sorted(unused))} of [settings]"
        )
    return Plan(
        id=table.id,
        title=table.title,
        kind=table.kind,
        guideline=table.guideline,
        steps=tuple(checked),
    )


def _check(table: _StepTable, common: Mapping[str, Any]) -> PlannedStep:
    step = steps.find(table.use)
    known = step.settings.__struct_fields__
    settings = {name: value for name, value in common.items() if name in known} | table.settings
    limits = {}
    for name, raw in table.limits.items():
        if name not in step.units:
            raise LookupError(
                f"a limit for {name!r}, but it measures {', '.join(step.units) or 'nothing'}"
            )
        limit = limits[name] = convert(raw, LimitInFile, f"limits.{name}").as_limit()
        if limit.unit != step.units[name]:
            raise LookupError(
                f"the limit of {name} is in {limit.unit!r}, but it is measured in"
                f" {step.units[name]!r}"
            )
    return PlannedStep(
        use=table.use,
        title=table.title,
        clause=table.clause,
        step=step,
        settings=step.check(settings),
        limits=limits,
        stop_on_fail=table.stop_on_fail,
        optional=table.optional,
    )


def find(plan_id: str, folders: Iterable[Path] = (SHIPPED,)) -> Plan:
    """Return the plan of that id from the first folder that has it."""
    searched = list(folders)
    for folder in searched:
        if (path := folder / f"{plan_id}.toml").is_file():
            return load(path)
    known = sorted({path.stem for folder in searched for path in folder.glob("*.toml")})
    raise PlanError(f"no plan {plan_id!r}; there are {', '.join(known) or 'none'}")
