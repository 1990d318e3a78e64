"""A watch of an output: its middle, and its worst in both directions that was seen twice."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from drivers.capabilities import Power
from drivers.uncertain import mean

DEAD_V = 1.0
NEIGHBOURS = 5
"""Samples on each side that a sample of a long watch is compared with: a drift is no jump."""


def alike(a: Power, b: Power, absolute: float = 0.05, relative: float = 0.01) -> bool:
    """Tell whether two samples agree, in volts and in amperes."""
    return all(
        abs(one - other) <= absolute + relative * max(abs(one), abs(other))
        for one, other in ((a.voltage_v, b.voltage_v), (a.current_a, b.current_a))
    )


def is_steady(samples: Sequence[Power]) -> bool:
    """Tell whether samples of one load agree all together."""
    return all(alike(samples[0], one) for one in samples)


def jumps_twice(samples: Sequence[Power]) -> bool:
    """Tell whether more than one sample differs from the one in the middle."""
    usual = sorted(samples)[len(samples) // 2]
    return sum(not alike(usual, one) for one in samples) > 1


def twice_lowest(values: Sequence[float]) -> float:
    """Return the lowest value that was reached twice; of fewer than three, the lowest."""
    return sorted(values)[1 if len(values) > 2 else 0]


def twice_highest(values: Sequence[float]) -> float:
    """Return the highest value that was reached twice; of fewer than three, the highest."""
    return sorted(values)[-2 if len(values) > 2 else -1]


def middle(values: Sequence[float]) -> float:
    """Return what lies midway between the lowest and the highest that were reached twice."""
    return mean([twice_lowest(values), twice_highest(values)])


def jumps(values: Sequence[float]) -> float:
    """Return how far values jump about, up and down together, each seen twice.

    A value is compared with the median of its neighbours, so that a slow drift does not count.
    """
    whole = twice_highest(values) - twice_lowest(values)
    if len(values) <= 2 * NEIGHBOURS + 1:
        return whole
    off = [
        one - median(float(n) for n in values[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1])
        for at, one in enumerate(values)
    ]
    return min(whole, twice_highest(off) - twice_lowest(off))


def worst_deviation_percent(voltages_v: Sequence[float], rated_voltage_v: float) -> float:
    """Return the deviation from the rating that is largest, up or down, and was seen twice."""
    ends_v = (twice_lowest(voltages_v), twice_highest(voltages_v))
    return max((deviation_percent(one, rated_voltage_v) for one in ends_v), key=abs)


def deviation_percent(voltage_v: float, rated_voltage_v: float) -> float:
    """Return how far a voltage is off its rating, in per cent of it."""
    return 100 * (voltage_v - rated_voltage_v) / rated_voltage_v


class Watch(NamedTuple):
    """Samples of the meter at one load, one after the other, and the mains power of each."""

    samples: Sequence[Power]
    mains_w: Sequence[float]

    @property
    def voltages_v(self) -> list[float]:
        return [one.voltage_v for one in self.samples]

    @property
    def is_dead(self) -> bool:
        """Tell whether it gives no voltage any more: not in the second half."""
        return all(one < DEAD_V for one in self.voltages_v[len(self.samples) // 2 :])

    @property
    def dies(self) -> bool:
        """Tell whether it gave no voltage, twice at the least."""
        return twice_lowest(self.voltages_v) < DEAD_V

    @property
    def has_died(self) -> bool:
        """Tell whether it gave no voltage, once at the least."""
        return min(self.voltages_v) < DEAD_V

    @property
    def lowest(self) -> Power:
        """Return the sample of the lowest voltage that was reached twice."""
        return sorted(self.samples)[1 if len(self.samples) > 2 else 0]

    @property
    def middle(self) -> Power:
        return sorted(self.samples)[len(self.samples) // 2]

    def worst_percent(self, rated_voltage_v: float) -> float:
        return worst_deviation_percent(self.voltages_v, rated_voltage_v)

    def jumps_percent(self, rated_voltage_v: float) -> float:
        return 100 * jumps(self.voltages_v) / rated_voltage_v
