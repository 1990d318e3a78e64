"""Driver, pyusb and twin together; the wire in between is watched."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.capabilities import Identity, KeyEvent
from drivers.devices.hid_keyboard import HidKeyboard
from drivers.errors import BadReply, NoReply, NotConnected, NotPermitted, Refused, WrongDevice
from drivers.linux.usb import open_port
from drivers.sim.devices.keyboard import ANSI_104, SimulatedKeyboard
from drivers.sim.languages.usb_hub import SimulatedHub
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.linux.usb_device import Setup, Silence, Stall, UsbFunction
from drivers.sim.world import Circuit, SimulatedTime, StiffSource

A, B, C, J, CAPS, LEFT_SHIFT, KEYPAD_1 = 0x04, 0x05, 0x06, 0x0D, 0x39, 0xE1, 0x59
LEFT_CTRL = 0xE0

MOUSE_REPORTS = bytes.fromhex(
    "05 01 09 02 a1 01 05 09 19 01 29 03 15 00 25 01 75 01 95 03 81 02 95 05 81 01 c0"
)


class Watched(SimulatedKeyboard):
    """Writes down what it was asked; `alter` may change or refuse its answers.

    `hung` it answers nothing at all.
    """

    alter: Callable[[Setup, bytes], bytes] | None = None
    hung = False

    def control(self, setup: Setup, data: bytes) -> bytes:
        if self.hung:
            raise Silence
        return super().control(setup, data)

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        self.asked = [*getattr(self, "asked", []), (setup, data)]
        answer = super().function_control(setup, data)
        return self.alter(setup, answer) if self.alter else answer


class Bench:
    """A keyboard at port 1-1, and the time they share."""

    def __init__(self, **knobs: Any) -> None:
        self.time = SimulatedTime()
        self.backend = SimulatedUsbBackend(self.time)
        self.board = Watched(self.time, **knobs)
        self.backend.plug("1-1", self.board)

    def open(self) -> HidKeyboard:
        return HidKeyboard(open_port("1-1", self.backend), time=self.time)


def pressed(events: Iterable[KeyEvent]) -> list[tuple[int, bool]]:
    return [(event.usage, event.down) for event in events]


def type_keys(bench: Bench, keyboard: HidKeyboard, *usages: int) -> list[tuple[int, bool]]:
    """Press each key for 60 ms, one after the other."""
    events: list[KeyEvent] = []
    for usage in usages:
        bench.board.press(usage)
        events += keyboard.read_events(0.06)
        bench.time.sleep(0.05)
        events += keyboard.read_events(0.0)
        bench.board.release(usage)
        events += keyboard.read_events(0.06)
    return pressed(events)


def strokes(*usages: int) -> list[tuple[int, bool]]:
    return [stroke for usage in usages for stroke in ((usage, True), (usage, False))]


boards = pytest.mark.parametrize("nkro", [False, True], ids=["array", "bitmap"])


# Opening


def test_a_keyboard_says_who_it_is() -> None:
    bench = Bench(maker="ACME", product="K1", serial_number="77")
    assert bench.open().identity == Identity("ACME", "K1", "77", "1.10")


def test_a_nameless_keyboard_is_known_by_its_numbers() -> None:
    bench = Bench(maker="", product="", vendor_id=0x046D, product_id=0xC31C)
    bench.board.strings = ()
    assert bench.open().identity == Identity("046d", "c31c", "", "1.10")


@boards
def test_what_it_can_do_is_in_its_descriptor(nkro: bool) -> None:
    keyboard = Bench(nkro=nkro).open()
    assert keyboard.boot
    assert keyboard.usages == {*range(0x04, 0xE8)}
    assert keyboard.rollover == (0x98 - 4 if nkro else 6)
    assert keyboard.leds == {"num", "caps", "scroll"}


def test_the_golden_dialogue_of_opening() -> None:
    bench = Bench()
    bench.open()
    assert bench.board.asked == [
        (Setup(0x81, 0x06, 0x2200, 0, 65), b""),
        (Setup(0x21, 0x0A, 0x7D00, 0, 0), b""),
        (Setup(0x21, 0x0B, 1, 0, 0), b""),
    ]


@boards
def test_all_its_interfaces_are_held_and_given_back(nkro: bool) -> None:
    bench = Bench(nkro=nkro)
    interfaces = {0, 1} if nkro else {0}
    keyboard = bench.open()
    assert bench.backend.claimed("1-1") == interfaces
    keyboard.close()
    keyboard.close()
    assert bench.backend.held_by_kernel("1-1") == interfaces
    with pytest.raises(NotConnected, match="closed"):
        keyboard.read_events(0.1)
    with pytest.raises(NotConnected, match="closed"):
        keyboard.make_safe()


@boards
def test_while_it_is_held_no_key_reaches_the_console(nkro: bool) -> None:
    bench = Bench(nkro=nkro)
    bench.board.press(A)
    bench.time.sleep(0.1)
    bench.board.release(A)
    bench.time.sleep(0.1)
    assert bench.backend.console == [A]
    keyboard = bench.open()
    assert type_keys(bench, keyboard, B, 0x28, LEFT_CTRL) == strokes(B, 0x28, LEFT_CTRL)
    bench.board.press(J)
    bench.time.sleep(0.1)
    bench.board.release(J)
    bench.time.sleep(0.1)
    assert bench.backend.console == [A]
    keyboard.read_events(0.1)
    keyboard.close()
    bench.board.press(C)
    bench.time.sleep(0.1)
    assert bench.backend.console == [A, C]


class Printer(UsbFunction):
    def __init__(self) -> None:
        super().__init__(
            bytes.fromhex("12 01 00 02 00 00 00 40 b8 04 02 02 00 01 00 00 00 01"),
            bytes.fromhex("09 02 12 00 01 01 00 c0 00 09 04 00 00 00 07 01 02 00"),
        )


class Mouse(UsbFunction):
    def __init__(self) -> None:
        super().__init__(
            bytes.fromhex("12 01 00 02 00 00 00 08 6d 04 77 c0 00 01 00 00 00 01"),
            bytes.fromhex(
                "09 02 22 00 01 01 00 a0 32 09 04 00 00 01 03 01 02 00"
                "09 21 11 01 00 01 22 1b 00 07 05 81 03 04 00 0a"
            ),
        )

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        return MOUSE_REPORTS if setup.request == 0x06 else b""


@pytest.mark.parametrize(
    ("device", "complaint"),
    [
        (Printer(), "keyboard 04b8:0202: no HID interface, only of class 0x07"),
        (Mouse(), "keyboard 046d:c077: none of its HID interfaces sends keys"),
    ],
)
def test_what_is_no_keyboard_is_the_wrong_device_and_is_given_back(
    device: UsbFunction, complaint: str
) -> None:
    time = SimulatedTime()
    backend = SimulatedUsbBackend(time)
    backend.plug("1-1", device)
    with pytest.raises(WrongDevice, match=complaint):
        HidKeyboard(open_port("1-1", backend), time=time)
    assert backend.claimed("1-1") == frozenset()
    assert backend.held_by_kernel("1-1") == {0}


def test_a_keyboard_that_does_not_enumerate_is_not_connected() -> None:
    with pytest.raises(NotConnected, match="does not enumerate"):
        Bench(does_not_enumerate=True).open()


def test_a_keyboard_that_is_held_already_is_not_permitted() -> None:
    bench = Bench(nkro=True)
    first = bench.open()
    with pytest.raises(NotPermitted, match="claim interface 0"):
        bench.open()
    assert type_keys(bench, first, A) == strokes(A)


def report_descriptor(answer: bytes) -> Callable[[Setup, bytes], bytes]:
    return lambda setup, truth: answer if setup.request == 0x06 else truth


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"", "interface 0: report descriptor of 0 bytes, not 65"),
        (bytes(64), "interface 0: report descriptor of 64 bytes, not 65"),
        (b"\xc0" * 65, "interface 0: HID report descriptor, offset 0"),
    ],
)
def test_a_damaged_report_descriptor_is_a_bad_reply_and_all_is_given_back(
    answer: bytes, complaint: str
) -> None:
    bench = Bench()
    bench.board.alter = report_descriptor(answer)
    with pytest.raises(BadReply, match=f"keyboard 1209:7002, {complaint}"):
        bench.open()
    assert bench.backend.held_by_kernel("1-1") == {0}


def test_a_keyboard_without_a_hid_descriptor_is_a_bad_reply() -> None:
    bench = Bench()
    bench.backend.unplug("1-1")
    whole = bench.board.configuration_descriptor
    bench.board.configuration_descriptor = whole.replace(b"\x09\x21", b"\x09\x25")
    bench.backend.plug("1-1", bench.board)
    with pytest.raises(BadReply, match="interface 0: no HID descriptor"):
        bench.open()


def refuse(request: int, how: type[Exception] = Stall) -> Callable[[Setup, bytes], bytes]:
    def alter(setup: Setup, answer: bytes) -> bytes:
        if setup.request == request:
            raise how
        return answer

    return alter


def test_a_mute_keyboard_is_no_reply_and_is_given_back() -> None:
    bench = Bench()
    bench.board.alter = refuse(0x06, Silence)
    with pytest.raises(NoReply, match="0x81 0x06, value 0x2200"):
        bench.open()
    assert bench.backend.held_by_kernel("1-1") == {0}


@pytest.mark.parametrize("request_code", [0x0A, 0x0B])
def test_a_keyboard_that_cannot_choose_is_taken_as_it_is(request_code: int) -> None:
    bench = Bench()
    bench.board.alter = refuse(request_code)
    assert type_keys(bench, bench.open(), A) == strokes(A)


# Keys


@boards
def test_every_key_goes_down_and_up(nkro: bool) -> None:
    bench = Bench(nkro=nkro)
    keys = sorted(ANSI_104)
    assert len(keys) == 104
    assert type_keys(bench, bench.open(), *keys) == strokes(*keys)


def test_events_are_dated_when_their_report_arrives() -> None:
    """2 ms of bouncing, 5 ms of debouncing, and asked every 1 ms."""
    bench = Bench(nkro=True)
    keyboard = bench.open()
    pressed_s = bench.time.monotonic()
    bench.board.press(A)
    keyboard.read_events(0.5)
    bench.board.release(A)
    (up,) = keyboard.read_events(0.5)
    assert 0.007 <= up.at_s - pressed_s < 0.1
    bench.board.press(A)
    before_s = bench.time.monotonic()
    (down,) = keyboard.read_events(0.5)
    assert down.at_s - before_s == pytest.approx(0.007, abs=0.0011)


def test_an_idle_keyboard_lets_time_pass() -> None:
    for nkro in (False, True):
        bench = Bench(nkro=nkro)
        keyboard = bench.open()
        before_s = bench.time.monotonic()
        assert keyboard.read_events(2.0) == ()
        assert bench.time.monotonic() - before_s == pytest.approx(2.0, abs=0.003)


def test_a_look_without_waiting_hears_what_is_there() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    assert keyboard.read_events(0.0) == ()
    bench.board.press(A)
    bench.time.sleep(0.1)
    heard = [keyboard.read_events(0.0) for _ in range(3)]
    assert pressed(event for events in heard for event in events) == [(A, True)]


@pytest.mark.parametrize("timeout_s", [-1.0, float("nan"), float("inf"), 3601.0])
def test_an_impossible_wait_is_the_caller_s_mistake(timeout_s: float) -> None:
    with pytest.raises(ValueError, match="cannot wait"):
        Bench().open().read_events(timeout_s)


@boards
def test_two_keys_in_one_report_are_two_events(nkro: bool) -> None:
    bench = Bench(nkro=nkro)
    keyboard = bench.open()
    bench.board.press(A)
    bench.board.press(B)
    bench.board.press(LEFT_SHIFT)
    assert pressed(keyboard.read_events(0.1)) == [(A, True), (B, True), (LEFT_SHIFT, True)]
    bench.board.press(C)
    bench.board.release(A)
    assert pressed(keyboard.read_events(0.1)) == [(A, False), (C, True)]


def test_a_seventh_key_is_a_rollover_and_no_event() -> None:
    bench = Bench()
    keyboard = bench.open()
    for usage in range(A, A + 6):
        bench.board.press(usage)
    assert len(keyboard.read_events(0.1)) == 6
    assert keyboard.rollover_seen == 0
    bench.board.press(A + 6)
    bench.board.press(LEFT_SHIFT)
    assert pressed(keyboard.read_events(0.1)) == [(LEFT_SHIFT, True)]
    assert keyboard.rollover_seen == 1
    bench.board.release(A)
    assert pressed(keyboard.read_events(0.1)) == [(A, False), (A + 6, True)]


def test_a_bitmap_board_tells_all_ten_fingers_apart() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    for usage in range(A, A + 10):
        bench.board.press(usage)
    assert pressed(keyboard.read_events(0.1)) == [(usage, True) for usage in range(A, A + 10)]
    assert keyboard.rollover_seen == 0


def test_a_failed_self_test_is_counted_and_no_event() -> None:
    bench = Bench()
    keyboard = bench.open()
    bench.board._queues[0x81].append(bytes.fromhex("00 00 02 02 02 02 02 02"))
    assert keyboard.read_events(0.1) == ()
    assert (keyboard.faults_seen, keyboard.rollover_seen) == (1, 0)


def test_a_key_that_was_stuck_before_we_came_is_found_within_half_a_second() -> None:
    bench = Bench(stuck_keys=[J])
    bench.time.sleep(1.0)
    assert bench.backend.console == [J]
    keyboard = bench.open()
    assert pressed(keyboard.read_events(0.6)) == [(J, True)]
    assert keyboard.read_events(2.0) == ()


def test_repeated_reports_are_no_events() -> None:
    bench = Bench()
    keyboard = bench.open()
    bench.board.press(A)
    assert pressed(keyboard.read_events(0.1)) == [(A, True)]
    assert keyboard.read_events(5.0) == ()


def test_a_dead_key_says_nothing() -> None:
    bench = Bench(dead_keys=[A])
    assert type_keys(bench, bench.open(), A, B) == strokes(B)


def test_swapped_keys_say_each_other() -> None:
    bench = Bench(swapped_keys={A: B})
    assert type_keys(bench, bench.open(), A, B, C) == strokes(B, A, C)


@boards
def test_a_chattering_key_goes_down_twice_within_thirty_milliseconds(nkro: bool) -> None:
    bench = Bench(nkro=nkro, chattering_keys=[A])
    keyboard = bench.open()
    bench.board.press(A)
    events: list[KeyEvent] = []
    while batch := keyboard.read_events(0.1):
        events += batch
    assert pressed(events) == [(A, True), (A, False), (A, True)]
    assert 0.005 <= events[2].at_s - events[1].at_s < 0.030


def test_a_key_that_chatters_sometimes_is_sometimes_good() -> None:
    bench = Bench(nkro=True, chattering_keys=[A], chatter_every=3)
    typed = type_keys(bench, bench.open(), A, A, A, A)
    assert typed == strokes(A, A, A, A, A)


def test_firmware_without_debouncing_makes_every_key_chatter() -> None:
    bench = Bench(nkro=True, debounce_s=0.0)
    assert type_keys(bench, bench.open(), A) == strokes(A, A, A)


# Three corners of a rectangle: 0x04 and 0x05 in one column of the matrix, 0x0c in 0x04's row.
CORNERS = (0x04, 0x05, 0x0C)
FOURTH = 0x0D


def test_with_diodes_three_corners_are_three_keys() -> None:
    bench = Bench()
    assert type_together(bench, *CORNERS) == [(usage, True) for usage in CORNERS]


def test_without_diodes_three_corners_close_the_fourth() -> None:
    bench = Bench(diodes=False, blocking=False)
    assert type_together(bench, *CORNERS) == [(usage, True) for usage in (*CORNERS, FOURTH)]


@boards
def test_a_firmware_that_knows_of_ghosts_reports_none(nkro: bool) -> None:
    bench = Bench(nkro=nkro, diodes=False)
    keyboard = bench.open()
    bench.board.press(CORNERS[0])
    bench.board.press(CORNERS[1])
    assert len(keyboard.read_events(0.1)) == 2
    bench.board.press(CORNERS[2])
    assert keyboard.read_events(0.1) == ()
    assert keyboard.rollover_seen == (0 if nkro else 1)
    bench.board.release(CORNERS[0])
    assert pressed(keyboard.read_events(0.1)) == [(CORNERS[0], False), (CORNERS[2], True)]


def test_without_diodes_two_keys_and_three_with_a_modifier_are_still_told_apart() -> None:
    for keys in ((0x04, 0x05), (0x04, 0x0C), (0x04, 0x05, LEFT_SHIFT), (LEFT_CTRL, 0x04, 0x0D)):
        bench = Bench(diodes=False, blocking=False)
        assert type_together(bench, *keys) == [(usage, True) for usage in sorted(keys)]


def type_together(bench: Bench, *usages: int) -> list[tuple[int, bool]]:
    keyboard = bench.open()
    for usage in usages:
        bench.board.press(usage)
    return pressed(keyboard.read_events(0.1))


@given(
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from([A, B, C, J, KEYPAD_1, LEFT_CTRL, LEFT_SHIFT]), st.booleans()),
        max_size=25,
    ),
    st.sampled_from([0.0, 0.004, 0.03]),
)
def test_whatever_fingers_do_the_events_end_where_they_do(
    nkro: bool, moves: list[tuple[int, bool]], pause_s: float
) -> None:
    bench = Bench(nkro=nkro)
    keyboard = bench.open()
    held: set[int] = set()
    events: list[KeyEvent] = []
    for usage, down in moves:
        (bench.board.press if down else bench.board.release)(usage)
        (held.add if down else held.discard)(usage)
        bench.time.sleep(pause_s)
        events += keyboard.read_events(0.0)
    while batch := keyboard.read_events(0.1):
        events += batch
    known: set[int] = set()
    for event in events:
        assert (event.usage in known) is not event.down
        (known.add if event.down else known.discard)(event.usage)
    assert known == held
    assert [event.at_s for event in events] == sorted(event.at_s for event in events)
    assert bench.backend.console == []


# Boot protocol


def test_in_boot_protocol_a_bitmap_board_speaks_like_any_other() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    keyboard.use_boot_protocol(boot=True)
    assert keyboard.rollover == 6
    assert bench.board.asked[-1] == (Setup(0x21, 0x0B, 0, 0, 0), b"")
    assert type_keys(bench, keyboard, A, LEFT_SHIFT) == strokes(A, LEFT_SHIFT)
    for usage in range(A, A + 7):
        bench.board.press(usage)
    assert keyboard.read_events(0.1) == ()
    assert keyboard.rollover_seen == 1
    keyboard.use_boot_protocol(boot=False)
    assert keyboard.rollover == 0x98 - 4
    assert pressed(keyboard.read_events(0.1)) == [(usage, True) for usage in range(A, A + 7)]


def test_a_key_held_through_the_change_goes_down_only_once() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    bench.board.press(A)
    assert pressed(keyboard.read_events(0.1)) == [(A, True)]
    keyboard.use_boot_protocol(boot=True)
    assert keyboard.read_events(1.0) == ()
    bench.board.release(A)
    assert pressed(keyboard.read_events(0.1)) == [(A, False)]


def test_a_keyboard_is_given_back_in_report_protocol() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    keyboard.use_boot_protocol(boot=True)
    keyboard.close()
    assert bench.board.asked[-1] == (Setup(0x21, 0x0B, 1, 0, 0), b"")
    assert bench.backend.held_by_kernel("1-1") == {0, 1}


def test_a_refused_change_is_not_hidden() -> None:
    bench = Bench()
    keyboard = bench.open()
    bench.board.alter = refuse(0x0B)
    with pytest.raises(Refused, match="request 0x21 0x0b, value 0x0000"):
        keyboard.use_boot_protocol(boot=True)
    assert type_keys(bench, keyboard, A) == strokes(A)


def test_a_keyboard_without_boot_protocol_is_not_asked_for_it() -> None:
    bench = Bench()
    bench.backend.unplug("1-1")
    whole = bench.board.configuration_descriptor
    bench.board.configuration_descriptor = whole.replace(b"\x03\x01\x01\x00", b"\x03\x00\x00\x00")
    bench.backend.plug("1-1", bench.board)
    keyboard = bench.open()
    assert not keyboard.boot
    bench.board.asked.clear()
    with pytest.raises(Refused, match="offers no boot protocol"):
        keyboard.use_boot_protocol(boot=True)
    keyboard.use_boot_protocol(boot=False)
    assert bench.board.asked == []


# LEDs


def test_the_golden_led_report_of_a_plain_board() -> None:
    bench = Bench()
    keyboard = bench.open()
    keyboard.set_leds(caps=True)
    assert bench.board.asked[-1] == (Setup(0x21, 0x09, 0x0200, 0, 1), b"\x02")
    keyboard.set_leds(num=True, scroll=True)
    assert bench.board.asked[-1] == (Setup(0x21, 0x09, 0x0200, 0, 1), b"\x05")
    assert bench.board.leds == {"num", "scroll"}
    keyboard.make_safe()
    assert bench.board.asked[-1] == (Setup(0x21, 0x09, 0x0200, 0, 1), b"\x00")
    assert bench.board.leds == frozenset()


def test_the_golden_led_reports_of_a_board_with_report_ids() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    keyboard.set_leds(caps=True)
    assert bench.board.asked[-2:] == [
        (Setup(0x21, 0x09, 0x0200, 0, 1), b"\x02"),
        (Setup(0x21, 0x09, 0x0201, 1, 2), b"\x01\x02"),
    ]
    keyboard.use_boot_protocol(boot=True)
    keyboard.set_leds(num=True)
    assert bench.board.asked[-1] == (Setup(0x21, 0x09, 0x0200, 0, 1), b"\x01")


def test_a_sensor_sees_the_caps_lock_led() -> None:
    bench = Bench()
    keyboard = bench.open()
    assert bench.board.caps_lock_illuminance_lux() == 2.0
    keyboard.set_leds(caps=True)
    assert bench.board.caps_lock_illuminance_lux() == 40.0
    keyboard.set_leds(num=True)
    assert bench.board.caps_lock_illuminance_lux() == 2.0


def test_a_dead_led_stays_dark() -> None:
    bench = Bench(led_dead=["caps"])
    bench.open().set_leds(num=True, caps=True)
    assert bench.board.leds == {"num"}
    assert bench.board.caps_lock_illuminance_lux() == 2.0


def test_leds_cost_current() -> None:
    bench = Bench()
    circuit = Circuit(StiffSource(5.0, 0.1), bench.board)
    keyboard = bench.open()
    dark_a = circuit.current_a
    assert 0.02 <= dark_a <= 0.1
    keyboard.set_leds(num=True, caps=True, scroll=True)
    assert dark_a + 0.015 <= circuit.current_a <= 0.1
    assert bench.board.current_at(2.0) == 0.0


def test_an_led_that_the_descriptor_does_not_have_is_refused_before_anything_is_sent() -> None:
    bench = Bench()
    two_leds = bytes.fromhex("95 02 75 01 05 08 19 01 29 02 91 02 95 01 75 06 91 01")
    bench.board.alter = lambda setup, answer: answer.replace(
        bytes.fromhex("95 05 75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 01"), two_leds
    )
    keyboard = bench.open()
    assert keyboard.leds == {"num", "caps"}
    bench.board.asked.clear()
    with pytest.raises(Refused, match="no scroll lock LED"):
        keyboard.set_leds(num=True, scroll=True)
    assert bench.board.asked == []
    keyboard.set_leds(num=True)
    assert bench.board.asked == [(Setup(0x21, 0x09, 0x0200, 0, 1), b"\x01")]


def test_make_safe_does_not_hide_that_it_failed() -> None:
    bench = Bench()
    keyboard = bench.open()
    bench.board.alter = refuse(0x09)
    with pytest.raises(Refused, match="request 0x21 0x09"):
        keyboard.make_safe()
    bench.backend.unplug("1-1")
    with pytest.raises(NotConnected, match="request 0x21 0x09"):
        keyboard.make_safe()


# What a device under test may do to us


def test_unplugging_in_the_middle_is_not_connected() -> None:
    bench = Bench(unplug_after=3)
    keyboard = bench.open()
    with pytest.raises(NotConnected, match="No such device"):
        type_keys(bench, keyboard, A, B)
    keyboard.close()
    bench.backend.plug("1-2", Watched(bench.time))
    replaced = HidKeyboard(open_port("1-2", bench.backend), time=bench.time)
    assert replaced.boot


@boards
def test_closing_a_keyboard_that_hangs_takes_no_longer_than_noticing_it(nkro: bool) -> None:
    bench = Bench(nkro=nkro)
    keyboard = bench.open()
    bench.board.hung = True
    before_s = bench.time.monotonic()
    keyboard.close()
    assert bench.time.monotonic() - before_s == pytest.approx(1.0)
    assert bench.backend.claimed("1-1") == frozenset()
    assert bench.backend.held_by_kernel("1-1") == frozenset()


def test_a_keyboard_that_hangs_in_boot_protocol_is_let_go_before_it_is_complained_of() -> None:
    bench = Bench()
    keyboard = bench.open()
    keyboard.use_boot_protocol(boot=True)
    bench.board.hung = True
    with pytest.raises(NoReply, match="request 0x21 0x0b"):
        keyboard.close()
    assert bench.backend.claimed("1-1") == frozenset()
    assert bench.backend.held_by_kernel("1-1") == frozenset()


def test_a_keyboard_that_comes_back_starts_afresh() -> None:
    bench = Bench()
    keyboard = bench.open()
    keyboard.set_leds(caps=True)
    bench.backend.unplug("1-1")
    assert bench.board.leds == frozenset()
    keyboard.close()
    bench.backend.plug("1-1", bench.board)
    assert type_keys(bench, bench.open(), A) == strokes(A)


@pytest.mark.parametrize("report", [b"\x00\x00\x04", b"\x00" * 7])
def test_a_cut_off_report_is_counted_and_says_nothing(report: bytes) -> None:
    bench = Bench()
    keyboard = bench.open()
    bench.board._queues[0x81].append(report)
    assert type_keys(bench, keyboard, A) == strokes(A)
    assert keyboard.odd_reports_seen == 1


def test_a_report_with_an_unknown_id_is_counted_and_says_nothing() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    bench.board._queues[0x82] += [b"\x07\x01", b"\x0a\x00"]
    assert type_keys(bench, keyboard, A) == strokes(A)
    assert keyboard.odd_reports_seen == 2


@pytest.mark.parametrize("answer", [b"", bytes(25), b"\x05\x07\x19\xe7\x29\xe0\x75"])
def test_a_second_interface_that_cannot_be_read_is_left_aside(answer: bytes) -> None:
    bench = Bench(nkro=True)

    def alter(setup: Setup, truth: bytes) -> bytes:
        return answer if setup.request == 0x06 and setup.index == 1 else truth

    bench.board.alter = alter
    keyboard = bench.open()
    assert bench.backend.claimed("1-1") == {0, 1}
    assert 0x04 in keyboard.usages


def test_a_second_interface_that_stalls_is_left_aside() -> None:
    bench = Bench(nkro=True)

    def alter(setup: Setup, truth: bytes) -> bytes:
        if setup.request == 0x06 and setup.index == 1:
            raise Stall
        return truth

    bench.board.alter = alter
    assert 0x04 in bench.open().usages


def test_a_keyboard_behind_a_hub_of_its_own_is_found_and_the_hub_is_let_go() -> None:
    bench = Bench()
    bench.backend.unplug("1-1")
    hub = SimulatedHub(bench.time, bench.backend, "1-1")
    bench.backend.plug("1-1", hub)
    bench.backend.plug("1-1.2", bench.board)
    keyboard = bench.open()
    assert bench.backend.claimed("1-1.2") == {0}
    assert type_keys(bench, keyboard, A) == strokes(A)
    keyboard.close()
    assert bench.backend.held_by_kernel("1-1.2") == {0}


def test_a_hub_without_a_keyboard_behind_it_is_no_keyboard() -> None:
    bench = Bench()
    bench.backend.unplug("1-1")
    bench.backend.plug("1-1", SimulatedHub(bench.time, bench.backend, "1-1"))
    with pytest.raises(WrongDevice, match="no HID interface, only of class 0x09"):
        bench.open()


def test_a_volume_key_is_no_key_of_ours_and_does_not_end_the_wait() -> None:
    bench = Bench(nkro=True)
    keyboard = bench.open()
    bench.board._queues[0x82] += [b"\x03\xe9\x00", b"\x03\x00\x00"]
    before_s = bench.time.monotonic()
    assert keyboard.read_events(0.2) == ()
    assert bench.time.monotonic() - before_s == pytest.approx(0.2, abs=0.003)


def test_a_keyboard_that_never_stops_talking_cannot_hold_us_up() -> None:
    class Flood(Watched):
        rounds = 0

        def transfer_in(self, endpoint: int) -> bytes | None:
            self.rounds += 1
            return bytes([0, 0, 4 + self.rounds % 2, 0, 0, 0, 0, 0])

    bench = Bench()
    bench.backend.plug("1-2", Flood(bench.time))
    keyboard = HidKeyboard(open_port("1-2", bench.backend), time=bench.time)
    assert pressed(keyboard.read_events(0.1)) in ([(A, True)], [(B, True)])
    before_s = bench.time.monotonic()
    for _ in range(10):
        assert len(keyboard.read_events(0.1)) == 2
    assert bench.time.monotonic() - before_s < 0.5


def test_a_keyboard_that_repeats_itself_without_end_cannot_hold_us_up() -> None:
    class Flood(Watched):
        def transfer_in(self, endpoint: int) -> bytes | None:
            return bytes(8)

    bench = Bench()
    bench.backend.plug("1-2", Flood(bench.time))
    keyboard = HidKeyboard(open_port("1-2", bench.backend), time=bench.time)
    before_s = bench.time.monotonic()
    assert keyboard.read_events(0.1) == ()
    assert bench.time.monotonic() - before_s == pytest.approx(0.1, abs=0.011)


# The twin


def test_a_finger_finds_only_keys_that_are_there() -> None:
    board = SimulatedKeyboard(SimulatedTime(), keys=[A, B])
    with pytest.raises(ValueError, match="no key 0x06"):
        board.press(C)
    with pytest.raises(ValueError, match="no key 0x06"):
        board.release(C)


def test_the_twin_answers_what_hid_1_11_asks_of_keyboards() -> None:
    bench = Bench(nkro=True)
    device = open_port("1-1", bench.backend)
    device.claim(0)
    device.claim(1)
    assert device.control_in(0x81, 6, 0x2100, 0, 9).hex(" ") == "09 21 11 01 00 01 22 41 00"
    assert device.control_in(0xA1, 1, 0x0100, 0, 8) == bytes(8)
    assert device.control_in(0xA1, 2, 0, 0, 1) == b"\x7d"
    assert device.control_in(0xA1, 3, 0, 0, 1) == b"\x01"
    device.control_out(0x21, 0x0A, 0, 0)
    assert device.control_in(0xA1, 2, 0, 0, 1) == b"\x00"


@pytest.mark.parametrize(
    ("request_code", "value", "index", "data"),
    [
        (0x09, 0x0200, 0, b"\x01\x02"),
        (0x09, 0x0201, 0, b"\x01"),
        (0x09, 0x0201, 1, b"\x02"),
        (0x0B, 2, 0, b""),
        (0x0B, 0, 1, b""),
        (0x0C, 0, 0, b""),
    ],
)
def test_the_twin_stalls_what_it_does_not_know(
    request_code: int, value: int, index: int, data: bytes
) -> None:
    bench = Bench(nkro=True)
    device = open_port("1-1", bench.backend)
    device.claim(index)
    with pytest.raises(Refused):
        device.control_out(0x21, request_code, value, index, data)
