"""Taps enough to find, with a stated chance, a key that fails at one tap in ten."""

import math
from typing import Annotated

import msgspec

ONE_IN_TEN = 0.1
MISSES_ONE_IN_TEN = "keyboard.misses_one_in_ten"
"""The defect of a key that does not answer to one tap in ten."""
BOUNCES_ONE_IN_TEN = "keyboard.bounces_one_in_ten"
"""The defect of a key that answers twice to one tap in ten."""

WantedChance = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""The chance, in a step's signature, to find such a key; 0 asks for no more taps."""


def taps_for(chance: float, least: int) -> int:
    """Return how many taps of a key find it with this chance, and no fewer than `least`.

    0.9 takes 22: 1 - 0.9 ** 22 is 0.902.
    """
    return max(least, math.ceil(math.log(1 - chance) / math.log(1 - ONE_IN_TEN) - 1e-9))


def chance_of(taps: int) -> float:
    """Return the chance that at least one of these taps shows the defect."""
    return 1 - (1 - ONE_IN_TEN) ** taps
