"""Runs of one kind of equipment in worlds: each with its parameters, its truth and its verdict."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from drivers.sim.world import SimulatedTime
from records import Device, Phrase, RunRecord, StepRecord, Verdict, new_record_id, words
from records.toml.tables import suggest
from station.engine.bench import SharedLock
from station.engine.clock import Clock
from station.engine.events import Choice, Question, RunFinished, StepStarted
from station.engine.library import Library
from station.engine.plan import Plan
from station.engine.prompts import Operator
from station.engine.resolve import resolve
from station.engine.run import draft_steps, run
from station.rig.config import StationConfig, open_bench
from station.rig.rehearsal import Nowhere
from station.rig.slots import place_of
from station.simulate.demands import Demands
from station.simulate.evaluate import ON_EDGE, PASS, Outlook, Window, evaluate
from station.simulate.person import ACTIONS, Person
from station.simulate.rig import SimulatedRig
from station.simulate.scenarios.files import Scenario
from station.simulate.scenarios.stage import Staged, check, stage

SOFTWARE = "pace station simulate"
NOT_OF_A_TEST = ("bench.",)
"""Steps of the runner itself begin like this."""


class NotSimulated(LookupError):
    """Nothing can be simulated as it was asked for. Says why in one line."""


@dataclass(frozen=True)
class Asked:
    """The kind, profile and seed of a simulation. `told` are ratings instead of the worlds' own."""

    equipment: str
    profile: str
    folders: tuple[Path, ...]
    seed: int = 1
    without: tuple[str, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One run: what was drawn, what is true, and what the station says."""

    number: int
    staged: Staged
    outlook: Outlook
    record: RunRecord

    @property
    def is_right(self) -> bool:
        """Return whether the verdict is one of those that follow from the truth."""
        return self.record.verdict.value in self.outlook.expected

    @property
    def is_missed(self) -> bool:
        """Return whether a device passed that is bad, if only at times."""
        bad = any(one.when != ON_EDGE for one in self.outlook.defects)
        return self.record.verdict.value == PASS and bad


class Simulation:
    """The bench of one slot, on which worlds of one kind of equipment are run."""

    def __init__(
        self,
        config: StationConfig,
        library: Library,
        asked: Asked,
        scenarios: Sequence[Scenario],
    ) -> None:
        """Choose the slot that can test most of the first scenario's device.

        Raises `NotSimulated` where none can test anything, or where there is no such profile.
        """
        kind = library.kind(asked.equipment)
        if asked.profile not in kind.profiles:
            known = suggest(asked.profile, kind.profiles)
            raise NotSimulated(f"no profile {asked.profile!r}; {known}")
        self._config = config
        self._library = library
        self._asked = asked
        self._demands = Demands(asked.folders, asked.equipment, asked.profile)
        self.slot = self._best_slot(scenarios[0])
        self.roles = self._roles(self.slot)

    def check(self, scenarios: Sequence[Scenario]) -> None:
        """Draw each scenario once for this bench. Raises `WorldError` with every mistake of all."""
        kind = self._library.kind(self._asked.equipment)
        tests = {place.id for place in kind.places}
        check(scenarios, self.roles, tests=tests, ratings=kind.ratings, actions=ACTIONS)

    def _roles(self, slot: str) -> dict[str, type[object]]:
        config, nowhere = self._config.slots[slot], Nowhere()
        names = [one for one in (*config.roles, *config.shared) if one not in self._asked.without]
        return {role: place_of(self._config.instrument(slot, role), nowhere).kind for role in names}

    def _best_slot(self, scenario: Scenario) -> str:
        known = {role for slot in self._config.slots for role in self._all_roles(slot)}
        for role in self._asked.without:
            if role not in known:
                raise NotSimulated(f"--without: no slot has a {role}; {suggest(role, known)}")
        told = stage(scenario, SimulatedTime(), Random(0), told=self._asked.told).nameplate
        tested = {slot: len(self._plan(slot, told).steps) for slot in self._config.slots}
        best = max(tested, key=lambda slot: tested[slot])
        if not tested[best]:
            raise NotSimulated(f"no slot of the rig can test anything of {self._asked.equipment}")
        return best

    def _all_roles(self, slot: str) -> Collection[str]:
        config = self._config.slots[slot]
        return (*config.roles, *config.shared)

    def _plan(self, slot: str, nameplate: Mapping[str, Any]) -> Plan:
        asked = self._asked
        return resolve(
            self._library,
            asked.equipment,
            asked.profile,
            nameplate=nameplate,
            roles=self._roles(slot),
        ).runnable()

    def run(self, number: int, scenario: Scenario) -> Result:
        """Run one scenario. The same number, scenario and seed give the same run."""
        asked = self._asked
        chance = Random(f"{asked.seed}/{number}/{scenario.name}")
        rig = SimulatedRig(self._config)
        world = rig.worlds[self.slot]
        staged = stage(scenario, world.time, chance, roles=self.roles, told=asked.told)
        plan = self._plan(self.slot, staged.nameplate)
        clock = Clock(world.time)
        person = Person(staged, world, lambda: setattr(rig.probe, "over", world))
        hardware = rig.hardware[self.slot]
        locks = {name: SharedLock(name) for name in self._config.shared}
        bench = open_bench(
            self._config, self.slot, hardware, clock, _Asking(person), locks, rig.hardware[""]
        )
        rig.bring(self.slot, staged, chance)
        windows: list[Window] = []
        record: RunRecord | None = None
        with closing(run(plan, bench, self._draft(plan, f"run-{number}"))) as events:
            began: tuple[str, str, float] | None = None
            for event in events:
                now_s = world.now_s
                if isinstance(event, StepStarted):
                    planned = plan.steps[event.number]
                    began = (planned.test or planned.use, planned.use, now_s)
                    if scenario.operator.stops_at == began[0]:
                        clock.cancel()
                elif began is not None and not _is_inside(event):
                    windows.append(Window(*began, now_s))
                    began = None
                if isinstance(event, RunFinished):
                    record = event.record
        assert record is not None
        outlook = evaluate(
            staged,
            self._demands,
            windows,
            planned={one.test or one.use: one.use for one in plan.steps},
            can_pass=not plan.incomplete,
        )
        return Result(number, staged, outlook, record)

    def _draft(self, plan: Plan, tag: str) -> RunRecord:
        now = datetime.now(UTC)
        return RunRecord(
            record_id=new_record_id(),
            sequence=0,
            station=self._config.station,
            slot=self.slot,
            operator=self._config.operator,
            device=Device(asset_tag=tag, kind=plan.kind),
            plan=plan.id,
            plan_sha256=plan.sha256,
            profile=plan.guideline,
            instruments=(),
            software=SOFTWARE,
            clock_synchronised=False,
            simulated=True,
            started_at=now,
            duration_s=0.0,
            steps=draft_steps(plan, now),
            verdict=Verdict.ABORTED,
        )


class _Asking(Operator):
    """A simulated person as an operator, who answers at once."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def ask(self, asks: Phrase, *choices: Choice) -> str:
        question = Question(asks, choices)
        key = self._person.look(question)
        self._person.act(question, key)
        return key


def _is_inside(event: object) -> bool:
    """Tell whether an event comes while a step is under way."""
    return type(event).__name__ not in ("StepFinished", "StepStarted", "RunFinished")


def in_turn(
    scenarios: Sequence[Scenario], runs: int | None, seed: int
) -> Iterator[tuple[int, Scenario]]:
    """Yield numbers and scenarios: `runs` by their weights, or each once."""
    if runs is None:
        yield from enumerate(scenarios, start=1)
        return
    chance = Random(f"{seed}/worlds")
    weights = [one.weight for one in scenarios]
    if runs and not sum(weights):
        raise NotSimulated("none of these cases comes along: each has weight 0")
    for number in range(1, runs + 1):
        yield number, chance.choices(scenarios, weights)[0]


def as_data(result: Result) -> dict[str, Any]:
    """Return a run as a report has it: plain values, and no endless number."""
    staged, outlook, record = result.staged, result.outlook, result.record
    data: dict[str, Any] = _finite(
        {
            "run": result.number,
            "world": staged.scenario.file,
            "case": staged.scenario.name,
            "nameplate": staged.nameplate,
            "parameters": staged.parameters,
            "faults": staged.faults,
            "truth": {
                "device": outlook.device,
                "bench": outlook.bench,
                "operator": outlook.operator,
                "defects": [one._asdict() for one in outlook.defects],
                "near": outlook.near,
                "figures": outlook.figures,
            },
            "expected": outlook.expected,
            "verdict": record.verdict.value,
            "right": result.is_right,
            "missed": result.is_missed,
            "marginal": record.marginal,
            "not_safe": [words.text(one) for one in record.not_safe],
            "failed": [_test(step) for step in record.steps if step.verdict is Verdict.FAIL],
            "reasons": [
                {"test": step.test, "verdict": step.verdict.value, "at_fault": step.at_fault}
                | _reason(step)
                for step in record.steps
                if step.reason is not None
            ],
            "tests": {step.test: step.verdict.value for step in record.steps},
            "asked": [
                {"question": one.question.id, "answer": one.answer}
                for step in record.steps
                for one in step.asked
            ],
            "duration_s": record.duration_s,
        }
    )
    return data


def _test(step: StepRecord) -> dict[str, Any]:
    return {
        "test": step.test,
        "step": step.step,
        "measurements": [
            {"name": one.name, "value": one.value, "unit": one.unit, "limit": str(one.limit)}
            for one in step.measurements
            if one.verdict is Verdict.FAIL
        ],
    }


def _reason(step: StepRecord) -> dict[str, Any]:
    assert step.reason is not None
    return {"reason": step.reason.id, "text": words.text(step.reason)}


def _finite(value: Any) -> Any:
    """Return a value that JSON has: endless numbers as text, sets in order."""
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


def line(result: Result) -> str:
    """Return a run as one line of JSON."""
    return json.dumps(as_data(result), ensure_ascii=False)


def sentence(result: Result) -> str:
    """Return a run as one line for a person."""
    said = "" if result.is_right else f"  WRONG: expected {' or '.join(result.outlook.expected)}"
    missed = "  (missed)" if result.is_missed else ""
    verdict = result.record.verdict
    worst = [step.test for step in result.record.steps if step.verdict is verdict]
    where = ", ".join(worst) if verdict is not Verdict.PASS else ""
    return (
        f"{result.number:5}  {verdict.value:10} {result.staged.scenario.name}"
        f"{f': {where}' if where else ''}{missed}{said}"
    )
