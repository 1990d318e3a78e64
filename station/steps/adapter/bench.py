"""An adapter between its meters. What happens once is seen twice before it counts."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from drivers.capabilities import ElectronicLoad, MainsMeter, Power, PowerMeter
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import BenchFault
from station.engine.witness import Doubt, must_confirm, must_stay_silent
from station.steps.adapter.meters import OUTPUT, MainsWitness, agree, must_read_zero
from station.steps.adapter.samples import DEAD_V, Watch, alike

PLUGGED = Doubt("adapter.plugged", "adapter.not_plugged", OUTPUT)
LEFT_ALONE = Doubt("adapter.left_alone", "adapter.touched", OUTPUT)

POLL_S = 0.1
LOOKS = 10
"""Samples of a watch, `POLL_S` apart."""

COMES_BACK_S = 5.0  # Delta ADP-40 data sheet: turn-on within 2 to 5 s
CONFIRM_S = 20.0
"""A contact that opens once in ten seconds has opened again by then."""


class Sample(NamedTuple):
    """One moment: what the meter sees, and the load where it is one, and the mains power."""

    meter: Power
    load: Power | None
    mains_w: float

    @property
    def is_dead(self) -> bool:
        """Tell whether no meter sees a voltage."""
        both = (self.meter, self.load)
        return all(one.voltage_v < DEAD_V for one in both if one is not None)


class LoadBench:
    """An adapter between the mains meter and two meters at its plug: one is the load's own."""

    def __init__(
        self,
        load: ElectronicLoad,
        meter: PowerMeter,
        mains_meter: MainsMeter | None,
        operator: Operator,
        clock: Clock,
    ) -> None:
        self.load = load
        self.meter = meter
        self.clock = clock
        self.mains = MainsWitness()
        self._mains_meter = mains_meter
        self._operator = operator

    def sink(self, current_a: float, settle_s: float) -> Watch:
        """Load the adapter, let it settle, and watch it."""
        self.load.sink_current(current_a)
        self.load.switch(on=True)
        self.clock.sleep(settle_s)
        return self.watch(current_a)

    def watch(self, wanted_a: float = 0.0, looks: int = LOOKS, every_s: float = POLL_S) -> Watch:
        """Return samples that both ends of the cable agree on. Raises `BenchFault`.

        Where one sample alone differs, it is watched once more: what is seen once does not count.
        `wanted_a` 0 means that the load is off.
        """
        watch = self._look(wanted_a, looks, every_s)
        odd = [one for one in watch.samples if not alike(one, watch.middle)]
        if len(odd) != 1:
            return watch
        again = self._look(wanted_a, looks, every_s)
        return Watch((*watch.samples, *again.samples), (*watch.mains_w, *again.mains_w))

    def _look(self, wanted_a: float, looks: int, every_s: float) -> Watch:
        taken = [self.sample() for _ in self.clock.every(every_s, looks)]
        seen = [one.meter for one in taken]
        self.agree(taken, wanted_a)
        if not wanted_a:
            must_read_zero(seen[-1], taken[-1].load)
        return Watch(seen, [one.mains_w for one in taken])

    def sample(self) -> Sample:
        """Return what all meters see at one moment. Raises `BenchFault` when the mains is bad."""
        seen = self.meter.read()
        by_load = self.load.read() if isinstance(self.load, PowerMeter) else None
        return Sample(seen, by_load, self.mains_power_w())

    @staticmethod
    def agree(taken: Sequence[Sample], wanted_a: float) -> None:
        """Compare the meters at both ends of the cable. Raises `BenchFault`."""
        by_load = [one.load for one in taken if one.load is not None]
        if by_load:
            agree([one.meter for one in taken], by_load, wanted_a)

    def mains_power_w(self) -> float:
        """Return the mains power, and a NaN without a mains meter.

        Raises `BenchFault` when the mains is not what it was.
        """
        if self._mains_meter is None:
            return math.nan
        sample = self._mains_meter.read_mains()
        self.mains.hear(sample)
        return sample.power_w

    def look_after(self, watch: Watch, current_a: float, settle_s: float) -> Watch:
        """Return what is to be believed of an adapter that may have given no voltage under load.

        Dead without a load, too, its plug may have come out: the operator is asked. Dead under the
        same load again, it is the adapter. Not dead again, it has dropped out.
        """
        if not watch.has_died:
            return watch
        self.load.switch(on=False)
        self.clock.sleep(COMES_BACK_S)
        idle = self.watch()
        if idle.is_dead:
            self.must_stay_dead(idle)
            return watch
        again = self.sink(current_a, settle_s)
        return again if again.dies else self.dropped_out(current_a)

    def dropped_out(self, current_a: float) -> Watch:
        """Ask about an output that was gone and is back, and watch whether it goes again.

        Raises `BenchFault` when a cord was touched, or when it does not happen again.
        """
        must_confirm(self._operator, LEFT_ALONE)
        watch = self.watch(current_a, looks=int(CONFIRM_S / POLL_S))
        if not watch.dies:
            raise BenchFault("adapter.dropped_once", roles=OUTPUT)
        return watch

    def ask_left_alone(self) -> None:
        """Ask whether all cords were left alone. Raises `BenchFault` after a No."""
        must_confirm(self._operator, LEFT_ALONE)

    def must_stay_dead(self, watch: Watch) -> None:
        """Ask about an adapter that gives no voltage any more.

        Raises `BenchFault` when it gives some after the question: a plug may have been out.
        """
        if watch.is_dead:
            must_stay_silent(
                not self.ask_when_dead(watch).is_dead, "adapter.came_back", roles=OUTPUT
            )

    def ask_when_dead(self, watch: Watch) -> Watch:
        """Return what the adapter gives, also after the operator was asked about its plugs.

        Dead or not plugged in, only a person can tell. Raises `BenchFault` when it was not. The
        plug may be in only since the question.
        """
        if not watch.is_dead:
            return watch
        must_confirm(self._operator, PLUGGED)
        self.clock.sleep(COMES_BACK_S)
        return self.watch()
