import time

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError, NoReply, Refused, WrongDevice
from drivers.instruments.mains.pzem004t import Pzem004t
from drivers.sim.faults import Altered, Late, Mute, Stuck
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.mains.pzem004t import SimulatedPzem004t
from drivers.sim.languages.modbus import SimulatedModbusRtu, with_crc
from drivers.sim.linux.pty import PtyHost
from drivers.sim.mains import MainsLine, SteadyConsumer
from drivers.sim.world import SimulatedTime


class Scripted:
    """Says its address, then answers every measurement with the same registers."""

    def __init__(self, measurement: str, *, address: int = 0xF8) -> None:
        self._address = address
        self._measurement = bytes.fromhex(measurement)
        self.heard = 0

    def receive(self, data: bytes) -> bytes:
        self.heard += 1
        if data[1] == 3:
            return with_crc(bytes([self._address, 3, 2, 0, 1]))
        return with_crc(bytes([self._address, 4, 20]) + self._measurement)


class Recorder:
    """Passes everything on and remembers the questions and when they were asked."""

    def __init__(self, device: SerialDevice, time: SimulatedTime) -> None:
        self._device = device
        self._time = time
        self.asked: list[str] = []
        self.asked_at_s: list[float] = []

    def receive(self, data: bytes) -> bytes:
        self.asked.append(data.hex(" ").upper())
        self.asked_at_s.append(self._time.monotonic())
        return self._device.receive(data)


@pytest.fixture
def simulated_time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def mains() -> MainsLine:
    return MainsLine(SteadyConsumer(45.3, 0.55))


@pytest.fixture
def twin(mains: MainsLine, simulated_time: SimulatedTime) -> SimulatedPzem004t:
    return SimulatedPzem004t(mains, time=simulated_time)


def connect(
    device: SerialDevice,
    simulated_time: SimulatedTime | None = None,
    *,
    address: int = 0xF8,
    range_a: float = 100.0,
) -> Pzem004t:
    simulated_time = simulated_time or SimulatedTime()
    line = SimulatedSerial(device, time=simulated_time)
    return Pzem004t(line, address=address, range_a=range_a, time=simulated_time)


@pytest.fixture
def meter(twin: SimulatedPzem004t, simulated_time: SimulatedTime) -> Pzem004t:
    return connect(twin, simulated_time)


def test_asks_the_golden_frames(twin: SimulatedPzem004t, simulated_time: SimulatedTime) -> None:
    recorder = Recorder(twin, simulated_time)
    meter = connect(recorder, simulated_time)
    meter.read_mains()
    meter.reset_energy()
    assert recorder.asked == [
        "F8 03 00 02 00 01 31 A3",
        "F8 04 00 00 00 0A 64 64",
        "F8 42 C2 41",
    ]


def test_reads_the_example_of_the_manual() -> None:
    """ "2.3 Read the measurement result": 220.0 V, 1.000 A, 220.0 W, 0 Wh, 50.0 Hz, 1.00."""
    meter = connect(Scripted("0898 03E8 0000 0898 0000 0000 0000 01F4 0064 0000"))
    assert meter.read_mains() == (220.0, 1.0, 220.0, 50.0, 1.0)
    assert meter.read_energy_wh() == 0.0


def test_the_low_word_comes_first() -> None:
    meter = connect(Scripted("0902 86A0 0001 D090 0003 E240 0001 01F4 0064 0000"))
    assert meter.read_mains() == (230.6, 100.0, 25000.0, 50.0, 1.0)
    assert meter.read_energy_wh() == 123456.0


def test_reads_what_the_mains_delivers(meter: Pzem004t) -> None:
    assert meter.read_mains() == (230.0, 0.358, 45.3, 50.0, 0.55)
    assert meter.power_resolution_w == 0.1
    assert meter.identity == ("Peacefair", "PZEM-004T v3.0", "", "")


def test_there_are_200_ms_between_questions(
    twin: SimulatedPzem004t, simulated_time: SimulatedTime
) -> None:
    recorder = Recorder(twin, simulated_time)
    meter = connect(recorder, simulated_time)
    for _ in range(5):
        meter.read_mains()
    simulated_time.sleep(1)
    meter.read_mains()
    pauses = [
        later - earlier
        for earlier, later in zip(recorder.asked_at_s, recorder.asked_at_s[1:], strict=False)
    ]
    assert pauses == pytest.approx([0.2] * 5 + [1.0])


def test_each_reading_is_a_new_sample(mains: MainsLine, meter: Pzem004t) -> None:
    for power_w in (10.0, 20.0, 30.0, 40.0, 50.0):
        mains.consumer = SteadyConsumer(power_w)
        assert meter.read_mains().power_w == power_w


@pytest.mark.parametrize(("power_w", "reads_w"), [(0.0, 0.0), (0.21, 0.0), (0.39, 0.0), (0.4, 0.4)])
def test_it_is_blind_below_its_starting_power(
    mains: MainsLine, meter: Pzem004t, power_w: float, reads_w: float
) -> None:
    """B2.14: why it cannot judge the 0.1 W or 0.21 W of a no-load limit."""
    mains.consumer = SteadyConsumer(power_w, 0.1)
    assert meter.read_mains().power_w == reads_w


def test_nothing_plugged_in_reads_nothing(mains: MainsLine, meter: Pzem004t) -> None:
    mains.consumer = None
    assert meter.read_mains() == (230.0, 0.0, 0.0, 50.0, 0.0)


def test_it_is_dead_when_the_mains_is(mains: MainsLine, meter: Pzem004t) -> None:
    mains.voltage_v = 0.0
    with pytest.raises(NoReply, match="PZEM-004T, unit 248: f8 04"):
        meter.read_mains()
    mains.voltage_v = 79.0
    with pytest.raises(NoReply):
        meter.read_mains()
    mains.voltage_v = 100.0
    assert meter.read_mains().voltage_v == 100.0


def test_it_counts_energy_until_it_is_reset(
    mains: MainsLine, meter: Pzem004t, simulated_time: SimulatedTime
) -> None:
    mains.consumer = SteadyConsumer(120.0)
    simulated_time.sleep(3600)
    assert meter.read_energy_wh() == pytest.approx(120, abs=1)
    meter.reset_energy()
    assert meter.read_energy_wh() == 0.0


def test_a_reset_that_is_refused_says_so(twin: SimulatedPzem004t) -> None:
    def refuse(answer: bytes) -> bytes:
        return with_crc(b"\xf8\xc2\x04") if answer[1] == 0x42 else answer

    meter = connect(Altered(twin, refuse))
    with pytest.raises(Refused, match="server device failure"):
        meter.reset_energy()


def test_nothing_it_does_calibrates(twin: SimulatedPzem004t, simulated_time: SimulatedTime) -> None:
    recorder = Recorder(twin, simulated_time)
    meter = connect(recorder, simulated_time)
    meter.read_mains()
    meter.read_energy_wh()
    meter.reset_energy()
    assert {question[3:5] for question in recorder.asked} == {"03", "04", "42"}
    assert not twin.calibrated


def test_a_current_beyond_the_shunt_is_a_bad_reply(
    mains: MainsLine, twin: SimulatedPzem004t, simulated_time: SimulatedTime
) -> None:
    mains.consumer = SteadyConsumer(2400.0)
    assert connect(twin, simulated_time).read_mains().current_a == pytest.approx(10.435)
    with pytest.raises(BadReply, match=r"10\.435 A is beyond its range of 10\.0 A"):
        connect(twin, simulated_time, range_a=10.0).read_mains()


def test_one_with_an_address_of_its_own_answers_to_it(
    mains: MainsLine, simulated_time: SimulatedTime
) -> None:
    twin = SimulatedPzem004t(mains, address=0x10, time=simulated_time)
    assert connect(twin, simulated_time, address=0x10).read_mains().voltage_v == 230.0
    assert connect(twin, simulated_time).read_mains().voltage_v == 230.0
    with pytest.raises(NoReply):
        connect(twin, simulated_time, address=0x11)


def test_a_twin_at_the_general_address_keeps_the_one_it_is_delivered_with(
    mains: MainsLine, simulated_time: SimulatedTime
) -> None:
    twin = SimulatedPzem004t(mains, address=0xF8, time=simulated_time)
    assert connect(twin, simulated_time).read_mains().voltage_v == 230.0
    assert connect(twin, simulated_time, address=0x01).read_mains().voltage_v == 230.0


def test_another_address_in_its_register_is_the_wrong_device() -> None:
    with pytest.raises(WrongDevice, match="its address, holds 0x0001"):
        connect(Scripted("", address=0x22), address=0x22)


@pytest.mark.parametrize("own", [0, 0xF9, 0x4242])
def test_an_address_that_does_not_exist_is_the_wrong_device(own: int) -> None:
    class Stranger:
        def receive(self, data: bytes) -> bytes:
            return with_crc(bytes([0xF8, 3, 2]) + own.to_bytes(2))

    with pytest.raises(WrongDevice, match=f"holds {own:#06x}"):
        connect(Stranger())


def test_a_modbus_unit_without_such_registers_is_the_wrong_device() -> None:
    with pytest.raises(WrongDevice, match=r"expected a PZEM-004T.*illegal function"):
        connect(SimulatedModbusRtu(0xF8))


@pytest.mark.parametrize("address", [0, 0xF9, -1])
def test_it_cannot_have_such_an_address(address: int) -> None:
    device = Scripted("")
    with pytest.raises(ValueError, match="outside 0x01…0xf8"):
        connect(device, address=address)
    assert device.heard == 0


@pytest.mark.parametrize("range_a", [0.0, -1.0, 50.0, float("nan")])
def test_it_cannot_have_such_a_range(range_a: float) -> None:
    with pytest.raises(ValueError, match="its range is 10 or 100 A"):
        connect(Scripted(""), range_a=range_a)


def test_nobody_there_is_no_reply() -> None:
    with pytest.raises(NoReply):
        connect(Mute())


def test_one_that_dies_is_no_reply(twin: SimulatedPzem004t) -> None:
    meter = connect(Stuck(twin, fail_after=2))
    meter.read_mains()
    with pytest.raises(NoReply):
        meter.read_mains()


def test_a_late_answer_is_not_taken_for_another(twin: SimulatedPzem004t) -> None:
    with pytest.raises(NoReply):
        connect(Late(twin))


def test_a_measurement_that_is_damaged_once_is_asked_for_again(twin: SimulatedPzem004t) -> None:
    damaged: list[bytes] = []

    def damage_once(answer: bytes) -> bytes:
        if answer[1] != 4 or damaged:
            return answer
        damaged.append(answer)
        return answer[:-1] + bytes([answer[-1] ^ 1])

    assert connect(Altered(twin, damage_once)).read_mains().power_w == 45.3
    assert len(damaged) == 1


def test_a_reset_that_is_answered_by_noise_is_not_repeated(twin: SimulatedPzem004t) -> None:
    cut = Altered(twin, lambda answer: answer[:2] if answer[1] == 0x42 else answer)
    recorder = Recorder(cut, SimulatedTime())
    meter = connect(recorder)
    with pytest.raises(BadReply):
        meter.reset_energy()
    assert [question[3:5] for question in recorder.asked].count("42") == 1


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_short_measurement_is_a_bad_reply(twin: SimulatedPzem004t, cut: int) -> None:
    meter = connect(Altered(twin, lambda answer: answer[:cut] if answer[1] == 4 else answer))
    with pytest.raises(BadReply, match="not 25"):
        meter.read_mains()


@given(at=st.integers(0, 24), flip=st.integers(1, 255))
def test_a_damaged_measurement_is_never_a_reading(at: int, flip: int) -> None:
    def damage(answer: bytes) -> bytes:
        if len(answer) != 25:
            return answer
        return answer[:at] + bytes([answer[at] ^ flip]) + answer[at + 1 :]

    twin = SimulatedPzem004t(MainsLine(SteadyConsumer(45.3, 0.55)), time=SimulatedTime())
    with pytest.raises(BadReply):
        connect(Altered(twin, damage)).read_mains()


@given(
    voltage_v=st.floats(80, 260),
    power_w=st.floats(0.4, 2000),
    power_factor=st.floats(0.3, 1),
    frequency_hz=st.floats(45, 65),
    version=st.sampled_from([(10.0, 0.01), (100.0, 0.02)]),
)
def test_reads_to_half_a_count(
    voltage_v: float,
    power_w: float,
    power_factor: float,
    frequency_hz: float,
    version: tuple[float, float],
) -> None:
    range_a, starts_at_a = version
    mains = MainsLine(
        SteadyConsumer(power_w, power_factor), voltage_v=voltage_v, frequency_hz=frequency_hz
    )
    twin = SimulatedPzem004t(mains, range_a=range_a, time=SimulatedTime())
    reading = connect(twin).read_mains()
    assert reading.voltage_v == pytest.approx(voltage_v, abs=0.0501)
    assert reading.power_w == pytest.approx(power_w, abs=0.0501)
    assert reading.frequency_hz == pytest.approx(frequency_hz, abs=0.0501)
    current_a = power_w / power_factor / voltage_v
    if current_a >= starts_at_a:
        assert reading.current_a == pytest.approx(current_a, abs=0.000501)
        assert reading.power_factor == pytest.approx(power_factor, abs=0.00501)
    else:
        assert (reading.current_a, reading.power_factor) == (0.0, 0.0)


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_garbage_is_a_driver_error(answers: list[bytes]) -> None:
    class Garbage:
        def receive(self, data: bytes) -> bytes:
            return answers.pop(0) if answers else b""

    with pytest.raises(DriverError):
        connect(Garbage())


def test_the_twin_has_an_alarm_and_an_address_to_set(twin: SimulatedPzem004t) -> None:
    set_alarm = with_crc(bytes.fromhex("01 06 00 01 00 28"))
    assert twin.receive(set_alarm) == set_alarm
    assert twin.receive(with_crc(bytes.fromhex("01 03 00 01 00 02"))) == with_crc(
        bytes.fromhex("01 03 04 00 28 00 01")
    )
    set_address = with_crc(bytes.fromhex("F8 06 00 02 00 05"))
    assert twin.receive(set_address) == set_address
    assert twin.receive(with_crc(bytes.fromhex("01 03 00 01 00 02"))) == b""
    assert twin.receive(with_crc(bytes.fromhex("05 06 00 02 00 F8"))) == with_crc(b"\x05\x86\x03")
    assert twin.receive(with_crc(bytes.fromhex("05 06 00 07 00 00"))) == with_crc(b"\x05\x86\x02")
    assert twin.receive(with_crc(bytes.fromhex("05 04 00 00 00 0B"))) == with_crc(b"\x05\x84\x02")


def test_the_twin_raises_its_alarm(mains: MainsLine, simulated_time: SimulatedTime) -> None:
    mains.consumer = SteadyConsumer(60.0)
    twin = SimulatedPzem004t(mains, time=simulated_time)
    twin.write_holding(1, [59])
    simulated_time.sleep(0.2)
    assert twin.read_input(9, 1) == [0xFFFF]
    twin.write_holding(1, [60])
    simulated_time.sleep(0.2)
    assert twin.read_input(9, 1) == [0]


def test_the_twin_gives_the_old_sample_to_the_hasty(
    mains: MainsLine, twin: SimulatedPzem004t, simulated_time: SimulatedTime
) -> None:
    mains.voltage_v = 115.0
    simulated_time.sleep(0.1)
    assert twin.read_input(0, 1) == [2300]
    simulated_time.sleep(0.1)
    assert twin.read_input(0, 1) == [1150]


def test_the_twin_can_be_calibrated_by_whoever_knows_the_password(
    twin: SimulatedPzem004t,
) -> None:
    twin.receive(with_crc(bytes.fromhex("F8 41 00 00")))
    assert not twin.calibrated
    twin.receive(with_crc(bytes.fromhex("F8 41 37 21")))
    assert twin.calibrated


def test_the_real_pyserial_meets_the_twin(mains: MainsLine) -> None:
    twin = SimulatedPzem004t(mains, time=time)
    with PtyHost(twin) as path, serial.Serial(path, Pzem004t.BAUDRATE, timeout=1) as line:
        reading = Pzem004t(line, time=time).read_mains()
    assert reading == (230.0, 0.358, 45.3, 50.0, 0.55)
