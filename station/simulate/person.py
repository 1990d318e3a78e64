"""The simulated person at a slot: sees the device, answers questions, and does things by hand."""

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from drivers.sim.keys import USAGES
from station.engine.events import Choice, Question
from station.engine.prompts import NO, YES
from station.simulate.label import line_for
from station.simulate.scenarios.stage import Staged
from station.simulate.scenarios.tables import Answer, Sees
from station.simulate.world import World

TYPING_S = 0.03
MOST_COUNTED = 9
_BETWEEN_KEYS = re.compile(r"(?<! )\+")  # one key is called `Keypad +`

ACTIONS = (
    "types_everything",
    "presses_asked",
    "brings_probe",
    "pulls_plug",
    "presses_power_button",
)
"""The things that hands do: type each key once; press the keys that the question names, together;
hold the instrument that slots share to this device; pull all cables of the device, or press its
power button."""


class Person:
    """A person before one slot during one run."""

    def __init__(self, staged: Staged, world: World, bring_probe: Callable[[], None]) -> None:
        self._staged = staged
        self._world = world
        self._bring_probe = bring_probe

    def sees(self) -> Mapping[str, Any]:
        """Return what the person sees now.

        `plugged` is whether the device's cables are in, `held` whether something holds its keys.
        """
        device = self._world.place.device
        seen = dict(device.seen) if device is not None else {}
        return {"plugged": self._world.is_plugged, "held": self._world.is_held, **seen}

    def look(self, question: Question) -> str:
        """Return the key of the person's answer, after some thought."""
        if self._staged.thinks_s > 0:
            self._world.time.sleep(self._staged.thinks_s)
        if not question.choices:
            return line_for(question, self._staged.label)
        told = answer_to(question.about, self._staged.scenario.operator.answers)
        return key_of(told, self.sees(), question.choices)

    def act(self, question: Question, key: str) -> None:
        """Do what an answer promises: the first of a question's answers is the one that does."""
        if not question.choices or key != question.choices[0].key:
            return
        for pattern, action in self._staged.scenario.operator.does.items():
            if fnmatchcase(question.about, pattern):
                self._do(action, question)
                return

    def _do(self, action: str, question: Question) -> None:
        keys = self._world.place.keys
        match action:
            case "brings_probe":
                self._bring_probe()
            case "pulls_plug":
                self._world.pull_out()
            case "types_everything" if keys is not None:
                for usage in sorted(keys.keys):
                    self._press([usage])
            case "presses_asked" if keys is not None:
                legends = _BETWEEN_KEYS.split(str(question.asks.values.get("keys", "")))
                self._press([USAGES[one] for one in legends if one in USAGES])
            case "presses_power_button":
                getattr(self._world.place.device, "press_power_button", lambda: None)()
            case _:
                pass

    def _press(self, usages: Sequence[int]) -> None:
        """Press keys together while the station listens: a keyboard keeps only a few reports."""
        keys = self._world.place.keys
        if keys is None:
            return
        there = [usage for usage in usages if usage in keys.keys]
        for usage in there:
            self._world.time.then(TYPING_S, partial(keys.press, usage))
        for usage in there:
            self._world.time.then(TYPING_S, partial(keys.release, usage))


def answer_to(about: str, answers: Mapping[str, Answer]) -> Answer | None:
    """Return the answer of the first pattern that fits the question's id; None without any."""
    for pattern, answer in answers.items():
        if fnmatchcase(about, pattern):
            return answer
    return None


def key_of(answer: Answer | None, seen: Mapping[str, Any], choices: Sequence[Choice]) -> str:
    """Return the key for an answer. Without one, it is the question's first."""
    told: Any = answer
    if isinstance(answer, Sees):
        told = seen.get(answer.sees, False)
        if answer.equal_to is not None:
            told = told == answer.equal_to
    elif isinstance(answer, str) and answer.startswith("@"):
        told = seen.get(answer[1:], False)
    keys = [choice.key for choice in choices]
    if isinstance(told, bool) and YES.key in keys:
        return (YES if told else NO).key
    if isinstance(told, int):
        return str(min(told, MOST_COUNTED))
    return told if told in keys else keys[0]
