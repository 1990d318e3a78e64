import math
from collections.abc import Callable

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError, NoReply, Refused, WrongDevice
from drivers.instruments.power.it8500 import It8500
from drivers.instruments.power.rd60xx import Rd60xx
from drivers.sim.faults import Altered, Late, Mute, Stuck
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.power.it8500 import Ratings, SimulatedIt8500
from drivers.sim.instruments.power.rd60xx import SimulatedRd60xx
from drivers.sim.linux.pty import PtyHost
from drivers.sim.world import Circuit, Resistor, SimulatedTime, StiffSource

ADAPTER_V, ADAPTER_OHM = 19.5, 0.1


class Recorder:
    """Passes everything on and remembers the questions."""

    def __init__(self, device: SerialDevice) -> None:
        self._device = device
        self.asked: list[bytes] = []

    def receive(self, data: bytes) -> bytes:
        self.asked.append(data)
        return self._device.receive(data)


def frame(start: str, *, address: int = 0) -> bytes:
    """26 bytes from command and data, as the manual lays them out."""
    body = (bytes([0xAA, address]) + bytes.fromhex(start)).ljust(25, b"\0")
    return body + bytes([sum(body) % 256])


def golden(start: str, checksum: int) -> bytes:
    return bytes.fromhex(start).ljust(25, b"\0") + bytes([checksum])


def connect(device: SerialDevice, *, address: int = 0) -> It8500:
    return It8500(SimulatedSerial(device), address=address)


@pytest.fixture
def circuit() -> Circuit:
    return Circuit(StiffSource(ADAPTER_V, ADAPTER_OHM))


@pytest.fixture
def twin(circuit: Circuit) -> SimulatedIt8500:
    return SimulatedIt8500(circuit)


@pytest.fixture
def load(twin: SimulatedIt8500) -> It8500:
    return connect(twin)


def test_questions_are_the_golden_frames(twin: SimulatedIt8500) -> None:
    recorder = Recorder(twin)
    load = connect(recorder)
    load.sink_current(1.5)
    load.switch(on=True)
    for expected in (
        golden("AA 00 20 01", 0xCB),
        golden("AA 00 21 01", 0xCC),
        golden("AA 00 2A 98 3A 00 00", 0xA6),
        golden("AA 00 5F", 0x09),
        golden("AA 00 6A", 0x14),
    ):
        assert expected in recorder.asked


def test_the_twin_answers_the_example_of_the_manual(twin: SimulatedIt8500) -> None:
    """ "Example program": set to remote, and the status packet that comes back."""
    assert twin.receive(golden("AA 00 20 01", 0xCB)) == golden("AA 00 12 80", 0x3C)


def test_after_construction_it_is_remote_and_off(twin: SimulatedIt8500) -> None:
    load = connect(twin)
    load.sink_current(1.0)
    load.switch(on=True)
    twin.remote = False
    recorder = Recorder(twin)
    connect(recorder)
    assert (twin.remote, twin.on) == (True, False)
    assert [question[2] for question in recorder.asked] == [0x6A, 0x01, 0x20, 0x21, 0x5F, 0x5D]


def test_it_says_who_it_is_and_how_far_it_goes(load: It8500) -> None:
    assert load.identity == ("ITECH", "8512", "0123456789", "2.03")
    assert load.limits == (30.0, 120.0, 0.1, 300.0, 4000.0, 0.1)


def test_the_first_8500s_are_asked_for_their_maxima_instead(circuit: Circuit) -> None:
    ratings = Ratings(model="8500", current_a=15.0, power_w=150.0)
    load = connect(SimulatedIt8500(circuit, ratings=ratings, knows_limits=False))
    assert load.limits == (15.0, 120.0, 0.1, 150.0, 4000.0, 0.1)


def test_off_it_only_measures(load: It8500, circuit: Circuit) -> None:
    load.sink_current(2.0)
    assert circuit.current_a == 0.0
    assert load.read() == (19.5, 0.0, 0.0)


def test_sinks_a_current(load: It8500, circuit: Circuit) -> None:
    load.sink_current(2.0)
    load.switch(on=True)
    assert load.read() == pytest.approx((19.3, 2.0, 38.6))
    assert circuit.solve() == pytest.approx((19.3, 2.0))
    load.make_safe()
    assert circuit.current_a == 0.0


def test_sinks_a_power_at_the_higher_of_the_two_voltages(load: It8500, circuit: Circuit) -> None:
    load.sink_power(65.0)
    load.switch(on=True)
    voltage_v = (ADAPTER_V + math.sqrt(ADAPTER_V**2 - 4 * ADAPTER_OHM * 65.0)) / 2
    assert load.read() == pytest.approx((voltage_v, 65.0 / voltage_v, 65.0), abs=0.001)
    assert circuit.voltage_v == pytest.approx(voltage_v)


def test_sinks_through_a_resistance(load: It8500) -> None:
    load.sink_resistance(9.65)
    load.switch(on=True)
    assert load.read() == pytest.approx((19.3, 2.0, 38.6), abs=0.001)


def test_holds_a_voltage(load: It8500) -> None:
    load.hold_voltage(19.0)
    load.switch(on=True)
    assert load.read() == pytest.approx((19.0, 5.0, 95.0), rel=2e-3)


def test_draws_less_than_told_when_there_is_too_little_voltage(
    load: It8500, circuit: Circuit
) -> None:
    circuit.source = StiffSource(0.5)
    load.sink_current(20.0)
    load.switch(on=True)
    assert load.read().current_a == pytest.approx(0.5 / 0.047, rel=1e-3)
    circuit.source = None
    assert load.read() == (0.0, 0.0, 0.0)
    load.sink_power(10.0)
    assert load.read() == (0.0, 0.0, 0.0)


def test_a_source_that_cannot_give_the_power_collapses(load: It8500, circuit: Circuit) -> None:
    circuit.source = StiffSource(19.5, 1.0)
    load.sink_power(90.0)
    load.switch(on=True)
    assert load.read().power_w == pytest.approx(90.0, abs=0.01)
    load.sink_power(100.0)
    assert load.read().voltage_v < 19.5 / 2


def test_another_value_takes_effect_at_once(load: It8500) -> None:
    load.sink_current(1.0)
    load.switch(on=True)
    load.sink_current(2.0)
    assert load.read().current_a == 2.0
    load.sink_resistance(100.0)
    assert load.read().current_a == pytest.approx(0.195, abs=0.001)


def test_the_value_comes_before_the_mode_so_that_no_old_one_is_sunk(
    twin: SimulatedIt8500,
) -> None:
    recorder = Recorder(twin)
    load = connect(recorder)
    recorder.asked.clear()
    load.sink_power(10.0)
    sent = [question[2] for question in recorder.asked]
    assert sent.index(0x2E) < sent.index(0x28)


def test_one_that_switches_off_with_the_mode_is_switched_on_again(circuit: Circuit) -> None:
    load = connect(SimulatedIt8500(circuit, mode_switches_off=True))
    load.sink_current(1.0)
    load.sink_resistance(100.0)
    assert circuit.current_a == 0.0
    load.switch(on=True)
    load.sink_current(2.0)
    assert load.read().current_a == 2.0


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda load: load.sink_current(30.0001), "30.0001 A is outside"),
        (lambda load: load.sink_current(-0.1), "-0.1 A is outside"),
        (lambda load: load.sink_current(math.nan), "nan A is outside"),
        (lambda load: load.sink_power(300.1), "300.1 W is outside"),
        (lambda load: load.sink_power(math.inf), "inf W is outside"),
        (lambda load: load.sink_resistance(0.05), "0.05 Ω is outside"),
        (lambda load: load.sink_resistance(4001), "4001 Ω is outside"),
        (lambda load: load.sink_resistance(math.nan), "nan Ω is outside"),
        (lambda load: load.hold_voltage(0.05), "0.05 V is outside"),
        (lambda load: load.hold_voltage(120.1), "120.1 V is outside"),
        (lambda load: load.hold_voltage(math.nan), "nan V is outside"),
    ],
)
def test_what_it_cannot_do_is_not_sent(
    twin: SimulatedIt8500, ask: Callable[[It8500], None], complaint: str
) -> None:
    recorder = Recorder(twin)
    load = connect(recorder)
    recorder.asked.clear()
    with pytest.raises(ValueError, match=complaint):
        ask(load)
    assert recorder.asked == []


@pytest.mark.parametrize("address", [-1, 255, 256])
def test_it_cannot_have_such_an_address(address: int) -> None:
    with pytest.raises(ValueError, match="outside 0…254"):
        connect(Mute(), address=address)


def test_two_on_one_line_are_told_apart(circuit: Circuit) -> None:
    class Line:
        def __init__(self, *devices: SerialDevice) -> None:
            self._devices = devices

        def receive(self, data: bytes) -> bytes:
            return b"".join(device.receive(data) for device in self._devices)

    one, two = SimulatedIt8500(circuit, address=1), SimulatedIt8500(circuit, address=2)
    line = Line(one, two)
    connect(line, address=2).sink_current(1.0)
    connect(line, address=2).switch(on=True)
    assert (one.on, two.on) == (False, True)
    with pytest.raises(NoReply):
        connect(line, address=3)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0x90, "checksum incorrect"),
        (0xA0, "parameter incorrect"),
        (0xB0, "not executed"),
        (0xC0, "invalid command"),
        (0xD0, "unknown status"),
    ],
)
def test_each_status_is_refused_with_its_meaning(
    twin: SimulatedIt8500, status: int, meaning: str
) -> None:
    load = connect(Answering(twin, 0x2A, f"12 {status:02X}"))
    with pytest.raises(Refused, match=rf"aa 00 2a 10 27.* → aa 00 12 {status:02x}.*{meaning}"):
        load.sink_current(1.0)


class Answering:
    """Answers one command as it is told, and leaves the rest to the load."""

    def __init__(self, device: SerialDevice, command: int, answer: str) -> None:
        self._device = device
        self._command = command
        self._answer = frame(answer)

    def receive(self, data: bytes) -> bytes:
        return self._answer if data[2] == self._command else self._device.receive(data)


@pytest.mark.parametrize(
    ("command", "answer", "complaint"),
    [
        (0x2B, "2B 0F 27", "0x2a 10000 counts → kept 9999"),
        (0x29, "29 03", "mode 0 → stayed in 3"),
    ],
)
def test_a_setting_that_does_not_take_is_refused(
    twin: SimulatedIt8500, command: int, answer: str, complaint: str
) -> None:
    load = connect(Answering(twin, command, answer))
    with pytest.raises(Refused, match=complaint):
        load.sink_current(1.0)


def test_an_input_that_does_not_follow_is_refused(
    twin: SimulatedIt8500, load: It8500, circuit: Circuit
) -> None:
    twin.overheated = True
    with pytest.raises(Refused, match=r"input on → off, faults \['OT'\]"):
        load.switch(on=True)
    twin.overheated = False
    load.switch(on=True)
    with pytest.raises(Refused, match="input off → on"):
        connect(Answering(twin, 0x21, "12 80"))


def test_pressing_local_does_not_keep_it_from_being_made_safe(
    twin: SimulatedIt8500, load: It8500, circuit: Circuit
) -> None:
    load.sink_current(1.0)
    load.switch(on=True)
    twin.remote = False
    with pytest.raises(Refused, match="not in remote operation"):
        load.switch(on=False)
    load.make_safe()
    assert circuit.current_a == 0.0


@pytest.mark.parametrize("answer", [b"", frame("5F"), frame("12 90"), frame("12 80")[:9]])
def test_an_answer_that_went_astray_does_not_keep_it_from_being_made_safe(
    twin: SimulatedIt8500, circuit: Circuit, answer: bytes
) -> None:
    astray: list[bytes] = []
    load = connect(Altered(twin, lambda right: astray.pop() if astray else right))
    load.sink_current(1.0)
    load.switch(on=True)
    astray.append(answer)
    load.make_safe()
    assert not astray
    assert circuit.current_a == 0.0


def test_over_voltage_switches_the_input_off(
    twin: SimulatedIt8500, load: It8500, circuit: Circuit
) -> None:
    load.sink_current(1.0)
    load.switch(on=True)
    circuit.source = StiffSource(125.0)
    assert load.read_faults() == frozenset()
    circuit.source = StiffSource(126.1)
    assert load.read_faults() == {"OV"}
    assert not twin.on


def test_over_current_is_limited_and_turns_into_constant_current(
    load: It8500, twin: SimulatedIt8500, circuit: Circuit
) -> None:
    load.sink_resistance(0.1)
    circuit.source = StiffSource(9.0)
    load.switch(on=True)
    assert load.read_faults() == {"OC"}
    assert load.read() == pytest.approx((9.0, 30.0, 270.0))
    assert twin.receive(frame("29"))[3] == 0
    load.sink_resistance(10.0)
    assert load.read_faults() == frozenset()


def test_over_power_is_limited(load: It8500, circuit: Circuit) -> None:
    circuit.source = StiffSource(50.0, 0.1)
    load.sink_current(10.0)
    load.switch(on=True)
    assert load.read_faults() == {"OP"}
    assert load.read().power_w == pytest.approx(300.0, abs=0.01)


def test_reverse_voltage_and_heat_are_told(twin: SimulatedIt8500, load: It8500) -> None:
    twin.reversed_leads = twin.overheated = True
    assert load.read_faults() == {"RV", "OT"}


def test_holding_a_voltage_against_a_stiff_source_stops_at_the_limits(
    load: It8500, circuit: Circuit
) -> None:
    circuit.source = StiffSource(5.0)
    load.hold_voltage(3.0)
    load.switch(on=True)
    assert load.read() == pytest.approx((5.0, 30.0, 150.0))
    assert load.read_faults() == {"OC"}


@pytest.mark.parametrize("model", ["6811", "3710A", "", "\x85\x00"])
def test_another_model_is_the_wrong_device_and_is_left_alone(
    twin: SimulatedIt8500, model: str
) -> None:
    answer = "6A" + model.encode("latin-1").hex()
    recorder = Recorder(Answering(twin, 0x6A, answer))
    with pytest.raises(WrongDevice, match="expected a load of the 8500 family, found"):
        connect(recorder)
    assert [question[2] for question in recorder.asked] == [0x6A]


def test_another_family_with_such_frames_is_the_wrong_device(twin: SimulatedIt8500) -> None:
    with pytest.raises(WrongDevice, match=r"expected an IT8500 load: .*invalid command"):
        connect(Answering(twin, 0x6A, "12 C0"))


def test_nobody_there_is_no_reply() -> None:
    with pytest.raises(NoReply, match=r"IT8500, address 0: aa 00 6a .* → nothing"):
        connect(Mute())


def test_one_that_goes_mute_in_the_middle_is_no_reply(twin: SimulatedIt8500) -> None:
    load = connect(Stuck(twin, fail_after=7))
    load.read()
    with pytest.raises(NoReply):
        load.make_safe()


@pytest.mark.parametrize(
    ("alter", "complaint"),
    [
        (lambda answer: answer[:25], "25 bytes, not 26"),
        (lambda answer: answer[:1], "1 bytes, not 26"),
        (lambda answer: answer[:10] + b"\x55" + answer[11:], "wrong checksum, computed"),
        (lambda answer: b"\x55" + answer[1:], "does not start with 0xaa"),
        (lambda answer: frame("5F", address=7), "from address 7"),
        (lambda answer: frame("2B"), "no answer to 0x5f"),
        (lambda answer: frame("12 80"), "no answer to 0x5f"),
    ],
)
def test_a_damaged_answer_is_a_bad_reply(
    twin: SimulatedIt8500, alter: Callable[[bytes], bytes], complaint: str
) -> None:
    broken = False
    load = connect(Altered(twin, lambda answer: alter(answer) if broken else answer))
    broken = True
    with pytest.raises(BadReply, match=complaint):
        load.read()


def test_a_command_that_is_answered_by_its_echo_is_a_bad_reply(twin: SimulatedIt8500) -> None:
    with pytest.raises(BadReply, match="no status"):
        connect(Answering(twin, 0x20, "20 01"))


def test_a_damaged_answer_is_asked_for_again_and_a_command_is_not(twin: SimulatedIt8500) -> None:
    recorder = Recorder(twin)
    damaged: list[int] = []

    def damage_each_once(answer: bytes) -> bytes:
        if answer[2] in damaged:
            return answer
        damaged.append(answer[2])
        return answer[:-1] + bytes([answer[-1] ^ 1])

    load = connect(Altered(recorder, damage_each_once))
    asked = [question[2] for question in recorder.asked]
    assert asked[:4] == [0x6A, 0x6A, 0x01, 0x01]
    assert load.identity.serial_number == "0123456789"
    damaged.remove(0x12)
    recorder.asked.clear()
    with pytest.raises(BadReply, match="checksum"):
        load.sink_current(1.0)
    assert [question[2] for question in recorder.asked] == [0x5F, 0x2A]


def test_a_late_answer_is_not_taken_for_another(twin: SimulatedIt8500) -> None:
    late = SimulatedSerial(Late(twin))
    with pytest.raises(NoReply):
        It8500(late)
    with pytest.raises(BadReply, match="no answer to 0x01"):
        It8500(late)


@given(
    value=st.floats(0, 30),
    at=st.integers(0, 25),
    flip=st.integers(1, 255),
)
def test_no_damage_to_one_byte_goes_unnoticed(value: float, at: int, flip: int) -> None:
    damaging = False

    def damage(answer: bytes) -> bytes:
        if not damaging:
            return answer
        return answer[:at] + bytes([answer[at] ^ flip]) + answer[at + 1 :]

    load = connect(Altered(SimulatedIt8500(Circuit(StiffSource(19.5))), damage))
    load.sink_current(value)
    damaging = True
    with pytest.raises(BadReply):
        load.read()


@given(
    current_a=st.floats(0, 30),
    power_w=st.floats(0, 300),
    resistance_ohm=st.floats(0.1, 4000),
    voltage_v=st.floats(0.1, 120),
)
def test_every_setting_it_can_make_is_kept_to_half_a_count(
    current_a: float, power_w: float, resistance_ohm: float, voltage_v: float
) -> None:
    twin = SimulatedIt8500(Circuit())
    load = connect(twin)
    load.sink_current(current_a)
    load.sink_power(power_w)
    load.sink_resistance(resistance_ohm)
    load.hold_voltage(voltage_v)

    def kept(command: int) -> int:
        return int.from_bytes(twin.receive(frame(f"{command:02X}"))[3:7], "little")

    assert kept(0x2B) / 10000 == pytest.approx(current_a, abs=0.0000501)
    assert kept(0x2F) / 1000 == pytest.approx(power_w, abs=0.000501)
    assert kept(0x31) / 1000 == pytest.approx(resistance_ohm, abs=0.000501)
    assert kept(0x2D) / 1000 == pytest.approx(voltage_v, abs=0.000501)


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_garbage_is_a_driver_error(answers: list[bytes]) -> None:
    class Garbage:
        def receive(self, data: bytes) -> bytes:
            return answers.pop(0) if answers else b""

    with pytest.raises(DriverError):
        connect(Garbage())


@given(
    open_v=st.floats(3, 60),
    source_ohm=st.floats(0.01, 2),
    share=st.floats(0.01, 0.98),
    others_ohm=st.floats(1000, 1e6),
)
def test_constant_power_settles_where_the_adapter_still_works(
    open_v: float, source_ohm: float, share: float, others_ohm: float
) -> None:
    """The twin as a sink: never the second answer, at which an adapter would be shorted."""
    circuit = Circuit(StiffSource(open_v, source_ohm), Resistor(others_ohm))
    thevenin_v = open_v * others_ohm / (others_ohm + source_ohm)
    thevenin_ohm = source_ohm * others_ohm / (others_ohm + source_ohm)
    power_w = min(share * thevenin_v**2 / 4 / thevenin_ohm, 300.0, 30.0 * thevenin_v / 2)
    load = connect(SimulatedIt8500(circuit))
    load.sink_power(power_w)
    load.switch(on=True)
    voltage_v, _, measured_w = load.read()
    expected_v = (thevenin_v + math.sqrt(thevenin_v**2 - 4 * thevenin_ohm * power_w)) / 2
    assert voltage_v == pytest.approx(expected_v, rel=0.01, abs=0.01)
    assert measured_w == pytest.approx(power_w, rel=0.01, abs=0.01)


@given(
    mode=st.sampled_from(["sink_current", "sink_resistance", "hold_voltage"]),
    value=st.floats(0.1, 30),
    voltages_v=st.lists(st.floats(-5, 120), min_size=2, max_size=2).map(sorted),
)
def test_the_twin_never_draws_less_from_a_higher_voltage(
    mode: str, value: float, voltages_v: list[float]
) -> None:
    twin = SimulatedIt8500(Circuit(StiffSource(1.0)), ratings=Ratings(power_w=1e6))
    load = connect(twin)
    getattr(load, mode)(value)
    load.switch(on=True)
    lower_v, higher_v = voltages_v
    assert twin.current_at(lower_v) <= twin.current_at(higher_v)


def test_a_supply_and_a_load_agree_on_what_flows() -> None:
    circuit = Circuit()
    clock = SimulatedTime()
    supply = Rd60xx(SimulatedSerial(SimulatedRd60xx(circuit), time=clock), time=clock)
    load = connect(SimulatedIt8500(circuit))
    supply.set_voltage(12.0)
    supply.set_current_limit(3.0)
    supply.switch(on=True)
    load.sink_current(2.0)
    load.switch(on=True)
    assert load.read() == pytest.approx(supply.read()) == (12.0, 2.0, 24.0)
    load.sink_power(30.0)
    assert load.read() == pytest.approx(supply.read()) == (12.0, 2.5, 30.0)
    load.hold_voltage(9.0)
    assert load.read() == pytest.approx((9.0, 3.0, 27.0), rel=1e-3)
    assert supply.read() == pytest.approx((9.0, 3.0, 27.0), rel=1e-3)
    load.sink_current(4.0)
    assert load.read() == pytest.approx((0.141, 3.0, 0.423), rel=1e-2)
    supply.make_safe()
    assert load.read() == (0.0, 0.0, 0.0)


def test_the_twin_needs_remote_operation_for_everything_that_sets(circuit: Circuit) -> None:
    twin = SimulatedIt8500(circuit)
    assert twin.receive(frame("21 01"))[3] == 0xB0
    assert twin.receive(frame("2A 10 27"))[3] == 0xB0
    assert twin.receive(frame("2B"))[2] == 0x2B
    assert twin.receive(frame("20 01"))[3] == 0x80
    assert twin.receive(frame("2A 10 27"))[3] == 0x80
    assert twin.receive(frame("20 00"))[3] == 0x80
    assert twin.receive(frame("21 01"))[3] == 0xB0


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("2A E1 93 04", 0xA0),  # 30.0001 A
        ("2E E1 93 04", 0xA0),  # 300.001 W
        ("2C 63 00", 0xA0),  # 0.099 V
        ("30 01 00", 0xA0),
        ("28 04", 0xA0),
        ("21 02", 0xA0),
        ("20 02", 0xA0),
        ("5D 05", 0xA0),
        ("F0", 0xC0),
        ("24 88 13", 0x80),
    ],
)
def test_the_twin_says_what_is_wrong(circuit: Circuit, question: str, status: int) -> None:
    twin = SimulatedIt8500(circuit)
    twin.receive(frame("20 01"))
    assert twin.receive(frame(question)) == frame(f"12 {status:02X}")


def test_the_twin_keeps_to_the_maximum_it_was_given(circuit: Circuit) -> None:
    twin = SimulatedIt8500(circuit)
    twin.receive(frame("20 01"))
    twin.receive(frame("24 88 13"))  # 0.5 A
    load = connect(twin)
    with pytest.raises(Refused, match="out of range"):
        load.sink_current(1.0)


def test_the_twin_finds_its_frames_among_garbage(twin: SimulatedIt8500) -> None:
    wrong = frame("20 01")[:-1] + b"\x00"
    assert twin.receive(b"\x00\xff\x20") == b""
    assert twin.receive(wrong) == frame("12 90")
    question = frame("20 01")
    assert twin.receive(question[:7]) == b""
    assert twin.receive(question[7:] + frame("5F")[:1]) == frame("12 80")


def test_the_twin_tells_its_address_to_whoever_asks_all(circuit: Circuit) -> None:
    twin = SimulatedIt8500(circuit, address=9)
    assert twin.receive(frame("6A", address=0xFF))[1] == 9


def test_the_twin_shorts(twin: SimulatedIt8500, load: It8500, circuit: Circuit) -> None:
    circuit.source = StiffSource(19.5, 1.0)
    twin.receive(frame("5D 01"))
    load.switch(on=True)
    assert circuit.current_a == pytest.approx(19.5 / 1.047)
    connect(twin).switch(on=True)
    assert circuit.current_a == 0.0


def test_the_real_pyserial_meets_the_twin(twin: SimulatedIt8500) -> None:
    with PtyHost(twin) as path, serial.Serial(path, It8500.BAUDRATE, timeout=1) as line:
        load = It8500(line)
        load.sink_current(2.0)
        load.switch(on=True)
        assert load.read() == pytest.approx((19.3, 2.0, 38.6))
