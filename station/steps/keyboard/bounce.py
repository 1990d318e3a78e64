"""Keys that wear: one tap that arrives as two, and taps that do not arrive."""

from drivers.capabilities import KeyActuator, KeySource
from records import Reading
from records.run import Chance
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import Count, Positive, Yields, step
from station.steps.keyboard.chances import (
    BOUNCES_ONE_IN_TEN,
    MISSES_ONE_IN_TEN,
    WantedChance,
    chance_of,
    taps_for,
)
from station.steps.keyboard.fingers import HAND_PRESSES, finger_or_key, must_all_arrive, timed_tap
from station.steps.keyboard.listening import ask_what_holds, count_bounces, names, usage_of


@step(chatter="", taps_lost="", lost="", taps_made="", taps_heard="")
def chatter(
    keyboard: KeySource,
    actuator: KeyActuator,
    operator: Operator,
    clock: Clock,
    *,
    keys: tuple[str, ...] = ("Space", "Enter", "Backspace", "E", "A", "N"),
    presses: Count = 10,
    chance: WantedChance = 0.0,
    hold_s: Positive = 0.06,
    gap_s: Positive = 0.06,
) -> Yields:
    """Tap many times the keys that wear most: more downs than taps is chatter.

    `chatter` is that of all keys in the whole run: what `every_key` has counted is in it.
    Each key is tapped `presses` times, or as often as finds a key that misses or bounces at one tap
    in ten with this `chance`, where that is more: 0.9 takes 22 taps.

    A key that stays down is asked about: a finger may hold it. Where taps are lost, the first such
    key is pressed by hand: when it answers, its finger is to blame. `lost` names the keys that lost
    any, `taps_made` and `taps_heard` are theirs.
    """
    presses = taps_for(chance, presses)
    extra = 0
    lost: list[int] = []
    for name in keys:
        usage = usage_of(name)
        for _ in range(presses):
            downs = sum(
                event.down and event.usage == usage
                for event in timed_tap(keyboard, actuator, clock, usage, hold_s, gap_s).events
            )
            extra += max(0, downs - 1)
            lost += [usage] if downs == 0 else []
    down = keyboard.keys_down & {usage_of(name) for name in keys}
    ask_what_holds(down, keyboard, operator, clock, tapped=True)
    if any(lost.count(usage) < presses for usage in lost):
        must_all_arrive(keyboard, actuator, clock, set(lost), hold_s, gap_s)
    for usage in lost[:1]:
        at_times = lost.count(usage) < presses
        finger_or_key(keyboard, operator, clock, usage, HAND_PRESSES if at_times else 1)
    for defect in (BOUNCES_ONE_IN_TEN, MISSES_ONE_IN_TEN):
        yield Chance(defect, chance_of(presses))
    yield Reading("chatter", count_bounces(keyboard, extra))
    yield Reading("taps_lost", len(lost))
    yield Reading("lost", names(set(lost)))
    yield Reading("taps_made", presses * len(set(lost)))
    yield Reading("taps_heard", presses * len(set(lost)) - len(lost))
