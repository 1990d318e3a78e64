from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from itertools import pairwise

import pytest

from drivers.capabilities import Identity, Monitor, Vcp
from drivers.devices.ddc_monitor import DdcMonitor
from drivers.errors import (
    BadReply,
    BusMissing,
    DriverError,
    NoReply,
    NotConnected,
    Refused,
    WrongDevice,
)
from drivers.sim.devices.edid_memory import build_edid
from drivers.sim.devices.monitor import SimulatedMonitor
from drivers.sim.hardware import SimulatedI2cBus
from drivers.sim.world import SimulatedTime

EDID = build_edid(manufacturer="DEL", name="DELL 2408WFP", serial_text="CN0123", year=2009, week=7)

GET_BRIGHTNESS = bytes.fromhex("51 82 01 10 ac")
SET_BRIGHTNESS_50 = bytes.fromhex("51 84 03 10 00 32 9a")
CAPABILITIES_0 = bytes.fromhex("51 83 f3 00 00 4f")
BRIGHTNESS_IS_50 = bytes.fromhex("6e 88 02 00 10 00 00 64 00 32 f2")
NO_BRIGHTNESS = bytes.fromhex("6e 88 02 01 10 00 00 00 00 00 a5")
NULL = bytes.fromhex("6e 80 be")

Opened = tuple[DdcMonitor, SimulatedMonitor]


def open_monitor(panel: SimulatedMonitor) -> DdcMonitor:
    return DdcMonitor(SimulatedI2cBus(panel.i2c_devices()), time=panel.time)


@pytest.fixture
def panel() -> SimulatedMonitor:
    return SimulatedMonitor(EDID, time=SimulatedTime())


@pytest.fixture
def monitor(panel: SimulatedMonitor) -> DdcMonitor:
    return open_monitor(panel)


class Wire:
    """One transfer on the bus at DDC/CI's address, and when it was made."""

    def __init__(self, at_s: float, write: bytes, read_size: int) -> None:
        self.at_s = at_s
        self.write = write
        self.read_size = read_size


class ScriptedDdcCi:
    """Answers reads with what the script has next, and its last entry for ever."""

    def __init__(self, time: SimulatedTime, *replies: bytes) -> None:
        self.time = time
        self.replies = list(replies)
        self.seen: list[Wire] = []

    def transfer(self, write: bytes, read_size: int) -> bytes:
        self.seen.append(Wire(self.time.monotonic(), write, read_size))
        if not read_size:
            return b""
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply[:read_size]

    @property
    def written(self) -> list[bytes]:
        return [wire.write for wire in self.seen if wire.write]


def scripted(*replies: bytes) -> tuple[DdcMonitor, ScriptedDdcCi]:
    time = SimulatedTime()
    panel = SimulatedMonitor(EDID, time=time)
    script = ScriptedDdcCi(time, *replies)
    bus = SimulatedI2cBus(dict(panel.i2c_devices()) | {0x37: script})
    return DdcMonitor(bus, time=time), script


# Golden frames


def test_getting_brightness_sends_and_understands_the_golden_frames() -> None:
    monitor, script = scripted(BRIGHTNESS_IS_50)
    assert monitor.read_control(0x10) == Vcp(current=50, maximum=100)
    assert script.written == [GET_BRIGHTNESS]
    assert [wire.read_size for wire in script.seen] == [0, 11]


def test_setting_brightness_sends_the_golden_frame_and_reads_it_back() -> None:
    monitor, script = scripted(BRIGHTNESS_IS_50)
    monitor.set_control(0x10, 50)
    assert script.written == [GET_BRIGHTNESS, SET_BRIGHTNESS_50, GET_BRIGHTNESS]


def test_capabilities_are_fetched_in_fragments_by_offset() -> None:
    first = bytes.fromhex("6e a3 e3 00 00") + b"(prot(monitor)type(LCD)vcp(10 12"
    second = bytes.fromhex("6e 85 e3 00 20") + b"))"
    last = bytes.fromhex("6e 83 e3 00 22")
    frames = [frame + bytes([checksum(0x50, frame)]) for frame in (first, second, last)]
    monitor, script = scripted(*frames)
    assert monitor.read_capabilities() == "(prot(monitor)type(LCD)vcp(10 12))"
    assert script.written == [
        CAPABILITIES_0,
        bytes.fromhex("51 83 f3 00 20 6f"),
        bytes.fromhex("51 83 f3 00 22 6d"),
    ]


def checksum(seed: int, data: bytes) -> int:
    for byte in data:
        seed ^= byte
    return seed


def test_a_monitor_gets_its_40_ms_before_a_read_and_50_ms_after_a_set() -> None:
    monitor, script = scripted(BRIGHTNESS_IS_50)
    monitor.set_control(0x10, 50)
    for before, after in pairwise(script.seen):
        assert after.at_s - before.at_s >= (0.04 if after.read_size else 0.05)


# With the twin


def test_it_is_a_monitor_that_names_itself_by_its_edid(monitor: DdcMonitor) -> None:
    assert isinstance(monitor, Monitor)
    assert monitor.identity == Identity("DEL", "DELL 2408WFP", "CN0123")


def test_without_texts_the_numbers_name_it() -> None:
    edid = build_edid(name="", product_code=0x2401, serial_number=77)
    monitor = open_monitor(SimulatedMonitor(edid, time=SimulatedTime()))
    assert monitor.identity == Identity("SIM", "2401", "77")


def test_controls_and_capabilities_are_those_of_the_monitor(
    monitor: DdcMonitor, panel: SimulatedMonitor
) -> None:
    assert monitor.read_edid() == EDID
    assert monitor.read_control(0xC0).current == 8760
    assert monitor.read_control(0xB6).current == 3
    assert monitor.read_capabilities() == panel.capabilities


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 64, 500])
def test_capabilities_of_any_length_come_whole(length: int) -> None:
    panel = SimulatedMonitor(EDID, time=SimulatedTime(), capabilities="x" * length)
    assert open_monitor(panel).read_capabilities() == "x" * length


def test_a_brightness_that_was_set_shows_on_the_glass(
    monitor: DdcMonitor, panel: SimulatedMonitor
) -> None:
    panel.show_level(1, 1, 1)
    monitor.set_control(0x10, 100)
    assert panel.luminance_cd_m2(4) == pytest.approx(250)
    monitor.set_control(0x10, 0)
    assert panel.luminance_cd_m2(4) == pytest.approx(50)


def test_a_control_it_does_not_have_is_refused(monitor: DdcMonitor) -> None:
    with pytest.raises(Refused, match=r"VCP 0x62 → 02 01 62 .*unsupported"):
        monitor.read_control(0x62)
    with pytest.raises(Refused, match="unsupported"):
        monitor.set_control(0x62, 1)


def test_a_value_it_does_not_take_is_refused(monitor: DdcMonitor) -> None:
    with pytest.raises(Refused, match=r"0x10 was set to 101, it keeps .*current=75"):
        monitor.set_control(0x10, 101)


@pytest.mark.parametrize(
    ("code", "value"), [(-1, 0), (256, 0), (0x10, -1), (0x10, 0x10000), (0x10, float("nan"))]
)
def test_what_fits_no_frame_is_the_callers_mistake(code: int, value: int) -> None:
    monitor, script = scripted(BRIGHTNESS_IS_50)
    with pytest.raises(ValueError, match="outside"):
        monitor.set_control(code, value)
    assert script.seen == []


def test_the_first_write_that_was_slept_through_is_repeated() -> None:
    panel = SimulatedMonitor(EDID, time=SimulatedTime(), first_write_ignored=True)
    open_monitor(panel).set_control(0x10, 30)
    assert panel.controls[0x10].value == 30


def test_some_null_messages_are_waited_out() -> None:
    panel = SimulatedMonitor(EDID, time=SimulatedTime(), ddc_null_responses=4)
    assert open_monitor(panel).read_control(0x10).current == 75


def test_null_messages_without_end_are_no_reply_within_seconds() -> None:
    panel = SimulatedMonitor(EDID, time=SimulatedTime(), ddc_null_responses=10**9)
    with pytest.raises(NoReply, match="51 82 01 10 ac → 6e 80 be"):
        open_monitor(panel).read_control(0x10)
    assert panel.time.monotonic() < 5


def test_a_monitor_whose_ddc_ci_is_off_is_not_connected_there() -> None:
    panel = SimulatedMonitor(EDID, time=SimulatedTime(), ddc_mute=True)
    monitor = open_monitor(panel)
    assert monitor.read_edid() == EDID
    with pytest.raises(NotConnected, match="DDC/CI may be off"):
        monitor.read_control(0x10)
    with pytest.raises(NotConnected, match="0x37"):
        monitor.read_capabilities()


def test_a_monitor_that_told_a_control_and_then_does_not_acknowledge_is_no_reply(
    monitor: DdcMonitor, panel: SimulatedMonitor
) -> None:
    monitor.read_control(0x10)
    panel.ddc_mute = True
    unheard = "51 82 01 10 ac → .*no acknowledge from 0x37; it took commands before"
    with pytest.raises(NoReply, match=unheard):
        monitor.read_control(0x10)
    with pytest.raises(NoReply, match="took commands before"):
        monitor.set_control(0x10, 50)
    panel.ddc_mute = False
    assert monitor.read_control(0x10).current == 75


def test_a_control_that_was_told_and_is_then_denied_is_a_bad_reply() -> None:
    monitor, _ = scripted(BRIGHTNESS_IS_50, NO_BRIGHTNESS)
    monitor.read_control(0x10)
    with pytest.raises(BadReply, match=r"VCP 0x10 → .*unsupported, and it told its value before"):
        monitor.read_control(0x10)


def test_a_control_that_was_always_denied_is_refused() -> None:
    monitor, _ = scripted(NO_BRIGHTNESS)
    for _ in range(2):
        with pytest.raises(Refused, match=r"VCP 0x10 → .*unsupported"):
            monitor.read_control(0x10)


def test_a_control_that_is_all_zeros_is_none_and_nothing_is_written() -> None:
    zeros = bytes.fromhex("6e 88 02 00 10 00 00 00 00 00")
    monitor, script = scripted(zeros + bytes([checksum(0x50, zeros)]))
    with pytest.raises(Refused, match="unsupported"):
        monitor.set_control(0x10, 100)
    monitor.make_safe()
    assert set(script.written) == {GET_BRIGHTNESS}


def test_a_control_that_was_never_told_and_is_null_for_seconds_is_none() -> None:
    panel = SimulatedMonitor(EDID, time=SimulatedTime(), null_controls=(0x10,))
    monitor = open_monitor(panel)
    with pytest.raises(NoReply):
        monitor.read_control(0x10)
    panel.time.sleep(4.0)
    with pytest.raises(Refused, match=r"51 82 01 10 ac → 6e 80 be.* 4 s ago"):
        monitor.read_control(0x10)


def test_a_value_that_cannot_be_is_not_written_back(panel: SimulatedMonitor) -> None:
    panel.brightness_told = 255
    monitor = open_monitor(panel)
    with pytest.raises(Refused, match="keeps"):
        monitor.set_control(0x10, 100)
    panel.brightness_told = None
    monitor.make_safe()
    assert panel.controls[0x10].value == 100


# Make safe


def test_make_safe_restores_the_values_before_the_first_change(
    monitor: DdcMonitor, panel: SimulatedMonitor
) -> None:
    for value in (10, 20, 30):
        monitor.set_control(0x10, value)
    monitor.set_control(0x12, 40)
    monitor.make_safe()
    assert (panel.controls[0x10].value, panel.controls[0x12].value) == (75, 75)


def test_make_safe_leaves_alone_what_it_never_changed(panel: SimulatedMonitor) -> None:
    monitor, script = scripted(BRIGHTNESS_IS_50)
    monitor.make_safe()
    assert script.seen == []


def test_make_safe_wakes_the_monitor_first(monitor: DdcMonitor, panel: SimulatedMonitor) -> None:
    monitor.set_control(0x10, 10)
    monitor.set_control(0xD6, 5)
    assert panel.power_w < 1
    monitor.make_safe()
    assert panel.is_lit
    assert panel.controls[0x10].value == 75


def test_a_monitor_that_falls_silent_when_told_to_sleep_has_obeyed() -> None:
    time = SimulatedTime()
    panel = SimulatedMonitor(EDID, time=time)
    devices = dict(panel.i2c_devices())
    bus = SimulatedI2cBus(devices)
    monitor = DdcMonitor(bus, time=time)

    class DiesAsleep:
        def transfer(self, write: bytes, read_size: int) -> bytes:
            reply = devices[0x37].transfer(write, read_size)
            panel.ddc_mute = not panel.is_lit
            return reply

    bus.devices[0x37] = DiesAsleep()
    monitor.set_control(0xD6, 4)
    assert not panel.is_lit
    with pytest.raises(DriverError, match=r"0xd6 is not back at 1: .*asleep"):
        monitor.make_safe()


def test_make_safe_says_what_it_could_not_restore_and_tries_again_later(
    monitor: DdcMonitor, panel: SimulatedMonitor
) -> None:
    monitor.set_control(0x10, 10)
    monitor.set_control(0x12, 20)
    panel.mains_on = False
    with pytest.raises(DriverError, match=r"0x10 is not back at 75: .*; VCP 0x12 is not back"):
        monitor.make_safe()
    panel.mains_on = True
    monitor.make_safe()
    assert (panel.controls[0x10].value, panel.controls[0x12].value) == (75, 75)


@pytest.mark.parametrize("fault", ["mute", "garbled", "stubborn"])
def test_restoring_takes_ten_seconds_at_most_however_much_was_changed(
    monitor: DdcMonitor, panel: SimulatedMonitor, fault: str
) -> None:
    codes = [code for code in panel.controls if code != 0xD6][:5]
    for code in codes:
        with suppress(Refused):
            monitor.set_control(code, 1)
    monitor.set_control(0xD6, 5)
    bus = SimulatedI2cBus(panel.i2c_devices())
    replies = {"garbled": bytes(11), "stubborn": BRIGHTNESS_IS_50}
    if fault == "mute":
        panel.ddc_mute = True
    else:
        assert isinstance(panel.time, SimulatedTime)
        bus.devices[0x37] = ScriptedDdcCi(panel.time, replies[fault])
        monitor._channel._bus = bus
    start_s = panel.time.monotonic()
    with pytest.raises(DriverError, match="is not back at"):
        monitor.make_safe()
    assert panel.time.monotonic() - start_s <= 10.0


# What comes over a bad wire


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (bytes.fromhex("6e 88 02 00 10 00 00 64 00 32 f3"), "checksum"),
        (bytes.fromhex("6e 88 02 00 10 00 00 64"), "no reply"),
        (bytes.fromhex("6e"), "no reply"),
        (b"", "no reply"),
        (bytes(11), "no reply"),
        (b"\xff" * 11, "no reply"),
        (b"\x6e" * 11, "no reply"),
        (bytes.fromhex("6e 88 02 00 12 00 00 64 00 32 f0"), "another question"),
        (bytes.fromhex("6e 87 02 00 10 00 00 64 00 cf"), "another question"),
        (bytes.fromhex("6e 83 e3 00 00 5e"), "another question"),
    ],
)
def test_a_garbled_reply_is_retried_and_then_a_bad_reply(reply: bytes, why: str) -> None:
    monitor, script = scripted(reply, reply, BRIGHTNESS_IS_50)
    assert monitor.read_control(0x10).current == 50
    assert script.written == [GET_BRIGHTNESS] * 3
    monitor, script = scripted(reply)
    with pytest.raises(BadReply, match=f"51 82 01 10 ac → {reply.hex(' ')}.*{why}"):
        monitor.read_control(0x10)
    assert script.written == [GET_BRIGHTNESS] * 6


def test_a_late_reply_to_an_earlier_question_is_not_taken_for_this_one() -> None:
    contrast_is_40 = bytes.fromhex("6e 88 02 00 12 00 00 64 00 28 ea")
    monitor, _ = scripted(contrast_is_40, BRIGHTNESS_IS_50)
    assert monitor.read_control(0x10) == Vcp(50, 100)


def test_retries_come_further_and_further_apart() -> None:
    monitor, script = scripted(NULL)
    with pytest.raises(NoReply):
        monitor.read_control(0x10)
    asked = [wire.at_s for wire in script.seen if wire.write]
    pauses = [after - before for before, after in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 4 * pauses[0]


def test_junk_in_the_high_byte_of_a_small_value_is_no_refusal() -> None:
    input_is_3 = bytes.fromhex("6e 88 02 00 60 00 00 12 30 03")
    frame = input_is_3 + bytes([checksum(0x50, input_is_3)])
    monitor, _ = scripted(frame)
    monitor.set_control(0x60, 3)
    with pytest.raises(Refused):
        monitor.set_control(0x60, 4)


def test_a_momentary_control_is_set_once_and_neither_verified_nor_restored() -> None:
    degauss = bytes.fromhex("6e 88 02 00 01 01 00 01 00 00")
    monitor, script = scripted(degauss + bytes([checksum(0x50, degauss)]))
    monitor.set_control(0x01, 1)
    monitor.make_safe()
    assert [frame[2:-1].hex(" ") for frame in script.written] == ["01 01", "03 01 00 01"]


def test_capabilities_that_never_end_are_a_bad_reply() -> None:
    class Endless:
        def __init__(self) -> None:
            self.question = b""

        def transfer(self, write: bytes, read_size: int) -> bytes:
            self.question = write or self.question
            frame = b"\x6e\xa3\xe3" + self.question[3:5] + b"(" * 32
            return (frame + bytes([checksum(0x50, frame)]))[:read_size]

    time = SimulatedTime()
    devices = dict(SimulatedMonitor(EDID, time=time).i2c_devices()) | {0x37: Endless()}
    with pytest.raises(BadReply, match="do not end"):
        DdcMonitor(SimulatedI2cBus(devices), time=time).read_capabilities()


# EDID


def extension(number: int, tag: int = 0x70) -> bytes:
    block = bytes([tag, number]) + bytes(125)
    return block + bytes([-sum(block) % 256])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_all_promised_blocks_are_read_by_segment(count: int) -> None:
    edid = build_edid(extensions=[extension(number) for number in range(count)])
    panel = SimulatedMonitor(edid, time=SimulatedTime())
    monitor = open_monitor(panel)
    assert monitor.read_edid() == edid
    assert monitor.read_edid() == edid


def test_a_first_read_that_begins_at_the_second_block_is_repeated() -> None:
    edid = build_edid(extensions=[extension(0, tag=0x02)])
    panel = SimulatedMonitor(edid, time=SimulatedTime())
    reads = []

    class NotReady:
        def transfer(self, write: bytes, read_size: int) -> bytes:
            reads.append(write)
            return panel.edid_device.transfer(b"\x80" if len(reads) == 1 else write, read_size)

    devices = {**panel.i2c_devices(), 0x50: NotReady()}
    monitor = DdcMonitor(SimulatedI2cBus(devices), time=panel.time)
    assert monitor.first_edid == edid
    assert reads[:2] == [b"\0", b"\0"]


def test_a_segment_that_is_forgotten_before_the_read_is_a_bad_reply() -> None:
    edid = build_edid(extensions=[extension(number) for number in range(3)])
    panel = SimulatedMonitor(edid, time=SimulatedTime(), segment_survives_stop=False)
    with pytest.raises(BadReply, match=r"block 2 is block 0 again .* segment 1"):
        open_monitor(panel)


def test_blocks_that_are_promised_and_not_there_are_left_to_the_judge() -> None:
    base = bytearray(build_edid())
    base[0x7E], base[0x7F] = 3, base[0x7F] - 3
    monitor = open_monitor(SimulatedMonitor(bytes(base), time=SimulatedTime()))
    assert monitor.read_edid() == bytes(base) * 2  # a 24C01 wraps, and has no segments


def test_a_flipped_bit_in_the_memory_is_read_as_it_is() -> None:
    panel = SimulatedMonitor(EDID, time=SimulatedTime(), edid_bit_flip=8 * 0x15 + 3)
    data = open_monitor(panel).read_edid()
    assert [n for n in range(128) if data[n] != EDID[n]] == [0x15]


class Noisy:
    """Passes what the memory says, but for the first reads, in each of which another bit is off."""

    def __init__(self, memory: Callable[[bytes, int], bytes], noisy_reads: int) -> None:
        self.memory = memory
        self.left = noisy_reads

    def transfer(self, write: bytes, read_size: int) -> bytes:
        data = bytearray(self.memory(write, read_size))
        if self.left and read_size:
            data[self.left] ^= 1
            self.left -= 1
        return bytes(data)


def noisy_bus(time: SimulatedTime, reads: int) -> SimulatedI2cBus:
    devices = dict(SimulatedMonitor(EDID, time=time).i2c_devices())
    return SimulatedI2cBus(devices | {0x50: Noisy(devices[0x50].transfer, reads)})


def test_noise_on_the_wire_is_not_taken_for_a_damaged_memory() -> None:
    assert DdcMonitor(noisy_bus(SimulatedTime(), 3), time=SimulatedTime()).read_edid() == EDID
    with pytest.raises(BadReply, match="block 0 reads as"):
        DdcMonitor(noisy_bus(SimulatedTime(), 4), time=SimulatedTime())


def test_a_short_edid_read_is_a_bad_reply() -> None:
    class Short:
        def transfer(self, write: bytes, read_size: int) -> bytes:
            return EDID[:100]

    with pytest.raises(BadReply, match="block 0"):
        DdcMonitor(SimulatedI2cBus({0x50: Short()}), time=SimulatedTime())


class Hesitant:
    """A bus on which the first transfers are not acknowledged, or fail as told."""

    def __init__(self, bus: SimulatedI2cBus, naks: int) -> None:
        self.bus = bus
        self.naks = naks
        self.error: DriverError = NotConnected("no acknowledge")

    def transfer(self, address: int, write: bytes = b"", read_size: int = 0) -> bytes:
        if self.naks:
            self.naks -= 1
            raise self.error
        return self.bus.transfer(address, write, read_size)

    def hold(self) -> AbstractContextManager[object]:
        return self.bus.hold()


def test_an_acknowledge_that_is_missing_now_and_then_is_retried(panel: SimulatedMonitor) -> None:
    bus = Hesitant(SimulatedI2cBus(panel.i2c_devices()), naks=3)
    monitor = DdcMonitor(bus, time=panel.time)
    bus.naks = 2
    monitor.set_control(0x10, 20)
    bus.naks = 5
    assert monitor.read_control(0x10).current == 20


@pytest.mark.parametrize("error", [BusMissing("the bus is gone"), NoReply("the bus is taken")])
def test_trouble_with_the_bus_is_retried_and_then_remains_what_it_is(
    panel: SimulatedMonitor, error: DriverError
) -> None:
    bus = Hesitant(SimulatedI2cBus(panel.i2c_devices()), naks=3)
    bus.error = error
    monitor = DdcMonitor(bus, time=panel.time)
    assert monitor.read_edid() == EDID
    bus.naks = 10**9
    for ask in (monitor.read_edid, lambda: monitor.read_control(0x10)):
        with pytest.raises(type(error), match=str(error)):
            ask()


def test_a_bus_that_goes_between_two_blocks_ends_no_edid() -> None:
    edid = build_edid(extensions=[extension(0)])
    panel = SimulatedMonitor(edid, time=SimulatedTime())
    bus = Hesitant(SimulatedI2cBus(panel.i2c_devices()), naks=0)
    bus.error = BusMissing("gone")
    monitor = DdcMonitor(bus, time=panel.time)
    memory = panel.edid_device

    class TakesTheBus:
        def transfer(self, write: bytes, read_size: int) -> bytes:
            bus.naks = 4
            return memory.transfer(write, read_size)

    bus.bus.devices[0x50] = TakesTheBus()
    with pytest.raises(BusMissing, match="EDID block 1: gone"):
        monitor.read_edid()


def test_without_a_display_nothing_is_connected() -> None:
    with pytest.raises(NotConnected, match=r"0x50: EDID block 0"):
        DdcMonitor(SimulatedI2cBus({}), time=SimulatedTime())


def test_a_display_that_is_unplugged_is_not_connected(panel: SimulatedMonitor) -> None:
    bus = SimulatedI2cBus(panel.i2c_devices())
    monitor = DdcMonitor(bus, time=panel.time)
    bus.unplugged = True
    for ask in (monitor.read_edid, monitor.read_capabilities, lambda: monitor.read_control(0x10)):
        with pytest.raises(NotConnected):
            ask()


def test_another_memory_at_that_address_is_the_wrong_device() -> None:
    panel = SimulatedMonitor(bytes(range(128)), time=SimulatedTime())
    with pytest.raises(WrongDevice, match="begins with 00 01 02"):
        open_monitor(panel)


def test_an_erased_edid_is_a_defect_of_the_monitor_and_not_the_wrong_device() -> None:
    monitor = open_monitor(SimulatedMonitor(b"\xff" * 128, time=SimulatedTime()))
    assert monitor.identity == Identity("", "", "")
    assert monitor.read_edid() == b"\xff" * 128
    assert monitor.read_control(0x10).current == 75


# The twin itself, against the letter of DDC/CI 1.1


def ask_too_early(panel: SimulatedMonitor, wait_s: float) -> bytes:
    panel.ddc_device.transfer(GET_BRIGHTNESS, 0)
    panel.time.sleep(wait_s)
    return panel.ddc_device.transfer(b"", 11)


def test_the_twin_has_nothing_to_say_before_40_ms(panel: SimulatedMonitor) -> None:
    assert ask_too_early(panel, 0.039)[:3] == NULL
    assert panel.ddc_device.transfer(b"", 11)[:3] == NULL
    assert ask_too_early(panel, 0.041) == bytes.fromhex("6e 88 02 00 10 00 00 64 00 4b 8b")
    assert panel.ddc_device.transfer(b"", 11)[:3] == NULL


def test_the_twin_drops_what_comes_within_50_ms_of_a_set(panel: SimulatedMonitor) -> None:
    panel.ddc_device.transfer(SET_BRIGHTNESS_50, 0)
    assert panel.controls[0x10].value == 50
    panel.ddc_device.transfer(bytes.fromhex("51 84 03 10 00 0a a2"), 0)
    assert panel.controls[0x10].value == 50
    panel.time.sleep(0.051)
    panel.ddc_device.transfer(bytes.fromhex("51 84 03 10 00 0a a2"), 0)
    assert panel.controls[0x10].value == 10


@pytest.mark.parametrize(
    "frame", ["51 82 01 10 ad", "50 82 01 10 ad", "51 83 01 10 ad", "51 82 01", "51", "51 80 bf"]
)
def test_the_twin_does_not_answer_a_bad_frame(panel: SimulatedMonitor, frame: str) -> None:
    panel.ddc_device.transfer(bytes.fromhex(frame), 0)
    panel.time.sleep(0.1)
    assert panel.ddc_device.transfer(b"", 11)[:3] == NULL
