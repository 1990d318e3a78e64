"""A bench lets go of the device, whatever happens, and says so when it cannot."""

from contextlib import ExitStack

import pytest

from drivers.capabilities import Actuator, Identity, Instrument, PowerMeter, PowerSupply
from drivers.errors import NotConnected, Refused
from records import Phrase, Reading
from station.engine.bench import BenchNotSafe, SharedLock
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import Socket, Yields, step
from tests.station.benches import Meter, Relay, Socketed, make_bench, silence


def gone() -> None:
    raise NotConnected("unplugged")


@step(volts="V")
def needs_all(
    supply: PowerSupply, meter: PowerMeter, operator: Operator, clock: Clock, *, settle_s: float = 1
) -> Yields:
    yield Reading("volts", meter.read().voltage_v)


@step()
def needs_relay(relay: Actuator) -> Yields:
    assert relay.identity.model
    yield from ()


@step()
def needs_device(device: Socket[PowerMeter]) -> Yields:
    device.open()
    yield from ()


# What a step needs


def test_a_role_that_the_slot_lacks_is_named_without_opening_anything() -> None:
    meter = Socketed(Meter())
    bench = make_bench(meter=meter.place())
    with pytest.raises(LookupError, match=r"needs a supply, which slot left has not"):
        bench.check(needs_all)
    assert meter.openings == 0


def test_a_role_played_by_something_else_is_named() -> None:
    bench = make_bench(supply=Socketed(Meter()).place(), meter=Socketed(Meter()).place())
    with pytest.raises(LookupError, match="needs a PowerSupply as supply, and in slot left that"):
        bench.check(needs_all)


def test_clock_and_operator_are_always_there() -> None:
    @step()
    def needs_people(operator: Operator, clock: Clock) -> Yields:
        yield from ()

    make_bench().check(needs_people)


# Opening


def test_only_what_the_plan_uses_is_opened_and_only_once() -> None:
    used, unused, device = Socketed(Meter()), Socketed(Meter()), Socketed(Meter())
    bench = make_bench(used=used.place(), unused=unused.place(), device=device.place(device=True))
    bench.open_own({"used", "device"})
    bench.open_own({"used"})
    assert (used.openings, unused.openings, device.openings) == (1, 0, 0)
    assert [one.role for one in bench.instruments.values()] == ["used"]
    bench.close()
    assert not used.is_open


def test_what_was_taken_before_opening_failed_is_given_back() -> None:
    given_back: list[str] = []

    def half_open(closing: ExitStack) -> Instrument:
        closing.callback(given_back.append, "port")
        raise NotConnected("the port is there, the instrument is not")

    place = Socketed(Relay()).place()
    bench = make_bench(relay=type(place)("relay", Relay, half_open))
    with pytest.raises(NotConnected):
        bench.open_own({"relay"})
    assert given_back == ["port"]
    bench.make_safe()


def test_a_device_is_handed_over_unopened_and_is_the_same_one_all_the_time() -> None:
    device = Socketed(Meter())
    bench = make_bench(device=device.place(device=True))
    for _ in range(2):
        with bench.holding(needs_device, []) as (socket,):
            assert socket.open() is device.instrument
    assert device.openings == 1
    bench.close()
    assert device.closings == 1


# Making safe


def test_one_stuck_relay_does_not_spare_the_others() -> None:
    relays = [Relay(f"relay {n}", stuck=-1 if n == 1 else 0) for n in range(4)]
    r0, r1, r2, r3 = (Socketed(relay).place() for relay in relays)
    bench = make_bench(r0=r0, r1=r1, r2=r2, r3=r3)
    bench.open_own({"r0", "r1", "r2", "r3"})
    for relay in relays:
        relay.close_contact()
    with pytest.raises(BenchNotSafe, match="relay 1 does not answer"):
        bench.make_safe()
    assert [relay.closed for relay in relays] == [False, True, False, False]


def test_every_stuck_relay_is_named() -> None:
    bench = make_bench(
        a=Socketed(Relay("first", stuck=-1)).place(), b=Socketed(Relay("second", stuck=-1)).place()
    )
    bench.open_own({"a", "b"})
    with pytest.raises(BenchNotSafe, match=r"a: first does not answer.*b: second does not answer"):
        bench.make_safe()


def test_an_actuator_in_trouble_is_opened_anew_and_that_is_remarked() -> None:
    relay = Relay(stuck=1)
    socketed = Socketed(relay)
    bench = make_bench(relay=socketed.place())
    bench.open_own({"relay"})
    relay.close_contact()
    remark = Phrase("bench.safe_again", {"roles": "relay"}, "relay does not answer")
    assert bench.make_safe() == remark
    assert not relay.closed
    assert (socketed.openings, socketed.closings) == (2, 1)


def test_an_actuator_that_cannot_be_opened_again_is_not_safe() -> None:
    relay = Relay(stuck=-1)
    socketed = Socketed(relay)
    bench = make_bench(relay=socketed.place())
    bench.open_own({"relay"})
    socketed.refuse = gone
    with pytest.raises(BenchNotSafe, match="does not answer; unplugged"):
        bench.make_safe()


def test_a_connection_that_cannot_be_closed_does_not_hinder_opening_anew() -> None:
    relay = Relay(stuck=1)
    socketed = Socketed(relay)
    socketed.refuse_to_close = gone
    bench = make_bench(relay=socketed.place())
    bench.open_own({"relay"})
    remark = bench.make_safe()
    assert remark is not None
    assert remark.id == "bench.safe_again"


def test_a_port_that_makes_trouble_while_closing_does_not_keep_the_others_open() -> None:
    """Not even with an error that is none of ours: a library's, or a bug."""

    def bug() -> None:
        raise OSError("bad file descriptor")

    first, second = Socketed(Meter()), Socketed(Meter())
    first.refuse_to_close = bug
    bench = make_bench(first=first.place(), second=second.place())
    bench.open_own({"first", "second"})
    bench.close()
    assert not first.is_open
    assert not second.is_open


def test_a_device_that_was_unplugged_is_no_danger() -> None:
    device = Relay()
    socketed = Socketed(device)
    bench = make_bench(relay=socketed.place(device=True))
    with bench.holding(needs_relay, []):
        pass
    device.trouble = gone
    assert bench.make_safe() is None


def test_a_device_that_will_not_be_restored_is_remarked() -> None:
    def refuses() -> None:
        raise Refused("keeps its brightness")

    device = Relay()
    bench = make_bench(relay=Socketed(device).place(device=True))
    with bench.holding(needs_relay, []):
        pass
    device.trouble = refuses
    remark = Phrase("bench.driver_error", {"roles": "relay"}, "keeps its brightness")
    assert bench.make_safe() == remark


# Shared instruments


def test_a_shared_actuator_is_safe_and_closed_before_the_next_one_may_have_it() -> None:
    relay = Relay()
    socketed = Socketed(relay)
    seen: list[tuple[bool, bool]] = []

    class Watched(SharedLock):
        def release(self) -> None:
            seen.append((relay.closed, socketed.is_open))
            super().release()

    lock = Watched("relay")
    bench = make_bench(relay=socketed.place(shared=lock))
    assert lock.acquire("left", timeout_s=0)
    with bench.holding(needs_relay, [lock]):
        relay.close_contact()
    assert seen == [(False, False)]
    assert lock.holder == ""
    assert lock.acquire("right", timeout_s=0)


@pytest.mark.parametrize("error", [NotConnected("gone"), ValueError("bug"), GeneratorExit()])
def test_a_shared_instrument_is_given_back_after_any_error(error: BaseException) -> None:
    lock = SharedLock("relay")
    relay = Relay()
    bench = make_bench(relay=Socketed(relay).place(shared=lock))
    assert lock.acquire("left", timeout_s=0)

    def use() -> None:
        with bench.holding(needs_relay, [lock]):
            relay.close_contact()
            raise error

    with pytest.raises(type(error)):
        use()
    assert not relay.closed
    assert lock.acquire("right", timeout_s=0)


def test_a_shared_instrument_that_does_not_open_is_given_back() -> None:
    lock = SharedLock("relay")
    socketed = Socketed(Relay())
    socketed.refuse = gone
    bench = make_bench(relay=socketed.place(shared=lock))
    assert lock.acquire("left", timeout_s=0)
    with pytest.raises(NotConnected), bench.holding(needs_relay, [lock]):
        pass
    assert lock.acquire("right", timeout_s=0)


def test_a_shared_actuator_in_trouble_is_opened_anew_before_it_is_given_back() -> None:
    lock = SharedLock("relay")
    relay = Relay(stuck=1)
    socketed = Socketed(relay)
    bench = make_bench(relay=socketed.place(shared=lock))
    assert lock.acquire("left", timeout_s=0)
    with bench.holding(needs_relay, [lock]):
        relay.close_contact()
    assert not relay.closed
    assert not socketed.is_open


def test_a_shared_actuator_that_stays_stuck_is_told_as_what_it_is() -> None:
    lock = SharedLock("relay")
    relay = Relay(stuck=-1)
    socketed = Socketed(relay)
    bench = make_bench(relay=socketed.place(shared=lock))
    assert lock.acquire("left", timeout_s=0)
    with (
        pytest.raises(BenchNotSafe, match="relay: relay does not answer; relay does not answer"),
        bench.holding(needs_relay, [lock]),
    ):
        relay.close_contact()
    assert not socketed.is_open
    assert lock.acquire("right", timeout_s=0)


def test_locks_are_taken_in_one_order_whatever_the_roles_are_called() -> None:
    @step()
    def needs_two(a: Actuator, z: Actuator) -> Yields:
        yield from ()

    one, two = SharedLock("one"), SharedLock("two")
    relay = Socketed(Relay())
    first = make_bench(a=relay.place(shared=one), z=relay.place(shared=two))
    second = make_bench(a=relay.place(shared=two), z=relay.place(shared=one))
    assert first.shared_by(needs_two) == second.shared_by(needs_two) == [one, two]
    both = make_bench(a=relay.place(shared=one), z=relay.place(shared=one))
    assert both.shared_by(needs_two) == [one]


# Before the first run


def test_before_the_first_run_everything_that_acts_lets_go() -> None:
    own, shared, meter = Relay("own"), Relay("shared"), Socketed(Meter())
    device = Socketed(Relay("device"))
    lock = SharedLock("shared")
    own.close_contact()
    shared.close_contact()
    bench = make_bench(
        own=Socketed(own).place(),
        shared=Socketed(shared).place(shared=lock),
        meter=meter.place(),
        device=device.place(device=True),
    )
    assert bench.release_everything() == {}
    assert not own.closed
    assert not shared.closed
    assert meter.openings == device.openings == 0


def test_an_actuator_that_is_not_there_at_the_start_does_not_spare_the_others() -> None:
    missing, there = Socketed(Relay("missing")), Relay("there")
    missing.refuse = silence
    there.close_contact()
    bench = make_bench(missing=missing.place(), there=Socketed(there).place())
    assert bench.release_everything().keys() == {"missing"}
    assert not there.closed


def test_an_instrument_that_calls_itself_what_no_host_keeps_is_recorded_all_the_same() -> None:
    meter = Meter()
    meter.identity = Identity("ACME\0", "M\x1b[2J1", "\0", "1.05\0")
    bench = make_bench(meter=Socketed(meter).place())
    bench.open_own({"meter"})
    (used,) = bench.instruments.values()
    told = (used.maker, used.model, used.serial_number, used.firmware)
    assert told == ("ACME", "M [2J1", "", "1.05")
