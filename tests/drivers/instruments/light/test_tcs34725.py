import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, NotConnected, WrongDevice
from drivers.instruments.light.tcs34725 import RANGES, Range, Tcs34725
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Interrupted, Recorded, Registers
from drivers.sim.instruments.light.tcs34725 import SimulatedTcs34725
from drivers.sim.instruments.light.tsl2591 import SimulatedTsl2591
from drivers.sim.light import FixedScene
from drivers.sim.world import SimulatedTime

PRIMARIES = {"red": (0.64, 0.33), "green": (0.30, 0.60), "blue": (0.15, 0.06)}  # sRGB
WHITES = {"D65": (0.3127, 0.3290), "9300 K": (0.2831, 0.2971), "A": (0.4476, 0.4074)}


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def scene() -> FixedScene:
    return FixedScene(300.0)


@pytest.fixture
def twin(scene: FixedScene, time: SimulatedTime) -> SimulatedTcs34725:
    return SimulatedTcs34725(scene, time=time)


def connect(device: I2cDevice, time: SimulatedTime) -> Tcs34725:
    return Tcs34725(SimulatedI2cBus({0x29: device}), time=time)


def canned(*counts: int) -> Registers:
    """Return a sensor at gain 1 and 64 cycles that saw clear, red, green, blue."""
    data = b"".join(count.to_bytes(2, "little") for count in counts)
    settings = {0xA0: b"\x03", 0xA1: b"\xc0", 0xAF: b"\x00"}
    return Registers({0xB2: b"\x44", 0xB3: b"\x01", 0xB4: data} | settings)


def test_a_reading_frame_by_frame(time: SimulatedTime) -> None:
    """30000 counts of each in 153.6 ms at gain 1: X 160.5, Y 188.2, Z 236.6 times 195.3."""
    wire = Recorded(canned(36000, 30000, 30000, 30000))
    meter = connect(wire, time)
    colour = meter.read_colour()
    assert colour == pytest.approx((160.5 / 585.3, 188.2 / 585.3, 188.2 * 195.3125), rel=1e-4)
    assert wire.transfers == [
        (b"\xb2", b"\x44"),
        (b"\xa0\x01", b""),
        (b"\xa1\xc0", b""),
        (b"\xaf\x00", b""),
        (b"\xa0\x03", b""),
        (b"\xb3", b"\x01"),
        (b"\xb4", bytes.fromhex("a0 8c 30 75 30 75 30 75")),
        (b"\xa0", b"\x03"),
        (b"\xa1", b"\xc0"),
        (b"\xaf", b"\x00"),
    ]


@pytest.mark.parametrize("name", [*PRIMARIES, *WHITES])
def test_it_tells_the_colours_of_a_screen(
    scene: FixedScene, twin: SimulatedTcs34725, time: SimulatedTime, name: str
) -> None:
    scene.colour = (PRIMARIES | WHITES)[name]
    x, y, lux = connect(twin, time).read_colour()
    assert (x, y) == pytest.approx(scene.colour, abs=0.003)
    assert lux == pytest.approx(300.0, rel=0.01)


@settings(max_examples=60, deadline=None)
@given(lux=st.floats(1.0, 30_000.0), before=st.floats(1.0, 30_000.0))
def test_it_tells_white_at_any_brightness_whatever_it_saw_before(lux: float, before: float) -> None:
    time, scene = SimulatedTime(), FixedScene(before)
    meter = connect(SimulatedTcs34725(scene, time=time), time)
    meter.read_colour()
    scene.everywhere_lux = lux
    x, y, found_lux = meter.read_colour()
    assert (x, y) == pytest.approx((0.3127, 0.3290), abs=0.005)
    assert found_lux == pytest.approx(lux, rel=0.01)


def test_a_calibration_matrix_is_used(time: SimulatedTime) -> None:
    bus = SimulatedI2cBus({0x29: canned(36000, 20000, 10000, 10000)})
    meter = Tcs34725(bus, time=time, matrix=[[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert meter.read_colour() == pytest.approx((0.5, 0.25, 10000 / 153.6))


def test_digital_analogue_and_ripple_saturation() -> None:
    """DN40, 3.5 and 3.7."""
    assert [r.saturation for r in RANGES] == [65535] * 5
    assert Range(0, 1, 63).saturation == 64512  # 151 ms
    assert Range(0, 1, 62).saturation == 0.75 * 62 * 1024  # 149 ms
    assert Range(0, 1, 10).saturation == 7680


def test_saturated_at_the_lowest_gain_is_a_bad_reply(
    scene: FixedScene, twin: SimulatedTcs34725, time: SimulatedTime
) -> None:
    scene.everywhere_lux = 60_000
    with pytest.raises(BadReply, match=r"saturated, clear 65535, .* at gain 1, 64 cycles"):
        connect(twin, time).read_colour()


def test_too_dark_for_a_colour_is_a_bad_reply(
    scene: FixedScene, twin: SimulatedTcs34725, time: SimulatedTime
) -> None:
    scene.everywhere_lux = 0.05
    with pytest.raises(BadReply, match=r"too dark to tell a colour, clear 26, .* at gain 60, 256"):
        connect(twin, time).read_colour()


def test_counts_that_are_no_colour_are_a_bad_reply(time: SimulatedTime) -> None:
    with pytest.raises(BadReply, match="no colour has X"):
        connect(canned(36000, 0, 30000, 0), time).read_colour()


def test_a_brown_out_during_a_reading_is_a_bad_reply(
    twin: SimulatedTcs34725, time: SimulatedTime
) -> None:
    meter = connect(Interrupted(twin, b"\xb4", twin.brown_out), time)
    with pytest.raises(BadReply, match=r"lost its settings, .* read 00 ff 00, not 03 c0 00"):
        meter.read_colour()
    assert meter.read_colour().illuminance_lux == pytest.approx(300.0, rel=0.01)


def test_an_integration_that_never_ends_is_no_reply(
    twin: SimulatedTcs34725, time: SimulatedTime
) -> None:
    wire = Altered(twin, lambda write, answer: b"\x00" if write == b"\xb3" else answer)
    with pytest.raises(NoReply, match="no integration ended"):
        connect(wire, time).read_colour()


def test_a_short_answer_is_a_bad_reply(twin: SimulatedTcs34725, time: SimulatedTime) -> None:
    wire = Altered(twin, lambda write, answer: answer[:7])
    with pytest.raises(BadReply, match="register 0x14 gave 7 bytes"):
        connect(wire, time).read_colour()


def test_a_sensor_that_goes_away_is_not_connected(
    twin: SimulatedTcs34725, time: SimulatedTime
) -> None:
    meter = connect(Gone(twin, fail_after=3), time)
    with pytest.raises(NotConnected, match="0x29"):
        meter.read_colour()


def test_a_tsl2591_is_refused_by_name(scene: FixedScene, time: SimulatedTime) -> None:
    wire = Recorded(SimulatedTsl2591(scene, time=time))
    with pytest.raises(WrongDevice, match=r"TCS34725 at 0x29: id 0x50, .* looks like a TSL2591"):
        connect(wire, time)
    assert wire.written == []


def test_a_stranger_is_refused(time: SimulatedTime) -> None:
    with pytest.raises(WrongDevice, match=r"id 0xee, not 0x44, 0x10, 0x4d$"):
        connect(Registers({0xB2: b"\xee"}), time)


@pytest.mark.parametrize(("identity", "model"), [(0x10, "TCS34725"), (0x4D, "TCS34727")])
def test_relatives_with_the_same_registers_are_taken(
    scene: FixedScene, time: SimulatedTime, identity: int, model: str
) -> None:
    meter = connect(SimulatedTcs34725(scene, time=time, identity=identity), time)
    assert meter.identity.model == model


@pytest.mark.parametrize(("identity", "model"), [(0x44, "TCS34721"), (0x4D, "TCS34723")])
def test_the_variants_at_the_other_address_are_named_as_such(
    scene: FixedScene, time: SimulatedTime, identity: int, model: str
) -> None:
    twin = SimulatedTcs34725(scene, time=time, identity=identity)
    assert Tcs34725(SimulatedI2cBus({0x39: twin}), 0x39, time=time).identity.model == model
    stranger = SimulatedTcs34725(scene, time=time, identity=0x10)
    with pytest.raises(WrongDevice, match=r"0x39: id 0x10, not 0x44, 0x4d$"):
        Tcs34725(SimulatedI2cBus({0x39: stranger}), 0x39, time=time)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, float("nan"), 0.0], [0.0, 0.0, 1.0]],
    ],
)
def test_a_senseless_matrix_is_refused_with_nothing_sent(
    twin: SimulatedTcs34725, time: SimulatedTime, matrix: list[list[float]]
) -> None:
    wire = Recorded(twin)
    with pytest.raises(ValueError, match="matrix"):
        Tcs34725(SimulatedI2cBus({0x29: wire}), time=time, matrix=matrix)
    assert wire.transfers == []


def test_the_twin_repeats_a_byte_unless_told_to_count_up(
    twin: SimulatedTcs34725, time: SimulatedTime
) -> None:
    twin.transfer(b"\xa1\xc0", 0)
    twin.transfer(b"\xa0\x03", 0)
    time.sleep(0.2)
    block = twin.transfer(b"\xb4", 8)
    assert twin.transfer(b"\x94", 8) == block[:1] * 8
    assert twin.transfer(b"\x92", 1) == b"\x44"


def test_the_twin_clips_at_1024_counts_a_cycle(
    scene: FixedScene, twin: SimulatedTcs34725, time: SimulatedTime
) -> None:
    scene.everywhere_lux = 1e6
    twin.transfer(b"\xa1\xf6", 0)
    twin.transfer(b"\xa0\x03", 0)
    assert twin.transfer(b"\xb3", 1) == b"\x00"
    time.sleep(0.03)
    assert twin.transfer(b"\xb4", 2) == (10240).to_bytes(2, "little")
