from collections.abc import Callable

import pytest

from drivers.errors import DriverError, NotConnected
from drivers.key_actuator import KeyActuatorBoard
from drivers.pca9685 import Pca9685
from drivers.sim import SimulatedI2cBus
from drivers.sim.i2c_faults import Gone
from drivers.sim.pca9685 import SimulatedPca9685
from drivers.sim.world import SimulatedTime

KEYS = [*range(0x04, 0x04 + 97), *range(0xE0, 0xE8)]  # 105 of them
A, B, LEFT_SHIFT = 0x04, 0x05, 0xE1


class Rig:
    """105 solenoids on seven boards, and a note of everything they did, and when."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.actions: list[tuple[float, int, float]] = []
        self.channels = {usage: divmod(n, 16) for n, usage in enumerate(KEYS)}
        self.twins = [SimulatedPca9685(self._note(index), time=self.time) for index in range(7)]
        self.wires = [Gone(twin, fail_after=1_000_000) for twin in self.twins]
        bus = SimulatedI2cBus({0x40 + n: wire for n, wire in enumerate(self.wires)})
        self.boards = [Pca9685(bus, 0x40 + n, time=self.time, frequency_hz=1000) for n in range(7)]
        self.actuator = KeyActuatorBoard(self.boards, self.channels, time=self.time)
        self.began_s = self.time.monotonic()

    def _note(self, board: int) -> Callable[[int, float], None]:
        def note(channel: int, duty: float) -> None:
            usage = KEYS[board * 16 + channel]
            self.actions.append((round(self.time.monotonic() - self.began_s, 6), usage, duty))

        return note

    def down(self) -> set[int]:
        return {
            usage
            for usage, (board, channel) in self.channels.items()
            if self.twins[board].duty(channel) > 0
        }


HOLD = pytest.approx(0.4, abs=1e-4)


def test_a_key_is_struck_hard_and_then_held_gently() -> None:
    rig = Rig()
    rig.actuator.press([A])
    rig.actuator.release([A])
    assert rig.actions == [(0.0, A, 1.0), (0.03, A, HOLD), (0.03, A, 0.0)]


def test_several_keys_are_pressed_together() -> None:
    rig = Rig()
    rig.actuator.press([LEFT_SHIFT, B, A, A])
    assert [action[:2] for action in rig.actions] == [
        (0.0, A),
        (0.0, B),
        (0.0, LEFT_SHIFT),
        (0.03, A),
        (0.03, B),
        (0.03, LEFT_SHIFT),
    ]
    rig.actuator.release(iter([A, LEFT_SHIFT]))
    assert rig.down() == {B}


def test_every_key_has_a_finger_of_its_own() -> None:
    rig = Rig()
    assert rig.actuator.keys == frozenset(KEYS)
    for usage in KEYS:
        rig.actuator.press([usage])
        assert rig.down() == {usage}
        rig.actuator.release([usage])
    assert rig.down() == set()


def test_a_key_without_a_finger_is_refused_and_nothing_is_pressed() -> None:
    rig = Rig()
    with pytest.raises(ValueError, match="no finger over 0xf0, 0xf1"):
        rig.actuator.press([A, 0xF1, 0xF0])
    with pytest.raises(ValueError, match="no finger over 0xf0"):
        rig.actuator.release([A, 0xF0])
    assert rig.actions == []


def test_pressing_no_key_presses_none() -> None:
    rig = Rig()
    rig.actuator.press([])
    assert rig.actions == []


def test_make_safe_lets_go_of_everything_even_what_it_never_pressed() -> None:
    rig = Rig()
    rig.actuator.press([A, LEFT_SHIFT])
    rig.boards[6].set_duty(3, 1.0)
    rig.actuator.make_safe()
    assert rig.down() == set()


def test_make_safe_turns_off_channels_that_have_no_key() -> None:
    rig = Rig()
    sparse = KeyActuatorBoard(rig.boards, {A: (0, 0)}, time=rig.time)
    rig.boards[5].set_duty(9, 1.0)
    sparse.make_safe()
    assert rig.down() == set()


@pytest.mark.parametrize("broken", [0, 3, 6])
def test_make_safe_lets_go_on_all_boards_that_answer_and_then_complains(broken: int) -> None:
    rig = Rig()
    pressed = {KEYS[board * 16] for board in range(7)}
    rig.actuator.press(pressed)
    rig.wires[broken].left = 0
    with pytest.raises(NotConnected, match=f"{0x40 + broken:#04x}"):
        rig.actuator.make_safe()
    assert rig.down() == {KEYS[broken * 16]}


def test_make_safe_raises_the_first_of_several_errors() -> None:
    rig = Rig()
    rig.wires[2].left = rig.wires[4].left = 0
    with pytest.raises(NotConnected, match="0x42"):
        rig.actuator.make_safe()


def test_make_safe_survives_a_brown_out() -> None:
    rig = Rig()
    rig.actuator.press([A])
    rig.twins[0].brown_out()
    rig.actuator.make_safe()
    rig.actuator.press([A])
    assert rig.down() == {A}


def test_a_press_that_fails_lets_go_of_the_others() -> None:
    rig = Rig()
    rig.wires[6].left = 0
    with pytest.raises(NotConnected, match="0x46"):
        rig.actuator.press([A, LEFT_SHIFT])
    assert rig.down() == set()
    assert (0.0, A, 1.0) in rig.actions


def test_a_release_that_fails_releases_the_others() -> None:
    rig = Rig()
    rig.actuator.press([A, KEYS[16], LEFT_SHIFT])
    rig.wires[1].left = 0
    with pytest.raises(DriverError, match="0x41"):
        rig.actuator.release([A, KEYS[16], LEFT_SHIFT])
    assert rig.down() == {KEYS[16]}


@pytest.mark.parametrize(
    ("channels", "complaint"),
    [
        ({A: (7, 0)}, "key 0x04: there is no board 7, channel 0"),
        ({A: (-1, 0)}, "no board -1"),
        ({A: (0, 16)}, "no board 0, channel 16"),
        ({A: (0, 0), B: (0, 0)}, "two keys have the same finger"),
    ],
)
def test_fingers_that_cannot_be_are_refused(
    channels: dict[int, tuple[int, int]], complaint: str
) -> None:
    rig = Rig()
    with pytest.raises(ValueError, match=complaint):
        KeyActuatorBoard(rig.boards, channels, time=rig.time)


def test_forces_that_cannot_be_are_refused() -> None:
    rig = Rig()
    nan = float("nan")
    for strike_duty, hold_duty in ((0.0, 0.4), (1.1, 0.4), (1.0, 0.0), (1.0, nan)):
        with pytest.raises(ValueError, match="duties"):
            KeyActuatorBoard(
                rig.boards,
                rig.channels,
                time=rig.time,
                strike_duty=strike_duty,
                hold_duty=hold_duty,
            )
    for strike_s in (-0.01, 1.5, nan):
        with pytest.raises(ValueError, match="strike"):
            KeyActuatorBoard(rig.boards, rig.channels, time=rig.time, strike_s=strike_s)
    with pytest.raises(ValueError, match="no fingers"):
        KeyActuatorBoard([], {}, time=rig.time)


def test_it_says_how_large_it_is() -> None:
    assert Rig().actuator.identity.model == "key actuator of 7 × PCA9685"
