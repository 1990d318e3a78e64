"""Korad KEL103 loads. Golden strings: catalogue C4 and firmware V3.30."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, Refused, WrongDevice
from drivers.instruments.power.kel103 import Kel103
from drivers.sim.faults import Altered, Late, Mute
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.power.kel103 import SimulatedKel103
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.world import Circuit, SimulatedTime, StiffSource


class Cable:
    """A cable that keeps what was sent over it, and the twin at its far end."""

    def __init__(self, device: SerialDevice) -> None:
        self.device = device
        self.sent: list[bytes] = []

    def receive(self, data: bytes) -> bytes:
        self.sent.append(data)
        return self.device.receive(data)


class Bench:
    """A load on 12 V behind 0.1 Ω."""

    def __init__(self, identity: str = "KORAD-KEL103 V3.30 SN:00022116") -> None:
        self.time = SimulatedTime()
        self.source = StiffSource(12.0, 0.1)
        self.circuit = Circuit(self.source)
        self.twin = SimulatedKel103(self.circuit, time=self.time, identity=identity)
        self.cable = Cable(self.twin)

    def load(self) -> Kel103:
        return Kel103(SimulatedSerial(self.cable, time=self.time))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_opening_switches_off_and_asks_for_the_limits(bench: Bench) -> None:
    bench.twin.input.on = True
    bench.load()
    assert not bench.twin.input.on
    assert bench.cable.sent[:3] == [b"*IDN?\n", b":INP 0\n", b":INP?\n"]
    assert sorted(bench.cable.sent[3:]) == [
        b":CURR:LOW?\n",
        b":CURR:UPP?\n",
        b":POW:LOW?\n",
        b":POW:UPP?\n",
        b":RES:LOW?\n",
        b":RES:UPP?\n",
        b":VOLT:LOW?\n",
        b":VOLT:UPP?\n",
    ]


def test_a_value_is_sent_with_its_unit_before_its_mode(bench: Bench) -> None:
    load = bench.load()
    bench.cable.sent.clear()
    load.sink_current(1.5)
    assert bench.cable.sent == [b":CURR 1.5000A\n", b":CURR?\n", b":FUNC CC\n", b":FUNC?\n"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"*IDN?\n", b"KORAD-KEL103 V3.30 SN:00022116\n"),
        (b":MEAS:VOLT?\n", b"12.000V\n"),
        (b":MEASure:CURRent?\n", b"0.0000A\n"),
        (b":VOLT:LOW?\n", b"0.1000V\n"),
        (b":VOLT:UPP?\n", b"120.00V\n"),
        (b":CURR:UPP?\n", b"30.000A\n"),
        (b":RES:LOW?\n", b"0.0500OHM\n"),
        (b":RES:UPP?\n", b"7500.0OHM\n"),
        (b":POW:UPP?\n", b"300.00W\n"),
        (b":INP?\n", b"OFF\n"),
        (b":FUNC?\n", b"CC\n"),
        (b":VOLT? MIN\n", b""),
        (b":RCL:BATT?\n", b""),
        (b":NONSENSE?\n", b""),
    ],
)
def test_the_twin_answers_as_the_real_one_was_seen_to(
    bench: Bench, question: bytes, answer: bytes
) -> None:
    assert bench.twin.receive(question) == answer


@pytest.mark.parametrize(
    "command", [b":FUNC VOLT\n", b":FUNC SHORT\n", b":CURR 2\n", b":CURR -1A\n"]
)
def test_the_twin_ignores_what_the_real_one_ignores(bench: Bench, command: bytes) -> None:
    bench.twin.receive(b":CURR 1A\n" + command)
    assert bench.twin.receive(b":FUNC?\n:CURR?\n") == b"CC\n1.0000A\n"


def test_constant_current(bench: Bench) -> None:
    load = bench.load()
    load.sink_current(2.0)
    load.switch(on=True)
    assert load.read() == pytest.approx((11.8, 2.0, 23.6), rel=1e-4)


def test_constant_power_settles_where_the_power_is_right(bench: Bench) -> None:
    load = bench.load()
    load.sink_power(50.0)
    load.switch(on=True)
    voltage_v, current_a, power_w = load.read()
    assert power_w == pytest.approx(50.0, rel=1e-3)
    assert voltage_v == pytest.approx(12.0 - 0.1 * current_a, rel=1e-3)
    bench.source.open_voltage_v = 24.0  # and follows what the source does, unasked
    assert bench.circuit.voltage_v * bench.circuit.current_a == pytest.approx(50.0, rel=1e-6)


def test_constant_resistance_and_constant_voltage(bench: Bench) -> None:
    load = bench.load()
    load.switch(on=True)
    load.sink_resistance(5.9)
    assert load.read() == pytest.approx((11.8, 2.0, 23.6), rel=1e-3)
    load.hold_voltage(11.5)
    assert load.read() == pytest.approx((11.5, 5.0, 57.5), rel=1e-3)


def test_a_new_mode_leaves_the_input_as_it_was(bench: Bench) -> None:
    load = bench.load()
    load.sink_current(1.0)
    assert not bench.twin.input.on
    load.switch(on=True)
    load.sink_power(5.0)
    assert bench.twin.input.on


def test_off_means_off(bench: Bench) -> None:
    load = bench.load()
    load.sink_current(1.0)
    load.switch(on=True)
    load.make_safe()
    assert load.read() == (12.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("sent", "maker", "model", "firmware", "serial"),
    [
        ("KORAD-KEL103 V3.30 SN:00022116", "KORAD", "KEL103", "3.30", "00022116"),
        ("KORAD-KEL102 V1.10 SN:07740976", "KORAD", "KEL102", "1.10", "07740976"),
        ("RND 320-KEL103 V2.60 SN:01234567", "RND", "320-KEL103", "2.60", "01234567"),
    ],
)
def test_every_badge_is_recognised(
    sent: str, maker: str, model: str, firmware: str, serial: str
) -> None:
    assert Bench(sent).load().identity == (maker, model, serial, firmware)


def test_a_supply_of_the_same_maker_is_the_wrong_device() -> None:
    with pytest.raises(WrongDevice, match="KA3005P"):
        Bench("KORAD KA3005P V5.5").load()


@pytest.mark.parametrize(
    "sent",
    [
        "KORAD-KEL103 V3.30 SN:0002211",  # a character is lost
        "KORAD-KEL103 V3.30 SN:000221166",
        "KORAD-KEL103 V3.30 SN:0002211\u0666",  # a digit, and not one of ours
        "KORAD-KEL103 V3.30 SN:",
        "KORAD-KEL103",
    ],
)
def test_an_incomplete_identity_is_a_bad_reply_and_never_half_a_serial_number(sent: str) -> None:
    class Cut:
        def receive(self, data: bytes) -> bytes:
            return sent.encode() + b"\n" if data == b"*IDN?\n" else b""

    with pytest.raises(BadReply, match=r"'\*IDN\?' → "):
        Kel103(SimulatedSerial(Cut()))


def test_an_identity_with_noise_in_it_is_asked_for_again() -> None:
    bench = Bench()
    noise = [b"#"]

    def disturb(answer: bytes) -> bytes:
        return answer.replace(b"KEL", b"K" + noise.pop() + b"L") if noise else answer

    load = Kel103(SimulatedSerial(Altered(bench.twin, disturb)))
    assert load.identity.serial_number == "00022116"


@pytest.mark.parametrize(
    "number", ["nan", "inf", "1_000", "\u0661\u0662.0", "9" * 5000, "1e999", "", "--1", "1.2.3"]
)
def test_what_is_no_number_of_ours_is_a_bad_reply(number: str) -> None:
    bench = Bench()
    load = bench.load()

    class Says:
        def receive(self, data: bytes) -> bytes:
            answer = bench.twin.receive(data)
            return number.encode() + b"V\n" if data == b":MEAS:VOLT?\n" else answer

    bench.cable.device = Says()
    with pytest.raises(BadReply, match=":MEAS:VOLT"):
        load.read()


def test_another_scpi_instrument_is_the_wrong_device() -> None:
    with pytest.raises(WrongDevice, match="RIGOL"):
        Kel103(SimulatedSerial(SimulatedScpiSupply(Circuit(), "rigol-dp800")))


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), 7500.1])
def test_what_is_outside_its_limits_is_never_sent(bench: Bench, value: float) -> None:
    load = bench.load()
    bench.cable.sent.clear()
    for set_value in (
        load.sink_current,
        load.sink_power,
        load.sink_resistance,
        load.hold_voltage,
    ):
        with pytest.raises(ValueError, match="outside"):
            set_value(value)
    assert bench.cable.sent == []


def test_limits_are_those_of_the_instrument_at_hand(bench: Bench) -> None:
    bench.twin.receive(b":CURR:UPP 2.5A\n")
    load = bench.load()
    load.sink_current(2.5)
    with pytest.raises(ValueError, match=r"0\.0…2\.5 A"):
        load.sink_current(2.6)


def test_a_value_that_was_clipped_is_refused(bench: Bench) -> None:
    load = bench.load()
    bench.twin.receive(b":CURR:UPP 2A\n")  # at the front panel, meanwhile
    with pytest.raises(Refused, match=r"set to 3\.0 A, but ':CURR\?' → 2\.0"):
        load.sink_current(3.0)


def test_an_input_that_does_not_switch_is_refused(bench: Bench) -> None:
    load = bench.load()
    load.sink_current(30.0)
    bench.source.open_voltage_v = 200.0  # it protects itself
    with pytest.raises(Refused, match="INP 1"):
        load.switch(on=True)


def test_a_mute_load_is_no_reply(bench: Bench) -> None:
    bench.cable.device = Mute()
    with pytest.raises(NoReply, match="IDN"):
        bench.load()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"12.000\n", "not a number and V"),
        (b"12.000A\n", "not a number and V"),
        (b"12,000V\n", "not a number and V"),
        (b"nanV\n", "not a number and V"),
        (b"12.0\xb5V\n", "not ASCII"),
        (b"12.00", "no end of line"),
    ],
)
def test_garbled_answers_are_bad_replies(bench: Bench, answer: bytes, complaint: str) -> None:
    load = bench.load()
    bench.cable.device = Altered(bench.twin, lambda _: answer)
    with pytest.raises(BadReply, match=complaint):
        load.read()


def test_a_late_answer_is_never_taken_for_that_of_the_next_question(bench: Bench) -> None:
    load = bench.load()
    bench.cable.device = Late(bench.twin)
    with pytest.raises(NoReply):
        load.read()
    for _ in range(4):
        with pytest.raises(BadReply, match="out of step"):
            load.read()


@given(st.floats(0.0, 30.0))
def test_every_current_in_range_is_kept_to_five_digits(current_a: float) -> None:
    bench = Bench()
    bench.load().sink_current(current_a)
    assert bench.twin.input.levels["CC"] == pytest.approx(current_a, abs=0.0000501)


# The battery test in the instrument


def test_a_battery_test_is_stored_recalled_and_read_back(bench: Bench) -> None:
    load = bench.load()
    bench.cable.sent.clear()
    load.prepare_battery_test(
        current_a=7.0, cutoff_v=10.5, capacity_ah=11.0, duration_s=1800.0, slot=2
    )
    assert bench.cable.sent == [
        b":BATT 2,30.000A,7.000A,10.500V,11.000AH,30.000M\n",
        b":RCL:BATT 2\n",
        b":RCL:BATT?\n",
        b":FUNC?\n",
    ]
    assert bench.twin.receive(b":RCL:BATT?\n") == b"30.000A, 7.000A,10.500V,11.000AH,30.000M\n"


def test_a_battery_test_ends_by_itself_at_its_charge(bench: Bench) -> None:
    load = bench.load()
    load.prepare_battery_test(current_a=2.0, cutoff_v=10.0, capacity_ah=3.0, duration_s=7200.0)
    load.switch(on=True)
    bench.time.sleep(3600.0)
    assert load.read_battery_test() == pytest.approx((True, 3600.0, 2.0))
    bench.time.sleep(3600.0)
    assert load.read_battery_test() == pytest.approx((False, 5400.0, 3.0))
    assert load.read().current_a == 0.0


def test_a_battery_test_ends_by_itself_at_its_voltage_and_at_its_time(bench: Bench) -> None:
    load = bench.load()
    load.prepare_battery_test(current_a=2.0, cutoff_v=10.0, capacity_ah=90.0, duration_s=600.0)
    load.switch(on=True)
    bench.time.sleep(60.0)
    assert load.read_battery_test().running
    bench.source.open_voltage_v = 10.1
    bench.time.sleep(60.0)
    assert not load.read_battery_test().running
    bench.source.open_voltage_v = 12.0
    load.switch(on=True)
    bench.time.sleep(1e6)
    assert load.read_battery_test() == pytest.approx((False, 600.0, 2.0 / 6), abs=1e-4)


@pytest.mark.parametrize(
    "changed",
    [
        {"current_a": 31.0},
        {"cutoff_v": float("nan")},
        {"capacity_ah": 0.0},
        {"duration_s": -1.0},
        {"duration_s": float("inf")},
    ],
)
def test_a_battery_test_it_cannot_do_is_never_sent(bench: Bench, changed: dict[str, float]) -> None:
    load = bench.load()
    bench.cable.sent.clear()
    test = {"current_a": 1.0, "cutoff_v": 10.0, "capacity_ah": 5.0, "duration_s": 60.0} | changed
    with pytest.raises(ValueError, match=r"outside|end"):
        load.prepare_battery_test(
            current_a=test["current_a"],
            cutoff_v=test["cutoff_v"],
            capacity_ah=test["capacity_ah"],
            duration_s=test["duration_s"],
        )
    with pytest.raises(ValueError, match="slot 11"):
        load.prepare_battery_test(
            current_a=1.0, cutoff_v=10.0, capacity_ah=5.0, duration_s=60.0, slot=11
        )
    assert bench.cable.sent == []


def test_a_battery_test_that_was_not_kept_is_refused(bench: Bench) -> None:
    load = bench.load()
    bench.cable.device = Altered(bench.twin, lambda answer: answer.replace(b" 7.000A", b" 0.700A"))
    with pytest.raises(Refused, match=r"kept '30\.000A, 0\.700A"):
        load.prepare_battery_test(current_a=7.0, cutoff_v=10, capacity_ah=1, duration_s=60)
    bench.cable.device = Altered(bench.twin, lambda answer: b"30.000A\n")
    with pytest.raises(BadReply, match="not five values"):
        load.prepare_battery_test(current_a=7.0, cutoff_v=10, capacity_ah=1, duration_s=60)
