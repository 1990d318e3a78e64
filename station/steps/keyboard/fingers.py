"""Keys that an actuator presses, and that a hand presses where its finger may be at fault."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from statistics import median
from typing import NamedTuple

from drivers.capabilities import KeyActuator, KeyEvent, KeySource
from drivers.formats.key_layouts import Layout
from drivers.formats.key_legends import usage_name
from records import Phrase, Value
from station.engine.clock import Clock
from station.engine.events import Choice
from station.engine.prompts import Operator
from station.engine.step import BenchFault
from station.engine.witness import Witness, press_by_hand
from station.steps.keyboard.listening import follow, hear, names, place, still_there, usage_of

DONE = Choice("d", "answer.do_it_now")
CANNOT = Choice("c", "answer.cannot_be_pressed")
PRESSED = ("keyboard.press", "keyboard.press_together")
"""The questions that have keys pressed by hand."""
_BETWEEN_KEYS = re.compile(r"(?<! )\+")  # one key is called `Keypad +`
PRESS_WITHIN_S = 5.0  # after the operator's answer
COMES_UP_WITHIN_S = 6.0  # of the end of a tap; later it counts as down
HAND_PRESSES = 2  # of a key that answered to its finger at times
LETTERS = frozenset(range(0x04, 0x1E))
MIDDLE = 0x0A  # the letter G
LINK_KEYS, LINK_TAPS = 8, 8
LINK_UNSOUND = 3  # keys: fewer may be worn
LINK_LATE_S = 0.2  # later than usual; a keyboard repeats its report after 0.5 s
MOST_ASKED = 3  # keys that a hand has found bad; the rest is believed then


def tap(
    keyboard: KeySource,
    actuator: KeyActuator,
    clock: Clock,
    usages: tuple[int, ...],
    hold_s: float,
    gap_s: float,
) -> list[KeyEvent]:
    """Press these keys together, let them go, and return what is heard until `gap_s` later."""
    actuator.press(usages)
    try:
        events = hear(keyboard, clock, hold_s)
    finally:
        actuator.release(usages)
    return events + hear(keyboard, clock, gap_s)


class Tap(NamedTuple):
    """One tap of a finger: what was heard, and when its key came up."""

    events: list[KeyEvent]
    up_after_s: float | None
    """From the end of the tap, at most the patience; None where no key went down."""


def timed_tap(
    keyboard: KeySource,
    actuator: KeyActuator,
    clock: Clock,
    usage: int,
    hold_s: float,
    gap_s: float,
    *,
    patience_s: float = COMES_UP_WITHIN_S,
) -> Tap:
    """Tap a key and time its release. A key that is down after the gap gets `patience_s`."""
    actuator.press((usage,))
    try:
        events = hear(keyboard, clock, hold_s)
    finally:
        actuator.release((usage,))
    released_s = clock.monotonic()
    events += hear(keyboard, clock, gap_s)
    down: set[int] = set()
    follow(events, down)
    while down and (left_s := released_s + patience_s - clock.monotonic()) > 0:
        fresh = keyboard.read_events(min(left_s, 0.2))
        clock.check()
        follow(fresh, down)
        events += fresh
    ups_s = [event.at_s for event in events if not event.down]
    if not any(event.down for event in events):
        return Tap(events, None)
    return Tap(events, patience_s if down else max(0.0, max(ups_s) - released_s))


def must_all_arrive(
    keyboard: KeySource,
    actuator: KeyActuator,
    clock: Clock,
    suspects: AbstractSet[int],
    hold_s: float,
    gap_s: float,
) -> None:
    """Tap letters that nothing is known against: worn keys are told from reports that get lost.

    Raises `BenchFault` when several of them answer at times only, or come up late at times.
    """
    letters = actuator.keys & LETTERS - suspects - keyboard.keys_down
    trusted = sorted(letters, key=lambda usage: abs(usage - MIDDLE))[:LINK_KEYS]
    times_s: dict[int, list[float | None]] = {usage: [] for usage in trusted}
    for _ in range(LINK_TAPS):
        for usage in trusted:
            heard = timed_tap(keyboard, actuator, clock, usage, hold_s, gap_s)
            times_s[usage].append(heard.up_after_s)
    answers_s = [one for all_ in times_s.values() for one in all_ if one is not None]
    late_s = median(answers_s or [0.0]) + LINK_LATE_S
    unsound = {
        usage
        for usage, all_ in times_s.items()
        if 0 < sum(one is not None and one <= late_s for one in all_) < LINK_TAPS
    }
    if len(unsound) >= LINK_UNSOUND:
        raise BenchFault(
            "keyboard.reports_lost", roles={"keyboard", "actuator"}, keys=names(unsound)
        )


def late_or_finger(
    keyboard: KeySource,
    operator: Operator,
    clock: Clock,
    usage: int,
    punctual: int,
    late_s: float,
) -> None:
    """Have a key pressed by hand that came up `late_s` late, and a punctual one for comparison.

    The same hand holds both about as long: where the late key is down no longer than the other, by
    at least half of what it was late, its finger was slow. Raises `BenchFault` then.
    """

    def held_s(key: int) -> float:
        events = hear_by_hand(keyboard, operator, clock, key)
        down: set[int] = set()
        follow(events, down)
        end_s = clock.monotonic() + PRESS_WITHIN_S
        while key in down and (left_s := end_s - clock.monotonic()) > 0:  # it bounced, or is late
            fresh = keyboard.read_events(min(left_s, 0.2))
            clock.check()
            follow(fresh, down)
            events += fresh
        heard = [each for each in events if each.usage == key]
        downs_s = [each.at_s for each in heard if each.down]
        ups_s = [each.at_s for each in heard if not each.down]
        return max(ups_s) - min(downs_s) if downs_s and ups_s else PRESS_WITHIN_S

    for _ in range(HAND_PRESSES):
        if held_s(usage) - held_s(punctual) < late_s / 2:
            raise BenchFault("keyboard.finger_slow", roles={"actuator"}, key=usage_name(usage))


def finger_or_key(
    keyboard: KeySource,
    operator: Operator,
    clock: Clock,
    usage: int,
    presses: int,
    extra: AbstractSet[int] = frozenset(),
    board: Layout | None = None,
) -> None:
    """Have a key pressed by hand that was silent under its finger, or brought `extra` ones.

    Raises `BenchFault` when it answers each time, without those. Otherwise the key is at fault.
    """

    def press() -> bool:
        heard = hear_by_hand(keyboard, operator, clock, usage)
        came_down = {event.usage for event in heard if event.down}
        itself = {each for each in came_down if (place(board, each) if board else each) == usage}
        return bool(itself) and not came_down & extra

    key = usage_name(usage)
    if extra:
        fault = "keyboard.finger_brings"
    elif presses > 1:
        fault = "keyboard.finger_weak"
    else:
        fault = "keyboard.finger_silent"
    press_by_hand(press, presses, fault, roles={"actuator"}, key=key, keys=names(extra))


def hear_by_hand(
    keyboard: KeySource, operator: Operator, clock: Clock, *usages: int
) -> list[KeyEvent]:
    """Return what is heard when a hand presses these keys, together.

    The hand presses after the answer: while the station does not listen, a keyboard may keep no
    more than its newest report.
    """
    about = "keyboard.press" if len(usages) == 1 else "keyboard.press_together"
    keys = "+".join(usage_name(usage) for usage in usages)
    values: dict[str, Value] = {"keys": keys, "within_s": PRESS_WITHIN_S, "answer": DONE.label}
    heard: list[KeyEvent] = []
    witness = Witness(operator, lambda: heard.extend(still_there(keyboard, clock)))
    answer = witness.ask(Phrase(about, values), DONE, CANNOT)
    if answer != DONE.key:
        return []
    end_s = clock.monotonic() + PRESS_WITHIN_S
    while not {event.usage for event in heard if not event.down}.issuperset(usages):
        if (left_s := end_s - clock.monotonic()) <= 0:
            break
        heard += keyboard.read_events(min(left_s, 0.2))
        clock.check()
    return heard + hear(keyboard, clock, 0.1)


def pressed_keys(asks: Phrase) -> list[int]:
    """Return the usages of the keys that a question of `PRESSED` has pressed by hand."""
    return [usage_of(name) for name in _BETWEEN_KEYS.split(str(asks.values["keys"]))]


def are_together(events: Iterable[KeyEvent], usages: Iterable[int]) -> bool:
    """Tell whether all the keys were down at one time."""
    down: set[int] = set()
    for event in events:
        follow([event], down)
        if down.issuperset(usages):
            return True
    return False
