"""The people of a simulated line: one brings devices, another looks and answers."""

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from random import Random

from drivers.formats.key_layouts import LAYOUTS
from records import RunRecord
from station.console import CannotKeep, CommandRefused, Console, Notice, SlotNotice
from station.engine.events import (
    Answered,
    Asked,
    Identifying,
    NotStarted,
    Question,
    RunFinished,
    RunStarted,
    StepStarted,
)
from station.engine.prompts import DIGITS, NO, YES
from station.simulate.label import line_for
from station.simulate.population import Case, draw
from station.simulate.rig import SimulatedRig
from station.simulate.world import World
from station.steps.keyboard.fingers import DONE, PRESSED, pressed_keys

log = logging.getLogger(__name__)

TYPING_S = 0.03
CANNOT_KEEP_S = 2.0


class Mismatch(Exception):
    """A simulated device got another verdict than its defect calls for."""


class SimulatedLine:
    """Plugs in devices when runs begin, and does with its hands what answers promise.

    Works with any operator. While `running`, it also operates: scans, looks, answers and stops.
    `finished` pairs every record with its case.
    """

    def __init__(
        self,
        console: Console,
        rig: SimulatedRig,
        *,
        seed: int,
        pause_s: float = 0.0,
        draw: Callable[[str, Random], Case] = draw,
    ) -> None:
        """`pause_s` is how long a device rests on the bench before the next is scanned.

        `draw` says which device of a kind comes next.
        """
        self.finished: list[tuple[Case, RunRecord]] = []
        self.running = True
        self._console = console
        self._rig = rig
        self._pause_s = pause_s
        self._draw = draw
        self._kinds = {slot.name: slot.kind for slot in console.slots}
        self._chance = {name: Random(f"{seed}/{name}") for name in self._kinds}
        self._cases: dict[str, Case] = {}
        self._asked: dict[str, Question] = {}
        self._identified: set[str] = set()
        self._left: dict[str, int | None] = dict.fromkeys(self._kinds)
        self._scanned = dict.fromkeys(self._kinds, 0)
        self._done = threading.Condition()

    def begin(self, runs: int | None = None) -> None:
        """Scan the first device in every slot; `runs` in all, spread evenly, or without end."""
        for number, slot in enumerate(self._kinds):
            if runs is not None:
                self._left[slot] = runs // len(self._kinds) + (number < runs % len(self._kinds))
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
                self._identified.add(slot)
                self._bring(slot)
            case NotStarted():
                self._identified.discard(slot)
            case RunStarted():
                if slot in self._identified:
                    self._identified.discard(slot)
                else:
                    self._bring(slot)
            case StepStarted(step=step) if self.running and step == self._cases[slot].stop_at:
                self._console.stop(slot)
            case Asked(question=question):
                self._asked[slot] = question
                if self.running:
                    self._console.answer(slot, self._look(slot, question))
            case Answered(key=key):
                self._act(slot, self._asked[slot], key)
            case RunFinished(record=record):
                with self._done:
                    self.finished.append((self._cases[slot], record))
                    self._done.notify_all()
                if self.running:
                    threading.Thread(target=self._next, args=(slot,), daemon=True).start()
            case _:
                pass

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

    def _bring(self, slot: str) -> None:
        """Plug the device in. It happens in the slot's thread, before anything is measured."""
        world, chance = self._rig.worlds[slot], self._chance[slot]
        case = self._draw(self._kinds[slot], chance)
        self._cases[slot] = case
        world.unplug()
        case.plug(world, chance)

    def _look(self, slot: str, question: Question) -> str:
        """Return a person's answer to the question."""
        case, world = self._cases[slot], self._rig.worlds[slot]
        about = question.about
        if not question.choices:
            return line_for(question, case.label)
        if about.endswith(".plugged"):
            return (NO if case.unplugged else YES).key
        if about == "display.lit":
            monitor = world.monitor
            lit = monitor is not None and monitor.is_lit and not monitor.backlight_dead
            return (YES if lit else NO).key
        if about == "display.bright_pixels.black":
            return _count(world.monitor.bright_pixels if world.monitor else 0)
        if about.startswith("display.dark_pixels"):
            return _count(world.monitor.dark_pixels if world.monitor else 0)
        if about == "display.picture_faults":
            return (YES if case.picture_faults else NO).key
        if about == "keyboard.lamp_lit":
            lamps = world.keyboard.leds if world.keyboard else frozenset()
            return (YES if lamps == {"caps"} else NO).key
        if about.startswith("keyboard.led."):
            lamps = world.keyboard.leds if world.keyboard else frozenset()
            return (YES if lamps == {about.rpartition(".")[2]} else NO).key
        if about in PRESSED:
            return DONE.key
        if about in ("keyboard.go_on", "keyboard.held"):
            return NO.key
        return question.choices[0].key

    def _act(self, slot: str, question: Question, key: str) -> None:
        """Do with the hands what the answer promised."""
        about = question.about
        world = self._rig.worlds[slot]
        if about == "display.probe_here" and key == YES.key:
            self._rig.probe.over = world
        elif about == "keyboard.begin":
            _type(world, LAYOUTS["iso-105"].usages)
        elif about in PRESSED and key == DONE.key:
            _type(world, pressed_keys(question.asks))


def _count(number: int) -> str:
    return DIGITS[min(number, 9)].key


def _type(world: World, usages: Iterable[int]) -> None:
    """Type the keys one by one, while the station listens: a keyboard keeps only a few reports."""
    if (keyboard := world.keyboard) is None:
        return
    for usage in sorted(keyboard.keys.intersection(usages)):
        world.time.then(TYPING_S, partial(keyboard.press, usage))
        world.time.then(TYPING_S, partial(keyboard.release, usage))


def judge(finished: list[tuple[Case, RunRecord]]) -> list[str]:
    """Return one line for every record that does not say what its case calls for."""
    wrong = []
    for case, record in finished:
        worst = [step.step for step in record.steps if step.verdict is record.verdict]
        right = record.verdict is case.verdict and record.marginal is case.marginal
        if not right or (case.step and case.step not in worst):
            marginal = " (marginal)" if record.marginal else ""
            wrong.append(
                f"{record.slot} {record.device.asset_tag}: {case.name}: got {record.verdict}"
                f"{marginal} in {', '.join(worst)}, and it calls for {case.verdict}"
                f"{' (marginal)' if case.marginal else ''} in {case.step or 'no step'}"
            )
    return wrong
