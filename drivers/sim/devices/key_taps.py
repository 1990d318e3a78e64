"""Count how many taps of a keyboard with worn keys are heard, at least and at most."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

Figure = float | bool | tuple[int, int]
"""A true figure; a pair is the least and the most of one that is not the same each time."""


class WornKeys(Protocol):
    """A keyboard with its defects."""

    keys: frozenset[int]
    dead_keys: frozenset[int]
    chattering_keys: frozenset[int]
    chatter_every: int
    misses: Mapping[int, int]
    releases_late_s: Mapping[int, float]
    swapped_keys: Mapping[int, int]

    @property
    def stuck_keys(self) -> frozenset[int]:
        """Return the keys whose contact is always closed."""


def taps_heard(
    keyboard: WornKeys, worn: AbstractSet[int], taps: int, presses: int
) -> dict[str, Figure]:
    """Return figures of each key pressed `presses` times, and the worn ones `taps` times more."""
    keys = keyboard.keys
    dead = keyboard.dead_keys & keys
    swapped = {*keyboard.swapped_keys, *keyboard.swapped_keys.values()} & keys - dead
    missed = {usage for usage, nth in keyboard.misses.items() if nth > 0} & keys - dead
    each = {usage for usage in missed if keyboard.misses[usage] <= presses}
    always = {usage for usage in missed if keyboard.misses[usage] == 1}
    bouncing = keyboard.chattering_keys & keys - dead
    late_s = {
        usage: seconds
        for usage, seconds in keyboard.releases_late_s.items()
        if usage in keys - dead and seconds > 0
    }
    late = late_s.keys()
    every = keyboard.chatter_every
    once = presses // every * len(bouncing), presses * len(bouncing | late)
    more = taps // every * len(bouncing & worn), taps * len((bouncing | late) & worn)
    return {
        "stuck_keys": len(keyboard.stuck_keys & keys),
        "silent_keys": (len(dead | always), len(dead | missed)),
        "missing_keys": (len(dead | swapped | each), len(dead | swapped | missed)),
        "wrong_keys": len(swapped),
        "unreleased_keys": (0, len(late)),
        "slowest_release_s": max(late_s.values(), default=0.0),
        "extra_downs_once": once,
        "extra_downs": (once[0] + more[0], once[1] + more[1]),
        "taps_lost": (
            taps * len((dead | always) & worn),
            taps * len((dead | missed | late) & worn),
        ),
    }
