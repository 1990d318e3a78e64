import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NotConnected, WrongDevice
from drivers.pca9685 import Pca9685
from drivers.sim import I2cDevice, Nak, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Recorded, Registers
from drivers.sim.ina219 import SimulatedIna219
from drivers.sim.ina226 import SimulatedIna226
from drivers.sim.ina228 import SimulatedIna228
from drivers.sim.pca9685 import SimulatedPca9685
from drivers.sim.world import Circuit, SimulatedTime, StiffSource


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def twin(time: SimulatedTime) -> SimulatedPca9685:
    return SimulatedPca9685(time=time)


def connect(device: I2cDevice, time: SimulatedTime, frequency_hz: float = 50.0) -> Pca9685:
    return Pca9685(SimulatedI2cBus({0x40: device}), time=time, frequency_hz=frequency_hz)


def test_construction_frame_by_frame(twin: SimulatedPca9685, time: SimulatedTime) -> None:
    wire = Recorded(twin)
    connect(wire, time)
    assert wire.transfers == [
        (b"\x02", b"\xe2"),
        (b"\x03", b"\xe4"),
        (b"\x04", b"\xe8"),
        (b"\xfd\x10", b""),
        (b"\x00\x30", b""),
        (b"\xfe\x79", b""),  # 25 MHz / (4096 × 50 Hz) - 1
        (b"\x01\x04", b""),
        (b"\x00\x20", b""),
        (b"\x00", b"\x20"),
        (b"\x00", b"\x20"),
        (b"\xfe", b"\x79"),
    ]
    assert time.monotonic() == 500e-6


@pytest.mark.parametrize(
    ("duty", "frame", "seen"),
    [
        (0.0, "12 00 00 00 10", 0.0),
        (0.25, "12 00 00 00 04", 0.25),
        (0.5, "12 00 00 00 08", 0.5),
        (0.9999, "12 00 10 00 00", 1.0),
        (1.0, "12 00 10 00 00", 1.0),
    ],
)
def test_a_duty_is_one_write_of_four_bytes(
    twin: SimulatedPca9685, time: SimulatedTime, duty: float, frame: str, seen: float
) -> None:
    wire = Recorded(twin)
    board = connect(wire, time)
    wire.transfers.clear()
    board.set_duty(3, duty)
    assert wire.written == [bytes.fromhex(frame)]
    assert twin.duty(3) == seen


@pytest.mark.parametrize(("width_s", "steps"), [(1e-3, 205), (1.5e-3, 307), (2e-3, 410)])
def test_the_pulses_of_a_servo(
    twin: SimulatedPca9685, time: SimulatedTime, width_s: float, steps: int
) -> None:
    wire = Recorded(twin)
    board = connect(wire, time)
    board.set_pulse(15, width_s)
    assert wire.written[-1] == b"\x42\x00\x00" + steps.to_bytes(2, "little")


@settings(max_examples=60, deadline=None)
@given(
    frequency_hz=st.floats(24.0, 1526.0),
    channel=st.integers(0, 15),
    duty=st.floats(0.0, 1.0),
)
def test_any_duty_at_any_frequency_is_seen_on_its_channel_alone(
    frequency_hz: float, channel: int, duty: float
) -> None:
    time = SimulatedTime()
    twin = SimulatedPca9685(time=time)
    board = connect(twin, time, frequency_hz)
    assert board.frequency_hz == twin.frequency_hz == pytest.approx(frequency_hz, rel=0.15)
    board.set_duty(channel, duty)
    seen = [twin.duty(n) for n in range(16)]
    assert seen.pop(channel) == pytest.approx(duty, abs=1 / 8192)
    assert seen == [0.0] * 15


def test_changes_are_told_once(time: SimulatedTime) -> None:
    changes: list[tuple[int, float]] = []
    board = connect(
        SimulatedPca9685(lambda channel, duty: changes.append((channel, duty)), time=time), time
    )
    board.set_duty(1, 0.5)
    board.set_duty(1, 0.5)
    board.set_duty(2, 1.0)
    board.off(1)
    board.all_off()
    assert changes == [(1, 0.5), (2, 1.0), (1, 0.0), (2, 0.0)]


def test_outputs_left_on_are_off_after_opening(time: SimulatedTime) -> None:
    changes: list[tuple[int, float]] = []
    twin = SimulatedPca9685(lambda channel, duty: changes.append((channel, duty)), time=time)
    connect(twin, time).set_duty(4, 0.5)
    connect(twin, time)
    assert changes == [(4, 0.5), (4, 0.0)]


def test_all_call_is_off_after_opening(twin: SimulatedPca9685, time: SimulatedTime) -> None:
    assert twin.also_hears(0x70)
    connect(twin, time)
    assert not twin.also_hears(0x70)


def test_a_brown_out_is_a_bad_reply_once_and_never_a_key_that_was_not_pressed(
    twin: SimulatedPca9685, time: SimulatedTime
) -> None:
    board = connect(twin, time)
    twin.brown_out()
    with pytest.raises(BadReply, match="lost its settings, MODE1 0x11, not 0x20"):
        board.set_duty(0, 0.5)
    board.set_duty(0, 0.5)
    assert twin.duty(0) == 0.5
    assert twin.frequency_hz == board.frequency_hz


def test_all_off_works_even_after_a_brown_out(twin: SimulatedPca9685, time: SimulatedTime) -> None:
    board = connect(twin, time)
    board.set_duty(0, 0.5)
    twin.brown_out()
    board.all_off()
    board.set_duty(7, 0.25)
    assert twin.duty(7) == 0.25


def test_an_output_that_stays_on_is_a_bad_reply(
    twin: SimulatedPca9685, time: SimulatedTime
) -> None:
    def stuck(write: bytes, answer: bytes) -> bytes:
        if write == b"\x06" and len(answer) == 64:
            return answer[:23] + b"\x00" + answer[24:]
        return answer

    with pytest.raises(BadReply, match=r"told all to be off, and \[5\] are not"):
        connect(Altered(twin, stuck), time).all_off()


def test_a_setting_that_does_not_read_back_is_a_bad_reply(
    twin: SimulatedPca9685, time: SimulatedTime
) -> None:
    wire = Altered(twin, lambda write, answer: bytes(4) if write == b"\x0e" else answer)
    with pytest.raises(BadReply, match="channel 2 set to 00 00 00 08, reads back 00 00 00 00"):
        connect(wire, time).set_duty(2, 0.5)


def test_a_prescaler_that_is_not_taken_is_a_bad_reply(
    twin: SimulatedPca9685, time: SimulatedTime
) -> None:
    wire = Altered(twin, lambda write, answer: b"\x1e" if write == b"\xfe" else answer)
    with pytest.raises(BadReply, match="MODE1 and PRE_SCALE read 20 1e, not 20 79"):
        connect(wire, time)


def test_a_short_answer_is_a_bad_reply(twin: SimulatedPca9685, time: SimulatedTime) -> None:
    wire = Altered(twin, lambda write, answer: answer[:63])
    with pytest.raises(BadReply, match="register 0x06 gave 63 bytes"):
        connect(wire, time).all_off()


def test_a_board_that_goes_away_is_not_connected(
    twin: SimulatedPca9685, time: SimulatedTime
) -> None:
    wire = Gone(twin, fail_after=99)
    board = connect(wire, time)
    wire.left = 0
    with pytest.raises(NotConnected, match="0x40"):
        board.set_duty(0, 1.0)


def test_power_monitors_at_its_address_are_refused_by_name(time: SimulatedTime) -> None:
    circuit = Circuit(StiffSource(12.0))
    monitors: dict[str, I2cDevice] = {
        "INA219": SimulatedIna219(circuit, shunt_ohm=0.1),
        "INA226": SimulatedIna226(circuit, shunt_ohm=0.1),
        "INA228": SimulatedIna228(circuit, shunt_ohm=0.1),
    }
    for name, monitor in monitors.items():
        wire = Recorded(monitor)
        with pytest.raises(WrongDevice, match=f"PCA9685 at 0x40: .* looks like an {name}"):
            connect(wire, time)
        assert wire.written == []


def test_a_stranger_is_refused(time: SimulatedTime) -> None:
    with pytest.raises(WrongDevice, match=r"registers 2 to 4 read 00 00 00, not e2 e4 e8$"):
        connect(Registers({}), time)


@pytest.mark.parametrize("frequency_hz", [0.0, 23.9, 1527.0, float("nan"), float("inf")])
def test_a_frequency_it_cannot_make_is_refused_with_nothing_sent(
    twin: SimulatedPca9685, time: SimulatedTime, frequency_hz: float
) -> None:
    wire = Recorded(twin)
    with pytest.raises(ValueError, match="outside 24…1526 Hz"):
        connect(wire, time, frequency_hz)
    assert wire.transfers == []


def test_other_mistakes_of_the_caller_send_nothing_either(
    twin: SimulatedPca9685, time: SimulatedTime
) -> None:
    wire = Recorded(twin)
    board = connect(wire, time)
    wire.transfers.clear()
    for duty in (-0.01, 1.01, float("nan")):
        with pytest.raises(ValueError, match="duty"):
            board.set_duty(0, duty)
    for channel in (-1, 16):
        with pytest.raises(ValueError, match="channel"):
            board.set_duty(channel, 0.5)
    for width_s in (0.0, -1e-3, 0.02, float("nan")):
        with pytest.raises(ValueError, match="pulse"):
            board.set_pulse(0, width_s)
    assert wire.transfers == []


def test_the_twin_takes_a_prescaler_only_asleep(twin: SimulatedPca9685) -> None:
    twin.transfer(b"\x00\x01", 0)
    twin.transfer(b"\xfe\x79", 0)
    assert twin.transfer(b"\xfe", 1) == b"\x1e"
    twin.transfer(b"\x00\x11", 0)
    twin.transfer(b"\xfe\x79", 0)
    assert twin.transfer(b"\xfe", 1) == b"\x79"
    twin.transfer(b"\xfe\x00", 0)
    assert twin.transfer(b"\xfe", 1) == b"\x03", "the hardware forces a minimum"


def test_the_twin_restarts_what_slept_only_when_told_after_500_microseconds(
    twin: SimulatedPca9685, time: SimulatedTime
) -> None:
    twin.transfer(b"\x00\x20", 0)
    twin.transfer(bytes.fromhex("06 00 00 00 08"), 0)
    assert twin.duty(0) == 0.5
    twin.transfer(b"\x00\x30", 0)
    assert twin.duty(0) == 0.0
    assert twin.transfer(b"\x00", 1) == b"\xb0"
    twin.transfer(b"\x00\x20", 0)
    twin.transfer(b"\x00\xa0", 0)
    assert twin.duty(0) == 0.0, "too early"
    time.sleep(500e-6)
    twin.transfer(b"\x00\xa0", 0)
    assert twin.duty(0) == 0.5
    assert twin.transfer(b"\x00", 1) == b"\x20"


def test_the_twin_counts_registers_up_only_when_told(twin: SimulatedPca9685) -> None:
    assert twin.transfer(b"\x02", 4) == b"\xe2" * 4
    twin.transfer(b"\x00\x31", 0)
    assert twin.transfer(b"\x02", 4) == bytes.fromhex("e2 e4 e8 e0")
    assert twin.transfer(b"\x45", 2) == bytes.fromhex("10 31"), "past register 69 comes MODE1"
    assert twin.transfer(b"\xfd", 3) == bytes.fromhex("00 1e 31")
    with pytest.raises(Nak):
        twin.transfer(b"\x46", 1)
