"""The people of a simulated line: one brings devices, another looks and answers."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from records import RunRecord, Verdict
from station.console import CannotKeep, CommandRefused, Console, Notice, SlotNotice
from station.engine.events import (
    Answered,
    Asked,
    Event,
    Identifying,
    NotStarted,
    Question,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from station.engine.library import SHIPPED
from station.simulate.demands import Demands
from station.simulate.evaluate import Outlook, Window, evaluate
from station.simulate.person import Person
from station.simulate.population import Population
from station.simulate.rig import SimulatedRig
from station.simulate.scenarios.files import Scenario
from station.simulate.scenarios.stage import Staged, stage
from station.simulate.world import World

log = logging.getLogger(__name__)

CANNOT_KEEP_S = 2.0
RUNNERS_OWN = "bench."
"""Steps of the runner itself begin like this."""


@dataclass(frozen=True)
class Finished:
    """A device that was tested: what was staged, what is true of it, and its record."""

    staged: Staged
    outlook: Outlook
    record: RunRecord


@dataclass
class _Watched:
    """The run of a slot that is under way; before it the label may be read."""

    staged: Staged
    person: Person
    equipment: str
    started: bool = False
    windows: list[Window] = field(default_factory=list)
    began: tuple[str, str, float] | None = None
    asked: Question | None = None

    @property
    def stops_at(self) -> str:
        """Return the test at which the person stops the run; nothing where it goes on."""
        return self.staged.scenario.operator.stops_at

    def note(self, event: Event, world: World) -> str:
        """Note when tests begin and end; return the name of the test that begins, or nothing."""
        if isinstance(event, StepStarted):
            test = event.title.id.removeprefix(f"{self.equipment}.")
            self.began = (test, event.step, world.now_s)
            return test
        if isinstance(event, StepFinished) and self.began is not None:
            self.windows.append(Window(*self.began, world.now_s))
            self.began = None
        return ""

    def finished(self, record: RunRecord, demands: Demands) -> Finished:
        """Return the run with what is true of it."""
        tests = [one for one in record.steps if not one.test.startswith(RUNNERS_OWN)]
        lacking = [one for one in tests if not one.step and one.verdict is Verdict.NOT_TESTED]
        outlook = evaluate(
            self.staged,
            demands,
            self.windows,
            planned={one.test: one.step for one in tests if one.step},
            can_pass=not any(one.required.rank for one in lacking),
        )
        return Finished(self.staged, outlook, record)


class SimulatedLine:
    """Plugs in devices when runs begin, and does with its hands what answers promise.

    Works with any operator. While `running`, it also operates: scans, looks, answers and stops.
    `finished` pairs every record with what is true of its device.
    """

    def __init__(
        self,
        console: Console,
        rig: SimulatedRig,
        *,
        seed: int,
        pause_s: float = 0.0,
        draw: Callable[[str, Random], Scenario] | None = None,
        folders: tuple[Path, ...] = (),
    ) -> None:
        """`pause_s` is how long a device rests on the bench before the next is scanned.

        `draw` says which device of a kind comes next; by default those of the shipped worlds do,
        and of the worlds in `folders`. Raises `LookupError` for a kind without a world.
        """
        self.finished: list[Finished] = []
        self.running = True
        self._console = console
        self._rig = rig
        self._pause_s = pause_s
        self._folders = (SHIPPED, *folders)
        population = Population(folders)
        self._draw = draw or population.draw
        self._slots = [slot.name for slot in console.slots]
        if draw is None:
            for slot in rig.config.slots.values():
                for plan in slot.plans:
                    population.of(plan.equipment)
        self._chance = {name: Random(f"{seed}/{name}") for name in self._slots}
        self._runs: dict[str, _Watched] = {}
        self._left: dict[str, int | None] = dict.fromkeys(self._slots)
        self._scanned = dict.fromkeys(self._slots, 0)
        self._done = threading.Condition()

    def begin(self, runs: int | None = None) -> None:
        """Scan the first device in every slot; `runs` in all, spread evenly, or without end."""
        for number, slot in enumerate(self._slots):
            if runs is not None:
                self._left[slot] = runs // len(self._slots) + (number < runs % len(self._slots))
            self._next(slot)

    def take_over(self) -> None:
        """Let the person at the screen operate from now on."""
        self.running = False

    def wait_for(self, runs: int, timeout_s: float) -> bool:
        """Wait until `runs` have finished; return False if they have not in time."""
        with self._done:
            return self._done.wait_for(lambda: len(self.finished) >= runs, timeout_s)

    def hear(self, notice: Notice) -> None:
        """To be given to `Console.listen`. Called from the slots' threads."""
        if not isinstance(notice, SlotNotice):
            return
        slot, event = notice.slot, notice.event
        match event:
            case Identifying():  # its label is read before it is plugged in
                self._bring(slot, event.device.kind)
            case NotStarted():
                self._runs.pop(slot, None)
            case RunStarted():
                if slot not in self._runs or self._runs[slot].started:
                    self._bring(slot, event.device.kind)
                self._runs[slot].started = True
            case _ if slot in self._runs:
                self._watch(slot, self._runs[slot], event)
            case _:
                pass

    def _watch(self, slot: str, watched: _Watched, event: Event) -> None:
        test = watched.note(event, self._rig.worlds[slot])
        match event:
            case StepStarted() if self.running and test == watched.stops_at:
                self._console.stop(slot)
            case Asked(question=question):
                watched.asked = question
                if self.running:
                    self._console.answer(slot, watched.person.look(question))
            case Answered(key=key) if watched.asked is not None:
                watched.person.act(watched.asked, key)
            case RunFinished(record=record):
                with self._done:
                    self.finished.append(watched.finished(record, self._demands(slot)))
                    self._done.notify_all()
                if self.running:
                    threading.Thread(target=self._next, args=(slot,), daemon=True).start()
            case _:
                pass

    def _demands(self, slot: str) -> Demands:
        plan = self._rig.config.slots[slot].plans[0]
        return Demands(self._folders, self._runs[slot].equipment, plan.profile)

    def _next(self, slot: str) -> None:
        """Scan the next device, once the slot is free."""
        left = self._left[slot]
        if left == 0:
            return
        if left is not None:
            self._left[slot] = left - 1
        if self._scanned[slot] and self._pause_s:
            threading.Event().wait(self._pause_s)
        self._scanned[slot] += 1
        tag = f"{slot[0].upper()}{slot[-1].upper()}-{self._chance[slot].randrange(10**6):06d}"
        while self.running:
            try:
                self._console.start(slot, tag)
            except CannotKeep as refusal:
                log.warning("%s", refusal)
                threading.Event().wait(CANNOT_KEEP_S)
            except CommandRefused as refusal:
                if refusal.phrase.id != "refused.busy":
                    log.info("%s: %s", slot, refusal)
                    return
                threading.Event().wait(0.001)
            else:
                return

    def _bring(self, slot: str, equipment: str) -> None:
        """Plug the device in. It happens in the slot's thread, before anything is measured."""
        world, chance = self._rig.worlds[slot], self._chance[slot]
        world.unplug()
        config = self._rig.config.slots[slot]
        scenario = self._draw(equipment, chance)
        staged = stage(scenario, world.time, chance, roles=(*config.roles, *config.shared))
        person = Person(staged, world, lambda: setattr(self._rig.probe, "over", world))
        self._runs[slot] = _Watched(staged, person, equipment)
        self._rig.bring(slot, staged, chance)


def judge(finished: list[Finished]) -> list[str]:
    """Return one line for every record that does not say what its device calls for."""
    wrong = []
    for one in finished:
        record, outlook = one.record, one.outlook
        if record.verdict.value in outlook.expected:
            continue
        worst = [step.test for step in record.steps if step.verdict is record.verdict]
        wrong.append(
            f"{record.slot} {record.device.asset_tag}: {one.staged.scenario.name}: got"
            f" {record.verdict} in {', '.join(worst)}, and it calls for"
            f" {' or '.join(outlook.expected)}"
        )
    return wrong
