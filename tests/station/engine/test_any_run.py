"""Any plan, with any faults, stopped at any point: a safe bench, a valid record, no false PASS."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import event, given, settings
from hypothesis import strategies as st

from drivers.capabilities import (
    Actuator,
    Identity,
    Instrument,
    PortPower,
    PortState,
    PowerMeter,
)
from drivers.errors import BadReply, NoReply, NotConnected, Refused
from drivers.uncertain import Cause, Uncertain
from records import Reading, RunRecord, Verdict, decode_run, encode
from records.judging import contradictions
from station.engine.bench import Bench, SharedLock
from station.engine.clock import Clock
from station.engine.events import RunFinished
from station.engine.plan import Plan, PlannedStep
from station.engine.run import run
from station.engine.step import BenchFault, NotApplicable, Socket, Step, Yields, step
from tests.station.benches import (
    Meter,
    Relay,
    Socketed,
    make_bench,
    make_clock,
    make_draft,
    planned,
    well,
)

LIMIT_V = (4.5, 5.5)
FAULTS: tuple[Callable[[], Exception], ...] = (
    lambda: NoReply("mute"),
    lambda: BadReply("garbled"),
    lambda: Refused("no"),
    lambda: NotConnected("gone"),
    lambda: BenchFault("bench.contradicts"),
    lambda: OSError(5, "input/output error"),
    lambda: KeyError("bug"),
    lambda: NotApplicable("part.not_fitted", part="battery"),
)
ROLES = ("supply", "load", "coils", "meter", "device")


class Port(PortPower):
    """The power of a port, which is on before each run."""

    def __init__(self) -> None:
        self.identity = Identity("ACME", "Port", "P-1")
        self.name = "port 1"
        self.on = True
        self.trouble: Callable[[], None] = well

    def switch(self, *, on: bool) -> None:
        self.trouble()
        self.on = on

    def read_state(self) -> PortState:
        return PortState(self.on, device=self.on)


class Does(NamedTuple):
    """One act of a step: what it asks of which role."""

    what: str
    role: str = ""
    value: float = 0.0


class Fault(NamedTuple):
    """At its `call`th call an instrument fails, once or from then on."""

    role: str
    call: int
    kind: int
    for_ever: bool


held = st.one_of(
    st.builds(Does, st.just("on"), st.sampled_from(("supply", "load", "coils", "device"))),
    st.builds(Does, st.sampled_from(("cut_port", "lend_port"))),
    st.builds(Does, st.just("read"), value=st.sampled_from((4.0, 4.5, 5.0, 5.49, 5.6))),
    st.builds(Does, st.just("wait"), value=st.sampled_from((0.0, 0.5, 3.0))),
    st.builds(Does, st.just("read"), value=st.just(5.0)),
)
acts = held | st.builds(Does, st.just("raise"), value=st.integers(0, len(FAULTS) - 1).map(float))
good = st.lists(held, max_size=4).map(lambda acts: [*acts, Does("read", value=5.0)])
scripts = st.lists(st.lists(acts, max_size=6) | good | good, min_size=1, max_size=4)
faults = st.lists(
    st.builds(
        Fault,
        st.sampled_from((*ROLES, "port_power", *(f"open {role}" for role in ROLES))),
        st.integers(1, 6),
        st.integers(0, 6),
        st.booleans(),
    ),
    max_size=3,
)


class Rig:
    """Everything that can act on a device, one of it shared, and what a test does to it."""

    def __init__(self, troubles: list[Fault], cancel_s: float | None) -> None:
        self.clock: Clock = make_clock()
        self.relays = {name: Relay(name) for name in ("supply", "load", "coils", "device")}
        self.meter, self.port = Meter(), Port()
        self.lock = SharedLock("load")
        parts: dict[str, Relay | Meter | Port] = {
            **self.relays,
            "meter": self.meter,
            "port_power": self.port,
        }
        self.sockets = {name: Socketed(one) for name, one in parts.items()}
        for name, one in parts.items():
            one.trouble = self._script([each for each in troubles if each.role == name])
            refusals = [each for each in troubles if each.role == f"open {name}"]
            self.sockets[name].refuse = self._script(refusals)
        self.cancel_s = cancel_s
        self.bench: Bench = make_bench(
            self.clock,
            **{
                name: one.place(
                    device=name == "device", shared=self.lock if name == "load" else None
                )
                for name, one in self.sockets.items()
            },
        )

    def _script(self, troubles: list[Fault]) -> Callable[[], None]:
        calls = 0

        def trouble() -> None:
            nonlocal calls
            calls += 1
            for one in troubles:
                if calls == one.call or (one.for_ever and calls > one.call):
                    raise FAULTS[one.kind]()

        return trouble

    def step(self, script: list[Does]) -> Step:
        @step(volts="V")
        def acting(
            supply: Actuator,
            load: Actuator,
            coils: Actuator,
            meter: PowerMeter,
            port_power: PortPower,
            device: Socket[Actuator],
            clock: Clock,
        ) -> Yields:
            held: dict[str, Instrument] = {"supply": supply, "load": load, "coils": coils}
            for one in script:
                if self.cancel_s is not None and clock.monotonic() >= self.cancel_s:
                    clock.cancel()
                if one.what == "on":
                    relay = device.open() if one.role == "device" else held[one.role]
                    assert isinstance(relay, Relay)
                    relay.close_contact()
                    relay.trouble()
                elif one.what in ("cut_port", "lend_port"):
                    port_power.switch(on=one.what == "lend_port")
                elif one.what == "read":
                    assert isinstance(meter, Meter)
                    meter.voltage_v = Uncertain(one.value, {Cause("gain", "voltage_v", meter): 0})
                    yield Reading("volts", meter.read().voltage_v)
                elif one.what == "wait":
                    clock.sleep(one.value)
                else:
                    raise FAULTS[int(one.value)]()

        return acting

    def held(self) -> set[str]:
        """Return the roles that still hold the device."""
        on = {name for name, one in self.relays.items() if one.closed and name != "device"}
        return on if self.port.on else {*on, "port_power"}

    def still_open(self) -> set[str]:
        return {name for name, one in self.sockets.items() if one.is_open}


def _plan(rig: Rig, scripts: list[list[Does]], limited: list[bool]) -> Plan:
    steps: list[PlannedStep] = []
    for number, script in enumerate(scripts):
        limits: dict[str, Any] = {"volts": LIMIT_V} if limited[number % len(limited)] else {}
        steps.append(planned(rig.step(script), **limits))
    return Plan("p", "Plan", "kind", "guideline", tuple(steps))


def _passes_rightly(record: RunRecord, plan: Plan) -> bool:
    """Judge the record anew, from its values alone."""
    tests = [one for one in record.steps if one.step.endswith("acting")]
    for its, planned_one in zip(tests, plan.steps, strict=True):
        if its.verdict is Verdict.SKIPPED and not its.measurements:
            continue  # the step itself says that the device has no such part
        for name in planned_one.limits:
            values = [float(m.value) for m in its.measurements if m.name == name]
            if not values or any(not LIMIT_V[0] <= one <= LIMIT_V[1] for one in values):
                return False
    return any(one.limits for one in plan.steps)


@settings(max_examples=300, deadline=None)
@given(
    scripts=scripts,
    limited=st.lists(st.booleans(), min_size=1, max_size=4),
    troubles=st.just([]) | faults,
    cancel_s=st.none() | st.none() | st.sampled_from((0.0, 0.5, 1.0, 3.5)),
    cancel_at=st.none() | st.none() | st.integers(1, 20),
    close_at=st.none() | st.none() | st.integers(1, 20),
)
def test_any_run_ends_with_a_safe_bench_a_valid_record_and_no_false_pass(
    scripts: list[list[Does]],
    limited: list[bool],
    troubles: list[Fault],
    cancel_s: float | None,
    cancel_at: int | None,
    close_at: int | None,
) -> None:
    rig = Rig(troubles, cancel_s)
    plan = _plan(rig, scripts, limited)
    told = run(plan, rig.bench, make_draft())
    record: RunRecord | None = None
    broke_off = False
    for number, one in enumerate(told, start=1):
        if number == cancel_at:
            rig.clock.cancel()
        if number == close_at:
            break
        if isinstance(one, RunFinished):
            record = one.record
    try:
        told.close()
    except Exception:
        broke_off = True
    stuck = {one.role for one in troubles if one.for_ever} | {
        one.role.removeprefix("open ") for one in troubles
    }
    assert rig.still_open() == set()
    assert rig.lock.acquire("right", timeout_s=0), "the lock is given back"
    if record is None:
        event("closed")
        assert rig.held() <= stuck
        assert not broke_off or stuck, "what cannot be made safe may be told by an error"
        return
    event(str(record.verdict))
    said = " ".join(phrase.text for phrase in record.not_safe)
    said += " ".join(str(phrase.values) for phrase in record.not_safe)
    for role in rig.held():
        assert role in said, f"{role} still holds the device, and the record does not say so"
    assert contradictions(record) == []
    assert decode_run(encode(record)) == record
    if record.verdict is Verdict.PASS:
        assert _passes_rightly(record, plan)
