import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NotConnected, WrongDevice
from drivers.instruments.light.veml7700 import Veml7700, straighten
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Interrupted, Recorded, Registers
from drivers.sim.instruments.light.veml7700 import SimulatedVeml7700
from drivers.sim.light import FixedScene
from drivers.sim.world import SimulatedTime


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def scene() -> FixedScene:
    return FixedScene(300.0)


@pytest.fixture
def twin(scene: FixedScene, time: SimulatedTime) -> SimulatedVeml7700:
    return SimulatedVeml7700(scene, time=time)


def connect(device: I2cDevice, time: SimulatedTime) -> Veml7700:
    return Veml7700(SimulatedI2cBus({0x10: device}), time=time)


def test_a_reading_frame_by_frame(
    scene: FixedScene, twin: SimulatedVeml7700, time: SimulatedTime
) -> None:
    """At gain 1/4 and 100 ms 1000 counts are 268.8 lx before the correction, 275.1 after."""
    scene.everywhere_lux = 275.13
    wire = Recorded(twin)
    meter = connect(wire, time)
    assert meter.read_illuminance_lux() == pytest.approx(275.13, rel=1e-3)
    assert wire.transfers == [
        (b"\x07", bytes.fromhex("81 c4")),
        (bytes.fromhex("00 c1 08"), b""),
        (b"\x00", bytes.fromhex("c1 08")),
        (bytes.fromhex("00 01 00"), b""),
        (b"\x00", bytes.fromhex("01 00")),
        (bytes.fromhex("00 01 18"), b""),
        (bytes.fromhex("03 00 00"), b""),
        (bytes.fromhex("00 00 18"), b""),
        (b"\x04", bytes.fromhex("e8 03")),
        (b"\x00", bytes.fromhex("00 18")),
    ]


@pytest.mark.parametrize(
    ("raw_lux", "true_lux"), [(0.0, 0.0), (100.0, 101.036), (1000.0, 1074.996), (10_000, 14_793.0)]
)
def test_the_notes_correction(raw_lux: float, true_lux: float) -> None:
    assert straighten(raw_lux) == pytest.approx(true_lux, rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(lux=st.floats(0.5, 130_000.0), before=st.floats(0.0, 130_000.0))
def test_it_reads_the_light_whatever_light_it_saw_before(lux: float, before: float) -> None:
    time, scene = SimulatedTime(), FixedScene(before)
    meter = connect(SimulatedVeml7700(scene, time=time), time)
    meter.read_illuminance_lux()
    scene.everywhere_lux = lux
    assert meter.read_illuminance_lux() == pytest.approx(lux, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(lux=st.floats(1.0, 20_000.0), more=st.floats(0.02, 0.2))
def test_more_light_is_never_read_as_less(lux: float, more: float) -> None:
    time, scene = SimulatedTime(), FixedScene(lux)
    meter = connect(SimulatedVeml7700(scene, time=time), time)
    darker = meter.read_illuminance_lux()
    scene.everywhere_lux = lux * (1 + more)
    assert meter.read_illuminance_lux() > darker


def test_darkness_is_zero(scene: FixedScene, twin: SimulatedVeml7700, time: SimulatedTime) -> None:
    scene.everywhere_lux = 0.0
    assert connect(twin, time).read_illuminance_lux() == 0.0


def test_a_reading_takes_no_light_from_before_it_began(
    scene: FixedScene, twin: SimulatedVeml7700, time: SimulatedTime
) -> None:
    meter = connect(twin, time)
    meter.read_illuminance_lux()
    time.sleep(10)
    twin.transfer(b"\x04", 2)
    scene.everywhere_lux = 200.0
    assert meter.read_illuminance_lux() == pytest.approx(200.0, rel=0.01)


def test_a_reading_at_screen_brightness_takes_a_fifth_of_a_second(
    twin: SimulatedVeml7700, time: SimulatedTime
) -> None:
    meter = connect(twin, time)
    began_s = time.monotonic()
    meter.read_illuminance_lux()
    assert time.monotonic() - began_s == pytest.approx(0.2025)


def test_a_bright_screen_after_a_black_one_takes_no_longer(
    scene: FixedScene, twin: SimulatedVeml7700, time: SimulatedTime
) -> None:
    meter = connect(twin, time)
    began_s = time.monotonic()
    scene.everywhere_lux = 0.0
    meter.read_illuminance_lux()
    assert time.monotonic() - began_s == pytest.approx(0.2025 + 1.6025)
    began_s = time.monotonic()
    scene.everywhere_lux = 300.0
    meter.read_illuminance_lux()
    assert time.monotonic() - began_s == pytest.approx(0.2025)


@pytest.mark.parametrize("lux", [145_000.0, 1e7])
def test_more_than_it_can_measure_is_a_bad_reply(
    scene: FixedScene, twin: SimulatedVeml7700, time: SimulatedTime, lux: float
) -> None:
    scene.everywhere_lux = lux
    with pytest.raises(BadReply, match=r"saturated, .* .configuration 0x1000"):
        connect(twin, time).read_illuminance_lux()


def test_a_brown_out_during_a_reading_is_a_bad_reply(
    twin: SimulatedVeml7700, time: SimulatedTime
) -> None:
    meter = connect(Interrupted(twin, b"\x04", twin.brown_out), time)
    with pytest.raises(BadReply, match="lost its settings, configuration 0x0001, not 0x1800"):
        meter.read_illuminance_lux()
    assert meter.read_illuminance_lux() == pytest.approx(300.0, rel=0.01)


def test_a_short_answer_is_a_bad_reply(twin: SimulatedVeml7700, time: SimulatedTime) -> None:
    wire = Altered(twin, lambda write, answer: answer[:1] if write == b"\x04" else answer)
    with pytest.raises(BadReply, match="register 0x04 gave 1 bytes"):
        connect(wire, time).read_illuminance_lux()


def test_a_sensor_that_goes_away_is_not_connected(
    twin: SimulatedVeml7700, time: SimulatedTime
) -> None:
    meter = connect(Gone(twin, fail_after=8), time)
    with pytest.raises(NotConnected, match="0x10"):
        meter.read_illuminance_lux()


def test_a_part_from_before_the_id_register_is_taken(
    scene: FixedScene, time: SimulatedTime
) -> None:
    meter = connect(SimulatedVeml7700(scene, time=time, identity=None), time)
    assert meter.read_illuminance_lux() == pytest.approx(300.0, rel=0.01)


def test_another_id_is_refused_before_anything_is_written(time: SimulatedTime) -> None:
    wire = Recorded(Registers({0x07: bytes.fromhex("26 00")}))  # a VEML6075
    with pytest.raises(WrongDevice, match="VEML7700 at 0x10: id 0x0026"):
        connect(wire, time)
    assert wire.written == []


def test_a_chip_without_id_that_keeps_nothing_is_refused(time: SimulatedTime) -> None:
    with pytest.raises(WrongDevice, match="reads 0x0000 after writing 0x08c1"):
        connect(Registers({}), time)


def test_the_twin_shows_the_old_light_until_an_integration_is_over(
    scene: FixedScene, twin: SimulatedVeml7700, time: SimulatedTime
) -> None:
    twin.transfer(bytes.fromhex("00 00 18"), 0)
    assert twin.transfer(b"\x04", 2) == b"\x00\x00"
    time.sleep(0.103)
    assert int.from_bytes(twin.transfer(b"\x04", 2), "little") == 1088
    scene.everywhere_lux = 100.0
    assert int.from_bytes(twin.transfer(b"\x04", 2), "little") == 1088
    time.sleep(0.1)
    assert int.from_bytes(twin.transfer(b"\x04", 2), "little") == 368
