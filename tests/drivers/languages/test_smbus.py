"""SMBus messages, byte by byte, and the chip that checks them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smbus2 import I2cFunc

from drivers.errors import BadReply, NotConnected, Refused
from drivers.languages.smbus import SmbusChip, packet_error_code
from drivers.linux.i2c_dev import I2cDev
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Recorded
from drivers.sim.languages.smbus import SimulatedSmbusChip
from tests.drivers.linux.kernel_i2c import STUB, KernelAdapter

BATTERY = 0x0B
MODE, SELECT, VOLTAGE, NAME, CALL = 0x03, 0x04, 0x09, 0x20, 0x44

bytes_of_a_block = st.binary(min_size=1, max_size=32)
words = st.integers(0, 0xFFFF)


def battery(*, pec: bool = False) -> SimulatedSmbusChip:
    """Voltage 12608 mV; the rest is made up."""
    return SimulatedSmbusChip(
        BATTERY,
        pec=pec,
        values={MODE: b"\x00\x00", SELECT: b"\x00", VOLTAGE: (12608).to_bytes(2, "little")},
        blocks={NAME: b"DELL 1VX1H9"},
        calls={CALL: lambda word: word ^ 0xFFFF},
        state=0x5A,
    )


def connect(device: I2cDevice, *, pec: bool = False) -> SmbusChip:
    return SmbusChip(SimulatedI2cBus({BATTERY: device}), BATTERY, "battery", pec=pec)


with_and_without_pec = pytest.mark.parametrize("pec", [False, True], ids=["plain", "pec"])


# Golden bytes


def test_the_packet_error_code_is_that_of_the_standard() -> None:
    assert packet_error_code(bytes.fromhex("16 09 17 40 31")) == 0xA7
    assert packet_error_code(b"123456789") == 0xF4  # the catalogue of CRCs, CRC-8/SMBUS
    assert packet_error_code(b"") == 0


@pytest.mark.parametrize(
    ("ask", "plain", "with_pec"),
    [
        (lambda chip: chip.quick(), ("", ""), ("", "")),
        (lambda chip: chip.send_byte(0x81), ("81", ""), ("81 a7", "")),
        (lambda chip: chip.receive_byte(), ("", "5a"), ("", "5a bd")),
        (lambda chip: chip.write_byte(SELECT, 2), ("04 02", ""), ("04 02 85", "")),
        (lambda chip: chip.write_word(MODE, 0x8001), ("03 01 80", ""), ("03 01 80 32", "")),
        (lambda chip: chip.read_word(VOLTAGE), ("09", "40 31"), ("09", "40 31 a7")),
        (
            lambda chip: chip.process_call(CALL, 0x1234),
            ("44 34 12", "cb ed"),
            ("44 34 12", "cb ed 1c"),
        ),
        (lambda chip: chip.write_block(NAME, b"AB"), ("20 02 41 42", ""), ("20 02 41 42 e6", "")),
        (
            lambda chip: chip.read_block(NAME, longest=12),
            ("20", "0b 44 45 4c 4c 20 31 56 58 31 48 39 ff"),
            ("20", "0b 44 45 4c 4c 20 31 56 58 31 48 39 af ff"),
        ),
    ],
)
def test_each_message_has_the_bytes_of_the_standard(
    ask: Callable[[SmbusChip], object], plain: tuple[str, str], with_pec: tuple[str, str]
) -> None:
    for pec, expected in ((False, plain), (True, with_pec)):
        wire = Recorded(battery(pec=pec))
        ask(connect(wire, pec=pec))
        assert [(w.hex(" "), r.hex(" ")) for w, r in wire.transfers] == [expected]


# What comes back


@with_and_without_pec
def test_what_is_written_is_read_back(pec: bool) -> None:
    twin = battery(pec=pec)
    chip = connect(twin, pec=pec)
    chip.quick()
    chip.send_byte(0x81)
    chip.write_byte(SELECT, 0xA5)
    chip.write_word(MODE, 0x8001)
    chip.write_block(NAME, b"SONY")
    assert twin.sent == [0x81]
    assert chip.receive_byte() == 0x5A
    assert chip.read_byte(SELECT) == 0xA5
    assert chip.read_word(MODE) == 0x8001
    assert chip.read_word(VOLTAGE) == 12608
    assert chip.read_block(NAME) == b"SONY"
    assert chip.process_call(CALL, 0x1234) == 0xEDCB


@given(word=words, block=bytes_of_a_block, pec=st.booleans())
def test_every_word_and_block_survives(word: int, block: bytes, pec: bool) -> None:
    chip = connect(battery(pec=pec), pec=pec)
    chip.write_word(MODE, word)
    chip.write_block(NAME, block)
    assert chip.read_word(MODE) == word
    assert chip.read_block(NAME) == block
    assert chip.process_call(CALL, word) == 0xFFFF - word


@given(word=words, block=bytes_of_a_block)
def test_a_chip_with_pec_talks_to_who_has_none(word: int, block: bytes) -> None:
    chip = connect(battery(pec=True))
    chip.write_word(MODE, word)
    chip.write_block(NAME, block)
    assert chip.read_word(MODE) == word
    assert chip.read_block(NAME) == block


@given(block=bytes_of_a_block, at=st.integers(0, 33 * 8 - 1), burst=st.integers(1, 0xFF))
def test_a_burst_of_eight_bits_behind_the_count_of_an_answer_is_always_noticed(
    block: bytes, at: int, burst: int
) -> None:
    """With another count, another byte is taken for the code: one in 256 of those fits."""

    def disturb(_: bytes, answer: bytes) -> bytes:
        bits = (len(block) + 2) * 8
        number = int.from_bytes(answer[: bits // 8], "big") ^ burst << min(at, bits - 16)
        return number.to_bytes(bits // 8, "big") + answer[bits // 8 :]

    twin = battery(pec=True)
    twin.blocks[NAME] = block
    with pytest.raises(BadReply):
        connect(Altered(twin, disturb), pec=True).read_block(NAME)


# What goes wrong


def test_a_wrong_packet_error_code_is_a_bad_reply_that_quotes_the_message() -> None:
    twin = battery(pec=True)
    twin.wrong_pec = True
    chip = connect(twin, pec=True)
    with pytest.raises(
        BadReply, match=r"^battery at 0x0b: 16 09 17 40 31 ends with PEC 58, not a7$"
    ):
        chip.read_word(VOLTAGE)
    with pytest.raises(BadReply, match=r"16 20 17 0b 44 45 .* 39 ends with PEC"):
        chip.read_block(NAME)
    with pytest.raises(BadReply, match=r"at 0x0b: 17 5a ends with PEC 42, not bd"):
        chip.receive_byte()


def test_a_chip_that_has_no_pec_after_all_is_a_bad_reply() -> None:
    chip = connect(battery(), pec=True)
    with pytest.raises(BadReply, match="ends with PEC ff, not a7"):
        chip.read_word(VOLTAGE)
    with pytest.raises(NotConnected):
        chip.write_word(MODE, 1)


def test_what_was_disturbed_on_the_way_is_not_acknowledged_and_not_done() -> None:
    twin = battery(pec=True)
    bus = SimulatedI2cBus({BATTERY: twin})
    for message in ("03 01 80 33", "04 03 85", "20 02 41 43 e6", "81 00"):
        with pytest.raises(NotConnected):
            bus.transfer(BATTERY, bytes.fromhex(message))
    assert twin.values[MODE] == b"\x00\x00"
    assert twin.blocks[NAME] == b"DELL 1VX1H9"
    assert twin.sent == []


@with_and_without_pec
@pytest.mark.parametrize("count", [0, 33, 0xFF])
def test_a_block_of_an_impossible_size_is_a_bad_reply(pec: bool, count: int) -> None:
    twin = battery(pec=pec)
    twin.count_says = count
    with pytest.raises(BadReply, match=rf"0x0b: 20 → {count:02x} 44 .*: a block of {count} bytes"):
        connect(twin, pec=pec).read_block(NAME)


def test_a_block_that_is_longer_than_it_may_be_is_a_bad_reply() -> None:
    chip = connect(battery())
    assert chip.read_block(NAME, longest=11) == b"DELL 1VX1H9"
    with pytest.raises(BadReply, match="a block of 11 bytes, not 1 to 10"):
        chip.read_block(NAME, longest=10)


def test_a_block_that_says_more_than_there_is_needs_pec_to_be_noticed() -> None:
    twin = battery(pec=True)
    twin.count_says = 13
    assert connect(twin).read_block(NAME)[:11] == b"DELL 1VX1H9"
    twin.blocks[NAME] += b"\x00"
    with pytest.raises(BadReply, match="ends with PEC ff"):
        connect(twin, pec=True).read_block(NAME)


@pytest.mark.parametrize("size", [0, 1])
def test_an_answer_that_is_cut_short_is_a_bad_reply(size: int) -> None:
    chip = connect(Altered(battery(), lambda _, answer: answer[:size]))
    with pytest.raises(BadReply, match=rf"battery at 0x0b: 09 → .*: {size} bytes, not 2"):
        chip.read_word(VOLTAGE)
    with pytest.raises(BadReply, match=rf"20 → .*: {size} bytes, not 33"):
        chip.read_block(NAME)


def test_a_command_that_it_does_not_have_is_not_acknowledged() -> None:
    chip = connect(battery())
    with pytest.raises(NotConnected, match="no acknowledge from 0x0b"):
        chip.read_word(0x55)
    with pytest.raises(NotConnected, match="no acknowledge from 0x0b"):
        chip.write_byte(0x55, 0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda chip: chip.send_byte(256),
        lambda chip: chip.send_byte(-1),
        lambda chip: chip.read_byte(256),
        lambda chip: chip.read_word(-1),
        lambda chip: chip.read_block(256),
        lambda chip: chip.write_byte(SELECT, 256),
        lambda chip: chip.write_byte(256, 0),
        lambda chip: chip.write_word(MODE, 0x10000),
        lambda chip: chip.write_word(MODE, -1),
        lambda chip: chip.process_call(CALL, 0x10000),
        lambda chip: chip.write_block(NAME, b""),
        lambda chip: chip.write_block(NAME, bytes(33)),
        lambda chip: chip.write_block(256, b"A"),
        lambda chip: chip.read_block(NAME, longest=0),
        lambda chip: chip.read_block(NAME, longest=33),
    ],
)
def test_what_no_message_can_carry_is_the_callers_mistake(
    ask: Callable[[SmbusChip], object],
) -> None:
    wire = Recorded(battery())
    with pytest.raises(ValueError, match=r"^battery at 0x0b: "):
        ask(connect(wire))
    assert wire.transfers == []


@pytest.mark.parametrize("address", [-1, 0x07, 0x78, 0x80])
def test_a_reserved_address_is_the_callers_mistake(address: int) -> None:
    with pytest.raises(ValueError, match="not a 7-bit I²C address"):
        SmbusChip(SimulatedI2cBus({}), address, "battery")


def test_messages_can_be_held_together() -> None:
    chip = connect(battery())
    with chip.hold(), chip.hold():
        assert chip.read_word(VOLTAGE) == 12608


# On the kernel's adapters


def on_kernel(folder: Path, twin: I2cDevice, functions: I2cFunc, *, pec: bool) -> SmbusChip:
    (folder / "i2c-1").touch()
    adapter = KernelAdapter({BATTERY: twin}, functions)
    bus = I2cDev(1, folder=folder, open_adapter=lambda path: adapter)
    return SmbusChip(bus, BATTERY, "battery", pec=pec)


@with_and_without_pec
@pytest.mark.parametrize("functions", [I2cFunc.I2C, STUB], ids=["i2c", "smbus"])
def test_bytes_words_and_short_blocks_work_on_every_adapter(
    tmp_path: Path, functions: I2cFunc, pec: bool
) -> None:
    twin = battery(pec=pec)
    chip = on_kernel(tmp_path, twin, functions, pec=pec)
    chip.send_byte(0x81)
    chip.write_byte(SELECT, 0xA5)
    chip.write_word(MODE, 0x8001)
    chip.write_block(NAME, b"SONY")
    assert twin.sent == [0x81]
    assert chip.read_byte(SELECT) == 0xA5
    assert chip.read_word(MODE) == 0x8001
    assert chip.read_block(NAME, longest=30) == b"SONY"


@with_and_without_pec
def test_what_smbus_adapters_have_no_equal_for_is_refused_there_and_works_elsewhere(
    tmp_path: Path, pec: bool
) -> None:
    plain = on_kernel(tmp_path, battery(pec=pec), I2cFunc.I2C, pec=pec)
    assert plain.process_call(CALL, 0) == 0xFFFF
    assert plain.read_block(NAME) == b"DELL 1VX1H9"
    assert plain.receive_byte() == 0x5A
    poor = on_kernel(tmp_path, battery(pec=pec), STUB, pec=pec)
    with pytest.raises(Refused, match="only does SMBus, which has nothing like"):
        poor.process_call(CALL, 0)
    with pytest.raises(Refused, match="only does SMBus, which has nothing like"):
        poor.read_block(NAME)
