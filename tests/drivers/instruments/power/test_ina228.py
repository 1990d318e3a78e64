import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, NotConnected, WrongDevice
from drivers.instruments.power.ina228 import Ina228
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Interrupted, Recorded
from drivers.sim.instruments.fixtures.pca9685 import SimulatedPca9685
from drivers.sim.instruments.power.ina219 import SimulatedIna219
from drivers.sim.instruments.power.ina226 import SimulatedIna226
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.world import Circuit, Resistor, SimulatedTime, StiffSource

SHUNT_OHM = 0.01  # ±16.384 A, 31.25 µA per count


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def circuit() -> Circuit:
    return Circuit(StiffSource(48.0), Resistor(24.0))


@pytest.fixture
def twin(circuit: Circuit, time: SimulatedTime) -> SimulatedIna228:
    return SimulatedIna228(circuit, shunt_ohm=SHUNT_OHM, time=time)


def connect(device: I2cDevice, time: SimulatedTime) -> Ina228:
    return Ina228(SimulatedI2cBus({0x40: device}), time=time, shunt_ohm=SHUNT_OHM)


def test_48_volts_and_2_amperes_frame_by_frame(twin: SimulatedIna228, time: SimulatedTime) -> None:
    """48 V are 245760 × 195.3125 µV, 2 A through 10 mΩ 64000 × 312.5 nV, 20 bits on the left."""
    wire = Recorded(twin)
    meter = connect(wire, time)
    assert wire.transfers == [
        (b"\x3e", bytes.fromhex("54 49")),
        (b"\x3f", bytes.fromhex("22 81")),
        (bytes.fromhex("00 80 00"), b""),
        (bytes.fromhex("02 10 00"), b""),
        (bytes.fromhex("0b 80 00"), b""),
    ]
    assert meter.identity.firmware == "revision 1"
    wire.transfers.clear()
    assert meter.read() == pytest.approx((48.0, 2.0, 96.0))
    assert wire.transfers == [
        (bytes.fromhex("01 3b 6a"), b""),
        (b"\x0b", bytes.fromhex("80 03")),
        (b"\x04", bytes.fromhex("0f a0 00")),
        (b"\x05", bytes.fromhex("3c 00 00")),
        (b"\x07", bytes.fromhex("0f a0 00")),
        (b"\x01", bytes.fromhex("3b 6a")),
        (b"\x02", bytes.fromhex("10 00")),
    ]


def test_the_twin_works_the_datasheets_example(time: SimulatedTime) -> None:
    """SBOS886, "Detailed Design Procedure": 48 V, 6 A through 16.2 mΩ, SHUNT_CAL 4050."""
    circuit = Circuit(StiffSource(48.0), Resistor(8.0))
    twin = SimulatedIna228(circuit, shunt_ohm=0.0162)
    twin.transfer(bytes.fromhex("02 0f d2"), 0)
    assert twin.transfer(b"\x04", 3) == (311040 << 4).to_bytes(3, "big")
    assert twin.transfer(b"\x05", 3) == (245760 << 4).to_bytes(3, "big")
    assert twin.transfer(b"\x07", 3) == (314572 << 4).to_bytes(3, "big")
    assert int.from_bytes(twin.transfer(b"\x08", 3), "big") == pytest.approx(4718592, abs=16)


def test_the_twin_starts_as_the_datasheet_says(twin: SimulatedIna228, time: SimulatedTime) -> None:
    reset = {0: "0000", 1: "fb68", 2: "1000", 3: "0000", 0x0B: "0001", 0x0C: "7fff", 0x0D: "8000"}
    assert {r: twin.transfer(bytes([r]), 2).hex() for r in reset} == reset
    time.sleep(1)
    assert twin.transfer(b"\x06", 2).hex() == "0c80", "25 °C, since it also measures its die"


def test_the_fine_range_counts_four_times_as_much(
    twin: SimulatedIna228, time: SimulatedTime
) -> None:
    twin.transfer(bytes.fromhex("00 00 10"), 0)
    twin.current_offset_a = -1.0
    time.sleep(1)
    assert twin.transfer(b"\x04", 3) == (128000 << 4).to_bytes(3, "big")


def test_a_current_that_flows_back_is_negative_and_so_is_its_power(
    twin: SimulatedIna228, time: SimulatedTime
) -> None:
    twin.current_offset_a = -3.0
    assert connect(twin, time).read() == pytest.approx((48.0, -1.0, -48.0))


def test_voltage_and_current_are_of_one_moment(
    twin: SimulatedIna228, circuit: Circuit, time: SimulatedTime
) -> None:
    wire = Interrupted(twin, b"\x05", circuit.sinks.clear)
    assert connect(wire, time).read() == pytest.approx((48.0, 2.0, 96.0))
    assert wire.times == 0


@pytest.mark.parametrize("moment", [b"\x0b", b"\x04", b"\x07"])
def test_a_sample_spoiled_by_a_brown_out_is_discarded(
    twin: SimulatedIna228, time: SimulatedTime, moment: bytes
) -> None:
    wire = Interrupted(twin, moment, twin.brown_out, times=0)
    meter = connect(wire, time)
    wire.times = 1
    assert meter.read() == pytest.approx((48.0, 2.0, 96.0))
    assert wire.times == 0


def test_a_supply_that_keeps_failing_is_a_bad_reply(
    twin: SimulatedIna228, time: SimulatedTime
) -> None:
    meter = connect(Interrupted(twin, b"\x07", twin.brown_out, times=9), time)
    with pytest.raises(BadReply, match=r"INA228 at 0x40: lost its settings.*0xfb68"):
        meter.read()


def test_a_conversion_that_never_ends_is_no_reply(
    twin: SimulatedIna228, time: SimulatedTime
) -> None:
    wire = Altered(twin, lambda write, answer: b"\x80\x01" if write == b"\x0b" else answer)
    with pytest.raises(NoReply, match="no conversion ready, DIAG_ALRT 0x8001"):
        connect(wire, time).read()


def test_a_math_overflow_is_a_bad_reply(twin: SimulatedIna228, time: SimulatedTime) -> None:
    wire = Altered(twin, lambda write, answer: b"\x82\x03" if write == b"\x0b" else answer)
    with pytest.raises(BadReply, match="DIAG_ALRT 0x8203"):
        connect(wire, time).read()


def test_damaged_trim_memory_is_a_bad_reply(twin: SimulatedIna228, time: SimulatedTime) -> None:
    twin.memory_good = False
    with pytest.raises(BadReply, match="trim memory damaged, DIAG_ALRT 0x8002"):
        connect(twin, time).read()


@pytest.mark.parametrize("offset_a", [15.0, -20.0])
def test_too_much_current_is_a_bad_reply_and_never_a_number(
    twin: SimulatedIna228, time: SimulatedTime, offset_a: float
) -> None:
    twin.current_offset_a = offset_a
    with pytest.raises(BadReply, match="beyond ±163"):
        connect(twin, time).read()


def test_too_much_voltage_is_a_bad_reply(
    circuit: Circuit, twin: SimulatedIna228, time: SimulatedTime
) -> None:
    circuit.source = StiffSource(110.0)
    with pytest.raises(BadReply, match="bus beyond"):
        connect(twin, time).read()


def test_two_bytes_of_three_are_a_bad_reply(twin: SimulatedIna228, time: SimulatedTime) -> None:
    meter = connect(Altered(twin, lambda w, a: a[:2] if w == b"\x07" else a), time)
    with pytest.raises(BadReply, match="register 0x07 gave 2 bytes"):
        meter.read()


def test_a_chip_that_goes_away_is_not_connected(twin: SimulatedIna228, time: SimulatedTime) -> None:
    wire = Gone(twin, fail_after=99)
    meter = connect(wire, time)
    wire.left = 3
    with pytest.raises(NotConnected, match="0x40"):
        meter.read()


def test_others_at_its_address_are_refused(circuit: Circuit, time: SimulatedTime) -> None:
    strangers: list[I2cDevice] = [
        SimulatedIna219(circuit, shunt_ohm=SHUNT_OHM),
        SimulatedIna226(circuit, shunt_ohm=SHUNT_OHM),
        SimulatedPca9685(),
    ]
    for stranger in strangers:
        wire = Recorded(stranger)
        with pytest.raises(WrongDevice, match="not 0x5449, 0x2280"):
            connect(wire, time)
        assert wire.written == []


@pytest.mark.parametrize(
    ("shunt_ohm", "averages"),
    [(0.0, 16), (-0.01, 16), (15.0, 16), (float("nan"), 16), (float("inf"), 16), (0.01, 3)],
)
def test_a_senseless_shunt_is_refused_with_nothing_sent(
    twin: SimulatedIna228, time: SimulatedTime, shunt_ohm: float, averages: int
) -> None:
    wire = Recorded(twin)
    with pytest.raises(ValueError, match="INA228"):
        Ina228(SimulatedI2cBus({0x40: wire}), time=time, shunt_ohm=shunt_ohm, averages=averages)
    assert wire.transfers == []


@settings(max_examples=50, deadline=None)
@given(
    voltage_v=st.floats(0.0, 85.0),
    current_a=st.floats(-16.0, 16.0),
    averages=st.sampled_from([1, 4, 16, 64, 128, 256, 512, 1024]),
)
def test_it_reads_what_flows_to_within_its_resolution(
    voltage_v: float, current_a: float, averages: int
) -> None:
    time = SimulatedTime()
    twin = SimulatedIna228(
        Circuit(StiffSource(voltage_v)), shunt_ohm=0.01, time=time, current_offset_a=current_a
    )
    meter = Ina228(SimulatedI2cBus({0x40: twin}), time=time, shunt_ohm=0.01, averages=averages)
    power = meter.read()
    assert power.voltage_v == pytest.approx(voltage_v, abs=0.0001)
    assert power.current_a == pytest.approx(current_a, abs=0.000016)
    assert power.power_w == power.voltage_v * power.current_a
