import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, NotConnected, WrongDevice
from drivers.instruments.power.ina226 import Ina226
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Interrupted, Recorded
from drivers.sim.instruments.fixtures.pca9685 import SimulatedPca9685
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.world import Circuit, Resistor, SimulatedTime, StiffSource

# SBOS547, "Configure, Measure, and Calculate Example": 10 A through 2 mΩ at 11.98 V, 1 mA per
# count, so calibration 0x0A00, shunt 0x1F40, bus 0x2570, current 0x2710, power 0x12B8.
SHUNT_OHM, MAX_A = 0.002, 32.768


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def circuit() -> Circuit:
    return Circuit(StiffSource(11.98), Resistor(1.198))


@pytest.fixture
def twin(circuit: Circuit, time: SimulatedTime) -> SimulatedIna226:
    return SimulatedIna226(circuit, shunt_ohm=SHUNT_OHM, time=time)


def connect(device: I2cDevice, time: SimulatedTime) -> Ina226:
    return Ina226(SimulatedI2cBus({0x40: device}), time=time, shunt_ohm=SHUNT_OHM, max_a=MAX_A)


def test_the_datasheets_example_frame_by_frame(twin: SimulatedIna226, time: SimulatedTime) -> None:
    wire = Recorded(twin)
    meter = connect(wire, time)
    assert wire.transfers == [
        (b"\xfe", bytes.fromhex("54 49")),
        (b"\xff", bytes.fromhex("22 60")),
        (bytes.fromhex("00 80 00"), b""),
        (bytes.fromhex("05 0a 00"), b""),
    ]
    wire.transfers.clear()
    assert meter.read() == pytest.approx((11.98, 10.0, 119.8))
    assert wire.transfers == [
        (bytes.fromhex("00 45 23"), b""),
        (b"\x06", bytes.fromhex("00 08")),
        (b"\x01", bytes.fromhex("1f 40")),
        (b"\x02", bytes.fromhex("25 70")),
        (b"\x04", bytes.fromhex("27 10")),
        (b"\x00", bytes.fromhex("45 23")),
        (b"\x05", bytes.fromhex("0a 00")),
    ]


def test_the_twin_starts_as_the_datasheet_says(twin: SimulatedIna226, time: SimulatedTime) -> None:
    reset = {0: "4127", 3: "0000", 4: "0000", 5: "0000", 6: "0000", 7: "0000"}
    assert {r: twin.transfer(bytes([r]), 2).hex() for r in reset} == reset
    time.sleep(0.0022)
    assert twin.transfer(b"\x06", 2).hex() == "0008"
    assert twin.transfer(b"\x06", 2).hex() == "0000", "reading the flag clears it"


def test_the_twin_has_the_examples_power(twin: SimulatedIna226, time: SimulatedTime) -> None:
    twin.transfer(bytes.fromhex("05 0a 00"), 0)
    time.sleep(0.01)
    assert twin.transfer(b"\x03", 2).hex() == "12b8"


def test_a_current_that_flows_back_is_negative_and_so_is_its_power(
    twin: SimulatedIna226, time: SimulatedTime
) -> None:
    twin.current_offset_a = -12.0
    assert connect(twin, time).read() == pytest.approx((11.98, -2.0, -23.96))


def test_voltage_and_current_are_of_one_moment(
    twin: SimulatedIna226, circuit: Circuit, time: SimulatedTime
) -> None:
    wire = Interrupted(twin, b"\x02", circuit.sinks.clear)
    assert connect(wire, time).read() == pytest.approx((11.98, 10.0, 119.8))
    assert wire.times == 0


def test_a_calibration_lost_between_readings_is_written_again(
    twin: SimulatedIna226, time: SimulatedTime
) -> None:
    meter = connect(twin, time)
    twin.brown_out()
    assert meter.read() == pytest.approx((11.98, 10.0, 119.8))


def test_a_sample_spoiled_by_a_brown_out_is_discarded(
    twin: SimulatedIna226, time: SimulatedTime
) -> None:
    wire = Interrupted(twin, b"\x06", twin.brown_out)
    assert connect(wire, time).read().current_a == pytest.approx(10.0)
    assert wire.times == 0


def test_a_supply_that_keeps_failing_is_a_bad_reply(
    twin: SimulatedIna226, time: SimulatedTime
) -> None:
    meter = connect(Interrupted(twin, b"\x04", twin.brown_out, times=9), time)
    with pytest.raises(BadReply, match=r"INA226 at 0x40: lost its settings.*0x4127"):
        meter.read()


def test_a_conversion_that_never_ends_is_no_reply(
    twin: SimulatedIna226, time: SimulatedTime
) -> None:
    wire = Altered(twin, lambda write, answer: bytes(2) if write == b"\x06" else answer)
    with pytest.raises(NoReply, match="no conversion ready, register 0x06 0x0000"):
        connect(wire, time).read()


@pytest.mark.parametrize("load_ohm", [0.30, 0.07])
def test_too_much_current_is_a_bad_reply_and_never_a_number(
    circuit: Circuit, twin: SimulatedIna226, time: SimulatedTime, load_ohm: float
) -> None:
    meter = connect(twin, time)
    circuit.sinks = [Resistor(load_ohm)]
    with pytest.raises(BadReply, match="beyond ±32"):
        meter.read()


def test_too_much_voltage_is_a_bad_reply(
    circuit: Circuit, twin: SimulatedIna226, time: SimulatedTime
) -> None:
    circuit.source = StiffSource(48.0)
    circuit.sinks = []
    with pytest.raises(BadReply, match="bus beyond"):
        connect(twin, time).read()


def test_half_a_word_is_a_bad_reply(twin: SimulatedIna226, time: SimulatedTime) -> None:
    meter = connect(Altered(twin, lambda w, a: a[:1] if w == b"\x04" else a), time)
    with pytest.raises(BadReply, match="register 0x04 gave 1 bytes"):
        meter.read()


def test_a_chip_that_goes_away_is_not_connected(twin: SimulatedIna226, time: SimulatedTime) -> None:
    wire = Gone(twin, fail_after=99)
    meter = connect(wire, time)
    wire.left = 3
    with pytest.raises(NotConnected, match="0x40"):
        meter.read()


def test_others_at_its_address_are_refused(circuit: Circuit, time: SimulatedTime) -> None:
    strangers: list[I2cDevice] = [
        SimulatedIna219(circuit, shunt_ohm=SHUNT_OHM),
        SimulatedIna228(circuit, shunt_ohm=SHUNT_OHM),
        SimulatedPca9685(),
    ]
    for stranger in strangers:
        wire = Recorded(stranger)
        with pytest.raises(WrongDevice, match="not 0x5449, 0x2260"):
            connect(wire, time)
        assert wire.written == []


@pytest.mark.parametrize(
    ("shunt_ohm", "max_a", "averages"),
    [
        (0.1, 0.83, 16),  # 83 mV
        (0.1, 0.05, 16),  # 5 mV: the calibration would not fit
        (0.1, float("nan"), 16),
        (float("nan"), 1.0, 16),
        (0.1, -0.5, 16),
        (0.0, 1.0, 16),
        (100.0, 0.0005, 16),  # somebody's milliohms
        (0.1, 0.8, 2),
    ],
)
def test_what_it_cannot_be_calibrated_for_is_refused_with_nothing_sent(
    twin: SimulatedIna226, time: SimulatedTime, shunt_ohm: float, max_a: float, averages: int
) -> None:
    wire = Recorded(twin)
    with pytest.raises(ValueError, match="INA226"):
        Ina226(
            SimulatedI2cBus({0x40: wire}),
            time=time,
            shunt_ohm=shunt_ohm,
            max_a=max_a,
            averages=averages,
        )
    assert wire.transfers == []


@settings(max_examples=50, deadline=None)
@given(
    voltage_v=st.floats(0.0, 36.0),
    current_a=st.floats(-0.8, 0.8),
    averages=st.sampled_from([1, 4, 16, 64, 128, 256, 512, 1024]),
)
def test_it_reads_what_flows_to_within_its_resolution(
    voltage_v: float, current_a: float, averages: int
) -> None:
    time = SimulatedTime()
    twin = SimulatedIna226(
        Circuit(StiffSource(voltage_v)), shunt_ohm=0.1, time=time, current_offset_a=current_a
    )
    meter = Ina226(
        SimulatedI2cBus({0x40: twin}), time=time, shunt_ohm=0.1, max_a=0.8192, averages=averages
    )
    power = meter.read()
    assert power.voltage_v == pytest.approx(voltage_v, abs=0.00063)
    assert power.current_a == pytest.approx(current_a, abs=0.00004)
    assert power.power_w == power.voltage_v * power.current_a
