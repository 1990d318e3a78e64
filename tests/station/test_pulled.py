"""A device that is pulled out while something is asked never fails; one that is put back passes.

Every question of the keyboard and display steps, each with its step as the last of the plan, on the
simulated rig.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from drivers.formats.key_layouts import LAYOUTS
from drivers.sim.devices.keyboard import SimulatedKeyboard
from drivers.sim.devices.monitor import SimulatedMonitor
from records import Phrase, RunRecord, Verdict, words
from records.words import po
from station.compose import DEMO_RIG
from station.engine.bench import SharedLock
from station.engine.clock import Clock
from station.engine.events import Choice, RunFinished, StepFinished
from station.engine.plan import PlannedStep
from station.engine.prompts import Operator, Prompter
from station.engine.run import run
from station.rig.config import StationConfig, load, open_bench
from station.simulate.rig import SimulatedRig
from tests.station.benches import make_draft, make_plan, said
from tests.station.engine.libraries import key_function_plan, of_plain_numbers
from tests.station.worlds import ISO, SPACE, E, Plug, a, in_slot

SLOTS = {
    "laptop-adapter-65w": "adapter-1",
    "lcd-monitor": "display-1",
    "usb-keyboard": "keyboard-1",
    "usb-keyboard-by-hand": "keyboard-1",
}


class Hands(Operator):
    """Does what is in `at` when that is asked, and then answers: as in `says`, or as it is."""

    def __init__(self, config: StationConfig, plan: str) -> None:
        self.asked: list[str] = []
        self.says: dict[str, str] = {}
        self.at: dict[str, Callable[[], None]] = {}
        self.rig = SimulatedRig(config)
        self.world = self.rig.worlds[SLOTS[plan]]
        slot, clock = SLOTS[plan], Clock(self.world.time)
        nobody = Prompter(lambda event: None, clock)
        self.bench = open_bench(
            config,
            slot,
            self.rig.hardware[slot],
            clock,
            nobody,
            {name: SharedLock(name) for name in config.shared},
            self.rig.hardware[""],
        )
        self.bench.operator = self
        self.plan = of_plain_numbers(key_function_plan(plan))

    def run(self, *steps: PlannedStep) -> RunRecord:
        *_, last = run(make_plan(*steps), self.bench, make_draft())
        assert isinstance(last, RunFinished)
        return last.record

    def run_until_the_end_of(self, step: str) -> RunRecord:
        """Run that step alone, on a port or a display that has power."""
        one = next(planned for planned in self.plan.steps if planned.use == step)
        return self.run(self.plan.steps[0], one)

    def pull(self) -> None:
        self.world.unplug()

    @property
    def lit(self) -> frozenset[str]:
        """Return the lamps of a keyboard that are lit; none without one."""
        keyboard = self.world.plugged(SimulatedKeyboard)
        return keyboard.leds if keyboard is not None else frozenset()

    def ask(self, asks: Phrase, *choices: Choice) -> str:
        about = asks.id
        self.asked.append(about)
        self.at.pop(about, lambda: None)()
        keys = [choice.key for choice in choices]
        answer = self.says.get(about) or self._usual(about, keys)
        assert answer in keys
        self._act(about)
        return answer

    def _usual(self, about: str, keys: list[str]) -> str:
        if about == "keyboard.lamp_lit":
            return "y" if self.lit == {"caps"} else "n"
        if about.startswith("keyboard.led."):
            return "y" if self.lit == {about.rpartition(".")[2]} else "n"
        no = ("keyboard.held", "keyboard.go_on", "display.picture_faults", "display.lit")
        return "n" if about in no else keys[0]

    def _act(self, about: str) -> None:
        if about == "display.probe_here":
            self.rig.probe.over = self.world
        board = self.world.plugged(SimulatedKeyboard)
        if about == "keyboard.begin" and board is not None:
            for usage in sorted(LAYOUTS["iso-105"].usages & board.keys):
                self.world.time.then(0.03, partial(board.press, usage))
                self.world.time.then(0.03, partial(board.release, usage))


@pytest.fixture(scope="session")
def demo() -> StationConfig:
    return load(DEMO_RIG)


HAND, KEYS, LCD = "usb-keyboard-by-hand", "usb-keyboard", "lcd-monitor"


def keyboard(**defects: Any) -> Plug:
    return a("usb-keyboard", **defects)


def monitor(**defects: Any) -> Plug:
    return a("lcd-monitor", **defects)


DARK = monitor(backlight_dead=True)
NEVER_SLEEPS = monitor(notice_s=1e6, null_controls=[0xD6])
MUTE_ASLEEP = monitor(notice_s=1e6, mute_once_asleep=True)
GOES_OUT = a("lcd-monitor", "picture out one second in ten")
SLEEP = ("backlight", "standby_power")
PIXELS = ["bright_pixels.black", *(f"dark_pixels.{n}" for n in ("white", "red", "green", "blue"))]
ASKED: list[tuple[str, Plug, str, str]] = [
    (KEYS, keyboard(stuck_keys=["Space"]), "keyboard.stuck_keys", "keyboard.held"),
    (KEYS, keyboard(dead_keys=["E"]), "keyboard.every_key", "keyboard.press"),
    (KEYS, keyboard(led_dead=["caps"]), "keyboard.leds", "keyboard.lamp_lit"),
    (HAND, keyboard(stuck_keys=["Space"]), "keyboard.stuck_keys", "keyboard.held"),
    (HAND, keyboard(), "keyboard.every_key_by_hand", "keyboard.begin"),
    (HAND, keyboard(dead_keys=["E"]), "keyboard.every_key_by_hand", "keyboard.go_on"),
    *(
        (HAND, keyboard(), "keyboard.leds_by_eye", f"keyboard.led.{name}")
        for name in ("num", "caps", "scroll")
    ),
    *(
        (LCD, DARK, f"display.{name}", "display.lit")
        for name in ("brightness_sweep", "luminance", "uniformity", "contrast", "backlight")
    ),
    (LCD, monitor(ddc_mute=True), "display.luminance", "display.brightest"),
    (LCD, monitor(dim_zone=[8, 0.3]), "display.uniformity", "display.dark_zone"),
    (LCD, monitor(), "display.colour", "display.probe_here"),
    (LCD, GOES_OUT, "display.last_look", "display.goes_out"),
    *((LCD, NEVER_SLEEPS, f"display.{name}", "display.dark") for name in SLEEP),
    *((LCD, MUTE_ASLEEP, f"display.{name}", "display.button") for name in SLEEP),
    *((LCD, monitor(), "display.pixel_faults", f"display.{name}") for name in PIXELS),
    (LCD, monitor(), "display.pixel_faults", "display.picture_faults"),
]


def test_every_question_of_keyboards_and_displays_is_among_them() -> None:
    sentences = po.read(words.SHIPPED / "en.po").sentences
    questions = {
        about
        for about, forms in sentences.items()
        if about.startswith(("keyboard.", "display.")) and forms[-1].endswith("?")
    }
    # These are asked about a device that has not answered yet.
    unanswered = {
        "keyboard.plugged",
        "keyboard.elsewhere",
        "display.plugged",
        "keyboard.press_together",
    }
    assert {about for *_, about in ASKED} | {"keyboard.press"} == questions - unanswered | {
        "keyboard.press"
    }


@pytest.mark.parametrize("last_choice", [False, True], ids=["first answer", "last answer"])
@pytest.mark.parametrize(
    ("plan", "plug", "step", "about"), ASKED, ids=[f"{one[2]}: {one[3]}" for one in ASKED]
)
def test_pulled_while_a_question_waits_it_is_an_error_whatever_the_answer(
    demo: StationConfig, plan: str, plug: Plug, step: str, about: str, *, last_choice: bool
) -> None:
    hands = Hands(demo, plan)
    plug(hands.world, Random(1))
    hands.at[about] = hands.pull
    first, last = (
        ("d", "c") if "press" in about else ("0", "9") if "pixels" in about else ("y", "n")
    )
    hands.says[about] = "y" if about == "keyboard.begin" else last if last_choice else first
    record = hands.run_until_the_end_of(step)
    assert hands.asked[-1] == about, "nobody is asked about a device that is gone"
    assert record.verdict is Verdict.ERROR, record.steps
    guilty = record.steps[-2]
    assert (guilty.step, guilty.verdict) == (step, Verdict.ERROR)
    assert guilty.reason is not None
    assert guilty.reason.id != "run.program_fault"


ASKED_OF_DISPLAYS = [one[1:] for one in ASKED if one[0] == LCD]


@pytest.mark.parametrize(
    ("plug", "step", "about"),
    ASKED_OF_DISPLAYS,
    ids=[f"{one[1]}: {one[2]}" for one in ASKED_OF_DISPLAYS],
)
def test_a_display_that_is_replaced_while_a_question_waits_is_not_judged_under_its_tag(
    demo: StationConfig, plug: Plug, step: str, about: str
) -> None:
    hands = Hands(demo, LCD)
    plug(hands.world, Random(1))

    def replace() -> None:
        hands.pull()
        plug(hands.world, Random(2))

    hands.at[about] = replace
    hands.says[about] = "9" if "pixels" in about else "n" if about == "display.lit" else "y"
    record = hands.run_until_the_end_of(step)
    assert record.verdict is Verdict.ERROR, record.steps
    assert said(record.steps[-2]) == "display.replaced"


def test_a_display_that_is_replaced_between_two_steps_is_not_judged_under_its_tag(
    demo: StationConfig,
) -> None:
    hands = Hands(demo, LCD)
    monitor()(hands.world, Random(1))

    def replace() -> None:
        hands.pull()
        monitor()(hands.world, Random(2))

    told = []
    for event in run(hands.plan, hands.bench, make_draft()):
        told.append(event)
        if isinstance(event, StepFinished) and event.record.step == "display.edid":
            replace()
    assert isinstance(told[-1], RunFinished)
    record = told[-1].record
    assert record.verdict is Verdict.ERROR
    edid = next(index for index, one in enumerate(record.steps) if one.step == "display.edid")
    assert said(record.steps[edid + 1]) == "display.replaced"


def test_a_display_that_is_pulled_while_it_wakes_up_is_an_error(demo: StationConfig) -> None:
    """No question was due: a good display comes back."""
    hands = Hands(demo, LCD)
    monitor()(hands.world, Random(1))
    hands.world.time.then(60.0, hands.pull)
    record = hands.run_until_the_end_of("display.backlight")
    assert record.verdict is Verdict.ERROR, record.steps
    assert hands.asked == ["display.lit"]


# Found out, and put back


@pytest.mark.parametrize(
    ("plan", "plug", "about"),
    [
        (KEYS, keyboard(), "keyboard.plugged"),
        (HAND, keyboard(), "keyboard.plugged"),
        (LCD, monitor(), "display.plugged"),
        ("laptop-adapter-65w", a("laptop-adapter"), "adapter.plugged"),
    ],
)
@pytest.mark.parametrize("after_s", [0.0, 1.5])
def test_a_device_that_is_put_back_before_yes_is_said_is_tested(
    demo: StationConfig, plan: str, plug: Plug, about: str, after_s: float
) -> None:
    """It may take a moment until the computer has found it."""
    hands = Hands(demo, plan)
    found = partial(plug, hands.world, Random(1))
    hands.at[about] = lambda: hands.world.time.then(after_s, found)
    record = hands.run(*hands.plan.steps)
    assert hands.asked[0] == about
    assert hands.asked.count(about) == 1
    assert record.verdict is Verdict.PASS, record.steps


@pytest.mark.parametrize(
    ("plan", "about", "step"),
    [
        (KEYS, "keyboard.plugged", "keyboard.enumeration"),
        (LCD, "display.plugged", "display.edid"),
        ("laptop-adapter-65w", "adapter.plugged", "adapter.no_load"),
    ],
)
@pytest.mark.parametrize(("answer", "verdict"), [("y", Verdict.FAIL), ("n", Verdict.ERROR)])
def test_one_that_stays_silent_is_judged_by_what_the_operator_saw(
    demo: StationConfig, plan: str, about: str, step: str, answer: str, verdict: Verdict
) -> None:
    hands = Hands(demo, plan)
    hands.says |= {about: answer, "keyboard.elsewhere": "y"}
    record = hands.run_until_the_end_of(step)
    assert record.verdict is verdict, record.steps
    tried = [about, "keyboard.elsewhere"]
    assert hands.asked == (tried if (plan, answer) == (KEYS, "y") else [about])


def test_a_display_whose_light_comes_back_while_it_is_asked_about_is_an_error(
    demo: StationConfig,
) -> None:
    hands = Hands(demo, LCD)
    DARK(hands.world, Random(1))
    dark = in_slot(hands.world, SimulatedMonitor)
    hands.at["display.lit"] = lambda: setattr(dark, "backlight_dead", False)
    record = hands.run_until_the_end_of("display.luminance")
    assert record.verdict is Verdict.ERROR
    assert said(record.steps[-2]) == "display.light_came_back"


def test_a_key_that_comes_up_while_it_is_asked_about_is_an_error(demo: StationConfig) -> None:
    """An operator may have lifted something off the keyboard, and says No because it is gone."""
    hands = Hands(demo, KEYS)
    keyboard()(hands.world, Random(1))
    board = in_slot(hands.world, SimulatedKeyboard)
    board.press(SPACE)
    hands.at["keyboard.held"] = partial(board.release, SPACE)
    record = hands.run_until_the_end_of("keyboard.stuck_keys")
    assert record.verdict is Verdict.ERROR
    assert record.steps[-2].reason == Phrase("keyboard.came_up", {"keys": "Space"})


def test_keys_that_are_pressed_before_no_is_said_have_answered(demo: StationConfig) -> None:
    hands = Hands(demo, HAND)
    keyboard()(hands.world, Random(1))
    board = in_slot(hands.world, SimulatedKeyboard)

    def press_the_last() -> None:
        board.keys = ISO
        hands.world.time.then(0.0, partial(board.press, E))
        hands.world.time.then(0.03, partial(board.release, E))

    board.keys = ISO - {E}  # forgotten at first
    hands.at["keyboard.go_on"] = press_the_last
    record = hands.run_until_the_end_of("keyboard.every_key_by_hand")
    assert hands.asked == ["keyboard.begin", "keyboard.go_on"]
    assert record.verdict is Verdict.PASS, record.steps
