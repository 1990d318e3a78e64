import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, NotConnected, WrongDevice
from drivers.instruments.light.tsl2591 import Tsl2591
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Interrupted, Recorded, Registers
from drivers.sim.instruments.light.tcs34725 import SimulatedTcs34725
from drivers.sim.instruments.light.tsl2591 import SimulatedTsl2591
from drivers.sim.light import FixedScene
from drivers.sim.world import SimulatedTime


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def scene() -> FixedScene:
    return FixedScene(300.0)


@pytest.fixture
def twin(scene: FixedScene, time: SimulatedTime) -> SimulatedTsl2591:
    return SimulatedTsl2591(scene, time=time)


def connect(device: I2cDevice, time: SimulatedTime) -> Tsl2591:
    return Tsl2591(SimulatedI2cBus({0x29: device}), time=time)


def canned(visible: int, infrared: int, control: int = 0x00) -> Registers:
    data = visible.to_bytes(2, "little") + infrared.to_bytes(2, "little")
    settings = {0xA0: b"\x03", 0xA1: bytes([control])}
    return Registers({0xB2: b"\x50", 0xB3: b"\x01", 0xB4: data} | settings)


def test_a_bright_reading_frame_by_frame(
    scene: FixedScene, twin: SimulatedTsl2591, time: SimulatedTime
) -> None:
    """50 klx at gain 1 and 100 ms: 50000 × 100 / 408 / 0.81 = 15130 counts, a tenth infrared."""
    scene.everywhere_lux = 50_000
    wire = Recorded(twin)
    meter = connect(wire, time)
    assert meter.read_illuminance_lux() == pytest.approx(50_000, rel=1e-3)
    assert wire.transfers == [
        (b"\xb2", b"\x50"),
        (b"\xa0\x01", b""),
        (b"\xa1\x00", b""),
        (b"\xa0\x03", b""),
        (b"\xb3", b"\x01"),
        (b"\xb4", bytes.fromhex("1a 3b e9 05")),
        (b"\xa0", b"\x03"),
        (b"\xa1", b"\x00"),
    ]


def test_the_lux_equation_by_hand(time: SimulatedTime) -> None:
    """(22000 - 4400) × (1 - 4400/22000) × 408 / (100 ms × gain 1)."""
    meter = connect(canned(22000, 4400), time)
    assert meter.read_illuminance_lux() == pytest.approx(17600 * 0.8 * 4.08)


def test_a_gain_that_is_not_taken_is_a_bad_reply(time: SimulatedTime) -> None:
    meter = connect(canned(100, 20), time)  # so dim that it asks for a higher gain, in vain
    with pytest.raises(BadReply, match=r"lost its settings, .* read 03 00, not 03 10"):
        meter.read_illuminance_lux()


@settings(max_examples=60, deadline=None)
@given(
    lux=st.floats(0.05, 60_000.0),
    before=st.floats(0.0, 60_000.0),
    infrared_share=st.floats(0.0, 0.3),
)
def test_it_reads_the_light_whatever_light_it_saw_before(
    lux: float, before: float, infrared_share: float
) -> None:
    time, scene = SimulatedTime(), FixedScene(before)
    meter = connect(SimulatedTsl2591(scene, time=time, infrared_share=infrared_share), time)
    meter.read_illuminance_lux()
    scene.everywhere_lux = lux
    assert meter.read_illuminance_lux() == pytest.approx(lux, rel=0.02)


def test_darkness_is_zero(scene: FixedScene, twin: SimulatedTsl2591, time: SimulatedTime) -> None:
    scene.everywhere_lux = 0.0
    assert connect(twin, time).read_illuminance_lux() == 0.0


def test_a_reading_takes_no_light_from_before_it_began(
    scene: FixedScene, twin: SimulatedTsl2591, time: SimulatedTime
) -> None:
    meter = connect(twin, time)
    meter.read_illuminance_lux()
    time.sleep(10)
    twin.transfer(b"\xb3", 1)  # the running integration ends in the old light
    scene.everywhere_lux = 200.0
    assert meter.read_illuminance_lux() == pytest.approx(200.0, rel=0.01)


def test_saturated_at_the_lowest_gain_is_a_bad_reply(
    scene: FixedScene, twin: SimulatedTsl2591, time: SimulatedTime
) -> None:
    meter = connect(twin, time)
    scene.everywhere_lux = 150_000
    with pytest.raises(BadReply, match=r"saturated, 36863 and \d+ counts at gain 1"):
        meter.read_illuminance_lux()


def test_more_infrared_than_light_is_a_bad_reply(time: SimulatedTime) -> None:
    meter = connect(canned(21000, 22000), time)
    with pytest.raises(BadReply, match="more infrared than light, 21000 and 22000"):
        meter.read_illuminance_lux()


def test_a_brown_out_during_a_reading_is_a_bad_reply(
    twin: SimulatedTsl2591, time: SimulatedTime
) -> None:
    meter = connect(Interrupted(twin, b"\xb4", twin.brown_out), time)
    with pytest.raises(BadReply, match="lost its settings, registers 0 and 1 read 00 00"):
        meter.read_illuminance_lux()
    assert meter.read_illuminance_lux() == pytest.approx(300.0, rel=0.01)


def test_an_integration_that_never_ends_is_no_reply(
    twin: SimulatedTsl2591, time: SimulatedTime
) -> None:
    wire = Altered(twin, lambda write, answer: b"\x00" if write == b"\xb3" else answer)
    with pytest.raises(NoReply, match="no integration ended, status 0x00"):
        connect(wire, time).read_illuminance_lux()


def test_a_short_answer_is_a_bad_reply(twin: SimulatedTsl2591, time: SimulatedTime) -> None:
    wire = Altered(twin, lambda write, answer: answer[:3])
    with pytest.raises(BadReply, match="register 0x14 gave 3 bytes"):
        connect(wire, time).read_illuminance_lux()


def test_a_sensor_that_goes_away_is_not_connected(
    twin: SimulatedTsl2591, time: SimulatedTime
) -> None:
    meter = connect(Gone(twin, fail_after=3), time)
    with pytest.raises(NotConnected, match="0x29"):
        meter.read_illuminance_lux()


def test_a_tcs34725_is_refused_by_name(scene: FixedScene, time: SimulatedTime) -> None:
    wire = Recorded(SimulatedTcs34725(scene, time=time))
    with pytest.raises(WrongDevice, match=r"TSL2591 at 0x29: id 0x44, .* looks like a TCS34725"):
        connect(wire, time)
    assert wire.written == []


def test_a_stranger_is_refused(time: SimulatedTime) -> None:
    with pytest.raises(WrongDevice, match=r"id 0xee, not 0x50$"):
        connect(Registers({0xB2: b"\xee"}), time)


def test_the_twin_counts_further_when_it_integrates_longer(
    scene: FixedScene, twin: SimulatedTsl2591, time: SimulatedTime
) -> None:
    scene.everywhere_lux = 1e6
    for control, most in ((0x00, 36863), (0x01, 65535)):
        twin.transfer(b"\xa0\x00", 0)
        twin.transfer(bytes([0xA1, control]), 0)
        twin.transfer(b"\xa0\x03", 0)
        assert twin.transfer(b"\xb3", 1) == b"\x00"
        time.sleep(0.2)
        assert twin.transfer(b"\xb4", 2) == most.to_bytes(2, "little")
        assert twin.transfer(b"\xb3", 1) == b"\x01"


def test_the_twin_ignores_what_is_no_command(twin: SimulatedTsl2591) -> None:
    twin.transfer(b"\x21\x30", 0)
    assert twin.transfer(b"\xa1", 1) == b"\x00"
    twin.transfer(b"\xa1\x31", 0)
    assert twin.transfer(b"\xa1", 1) == b"\x31"
    twin.transfer(b"\xa1\x80", 0)
    assert twin.transfer(b"\xa1", 1) == b"\x00", "SRESET resets"
