"""Several keys at once."""

from functools import partial

from drivers.capabilities import KeyActuator, KeySource
from records import Reading
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import Positive, Yields, step
from station.engine.witness import press_by_hand
from station.steps.keyboard.fingers import (
    HAND_PRESSES,
    are_together,
    finger_or_key,
    hear_by_hand,
    must_all_arrive,
    tap,
)
from station.steps.keyboard.listening import names, usage_of


@step(ghost_keys="", blocked_pairs="", ghosts="", blocked="")
def ghosting(
    keyboard: KeySource,
    actuator: KeyActuator,
    operator: Operator,
    clock: Clock,
    *,
    pairs: tuple[tuple[str, str], ...] = (
        ("A", "S"),
        ("E", "R"),
        ("Space", "W"),
        ("Left Shift", "A"),
        ("Right Shift", "L"),
        ("Left Ctrl", "C"),
        ("Left Alt", "Tab"),
    ),
    chords: tuple[tuple[str, ...], ...] = (
        ("Q", "W", "A"),
        ("E", "D", "F"),
        ("U", "I", "J"),
        ("Left Ctrl", "Left Alt", "Delete"),
        ("Left Ctrl", "Left Shift", "S"),
    ),
    hold_s: Positive = 0.08,
    gap_s: Positive = 0.08,
) -> Yields:
    """Press several keys at once: two always arrive, and no chord makes a key appear by itself.

    A keyboard may leave out the third key of a chord; it may not invent one. A key of a pair that
    is silent alone, too, is not blocked: `every_key` finds whose fault that is. A pair is blocked
    when it does not arrive twice. The first such pair is held by hand, and so is a key whose finger
    alone brings another: when the hand does not find it so, the actuator is to blame.
    """

    def press(*usages: int) -> set[int]:
        events = tap(keyboard, actuator, clock, usages, hold_s, gap_s)
        return {event.usage for event in events if event.down}

    def arrive_from_a_hand(held: tuple[int, ...]) -> bool:
        return are_together(hear_by_hand(keyboard, operator, clock, *held), held)

    ghosts: set[int] = set()
    blocked: list[str] = []
    for chord in (*pairs, *chords):
        held = tuple(usage_of(name) for name in chord)
        went_down = press(*held)
        if extra := went_down - set(held) - ghosts:
            for usage in held:
                if alone := extra & press(usage):
                    finger_or_key(keyboard, operator, clock, usage, HAND_PRESSES, alone)
            ghosts |= extra
        if (
            len(chord) == 2
            and not set(held) <= went_down
            and all(usage in press(usage) for usage in held)
            and not set(held) <= press(*held)
        ):
            pair = "+".join(chord)
            if not blocked:
                must_all_arrive(keyboard, actuator, clock, set(held), hold_s, gap_s)
                press_by_hand(
                    partial(arrive_from_a_hand, held),
                    1,
                    "keyboard.pair_by_hand",
                    roles={"actuator"},
                    keys=pair,
                )
            blocked.append(pair)
    yield Reading("ghost_keys", len(ghosts))
    yield Reading("blocked_pairs", len(blocked))
    yield Reading("ghosts", names(ghosts))
    yield Reading("blocked", ", ".join(blocked))
