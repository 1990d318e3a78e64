import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, NotConnected, WrongDevice
from drivers.instruments.power.ina219 import Ina219
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Interrupted, Recorded, Registers
from drivers.sim.instruments.fixtures.pca9685 import SimulatedPca9685
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.world import Circuit, Resistor, SimulatedTime, StiffSource

# SBOS448, "Measuring Current and Power", the worked example: 10 A through 2 mΩ at 11.98 V,
# 1 mA per count, so calibration 0x5000, shunt 0x07D0, bus 0x5D98, current 0x2710, power 0x1766.
SHUNT_OHM, MAX_A = 0.002, 32.768


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def circuit() -> Circuit:
    return Circuit(StiffSource(11.98), Resistor(1.198))


@pytest.fixture
def twin(circuit: Circuit, time: SimulatedTime) -> SimulatedIna219:
    return SimulatedIna219(circuit, shunt_ohm=SHUNT_OHM, time=time)


def connect(device: I2cDevice, time: SimulatedTime) -> Ina219:
    return Ina219(SimulatedI2cBus({0x40: device}), time=time, shunt_ohm=SHUNT_OHM, max_a=MAX_A)


def test_the_datasheets_example_frame_by_frame(twin: SimulatedIna219, time: SimulatedTime) -> None:
    wire = Recorded(twin)
    meter = connect(wire, time)
    assert wire.written == [bytes.fromhex("00 80 00"), bytes.fromhex("05 50 01")]
    wire.transfers.clear()
    assert meter.read() == pytest.approx((11.98, 10.0, 119.8))
    assert wire.transfers == [
        (bytes.fromhex("00 3e 63"), b""),
        (b"\x02", bytes.fromhex("5d 9a")),
        (b"\x01", bytes.fromhex("07 d0")),
        (b"\x04", bytes.fromhex("27 10")),
        (b"\x00", bytes.fromhex("3e 63")),
        (b"\x05", bytes.fromhex("50 00")),
    ]
    assert meter.identity.model == "INA219"


def test_the_twin_has_the_examples_power_and_reading_it_clears_ready(
    twin: SimulatedIna219, time: SimulatedTime
) -> None:
    twin.transfer(bytes.fromhex("05 50 00"), 0)
    time.sleep(0.1)
    assert twin.transfer(b"\x02", 2) == bytes.fromhex("5d 9a")
    assert twin.transfer(b"\x03", 2) == bytes.fromhex("17 66")
    assert twin.transfer(b"\x02", 2) == bytes.fromhex("5d 98")


def test_a_current_that_flows_back_is_negative_and_so_is_its_power(
    twin: SimulatedIna219, time: SimulatedTime
) -> None:
    twin.current_offset_a = -12.0
    assert connect(twin, time).read() == pytest.approx((11.98, -2.0, -23.96))


def test_voltage_and_current_are_of_one_moment(
    twin: SimulatedIna219, circuit: Circuit, time: SimulatedTime
) -> None:
    wire = Interrupted(twin, b"\x01", circuit.sinks.clear)
    assert connect(wire, time).read() == pytest.approx((11.98, 10.0, 119.8))
    assert wire.times == 0


def test_a_calibration_lost_between_readings_is_written_again(
    twin: SimulatedIna219, time: SimulatedTime
) -> None:
    meter = connect(twin, time)
    twin.brown_out()
    assert meter.read() == pytest.approx((11.98, 10.0, 119.8))


def test_a_sample_spoiled_by_a_brown_out_is_discarded(
    twin: SimulatedIna219, time: SimulatedTime
) -> None:
    wire = Interrupted(twin, b"\x04", twin.brown_out)
    assert connect(wire, time).read().current_a == pytest.approx(10.0)
    assert wire.times == 0


def test_a_supply_that_keeps_failing_is_a_bad_reply(
    twin: SimulatedIna219, time: SimulatedTime
) -> None:
    meter = connect(Interrupted(twin, b"\x04", twin.brown_out, times=9), time)
    with pytest.raises(BadReply, match=r"INA219 at 0x40: lost its settings.*0x399f"):
        meter.read()


def test_a_conversion_that_never_ends_is_no_reply(
    twin: SimulatedIna219, time: SimulatedTime
) -> None:
    def never_ready(write: bytes, answer: bytes) -> bytes:
        if (write, len(answer)) == (b"\x02", 2):
            return bytes([answer[0], answer[1] & 0xFD])
        return answer

    with pytest.raises(NoReply, match="no conversion ready, register 0x02 0x5d98"):
        connect(Altered(twin, never_ready), time).read()


@pytest.mark.parametrize("load_ohm", [0.30, 0.07])
def test_too_much_current_is_a_bad_reply_and_never_a_number(
    circuit: Circuit, twin: SimulatedIna219, time: SimulatedTime, load_ohm: float
) -> None:
    meter = connect(twin, time)
    circuit.sinks = [Resistor(load_ohm)]
    with pytest.raises(BadReply, match="beyond ±32"):
        meter.read()


def test_too_much_voltage_is_a_bad_reply(
    circuit: Circuit, twin: SimulatedIna219, time: SimulatedTime
) -> None:
    circuit.source = StiffSource(40.0)
    circuit.sinks = []
    with pytest.raises(BadReply, match="bus beyond 32 V"):
        connect(twin, time).read()


def test_half_a_word_is_a_bad_reply(twin: SimulatedIna219, time: SimulatedTime) -> None:
    meter = connect(Altered(twin, lambda w, a: a[:1] if w == b"\x04" else a), time)
    with pytest.raises(BadReply, match="register 0x04 gave 1 bytes"):
        meter.read()


def test_nobody_there_is_not_connected(twin: SimulatedIna219, time: SimulatedTime) -> None:
    with pytest.raises(NotConnected, match="0x41"):
        Ina219(SimulatedI2cBus({0x40: twin}), 0x41, time=time, shunt_ohm=SHUNT_OHM, max_a=MAX_A)


def test_a_chip_that_goes_away_is_not_connected(twin: SimulatedIna219, time: SimulatedTime) -> None:
    wire = Gone(twin, fail_after=99)
    meter = connect(wire, time)
    wire.left = 3
    with pytest.raises(NotConnected, match="0x40"):
        meter.read()


def test_an_ina226_and_an_ina228_are_refused_by_name(circuit: Circuit, time: SimulatedTime) -> None:
    with pytest.raises(WrongDevice, match="INA226"):
        connect(SimulatedIna226(circuit, shunt_ohm=SHUNT_OHM), time)
    with pytest.raises(WrongDevice, match="INA228"):
        connect(SimulatedIna228(circuit, shunt_ohm=SHUNT_OHM), time)


def test_a_pca9685_is_refused_before_anything_is_written(time: SimulatedTime) -> None:
    wire = Recorded(SimulatedPca9685())
    with pytest.raises(WrongDevice, match="looks like a PCA9685"):
        connect(wire, time)
    assert wire.written == []


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ({0x00: b"\x41\x27"}, "configuration 0x4127, bits 15 and 14 not 0"),
        ({0x00: b"\x39\x9e"}, "configuration 0x399e after a reset, not 0x399f"),
        ({0x00: b"\x39\x9f", 0x05: b"\x50\x01"}, "calibration 0x5001 after writing 0x5001"),
    ],
)
def test_a_chip_that_behaves_otherwise_is_refused(
    time: SimulatedTime, answers: dict[int, bytes], complaint: str
) -> None:
    with pytest.raises(WrongDevice, match=complaint):
        connect(Registers(answers), time)


@pytest.mark.parametrize(
    ("shunt_ohm", "max_a", "averages"),
    [
        (0.1, 3.3, 16),  # 330 mV
        (0.1, 0.1, 16),  # 10 mV: the calibration would not fit
        (0.1, float("nan"), 16),
        (float("nan"), 1.0, 16),
        (0.1, -1.0, 16),
        (0.0, 1.0, 16),
        (100.0, 0.001, 16),  # somebody's milliohms
        (0.1, 3.2, 3),
    ],
)
def test_what_it_cannot_be_calibrated_for_is_refused_with_nothing_sent(
    twin: SimulatedIna219, time: SimulatedTime, shunt_ohm: float, max_a: float, averages: int
) -> None:
    wire = Recorded(twin)
    with pytest.raises(ValueError, match="INA219"):
        Ina219(
            SimulatedI2cBus({0x40: wire}),
            time=time,
            shunt_ohm=shunt_ohm,
            max_a=max_a,
            averages=averages,
        )
    assert wire.transfers == []


@settings(max_examples=50, deadline=None)
@given(
    voltage_v=st.floats(0.0, 26.0),
    current_a=st.floats(-3.1, 3.1),
    averages=st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]),
)
def test_it_reads_what_flows_to_within_its_resolution(
    voltage_v: float, current_a: float, averages: int
) -> None:
    time = SimulatedTime()
    twin = SimulatedIna219(
        Circuit(StiffSource(voltage_v)), shunt_ohm=0.1, time=time, current_offset_a=current_a
    )
    meter = Ina219(
        SimulatedI2cBus({0x40: twin}), time=time, shunt_ohm=0.1, max_a=3.2, averages=averages
    )
    power = meter.read()
    assert power.voltage_v == pytest.approx(voltage_v, abs=0.0021)
    assert power.current_a == pytest.approx(current_a, abs=0.0002)
    assert power.power_w == power.voltage_v * power.current_a
