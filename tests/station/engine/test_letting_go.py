"""Mains, loads and coils are let go of first, in time, with slow, mute or garbled instruments."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from random import Random
from typing import NamedTuple

import pytest

from drivers.board_readings import AtxLevels, AtxStart, AtxStop
from drivers.capabilities import (
    Actuator,
    AtxPort,
    ElectronicLoad,
    Identity,
    Instrument,
    KeyActuator,
    PowerSupply,
)
from drivers.errors import BadReply, DriverError, NoReply
from drivers.sim.world import SimulatedTime
from records import Reading
from records.run import not_safe
from station.engine.bench import Bench, BenchNotSafe, Place, SharedLock
from station.engine.clock import Clock
from station.engine.events import RunFinished, StepStarted
from station.engine.run import run
from station.engine.step import Yields, step
from station.rig.config import open_bench
from station.simulate.person import Person
from station.simulate.rig import SimulatedRig
from station.simulate.runs import Simulation, _Asking
from station.simulate.scenarios.stage import stage
from tests.station.benches import finish, make_bench, planned
from tests.station.simulate.test_worlds import ADAPTER, KEYBOARD, load_shipped, simulation

OPENS_WITHIN_S = 1.0
RESTORES_WITHIN_S = 10.0
TIMEOUT_S = 1.0


class Hall:
    """The time of a bench, and when each role let go."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.let_go: list[tuple[str, float]] = []


class Slow:
    """Part of a twin: takes `takes_s` for what it does, and may be mute or garble its answers."""

    def __init__(self, name: str, hall: Hall, *, takes_s: float = 0.1, fault: str = "") -> None:
        self.identity = Identity("ACME", name, "S-1")
        self.on = False
        self.fault = fault
        self._hall, self._takes_s = hall, takes_s

    def switch(self, *, on: bool) -> None:
        if self.fault == "mute":
            self._hall.time.sleep(TIMEOUT_S)
            raise NoReply(f"{self.identity.model} does not answer")
        self._hall.time.sleep(self._takes_s)
        self.on = on
        if self.fault == "garbled":
            raise BadReply(f"{self.identity.model} talks nonsense")
        if not on:
            self._hall.let_go.append((self.identity.model, self._hall.time.monotonic()))

    def make_safe(self) -> None:
        self.switch(on=False)


class Supply(Slow, PowerSupply):
    def set_voltage(self, voltage_v: float) -> None: ...
    def set_current_limit(self, current_a: float) -> None: ...


class Load(Slow, ElectronicLoad):
    def sink_current(self, current_a: float) -> None: ...
    def sink_power(self, power_w: float) -> None: ...
    def sink_resistance(self, resistance_ohm: float) -> None: ...
    def hold_voltage(self, voltage_v: float) -> None: ...


class Coils(Slow, KeyActuator):
    def press(self, usages: Iterable[int]) -> None: ...
    def release(self, usages: Iterable[int]) -> None: ...


class Mains(Slow, AtxPort):
    def start(self) -> AtxStart:
        raise NotImplementedError

    def cut_mains(self) -> AtxStop:
        raise NotImplementedError

    def read_levels(self) -> AtxLevels:
        raise NotImplementedError

    def read_ripple_v(self, rail: str) -> float:
        raise NotImplementedError


class Device(Slow, Actuator):
    """The device under test, whose settings are restored as long as it is fed."""


def place_of(instrument: Instrument, *, device: bool = False) -> Place:
    def open_it(closing: ExitStack) -> Instrument:
        return instrument

    return Place("twin", type(instrument), open_it, device=device)


class Rig:
    """A bench with everything that acts, in the order in which it stands in a file."""

    def __init__(self, **faults: str) -> None:
        self.hall = Hall()
        hall = self.hall

        def fault(name: str) -> str:
            return faults.get(name, "")

        self.parts: dict[str, Supply | Load | Coils | Mains | Device] = {
            "supply": Supply("supply", hall, fault=fault("supply")),
            "load": Load("load", hall, fault=fault("load")),
            "actuator": Coils("actuator", hall, fault=fault("actuator")),
            "atx": Mains("atx", hall, fault=fault("atx")),
            "device": Device("device", hall, takes_s=8.0, fault=fault("device")),
        }
        self.bench: Bench = make_bench(
            Clock(hall.time),
            **{name: place_of(one, device=name == "device") for name, one in self.parts.items()},
        )

    def open(self, *names: str) -> None:
        for name in names or self.parts:
            self.bench._opened(name)
            self.parts[name].on = True

    def let_go(self) -> list[str]:
        return [name for name, _ in self.hall.let_go]


def test_mains_go_first_and_only_the_supply_of_a_device_outlasts_its_settings() -> None:
    rig = Rig()
    rig.open()
    assert rig.bench.make_safe() is None
    assert rig.let_go() == ["atx", "load", "actuator", "device", "supply"]
    times = dict(rig.hall.let_go)
    assert max(times[name] for name in ("atx", "load", "actuator")) <= OPENS_WITHIN_S
    assert times["device"] - times["actuator"] <= RESTORES_WITHIN_S


def test_without_a_device_that_is_restored_the_supply_goes_off_at_once() -> None:
    rig = Rig()
    rig.open("supply", "load", "actuator")
    rig.bench.make_safe()
    assert rig.hall.let_go[-1][1] <= OPENS_WITHIN_S
    assert not any(rig.parts[name].on for name in ("supply", "load", "actuator"))


@pytest.mark.parametrize("fault", ["mute", "garbled"])
def test_no_actuator_is_opened_anew_before_the_others_had_their_chance(fault: str) -> None:
    rig = Rig(atx=fault)
    rig.open("atx", "load", "actuator")
    with pytest.raises(BenchNotSafe) as told:
        rig.bench.make_safe()
    assert told.value.roles == {"atx"}
    assert told.value.cut_by == ()
    assert max(at_s for _, at_s in rig.hall.let_go) <= TIMEOUT_S + OPENS_WITHIN_S


@step(volts="V")
def load_is_mute(load: ElectronicLoad, actuator: KeyActuator, atx: AtxPort) -> Yields:
    load.switch(on=True)
    yield Reading("volts", 5.0)


def test_a_load_that_was_mute_in_a_step_goes_last_so_that_the_others_are_off_in_time() -> None:
    rig = Rig(load="mute")
    told = run_until_safe(rig)
    assert rig.let_go()[:2] == ["atx", "actuator"]
    assert max(at_s for _, at_s in rig.hall.let_go) - told <= OPENS_WITHIN_S


def run_until_safe(rig: Rig) -> float:
    """Run a plan, and return the time at which its step failed."""
    finish(rig.bench, planned(load_is_mute, volts=(4.5, 5.5)))
    return TIMEOUT_S


@pytest.mark.parametrize("role", ["load", "actuator"])
def test_what_does_not_obey_is_cut_by_the_mains_relay_and_that_is_said(role: str) -> None:
    rig = Rig(**{role: "mute"})
    record = finish(rig.bench, planned(load_is_mute, volts=(4.5, 5.5)))
    (said,) = record.not_safe
    assert (said.id, said.values) == ("bench.not_safe_but_cut", {"roles": "atx"})
    assert f"{role} does not answer" in said.text
    assert record.steps[-1].at_fault == (role,)
    assert not_safe(record.steps) == record.not_safe


def test_a_device_that_is_mute_is_remarked_and_its_supply_goes_off_all_the_same() -> None:
    rig = Rig(device="mute")
    rig.open()
    remark = rig.bench.make_safe()
    assert remark is not None
    assert remark.id == "bench.driver_error"
    assert not rig.parts["supply"].on


# The tests that ship, on the simulated rig


class StoppedAt(Clock):
    """A clock by which the operator stops the run at `at_s`: what sleeps then is woken."""

    def __init__(self, time: SimulatedTime, at_s: float) -> None:
        super().__init__(time)
        self._at_s = at_s

    def sleep(self, seconds: float) -> None:
        self.check()
        left_s = self._at_s - self.monotonic()
        if 0 <= left_s < seconds:
            super().sleep(left_s + 1e-6)  # the operator's act is due in it
        else:
            super().sleep(seconds)


class Stop(NamedTuple):
    """The step in which a run was stopped, and the time until loads and coils were off."""

    step: str
    opened_after_s: float
    still_on: frozenset[str]


def stop_at(its: Simulation, at_s: float) -> Stop | None:
    """Run a good device of the kind, stopped at a time; None when the run ended before."""
    (scenario, *_) = load_shipped(its._asked.equipment)
    rig = SimulatedRig(its._config)
    world = rig.worlds[its.slot]
    time = world.time
    staged = stage(scenario, time, Random(1), roles=its.roles, told={})
    plan = its._plan(its.slot, staged.nameplate)
    clock = StoppedAt(time, time.monotonic() + at_s)
    person = Person(staged, world, lambda: setattr(rig.probe, "over", world))
    locks = {name: SharedLock(name) for name in its._config.shared}
    hardware = rig.hardware[its.slot]
    bench = open_bench(
        its._config, its.slot, hardware, clock, _Asking(person), locks, rig.hardware[""]
    )
    let_go: dict[str, float] = {}
    bench.places = {
        role: replace(one, open=_noting(role, one.open, let_go, time))
        for role, one in bench.places.items()
    }
    rig.bring(its.slot, staged, Random(1))
    stopped_s: list[float] = []

    def stop() -> None:
        stopped_s.append(time.monotonic())
        clock.cancel()

    time.at(time.monotonic() + at_s, stop)
    under_way = ""
    with closing(run(plan, bench, its._draft(plan, "t"))) as events:
        for one in events:
            if isinstance(one, StepStarted) and not stopped_s:
                under_way = one.step
            if isinstance(one, RunFinished) and not stopped_s:
                return None
    acting = {r for r, one in bench.places.items() if issubclass(one.kind, Actuator)}
    first = [
        let_go[role]
        for role in acting
        if role in let_go and issubclass(bench.places[role].kind, ElectronicLoad | KeyActuator)
    ]
    still_on = {role for role in acting if role in bench.instruments and role not in let_go}
    return Stop(under_way, max([0.0, *(at - stopped_s[0] for at in first)]), frozenset(still_on))


def _noting(
    role: str,
    opening: Callable[[ExitStack], Instrument],
    let_go: dict[str, float],
    time: SimulatedTime,
) -> Callable[[ExitStack], Instrument]:
    def open_it(closing: ExitStack) -> Instrument:
        instrument = opening(closing)
        if isinstance(instrument, Actuator):
            make_safe = instrument.make_safe

            def noted() -> None:
                with suppress(DriverError):
                    make_safe()
                let_go[role] = time.monotonic()

            instrument.make_safe = noted  # type: ignore[method-assign]
        return instrument

    return open_it


STOPS_S = {
    ADAPTER: [*(0.9 * n for n in range(40)), *(326.0 + 0.5 * n for n in range(20))],
    KEYBOARD: [0.1 + 1.05 * n for n in range(12)],
}
"""The times of the stops; between its two spans the adapter test only waits."""


@pytest.mark.parametrize("kind", [ADAPTER, KEYBOARD])
def test_a_stop_at_any_point_of_any_test_opens_loads_and_coils_within_a_second(kind: str) -> None:
    its = simulation(kind)
    stops = [one for at_s in STOPS_S[kind] if (one := stop_at(its, at_s)) is not None]
    assert len(stops) >= 10
    assert len({one.step for one in stops}) >= 3
    late = [one for one in stops if one.opened_after_s > OPENS_WITHIN_S or one.still_on]
    assert late == []
