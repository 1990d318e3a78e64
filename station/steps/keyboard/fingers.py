"""Keys that an actuator presses, and that a hand presses where its finger may be at fault."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from drivers.capabilities import KeyActuator, KeyEvent, KeySource
from drivers.formats.key_layouts import Layout
from drivers.formats.key_legends import usage_name
from station.engine.clock import Clock
from station.engine.events import Choice
from station.engine.prompts import Operator
from station.engine.witness import Witness, press_by_hand
from station.steps.keyboard.listening import follow, hear, names, place, still_there

DONE, CANNOT = Choice("d", "Do it now"), Choice("c", "Cannot be pressed")
PRESS_WITHIN_S = 5.0  # after the operator's answer
HAND_PRESSES = 2  # of a key that answered to its finger at times
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

    key = f"the key {usage_name(usage)}"
    if extra:
        fault = f"{key} brings {names(extra)} under its finger and not under a hand"
    elif presses > 1:
        fault = f"{key} answers to a hand and not always to its finger"
    else:
        fault = f"{key} answers to a hand and not to its finger"
    press_by_hand(press, presses, f"{fault}: mend the actuator", roles={"actuator"})


def hear_by_hand(
    keyboard: KeySource, operator: Operator, clock: Clock, *usages: int
) -> list[KeyEvent]:
    """Return what is heard when a hand presses these keys, together.

    The hand presses after the answer: while the station does not listen, a keyboard may keep no
    more than its newest report.
    """
    keys = "+".join(usage_name(usage) for usage in usages)
    heard: list[KeyEvent] = []
    witness = Witness(operator, lambda: heard.extend(still_there(keyboard, clock)))
    answer = witness.ask(
        f"keyboard.press.{'.'.join(str(usage) for usage in usages)}",
        f"Not as expected under the actuator: {keys}. Choose {DONE.label!r}, and only then press"
        f" {'it' if len(usages) == 1 else 'them together'} by hand, once, within"
        f" {PRESS_WITHIN_S:g} s.",
        DONE,
        CANNOT,
    )
    if answer != DONE.key:
        return []
    end_s = clock.monotonic() + PRESS_WITHIN_S
    while not {event.usage for event in heard if not event.down}.issuperset(usages):
        if (left_s := end_s - clock.monotonic()) <= 0:
            break
        heard += keyboard.read_events(min(left_s, 0.2))
        clock.check()
    return heard + hear(keyboard, clock, 0.1)


def are_together(events: Iterable[KeyEvent], usages: Iterable[int]) -> bool:
    """Tell whether all the keys were down at one time."""
    down: set[int] = set()
    for event in events:
        follow([event], down)
        if down.issuperset(usages):
            return True
    return False
