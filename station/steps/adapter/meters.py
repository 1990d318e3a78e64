"""The meters round an adapter keep each other honest. Each contradiction is a `BenchFault`."""

from collections.abc import Sequence

from drivers.capabilities import MainsPower, Power
from drivers.uncertain import repeated
from station.engine.step import BenchFault
from station.engine.witness import may_differ
from station.steps.adapter.samples import DEAD_V, is_steady, jumps_twice
from station.steps.power import is_zero

OUTPUT = frozenset({"load", "meter"})
"""The roles at the output plug: what one of them says of the adapter, both have to agree on."""

LEAD_OHM = 0.05  # proposal: two leads of a metre and their plugs, between meter and load
LEAST_ZERO_A = 0.02

NOMINAL_V = (100.0, 120.0, 230.0)
"""IEC 60038, table 1, and JEC-0222 for Japan."""

DEAD_W = 0.5
MAINS_PERCENT = 15.0
JUMP_PERCENT = 10.0
"""The mains may change by so much in a test: IEC 60038 allows ±10 %."""

STEP_SEEN = 0.85
"""Of a step of the output power. The mains power rises by more: losses rise with it."""


def agree(seen: Sequence[Power], by_load: Sequence[Power], wanted_a: float) -> None:
    """Compare what both ends of the cable saw at the same time. Raises `BenchFault`.

    An output that jumps about for both is the adapter's; for one of them alone, a lead is loose.
    """
    if is_steady(by_load) != is_steady(seen):
        steady, jumping = (by_load, seen) if is_steady(by_load) else (seen, by_load)
        # A protection's tries, and the edge of a burst, may be seen by one of them alone.
        if max(steady).voltage_v >= DEAD_V and jumps_twice(jumping):
            raise BenchFault(
                "adapter.lead_loose",
                roles=OUTPUT,
                load_v=steady[0].voltage_v,
                low_v=min(jumping).voltage_v,
                high_v=max(jumping).voltage_v,
            )
    if not is_steady(seen) or not is_steady(by_load):
        return
    compare(_repeated(seen), _repeated(by_load), wanted_a)


def _repeated(samples: Sequence[Power]) -> Power:
    return Power(*map(repeated, zip(*samples, strict=True)))


def compare(meter: Power, load: Power, wanted_a: float) -> None:
    """Compare two good meters at the ends of one cable. Raises `BenchFault`.

    Each may be off by its specification, and the leads take some of the voltage.
    """
    near_v = may_differ(meter.voltage_v, load.voltage_v, 0.3 + 0.03 * abs(meter.voltage_v))
    if not -near_v - LEAD_OHM * load.current_a <= load.voltage_v - meter.voltage_v <= near_v:
        raise BenchFault(
            "adapter.lead_broken", roles=OUTPUT, meter_v=meter.voltage_v, load_v=load.voltage_v
        )
    most_a = may_differ(meter.current_a, load.current_a, 0.05 + 0.03 * abs(meter.current_a))
    if abs(load.current_a - meter.current_a) > most_a:
        raise BenchFault(
            "adapter.current_differs", roles=OUTPUT, meter_a=meter.current_a, load_a=load.current_a
        )
    if load.voltage_v > 3.0 and load.current_a < 0.95 * wanted_a - 0.02:
        raise BenchFault(
            "adapter.load_weak",
            roles={"load"},
            wanted_a=wanted_a,
            load_a=load.current_a,
            load_v=load.voltage_v,
        )


def must_read_zero(meter: Power, load: Power | None) -> None:
    """Raise `BenchFault` when an instrument sees a current while the load is off."""
    if not is_zero(meter.current_a, LEAST_ZERO_A):
        seen_a = meter.current_a
        raise BenchFault("adapter.not_zero", roles={"meter"}, role="meter", seen_a=seen_a)
    if load is not None and not is_zero(load.current_a, LEAST_ZERO_A):
        seen_a = load.current_a
        raise BenchFault("adapter.not_zero", roles={"load"}, role="load", seen_a=seen_a)


class MainsWitness:
    """The mains voltage round each judged sample: any that adapters are made for, and no other."""

    def __init__(self) -> None:
        self._first_v: float | None = None

    def hear(self, sample: MainsPower) -> None:
        """Compare with the first of this test. Raises `BenchFault` for a dip, a cut or a surge."""
        voltage_v = float(sample.voltage_v)
        if self._first_v is None:
            nominal_v = min(NOMINAL_V, key=lambda one: abs(one - voltage_v))
            percent = MAINS_PERCENT
        else:
            nominal_v, percent = self._first_v, JUMP_PERCENT
        if abs(voltage_v - nominal_v) > nominal_v * percent / 100:
            raise BenchFault(
                "adapter.mains_bad",
                roles={"mains_meter"},
                mains_v=voltage_v,
                tolerance_percent=percent,
                nominal_v=nominal_v,
            )
        self._first_v = self._first_v or voltage_v


def less_out_than_in(out_w: float, in_w: float) -> None:
    """Raise `BenchFault` when no less power leaves the adapter than enters it."""
    if out_w >= DEAD_W and out_w >= in_w:
        raise BenchFault(
            "adapter.more_out_than_in", roles={"meter", "mains_meter"}, out_w=out_w, in_w=in_w
        )


def mains_must_follow(before: tuple[float, float], now: tuple[float, float]) -> None:
    """Raise `BenchFault` when the output power has risen, and the mains power has not.

    Both are (output, mains) in watts. A frozen meter, or one at another outlet, does not follow.
    """
    more_out_w, more_in_w = now[0] - before[0], now[1] - before[1]
    if more_out_w > 2.0 and more_in_w < STEP_SEEN * more_out_w:
        raise BenchFault(
            "adapter.mains_asleep",
            roles={"mains_meter"},
            out_w=more_out_w,
            in_w=more_in_w,
        )
