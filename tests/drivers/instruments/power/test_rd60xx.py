import math
import time

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError, NoReply, Refused, WrongDevice
from drivers.instruments.power.rd60xx import Rd60xx
from drivers.sim.faults import Altered, Late, Mute, Stuck
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.power.rd60xx import SimulatedRd60xx
from drivers.sim.languages.modbus import SimulatedModbusRtu, with_crc
from drivers.sim.linux.pty import PtyHost
from drivers.sim.world import Circuit, Resistor, SimulatedTime


class Recorder:
    """Passes everything on and remembers the questions."""

    def __init__(self, device: SerialDevice) -> None:
        self._device = device
        self.asked: list[str] = []

    def receive(self, data: bytes) -> bytes:
        self.asked.append(data.hex(" ").upper())
        return self._device.receive(data)


class Deaf:
    """Passes on everything except writes to one register, which it acknowledges and drops."""

    def __init__(self, device: SerialDevice, register: int) -> None:
        self._device = device
        self._start = bytes([1, 6, 0, register])

    def receive(self, data: bytes) -> bytes:
        return data if data.startswith(self._start) else self._device.receive(data)


def connect(device: SerialDevice) -> Rd60xx:
    time = SimulatedTime()
    return Rd60xx(SimulatedSerial(device, time=time), time=time)


@pytest.fixture
def circuit() -> Circuit:
    return Circuit(None, Resistor(10.0))


@pytest.fixture
def twin(circuit: Circuit) -> SimulatedRd60xx:
    return SimulatedRd60xx(circuit)


@pytest.fixture
def supply(twin: SimulatedRd60xx) -> Rd60xx:
    return connect(twin)


def test_construction_asks_who_it_is_and_switches_off(twin: SimulatedRd60xx) -> None:
    recorder = Recorder(twin)
    supply = connect(recorder)
    assert recorder.asked == [
        "01 03 00 00 00 04 44 09",
        "01 06 00 12 00 00 29 CF",
        "01 03 00 04 00 11 C4 07",
    ]
    assert supply.identity == ("Riden", "RD6006", "00012345", "1.28")
    assert (supply.max_v, supply.max_a) == (60.0, 6.0)


def test_the_output_is_off_after_construction_even_if_it_was_on(
    twin: SimulatedRd60xx, supply: Rd60xx, circuit: Circuit
) -> None:
    supply.switch(on=True)
    assert circuit.voltage_v == pytest.approx(5.0)
    connect(twin)
    assert circuit.voltage_v == 0.0


def test_on_is_the_golden_frame(twin: SimulatedRd60xx) -> None:
    recorder = Recorder(twin)
    connect(recorder).switch(on=True)
    assert "01 06 00 12 00 01 E8 0F" in recorder.asked


def test_delivers_the_voltage_asked_for(supply: Rd60xx, circuit: Circuit) -> None:
    supply.set_voltage(19.5)
    supply.set_current_limit(3.0)
    assert circuit.voltage_v == 0.0
    supply.switch(on=True)
    assert circuit.solve() == pytest.approx((19.5, 1.95))
    assert supply.read() == pytest.approx((19.5, 1.95, 38.025), abs=0.006)
    supply.make_safe()
    assert supply.read() == (0.0, 0.0, 0.0)


def test_holds_the_current_at_the_limit(supply: Rd60xx, circuit: Circuit) -> None:
    supply.set_voltage(19.5)
    supply.set_current_limit(1.25)
    supply.switch(on=True)
    assert circuit.solve() == pytest.approx((12.5, 1.25), rel=1e-4)
    assert supply.read() == pytest.approx((12.5, 1.25, 15.63), abs=0.006)


def test_a_short_circuit_gets_the_limit_and_no_volts(circuit: Circuit, supply: Rd60xx) -> None:
    circuit.sinks = [Resistor(0.001)]
    supply.set_current_limit(2.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((0.0, 2.0, 0.0), abs=0.01)


def test_one_reading_is_one_question(twin: SimulatedRd60xx) -> None:
    recorder = Recorder(twin)
    supply = connect(recorder)
    recorder.asked.clear()
    supply.read()
    assert recorder.asked == ["01 03 00 04 00 11 C4 07"]


@pytest.mark.parametrize(
    ("model_id", "current_range", "name", "most_a", "volt_step", "ampere_step", "watt_step"),
    [
        (60062, 0, "RD6006", 6.0, 0.01, 0.001, 0.01),
        (60065, 0, "RD6006P", 6.0, 0.001, 0.0001, 0.001),
        (60121, 0, "RD6012", 12.0, 0.01, 0.01, 0.01),
        (60125, 0, "RD6012P", 12.0, 0.001, 0.0001, 0.001),
        (60125, 1, "RD6012P", 12.0, 0.001, 0.001, 0.001),
        (60181, 0, "RD6018", 18.0, 0.01, 0.01, 0.01),
        (60241, 0, "RD6024", 24.0, 0.01, 0.01, 0.01),
    ],
)
def test_the_model_decides_what_a_count_is_worth(
    model_id: int,
    current_range: int,
    name: str,
    most_a: float,
    volt_step: float,
    ampere_step: float,
    watt_step: float,
) -> None:
    circuit = Circuit(None, Resistor(4.0))
    supply = connect(SimulatedRd60xx(circuit, model_id=model_id, current_range=current_range))
    assert supply.identity.model == name
    assert supply.max_a == most_a
    supply.set_voltage(20.125)
    supply.set_current_limit(5.9995)
    supply.switch(on=True)
    voltage_v, current_a, power_w = supply.read()
    assert voltage_v == pytest.approx(20.125, abs=volt_step)
    assert current_a == pytest.approx(voltage_v / 4, abs=ampere_step)
    assert power_w == pytest.approx(voltage_v**2 / 4, abs=watt_step)
    assert circuit.voltage_v == pytest.approx(voltage_v, abs=volt_step)


def test_power_beyond_one_register_is_not_cut_off() -> None:
    circuit = Circuit(None, Resistor(4.0))
    supply = connect(SimulatedRd60xx(circuit, model_id=60121))
    supply.set_voltage(58.0)
    supply.set_current_limit(12.0)
    circuit.sinks = [Resistor(5.0)]
    supply.switch(on=True)
    assert supply.read().power_w == pytest.approx(58**2 / 5, rel=1e-3)
    assert supply.read().power_w > 655.35


def test_a_6012p_in_its_low_range_refuses_what_the_high_range_could(circuit: Circuit) -> None:
    supply = connect(SimulatedRd60xx(circuit, model_id=60125, current_range=0))
    with pytest.raises(Refused, match=r"6\.5 A → is in its 6\.0 A range"):
        supply.set_current_limit(6.5)


def test_a_6012p_whose_range_is_changed_at_the_panel_is_read_right(circuit: Circuit) -> None:
    twin = SimulatedRd60xx(circuit, model_id=60125, current_range=0)
    supply = connect(twin)
    twin.write_holding(20, [1])
    supply.set_current_limit(6.5)
    supply.set_voltage(50.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((50.0, 5.0, 250.0))


@pytest.mark.parametrize(
    "model_id", [0, 5005, 60059, 60066, 60119, 60130, 60185, 60239, 60250, 60301, 65535]
)
def test_an_unknown_model_is_the_wrong_device_and_is_left_alone(
    circuit: Circuit, model_id: int
) -> None:
    twin = SimulatedRd60xx(circuit)

    def relabel(answer: bytes) -> bytes:
        if answer[:3] != b"\x01\x03\x08":
            return answer
        return with_crc(answer[:3] + model_id.to_bytes(2) + answer[5:-2])

    recorder = Recorder(Altered(twin, relabel))
    with pytest.raises(WrongDevice, match=f"holds {model_id}, which is none of 60060…60064 RD6006"):
        connect(recorder)
    assert [question[:5] for question in recorder.asked] == ["01 03"]


def test_a_modbus_unit_without_such_registers_is_the_wrong_device() -> None:
    with pytest.raises(WrongDevice, match=r"expected a Riden.*illegal function"):
        connect(SimulatedModbusRtu(1))


def test_nobody_there_is_no_reply() -> None:
    with pytest.raises(NoReply, match="Riden RD60xx, unit 1"):
        connect(Mute())


@pytest.mark.parametrize("voltage_v", [-0.01, 60.01, math.nan, math.inf])
def test_a_voltage_it_cannot_make_is_not_sent(twin: SimulatedRd60xx, voltage_v: float) -> None:
    recorder = Recorder(twin)
    supply = connect(recorder)
    recorder.asked.clear()
    with pytest.raises(ValueError, match="outside 0…60"):
        supply.set_voltage(voltage_v)
    assert recorder.asked == []


@pytest.mark.parametrize("current_a", [-0.001, 6.001, math.nan, math.inf])
def test_a_current_it_cannot_make_is_not_sent(twin: SimulatedRd60xx, current_a: float) -> None:
    recorder = Recorder(twin)
    supply = connect(recorder)
    recorder.asked.clear()
    with pytest.raises(ValueError, match="outside 0…6"):
        supply.set_current_limit(current_a)
    assert recorder.asked == []


@pytest.mark.parametrize(
    ("voltage_v", "current_a"),
    [(0, 1), (-1, 1), (62.1, 1), (math.nan, 1), (10, 0), (10, -1), (10, 6.21), (10, math.nan)],
)
def test_a_protection_it_does_not_have_is_not_sent(
    twin: SimulatedRd60xx, voltage_v: float, current_a: float
) -> None:
    recorder = Recorder(twin)
    supply = connect(recorder)
    recorder.asked.clear()
    with pytest.raises(ValueError, match="over-"):
        supply.set_protection(voltage_v=voltage_v, current_a=current_a)
    assert recorder.asked == []


@given(voltage_v=st.floats(0, 60), current_a=st.floats(0, 6))
def test_every_setting_it_can_make_is_kept_to_half_a_count(
    voltage_v: float, current_a: float
) -> None:
    twin = SimulatedRd60xx(Circuit())
    supply = connect(twin)
    supply.set_voltage(voltage_v)
    supply.set_current_limit(current_a)
    assert twin.output.voltage_v == pytest.approx(voltage_v, abs=0.00501)
    assert twin.output.limit_a == pytest.approx(current_a, abs=0.000501)


@pytest.mark.parametrize("register", range(55, 63))
def test_the_calibration_is_never_written(twin: SimulatedRd60xx, register: int) -> None:
    recorder = Recorder(twin)
    supply = connect(recorder)
    recorder.asked.clear()
    before = twin.calibration
    with pytest.raises(ValueError, match=f"register {register} must never be written"):
        supply.write_setting(register, 1)
    assert recorder.asked == []
    assert twin.calibration == before


def test_the_loader_is_never_started(supply: Rd60xx) -> None:
    with pytest.raises(ValueError, match="register 256 must never be written"):
        supply.write_setting(256, 5633)


def test_other_settings_are_written(twin: SimulatedRd60xx, supply: Rd60xx) -> None:
    supply.write_setting(69, 1)
    assert twin.read_holding(69, 1) == [1]


def test_over_voltage_trips_and_is_named(supply: Rd60xx, circuit: Circuit) -> None:
    supply.set_protection(voltage_v=21.0, current_a=4.0)
    supply.set_voltage(20.0)
    supply.switch(on=True)
    assert supply.read_protection() == ""
    supply.set_voltage(22.0)
    assert supply.read_protection() == "OVP"
    assert circuit.voltage_v == 0.0
    assert supply.read() == (0.0, 0.0, 0.0)


def test_over_current_trips_and_is_named(supply: Rd60xx, circuit: Circuit) -> None:
    supply.set_protection(voltage_v=62.0, current_a=1.5)
    supply.set_voltage(14.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((14.0, 1.4, 19.6))
    circuit.sinks.append(Resistor(20.0))
    assert supply.read_protection() == "OCP"
    assert circuit.current_a == 0.0


def test_switching_on_into_a_trip_is_refused_with_its_name(supply: Rd60xx) -> None:
    supply.set_protection(voltage_v=10.0, current_a=6.0)
    supply.set_voltage(12.0)
    with pytest.raises(Refused, match="output on → off, OVP tripped"):
        supply.switch(on=True)


def test_a_setting_that_does_not_take_is_refused(twin: SimulatedRd60xx) -> None:
    with pytest.raises(Refused, match="voltage 1200 counts → kept 500"):
        connect(Deaf(twin, 8)).set_voltage(12.0)
    with pytest.raises(Refused, match="current 1500 counts → kept 6000"):
        connect(Deaf(twin, 9)).set_current_limit(1.5)


def test_a_protection_that_does_not_take_is_refused(twin: SimulatedRd60xx) -> None:
    supply = connect(Deaf(twin, 83))
    with pytest.raises(Refused, match=r"protection \(2000, 1000\) counts → kept \(2000, 6200\)"):
        supply.set_protection(voltage_v=20.0, current_a=1.0)


def test_an_output_that_stays_on_is_refused(twin: SimulatedRd60xx, supply: Rd60xx) -> None:
    supply.switch(on=True)
    with pytest.raises(Refused, match="output off → on, nothing tripped"):
        connect(Deaf(twin, 18))


def test_short_and_missing_answers_are_asked_for_again(twin: SimulatedRd60xx) -> None:
    answers = 0

    def swallow(answer: bytes) -> bytes:
        nonlocal answers
        answers += 1
        return {1: answer[:4], 2: b""}.get(answers % 3, answer)

    supply = connect(Altered(twin, swallow))
    supply.set_voltage(7.0)
    assert twin.output.voltage_v == 7.0
    supply.switch(on=False)
    assert supply.read().voltage_v == 0.0


def test_on_is_said_once_and_off_three_times(twin: SimulatedRd60xx) -> None:
    class DropsSwitching:
        broken = False

        def receive(self, data: bytes) -> bytes:
            answer = twin.receive(data)
            return b"" if self.broken and data[1] == 6 else answer

    device = DropsSwitching()
    recorder = Recorder(device)
    supply = connect(recorder)
    device.broken = True
    recorder.asked.clear()
    with pytest.raises(NoReply):
        supply.switch(on=True)
    assert recorder.asked == ["01 06 00 12 00 01 E8 0F"]
    recorder.asked.clear()
    with pytest.raises(NoReply):
        supply.switch(on=False)
    assert recorder.asked == ["01 06 00 12 00 00 29 CF"] * 3


def test_a_wrong_crc_in_every_answer_is_a_bad_reply(twin: SimulatedRd60xx) -> None:
    with pytest.raises(BadReply, match="wrong CRC"):
        connect(Altered(twin, lambda answer: answer[:-1] + bytes([answer[-1] ^ 0x80])))


def test_one_that_goes_mute_in_the_middle_is_no_reply(twin: SimulatedRd60xx) -> None:
    supply = connect(Stuck(twin, fail_after=5))
    supply.read()
    supply.read()
    with pytest.raises(NoReply):
        supply.make_safe()


def test_answers_that_come_late_are_never_taken_for_something_else(
    twin: SimulatedRd60xx, supply: Rd60xx
) -> None:
    supply.set_voltage(12.0)
    supply.switch(on=True)
    late = connect(Late(twin))
    for _ in range(3):
        assert late.read() in (
            (0.0, 0.0, 0.0),
            pytest.approx((12.0, 1.2, 14.4)),
        )


@pytest.mark.parametrize(("register", "value"), [(16, 4), (20, 2)])
def test_a_status_that_does_not_exist_is_a_bad_reply(register: int, value: int) -> None:
    def alter(answer: bytes) -> bytes:
        if answer[:3] != b"\x01\x03\x22":
            return answer
        at = 3 + 2 * (register - 4)
        return with_crc(answer[:at] + value.to_bytes(2) + answer[at + 2 : -2])

    twin = SimulatedRd60xx(Circuit(), model_id=60125)
    with pytest.raises(BadReply, match=rf" {value}\b"):
        connect(Altered(twin, alter))


@given(st.lists(st.binary(max_size=48), max_size=8))
def test_garbage_is_a_driver_error(answers: list[bytes]) -> None:
    class Garbage:
        def receive(self, data: bytes) -> bytes:
            return answers.pop(0) if answers else b""

    with pytest.raises(DriverError):
        connect(Garbage())


def test_the_real_pyserial_meets_the_twin(twin: SimulatedRd60xx, circuit: Circuit) -> None:
    with PtyHost(twin) as path, serial.Serial(path, Rd60xx.BAUDRATE, timeout=1) as line:
        supply = Rd60xx(line, time=time)
        supply.set_voltage(12.0)
        supply.switch(on=True)
        assert supply.read() == pytest.approx((12.0, 1.2, 14.4))
        supply.make_safe()
    assert circuit.voltage_v == 0.0


def test_the_twin_keeps_what_it_cannot_do(circuit: Circuit) -> None:
    """Assumed of the real one: acknowledged, not taken."""
    twin = SimulatedRd60xx(circuit)
    write = with_crc(bytes([1, 6, 0, 8]) + (6001).to_bytes(2))
    assert twin.receive(write) == write
    assert twin.read_holding(8, 1) == [500]
    assert twin.receive(with_crc(bytes([1, 3, 0, 200, 0, 1]))) == with_crc(b"\x01\x83\x02")


def test_the_twin_cannot_make_more_than_it_is_fed(circuit: Circuit) -> None:
    supply = connect(SimulatedRd60xx(circuit, input_voltage_v=24.0))
    supply.set_voltage(30.0)
    supply.switch(on=True)
    assert supply.read().voltage_v == 24.0


def test_the_twins_presets_are_taken_over(circuit: Circuit) -> None:
    twin = SimulatedRd60xx(circuit)
    twin.write_holding(84, [1200, 1500, 1300, 2000])
    twin.write_holding(19, [1])
    assert twin.read_holding(8, 2) == [1200, 1500]
    assert twin.read_holding(80, 4) == [1200, 1500, 1300, 2000]
