"""Keyboards: every key is itself, once, and lets go; fingers and hands are not keys."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.capabilities import (
    Identity,
    KeyActuator,
    KeyEvent,
    KeySource,
    LightMeter,
    Power,
    PowerMeter,
)
from drivers.errors import NotConnected, WrongDevice
from drivers.formats.key_layouts import LAYOUTS
from drivers.linux.usb import open_port
from drivers.sim.hardware import SimulatedHardware
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.world import SimulatedTime
from records import Phrase, RunRecord, StepRecord, Verdict
from station.engine.clock import Clock
from station.engine.events import Event, Shown
from station.engine.plan import PlannedStep
from station.steps import keyboard
from station.steps.keyboard.chances import chance_of, taps_for
from station.steps.keyboard.fingers import PRESSED, pressed_keys
from station.steps.keyboard.listening import usage_of
from station.ui.pictures.keyboard import Keys
from tests.station.benches import (
    Answers,
    Socketed,
    events,
    finish,
    make_bench,
    planned,
    said,
    table_of,
)
from tests.station.engine.libraries import key_function_plan, of_plain_numbers

ISO = LAYOUTS["iso-105"].usages
A, S, E, R, SPACE, HASH, BACKSLASH, F24 = 0x04, 0x16, 0x08, 0x15, 0x2C, 0x32, 0x31, 0x73

PLAN = {
    one.use.partition(".")[2]: one
    for one in of_plain_numbers(key_function_plan("usb-keyboard")).steps
}
BY_HAND = {
    one.use.partition(".")[2]: one
    for one in of_plain_numbers(key_function_plan("usb-keyboard-by-hand")).steps
}


class Board(KeySource):
    """A keyboard of which every key can be bad in its own way."""

    def __init__(self, time: SimulatedTime) -> None:
        self.identity = Identity("ACME", "Board", "K-1")
        self.time = time
        self.boot = True
        self.usages = frozenset(range(0x04, 0xE8))
        self.rollover = 6
        self.keys = set(ISO)
        self.sends: dict[int, int] = {}
        self.dead: set[int] = set()
        self.sticky: set[int] = set()
        self.bouncing: dict[int, int] = {}
        self.blocks: set[frozenset[int]] = set()
        self.ghost: dict[frozenset[int], int] = {}
        self.lamps: set[str] = set()
        self.dead_lamps: set[str] = set()
        self.presses_left: float = float("inf")
        self.answers_every = dict.fromkeys(ISO, 1)
        self.sticks_at: dict[int, int] = {}
        self.bounces_at: dict[int, set[int]] = {}
        self.misses_at: dict[int, set[int]] = {}
        self.late_s: dict[int, float] = {}
        self.late_presses: dict[int, set[int]] = {}
        self._presses: Counter[int] = Counter()
        self._coming: list[tuple[float, Callable[[], None]]] = []
        self._held: set[int] = set()
        self._down: set[int] = set()
        self.loses, self.chance = 0.0, Random(1)
        self._heard: list[KeyEvent] = []

    def event(self, usage: int, *, down: bool) -> None:
        self._heard.append(KeyEvent(self.sends.get(usage, usage), down, self.time.monotonic()))

    def press(self, usages: Iterable[int]) -> None:
        for usage in usages:
            self.presses_left -= 1
            self._presses[usage] += 1
            self._held.add(usage)
            if self._presses[usage] % self.answers_every.get(usage, 1):
                continue
            if self._presses[usage] in self.misses_at.get(usage, ()):
                continue
            if any(usage in pair and pair <= self._held for pair in self.blocks):
                continue
            if usage in self.dead or usage not in self.keys:
                continue
            self.event(usage, down=True)
            once = self._presses[usage] in self.bounces_at.get(usage, ())
            if once or self.bouncing.get(usage, 0):
                self.bouncing[usage] = max(0, self.bouncing.get(usage, 0) - 1)
                self.event(usage, down=False)
                self.event(usage, down=True)
        for chord, phantom in self.ghost.items():
            if chord <= self._held:
                self.event(phantom, down=True)
                self.event(phantom, down=False)

    def release(self, usages: Iterable[int]) -> None:
        for usage in usages:
            self._held.discard(usage)
            stuck = self._presses[usage] >= self.sticks_at.get(usage, 10**6)
            if usage in self.keys - self.dead - self.sticky and not stuck:
                late_s = self.late_s.get(usage, 0.0)
                if self._presses[usage] not in self.late_presses.get(usage, {self._presses[usage]}):
                    late_s = 0.0
                if late_s:
                    self.later(late_s, partial(self.event, usage, down=False))
                else:
                    self.event(usage, down=False)

    def later(self, after_s: float, hand: Callable[[], None]) -> None:
        self._coming.append((self.time.monotonic() + after_s, hand))

    def read_events(self, timeout_s: float) -> tuple[KeyEvent, ...]:
        if self.presses_left <= 0:
            raise NotConnected("unplugged")
        self._coming.sort(key=itemgetter(0))
        if not self._heard:
            due_s = self._coming[0][0] - self.time.monotonic() if self._coming else timeout_s
            self.time.sleep(max(0.0, min(timeout_s, due_s)))
        while self._coming and self._coming[0][0] <= self.time.monotonic():
            self._coming.pop(0)[1]()
        heard, self._heard = self._heard, []
        heard = [each for each in heard if self.chance.random() >= self.loses]
        for each in heard:
            (self._down.add if each.down else self._down.discard)(each.usage)
        self.keys_down = frozenset(self._down)
        return tuple(heard)

    def set_leds(self, *, num: bool = False, caps: bool = False, scroll: bool = False) -> None:
        wanted = {"num": num, "caps": caps, "scroll": scroll}
        self.lamps = {name for name, lit in wanted.items() if lit} - self.dead_lamps

    def use_boot_protocol(self, *, boot: bool) -> None:
        raise NotImplementedError


class Fingers(KeyActuator):
    """Fingers may be missing, broken, swapped, or jam on the key that they pressed."""

    def __init__(self, board: Board) -> None:
        self.identity = Identity("ACME", "Fingers")
        self.board = board
        self.keys = ISO
        self.broken: set[int] = set()
        self.swapped: dict[int, int] = {}
        self.jams: set[int] = set()
        self.late_s: dict[int, float] = {}
        self.misses_every: dict[int, int] = {}
        self.at_once = 6
        self.slipped: dict[int, int] = {}
        self._presses: Counter[int] = Counter()

    def press(self, usages: Iterable[int]) -> None:
        self._presses.update(usages)
        self.board.press(
            self.swapped.get(one, one)
            for one in self._reached(usages)
            if one not in self.broken
            and (one not in self.misses_every or self._presses[one] % self.misses_every[one])
        )

    def release(self, usages: Iterable[int]) -> None:
        for one in self._reached(usages):
            if one in self.broken | self.jams:
                continue
            let_go = partial(self.board.release, [self.swapped.get(one, one)])
            if one in self.late_s:
                self.board.later(self.late_s[one], let_go)
            else:
                let_go()

    def taps_of(self, usage: int) -> int:
        return self._presses[usage]

    def _reached(self, usages: Iterable[int]) -> list[int]:
        struck = sorted(usages)[: self.at_once]
        return struck + [self.slipped[one] for one in struck if one in self.slipped]

    def make_safe(self) -> None:
        self.board.release(ISO - self.jams)


class Light(LightMeter):
    def __init__(self, board: Board) -> None:
        self.identity = Identity("ACME", "Light")
        self.board = board
        self.gain = 1.0

    def read_illuminance_lux(self) -> float:
        return 2.0 + self.gain * (38.0 if "caps" in self.board.lamps else 0.0)


class Port(PowerMeter):
    def __init__(self) -> None:
        self.identity = Identity("ACME", "Port")
        self.voltage_v, self.current_a = 5.0, 0.03
        self._pulled: tuple[Answers, float] | None = None

    def without_keyboard(self, person: Answers, current_a: float = 0.0) -> None:
        """Read this current once the person has pulled the plug."""
        self._pulled = person, current_a

    def read(self) -> Power:
        if self._pulled is not None and "keyboard.pull_plug" in self._pulled[0].asked:
            self.current_a = self._pulled[1]
        return Power(self.voltage_v, self.current_a, self.voltage_v * self.current_a)


class Person(Answers):
    """Presses what is asked for, once that was answered."""

    def __init__(self, board: Board, **answers: str) -> None:
        super().__init__(**answers)
        self.board = board
        self.skips: set[int] = set()
        self.absent: set[str] = set()
        self.presses_after_s = 0.0

    def type(self, usages: Iterable[int]) -> None:
        for usage in sorted(set(usages) - self.skips):
            self.board.press([usage])
            self.board.release([usage])

    def hold(self, usages: Iterable[int]) -> None:
        self.board.press(usages)

    def ask(self, asks: Phrase, *choices: Any) -> str:
        about = asks.id
        if about in PRESSED:
            usages = pressed_keys(asks)
            self.asked.append(about)
            self.questions.append(asks)
            self.board.later(self.presses_after_s, partial(self.hold, usages))
            self.board.later(self.presses_after_s + 0.05, partial(self.board.release, usages))
            return self.answers.get(f"press_{usages[0]}", "d")
        if about == "keyboard.begin":
            self.type(self.board.keys)
        if about == "keyboard.lamp_lit":
            self.asked.append(about)
            return "y" if self.board.lamps == {"caps"} else "n"
        if about.startswith("keyboard.led."):
            self.asked.append(about)
            name = about.rpartition(".")[2]
            if name in self.absent:
                return "a"
            return "y" if self.board.lamps == {name} else "n"
        return super().ask(asks, *choices)


def pressed(rig: "Rig") -> list[list[int]]:
    """Return the usages of the keys that were to be pressed by hand, question by question."""
    return [pressed_keys(asks) for asks in rig.person.questions if asks.id in PRESSED]


class Rig:
    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.board = Board(self.time)
        self.fingers, self.light = Fingers(self.board), Light(self.board)
        self.port = Port()
        self.socket = Socketed(self.board)
        self.person = Person(
            self.board,
            keyboard_plugged="y",
            keyboard_elsewhere="y",
            keyboard_pull_plug="p",
            keyboard_begin="y",
            keyboard_go_on="n",
            keyboard_held="n",
        )

    def told(self, *steps: PlannedStep) -> list[Event]:
        bench = make_bench(
            Clock(self.time),
            keyboard=self.socket.place(device=True),
            actuator=Socketed(self.fingers).place(),
            light=Socketed(self.light).place(),
            meter=Socketed(self.port).place(),
        )
        bench.operator = self.person
        return list(events(bench, *steps))

    def run(self, *steps: PlannedStep) -> RunRecord:
        bench = make_bench(
            Clock(self.time),
            keyboard=self.socket.place(device=True),
            actuator=Socketed(self.fingers).place(),
            light=Socketed(self.light).place(),
            meter=Socketed(self.port).place(),
        )
        bench.operator = self.person
        return finish(bench, *steps)

    def measure(self, one: PlannedStep) -> StepRecord:
        return self.run(one).steps[1]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def values(record: StepRecord) -> dict[str, Any]:
    return {m.name: m.value for m in record.measurements}


KEYBOARD_STEPS = [one for name, one in PLAN.items() if name != "powers_up"]
HAND_STEPS = [one for name, one in BY_HAND.items() if name != "powers_up"]


# A good one


def test_a_good_keyboard_passes_with_the_actuator_and_nobody_is_asked(rig: Rig) -> None:
    record = rig.run(*KEYBOARD_STEPS)
    assert record.verdict is Verdict.PASS, record.steps
    assert rig.person.asked == []
    assert (record.device.maker, record.device.serial_number) == ("ACME", "K-1")


def test_a_good_keyboard_passes_by_hand(rig: Rig) -> None:
    record = rig.run(*HAND_STEPS)
    assert record.verdict is Verdict.PASS, record.steps
    assert rig.person.asked[0] == "keyboard.begin"


def test_keys_light_up_one_after_the_other(rig: Rig) -> None:
    seen = [
        len(msgspec.convert(one.data, Keys).seen)
        for one in rig.told(PLAN["every_key"])
        if isinstance(one, Shown) and one.picture == "keyboard"
    ]
    assert seen == sorted(seen)
    assert seen[-1] == 105


def test_a_board_that_sends_the_other_makers_usage_for_a_key_is_right(rig: Rig) -> None:
    rig.board.sends = {HASH: BACKSLASH}
    assert rig.measure(PLAN["every_key"]).verdict is Verdict.PASS
    assert rig.measure(BY_HAND["every_key_by_hand"]).verdict is Verdict.PASS


# The keyboard's faults


@pytest.mark.parametrize("usage", [E, SPACE, HASH, 0x39, 0xE0])
def test_a_dead_key_is_missing(rig: Rig, usage: int) -> None:
    rig.board.dead = {usage}
    for one in (PLAN["every_key"], BY_HAND["every_key_by_hand"]):
        record = rig.measure(one)
        assert record.verdict is Verdict.FAIL
        assert values(record)["missing_keys"] == 1


def test_a_key_that_is_not_there_is_missing(rig: Rig) -> None:
    rig.board.keys -= {E}
    rig.person.answers[f"press_{E}"] = "c"
    assert rig.measure(PLAN["every_key"]).verdict is Verdict.FAIL


def test_a_key_that_answers_with_another_is_wrong(rig: Rig) -> None:
    rig.board.sends = {A: S}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.FAIL
    assert (values(record)["wrong_keys"], values(record)["missing_keys"]) == (1, 1)


@pytest.mark.parametrize("name", ["every_key", "every_key_by_hand"])
def test_a_key_from_another_country_is_wrong(rig: Rig, name: str) -> None:
    rig.board.sends = {A: F24}
    record = rig.measure((PLAN | BY_HAND)[name])
    assert record.verdict is Verdict.FAIL
    assert values(record)["wrong_keys"] == 1


@pytest.mark.parametrize("name", ["every_key", "every_key_by_hand"])
def test_a_key_that_does_not_come_up_is_found(rig: Rig, name: str) -> None:
    rig.board.sticky = {E}
    record = rig.measure((PLAN | BY_HAND)[name])
    assert record.verdict is Verdict.FAIL
    assert values(record)["unreleased_keys"] == 1


def test_a_key_that_answers_to_every_second_press_only_is_missing(rig: Rig) -> None:
    rig.board.answers_every = {HASH: 2}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.FAIL
    assert (values(record)["missing_keys"], values(record)["missing"]) == (1, "Non-US Hash")


@pytest.mark.parametrize("late_s", [0.08, 0.1, 0.4, 2.0, 5.0])
def test_a_key_that_comes_up_late_fails_once_a_hand_finds_it_late_too(
    rig: Rig, late_s: float
) -> None:
    rig.board.late_s = {E: late_s}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["slowest_release"] == pytest.approx(late_s, abs=0.01)
    assert values(record)["late"] == "E"
    assert rig.person.asked == ["keyboard.press"] * 4


def test_a_key_that_is_late_once_and_never_again_does_not_fail(rig: Rig) -> None:
    rig.board.late_s = {E: 0.4}
    rig.board.late_presses = {E: {1}}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.PASS
    assert values(record)["late"] == ""


def test_a_finger_that_lifts_late_is_the_bench_s_fault(rig: Rig) -> None:
    rig.fingers.late_s = {E: 0.4}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.ERROR
    assert record.reason is not None
    assert (record.reason.id, record.at_fault) == ("keyboard.finger_slow", ("actuator",))


def test_the_chance_to_find_a_key_that_misses_taps_is_in_the_record(rig: Rig) -> None:
    record = rig.measure(PLAN["every_key"])
    [chance] = record.chances
    assert chance.defect == "keyboard.misses_one_in_ten"
    assert chance.chance == pytest.approx(0.19)


@pytest.mark.parametrize(("wanted", "taps"), [(0.0, 1), (0.5, 7), (0.9, 22), (0.95, 29)])
def test_taps_follow_from_the_chance_that_is_wanted(wanted: float, taps: int) -> None:
    assert taps_for(wanted, 1) == taps
    assert chance_of(taps) >= wanted
    assert taps == 1 or chance_of(taps - 1) < wanted


@given(chance=st.floats(0, 0.999), least=st.integers(1, 50))
def test_no_taps_are_left_out_and_none_are_for_nothing(chance: float, least: int) -> None:
    taps = taps_for(chance, least)
    assert taps >= least
    assert chance_of(taps) >= chance - 1e-6
    assert taps == least or chance_of(taps - 1) < chance + 1e-6


@pytest.mark.parametrize("name", ["every_key", "chatter"])
def test_nine_in_ten_chances_are_22_taps_and_in_the_record(rig: Rig, name: str) -> None:
    one = replace(PLAN[name], settings={**PLAN[name].settings, "chance": 0.9})
    found = dict.fromkeys(chance.defect for chance in rig.measure(one).chances)
    assert "keyboard.misses_one_in_ten" in found
    assert rig.fingers.taps_of(E) == 22
    chances = [chance.chance for chance in rig.measure(one).chances]
    assert chances == pytest.approx([0.9015] * len(found), abs=1e-3)


def test_a_worn_key_that_misses_one_tap_in_20_is_found_by_22(rig: Rig) -> None:
    rig.board.misses_at = {SPACE: {20}}
    rig.person.answers[f"press_{SPACE}"] = "c"
    assert rig.measure(PLAN["chatter"]).verdict is Verdict.PASS
    rig = Rig()
    rig.board.misses_at = {SPACE: {20}}
    rig.person.answers[f"press_{SPACE}"] = "c"
    one = replace(PLAN["chatter"], settings={**PLAN["chatter"].settings, "chance": 0.9})
    record = rig.measure(one)
    assert record.verdict is Verdict.FAIL
    assert values(record)["taps_lost"] == 1


def test_a_key_that_stays_down_from_its_second_tap_on_is_unreleased(rig: Rig) -> None:
    rig.board.sticks_at = {HASH: 2}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["unreleased_keys"] == 1
    assert rig.person.asked == ["keyboard.held"]


def test_a_key_that_brings_another_under_a_hand_too_is_wrong(rig: Rig) -> None:
    rig.board.ghost = {frozenset({A}): S}
    for name in ("every_key", "ghosting"):
        assert rig.measure(PLAN[name]).verdict is Verdict.FAIL
    assert pressed(rig) == [[A], [A]], "once in each"


def test_no_more_than_three_dead_keys_are_asked_for(rig: Rig) -> None:
    rig.board.dead = {A, S, E, R, SPACE}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["missing_keys"] == 5
    assert len(rig.person.asked) == 3


def test_a_dead_key_loses_its_taps_under_a_hand_too(rig: Rig) -> None:
    rig.board.dead = {SPACE}
    record = rig.measure(PLAN["chatter"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["taps_lost"] == 10


def test_a_hand_that_is_put_on_a_pair_one_key_after_the_other_clears_no_keyboard(rig: Rig) -> None:
    class OneByOne(Person):
        def hold(self, usages: Iterable[int]) -> None:
            self.type(usages)

    rig.board.blocks = {frozenset({A, S})}
    rig.person.__class__ = OneByOne
    assert rig.measure(PLAN["ghosting"]).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("bounces", "verdict", "marginal"),
    [(1, Verdict.PASS, False), (2, Verdict.FAIL, False)],
)
def test_a_bounce_is_allowed_and_two_are_a_fault(
    rig: Rig, bounces: int, verdict: Verdict, marginal: bool
) -> None:
    rig.board.bouncing = {E: bounces}
    record = rig.run(PLAN["every_key"])
    assert (record.verdict, record.marginal) == (verdict, marginal)


def test_a_worn_key_is_found_by_many_taps(rig: Rig) -> None:
    rig.board.bouncing = {SPACE: 2}
    assert rig.measure(PLAN["chatter"]).verdict is Verdict.FAIL


def test_a_bounce_in_each_of_two_tests_is_two_in_the_run(rig: Rig) -> None:
    rig.board.bounces_at = {SPACE: {1, 5}}
    record = rig.run(PLAN["every_key"], PLAN["chatter"])
    verdicts = {one.test: (one.verdict, values(one).get("chatter")) for one in record.steps}
    assert verdicts["every_key"] == (Verdict.PASS, 1)
    assert verdicts["chatter"] == (Verdict.FAIL, 2)


def test_a_pair_that_blocks_is_found(rig: Rig) -> None:
    rig.board.blocks = {frozenset({A, S})}
    record = rig.measure(PLAN["ghosting"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["blocked"] == "A+S"


def test_a_key_that_appears_by_itself_is_found(rig: Rig) -> None:
    rig.board.ghost = {frozenset({0x14, 0x1A, A}): S}
    record = rig.measure(PLAN["ghosting"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["ghosts"] == "S"


def test_a_third_key_may_be_left_out(rig: Rig) -> None:
    rig.board.blocks = {frozenset({0x14, 0x1A, A})}
    assert rig.measure(PLAN["ghosting"]).verdict is Verdict.PASS


def test_a_key_that_is_stuck_is_found(rig: Rig) -> None:
    rig.board.event(SPACE, down=True)
    record = rig.measure(PLAN["stuck_keys"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["stuck"] == "Space"


def test_a_key_that_was_only_touched_is_not_stuck(rig: Rig) -> None:
    rig.board.event(SPACE, down=True)
    rig.board.event(SPACE, down=False)
    assert rig.measure(PLAN["stuck_keys"]).verdict is Verdict.PASS


@pytest.mark.parametrize("lamp", ["num", "caps", "scroll"])
def test_a_dead_lamp_is_found_by_eye(rig: Rig, lamp: str) -> None:
    rig.board.dead_lamps = {lamp}
    record = rig.measure(BY_HAND["leds_by_eye"])
    assert record.verdict is Verdict.FAIL
    broken = [m.name for m in record.measurements if m.verdict is Verdict.FAIL]
    assert broken == ["dark_lamps"]
    assert values(record)["dark"] == f"{lamp.title()} Lock"
    assert values(record)[f"{lamp}_led"] is False


def test_a_lamp_that_is_declared_and_not_in_the_case_is_no_dark_lamp(rig: Rig) -> None:
    rig.person.absent = {"scroll"}
    record = rig.measure(BY_HAND["leds_by_eye"])
    assert record.verdict is Verdict.PASS
    assert "scroll_led" not in values(record)


def test_only_lamps_that_the_keyboard_declares_are_asked_for(rig: Rig) -> None:
    rig.board.leds = frozenset({"caps"})
    assert rig.measure(BY_HAND["leds_by_eye"]).verdict is Verdict.PASS
    assert rig.person.asked == ["keyboard.led.caps"]


@pytest.mark.parametrize("name", ["leds", "leds_by_eye"])
def test_a_keyboard_that_declares_no_lamp_is_skipped(rig: Rig, name: str) -> None:
    rig.board.leds = frozenset()
    record = rig.measure((PLAN | BY_HAND)[name])
    assert record.verdict is Verdict.SKIPPED
    assert record.reason == Phrase("keyboard.no_lamps")
    assert rig.person.asked == []


def test_a_keyboard_of_which_no_lamp_is_in_the_case_is_skipped(rig: Rig) -> None:
    rig.person.absent = {"num", "caps", "scroll"}
    assert rig.measure(BY_HAND["leds_by_eye"]).verdict is Verdict.SKIPPED


def test_a_dead_lamp_is_found_by_its_sensor(rig: Rig) -> None:
    rig.board.dead_lamps = {"caps"}
    assert rig.measure(PLAN["leds"]).verdict is Verdict.FAIL
    assert rig.person.asked == ["keyboard.lamp_lit"]


def test_a_keyboard_that_draws_too_much_fails_once_its_plug_was_pulled(rig: Rig) -> None:
    rig.port.current_a = 0.11
    rig.port.without_keyboard(rig.person)
    record = rig.measure(PLAN["enumeration"])
    assert record.verdict is Verdict.FAIL
    broken = [m.name for m in record.measurements if m.verdict is Verdict.FAIL]
    assert broken == ["idle_current"]
    assert rig.person.asked == ["keyboard.pull_plug"]


@pytest.mark.parametrize("current_a", [0.1, 0.013, -0.2])
def test_a_meter_that_sees_a_current_without_a_keyboard_condemns_none(
    rig: Rig, current_a: float
) -> None:
    rig.port.current_a = 0.13
    rig.port.without_keyboard(rig.person, current_a)
    record = rig.measure(PLAN["enumeration"])
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("keyboard.meter_not_zero", {"meter_a": current_a})
    assert record.at_fault == ("meter",)


def test_whether_it_offers_the_boot_protocol_is_in_the_record(rig: Rig) -> None:
    rig.board.boot = False
    assert values(rig.measure(PLAN["enumeration"]))["boot_protocol"] is False


def test_a_hub_that_is_not_there_condemns_no_keyboard(rig: Rig, tmp_path: Path) -> None:
    """Its data cable is out, and a bench supply still feeds the port: Yes would be true."""
    look = partial(open_port, "1-1.4", SimulatedUsbBackend(rig.time), sysfs=tmp_path)
    hardware = SimulatedHardware(time=rig.time, usb={"1-1.4": look})

    def refuse() -> None:
        table_of("hid_keyboard", port="1-1.4").open(hardware, ExitStack())

    rig.socket.refuse = refuse
    record = rig.measure(PLAN["enumeration"])
    assert record.verdict is Verdict.ERROR
    assert record.why.startswith("USB port 1-1.4: the hub at 1-1 is not there")
    assert rig.person.asked == []


@pytest.mark.parametrize(
    ("plugged", "elsewhere", "verdict"),
    [("y", "y", Verdict.FAIL), ("n", "y", Verdict.ERROR), ("y", "n", Verdict.ERROR)],
)
def test_a_keyboard_that_does_not_enumerate_is_condemned_by_the_operator_only(
    rig: Rig, plugged: str, elsewhere: str, verdict: Verdict
) -> None:
    def nothing() -> None:
        raise NotConnected("nothing is plugged in, or it does not enumerate")

    rig.socket.refuse = nothing
    rig.person.answers |= {"keyboard_plugged": plugged, "keyboard_elsewhere": elsewhere}
    record = rig.measure(PLAN["enumeration"])
    assert record.verdict is verdict
    asked = ["keyboard.plugged", "keyboard.elsewhere"]
    assert rig.person.asked == asked[: 1 if plugged == "n" else 2]
    if elsewhere == "n":
        assert (said(record), record.at_fault) == ("keyboard.port_mute", ("keyboard",))


def test_a_keyboard_may_take_a_moment_to_enumerate(rig: Rig) -> None:
    left = [8]

    def slow() -> None:
        left[0] -= 1
        if left[0]:
            raise NotConnected("not yet")

    rig.socket.refuse = slow
    assert rig.measure(PLAN["enumeration"]).verdict is Verdict.PASS
    assert rig.person.asked == []


# The bench's faults


def test_a_mouse_is_no_broken_keyboard(rig: Rig) -> None:
    def mouse() -> None:
        raise WrongDevice("nothing in it sends keys")

    rig.socket.refuse = mouse
    assert rig.measure(PLAN["enumeration"]).verdict is Verdict.ERROR


@pytest.mark.parametrize("volts", [0.0, 4.4, 5.6])
def test_a_port_without_power_condemns_no_keyboard(rig: Rig, volts: float) -> None:
    rig.port.voltage_v = volts
    assert rig.measure(PLAN["enumeration"]).verdict is Verdict.ERROR


@pytest.mark.parametrize("usage", [E, HASH])
@pytest.mark.parametrize("other_maker", [False, True])
def test_a_broken_finger_is_an_error(rig: Rig, usage: int, other_maker: bool) -> None:
    rig.fingers.broken = {usage}
    rig.board.sends = {HASH: BACKSLASH} if other_maker else {}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.ERROR
    assert said(record) == "keyboard.finger_silent"


def test_swapped_fingers_are_an_error(rig: Rig) -> None:
    rig.fingers.swapped = {A: S, S: A}
    assert rig.measure(PLAN["every_key"]).verdict is Verdict.ERROR


def test_an_actuator_without_a_finger_for_every_key_is_an_error(rig: Rig) -> None:
    rig.fingers.keys = ISO - {E}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("keyboard.no_finger", {"keys": "E"})


def test_a_finger_that_jams_on_its_key_is_an_error_once_the_operator_sees_it(rig: Rig) -> None:
    rig.fingers.jams = {E}
    rig.person.answers["keyboard_held"] = "y"
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("keyboard.was_held", {"keys": "E"})
    assert record.at_fault == ("actuator",)


@pytest.mark.parametrize("from_before", [False, True])
def test_a_finger_that_holds_a_worn_key_is_an_error_too(rig: Rig, from_before: bool) -> None:
    rig.fingers.jams = {SPACE}
    rig.person.answers["keyboard_held"] = "y"
    steps = [PLAN["every_key"], PLAN["chatter"]] if from_before else [PLAN["chatter"]]
    record = rig.run(*steps)
    assert record.verdict is Verdict.ERROR
    last = record.steps[len(steps)]
    assert last.reason == Phrase("keyboard.was_held", {"keys": "Space"})
    assert last.at_fault == ("actuator",)
    assert not [one for one in record.steps if one.verdict is Verdict.FAIL]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["every_key", "chatter", "ghosting"])
def test_reports_that_get_lost_on_their_way_are_no_worn_keys(
    rig: Rig, name: str, seed: int, share: float
) -> None:
    rig.board.loses, rig.board.chance = share, Random(seed)
    record = rig.measure(PLAN[name])
    assert record.verdict in (Verdict.ERROR, Verdict.PASS)
    if name == "every_key" and share > 0.05:
        assert said(record) == "keyboard.reports_lost"


def test_two_worn_keys_are_no_lost_reports(rig: Rig) -> None:
    rig.board.answers_every = {0x0B: 2, 0x09: 2}
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.FAIL
    assert values(record)["missing_keys"] == 2


def test_a_finger_that_lies_on_a_key_is_no_stuck_key(rig: Rig) -> None:
    rig.board.event(SPACE, down=True)
    rig.person.answers["keyboard_held"] = "y"
    assert rig.measure(PLAN["stuck_keys"]).verdict is Verdict.ERROR


def test_a_finger_that_breaks_after_every_key_condemns_no_keyboard(rig: Rig) -> None:
    rig.fingers.broken = {SPACE}
    record = rig.measure(PLAN["chatter"])
    assert record.verdict is Verdict.ERROR
    assert said(record) == "keyboard.finger_silent"
    assert pressed(rig) == [[SPACE]]


@pytest.mark.parametrize("name", ["every_key", "chatter"])
def test_a_finger_that_misses_some_taps_condemns_no_keyboard(rig: Rig, name: str) -> None:
    rig.fingers.misses_every = {SPACE: 2}
    record = rig.measure(PLAN[name])
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("keyboard.finger_weak", {"key": "Space", "keys": ""})


def test_a_supply_too_weak_for_two_fingers_blocks_no_pair(rig: Rig) -> None:
    rig.fingers.at_once = 1
    record = rig.measure(PLAN["ghosting"])
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("keyboard.pair_by_hand", {"keys": "A+S"})
    assert pressed(rig) == [[A, S]], "one question, not one for each pair"


@pytest.mark.parametrize("name", ["every_key", "ghosting"])
def test_a_finger_that_slipped_onto_the_neighbour_too_condemns_no_keyboard(
    rig: Rig, name: str
) -> None:
    rig.fingers.slipped = {A: S}
    record = rig.measure(PLAN[name])
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("keyboard.finger_brings", {"key": "A", "keys": "S"})
    assert all(keys == [A] for keys in pressed(rig))
    assert set(rig.person.asked) == {"keyboard.press"}


def test_a_hand_that_is_not_there_at_once_is_listened_for(rig: Rig) -> None:
    """A key pressed while the question waits may be lost: the station does not listen then."""
    rig.fingers.broken = {E}
    rig.person.presses_after_s = 4.0
    record = rig.measure(PLAN["every_key"])
    assert record.verdict is Verdict.ERROR
    assert said(record) == "keyboard.finger_silent"


@pytest.mark.parametrize("current_a", [-0.03, 0.0, 0.0005])
def test_a_meter_that_sees_no_current_of_a_keyboard_that_answers_is_an_error(
    rig: Rig, current_a: float
) -> None:
    rig.port.current_a = current_a
    record = rig.measure(PLAN["enumeration"])
    assert record.verdict is Verdict.ERROR
    assert record.reason == Phrase("keyboard.meter_elsewhere", {"meter_a": current_a})


def test_a_broken_finger_blocks_no_pair(rig: Rig) -> None:
    rig.fingers.broken = {A}
    assert rig.measure(PLAN["ghosting"]).verdict is Verdict.PASS


def test_a_blind_sensor_is_an_error_when_the_operator_sees_the_lamp(rig: Rig) -> None:
    rig.light.gain = 0.0
    record = rig.measure(PLAN["leds"])
    assert record.verdict is Verdict.ERROR
    assert said(record) == "keyboard.lamp_unseen"


@pytest.mark.parametrize("name", ["every_key", "chatter", "ghosting", "every_key_by_hand"])
def test_a_keyboard_that_is_unplugged_in_the_middle_is_an_error(rig: Rig, name: str) -> None:
    rig.board.presses_left = 7
    assert rig.measure((PLAN | BY_HAND)[name]).verdict is Verdict.ERROR


# By hand


def test_keys_that_were_forgotten_are_asked_for_by_name_and_can_be_pressed_then(rig: Rig) -> None:
    rig.person.skips = {E, R}
    asked: list[Phrase] = []

    class Patient(Person):
        def ask(self, asks: Phrase, *choices: Any) -> str:
            if asks.id == "keyboard.go_on":
                asked.append(asks)
                self.skips = set()
                self.type({E, R})
                return "y"
            return super().ask(asks, *choices)

    rig.person.__class__ = Patient
    assert rig.measure(BY_HAND["every_key_by_hand"]).verdict is Verdict.PASS
    assert asked == [Phrase("keyboard.go_on", {"count": 2, "keys": "E, R"})]


def test_what_a_hand_cannot_find_is_not_claimed(rig: Rig) -> None:
    """A hand does not say which key it meant, or how often it pressed.

    Swapped keys and chatter pass by hand: the record must not say that they were looked for.
    """
    rig.board.sends = {A: S, S: A}
    rig.board.bouncing = {E: 5}
    record = rig.measure(BY_HAND["every_key_by_hand"])
    assert record.verdict is Verdict.PASS
    assert "chatter" not in values(record)
    assert "chatter" not in keyboard.every_key_by_hand.units


# Plans


def test_a_key_of_a_plan_that_there_is_not_is_an_error(rig: Rig) -> None:
    one = planned(keyboard.chatter, settings={"keys": ("Spce",)}, chatter=(0, 1))
    record = rig.measure(one)
    assert record.verdict is Verdict.ERROR
    assert "no key is called 'Spce'" in record.why


def test_every_key_that_the_shipped_plans_name_is_there() -> None:
    for name in ("chatter", "ghosting"):
        settings = PLAN[name].settings
        groups = (
            settings.get("pairs", ()) + settings.get("chords", ()) + (settings.get("keys", ()),)
        )
        for group in groups:
            assert {usage_of(key) for key in group} <= ISO
