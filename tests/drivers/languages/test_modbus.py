import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError, NoReply, Refused
from drivers.languages.modbus import ModbusRtu, crc16
from drivers.sim.faults import Altered, Late, Mute
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.languages.modbus import (
    ILLEGAL_ADDRESS,
    ModbusException,
    SimulatedModbusRtu,
    with_crc,
)
from drivers.sim.world import SimulatedTime


class Canned:
    """Writes down what it hears and answers what it was given, in turn."""

    def __init__(self, *answers: str) -> None:
        self.heard: list[bytes] = []
        self._answers = [bytes.fromhex(answer) for answer in answers]

    def receive(self, data: bytes) -> bytes:
        self.heard.append(data)
        return self._answers.pop(0) if self._answers else b""


class Registers(SimulatedModbusRtu):
    """A unit with a few registers, of which 7 is there and may not be written."""

    def __init__(self, unit: int = 1) -> None:
        super().__init__(unit)
        self.values = {register: 0x100 + register for register in range(10)}
        self.writes = 0

    def read_holding(self, first: int, count: int) -> list[int]:
        if first + count > len(self.values):
            raise ModbusException(ILLEGAL_ADDRESS)
        return [self.values[register] for register in range(first, first + count)]

    def read_input(self, first: int, count: int) -> list[int]:
        return [0xFFFF - register for register in range(first, first + count)]

    def write_holding(self, first: int, values: list[int]) -> None:
        if first <= 7 < first + len(values):
            raise ModbusException(4)
        self.writes += 1
        self.values |= dict(enumerate(values, first))

    def special_size(self, function: int) -> int | None:
        return 0 if function == 0x42 else None

    def special(self, function: int, data: bytes) -> bytes:
        return b"" if function == 0x42 else super().special(function, data)


def master(
    device: SerialDevice, *, unit: int = 1, attempts: int = 1, time: SimulatedTime | None = None
) -> ModbusRtu:
    time = time or SimulatedTime()
    line = SimulatedSerial(device, time=time, timeout_s=0.5)
    return ModbusRtu(line, unit, "bench unit", time=time, attempts=attempts)


@pytest.mark.parametrize(
    ("ask", "question", "answer"),
    [
        # Golden frames of the catalogue, C5 and C6.
        (lambda unit: unit.read_holding(0, 4), "01 03 00 00 00 04 44 09", ""),
        (lambda unit: unit.read_holding(4, 17), "01 03 00 04 00 11 C4 07", ""),
        (
            lambda unit: unit.write_register(18, 1),
            "01 06 00 12 00 01 E8 0F",
            "01 06 00 12 00 01 E8 0F",
        ),
        # "6.12 16 Write Multiple registers": the example of the specification, with its CRC.
        (
            lambda unit: unit.write_registers(1, [0x000A, 0x0102]),
            "01 10 00 01 00 02 04 00 0A 01 02 92 30",
            "01 10 00 01 00 02 10 08",
        ),
    ],
)
def test_questions_are_the_golden_frames(
    ask: Callable[[ModbusRtu], object], question: str, answer: str
) -> None:
    device = Canned(answer)
    with contextlib.suppress(NoReply):
        ask(master(device))
    assert device.heard == [bytes.fromhex(question)]


def test_a_function_of_the_makers_own_is_answered_by_its_echo() -> None:
    device = Canned("F8 42 C2 41")
    master(device, unit=0xF8).command(0x42)
    assert device.heard == [bytes.fromhex("F8 42 C2 41")]


def test_reads_what_the_specification_reads() -> None:
    """ "6.3 03 Read Holding Registers": 555, 0, 100 from register 107 on."""
    device = Canned(with_crc(bytes.fromhex("01 03 06 02 2B 00 00 00 64")).hex())
    assert master(device).read_holding(107, 3) == (555, 0, 100)


def test_input_and_holding_registers_are_not_the_same() -> None:
    unit = master(Registers())
    assert unit.read_holding(2, 2) == (0x102, 0x103)
    assert unit.read_input(2, 2) == (0xFFFD, 0xFFFC)


def test_writes_one_register_and_several() -> None:
    device = Registers()
    unit = master(device)
    unit.write_register(1, 0xBEEF)
    unit.write_registers(2, [3, 4])
    assert unit.read_holding(1, 3) == (0xBEEF, 3, 4)


@pytest.mark.parametrize(
    ("code", "name"), [(1, "illegal function"), (2, "illegal data address"), (77, "unknown")]
)
def test_an_exception_is_refused_with_its_name(code: int, name: str) -> None:
    device = Canned(with_crc(bytes([1, 0x83, code])).hex())
    with pytest.raises(Refused, match=rf"01 03 00 00 00 01 84 0a → 01 83 .*{name}"):
        master(device).read_holding(0, 1)


def test_an_exception_to_a_write_is_refused() -> None:
    with pytest.raises(Refused, match="server device failure"):
        master(Registers()).write_register(7, 0)


def test_a_mute_unit_is_no_reply_and_the_question_is_quoted() -> None:
    with pytest.raises(NoReply, match="bench unit, unit 1: 01 03 00 00 00 01 84 0a → nothing"):
        master(Mute()).read_holding(0, 1)


def test_a_question_to_another_unit_is_no_reply() -> None:
    with pytest.raises(NoReply):
        master(Registers(unit=2)).read_holding(0, 1)


@pytest.mark.parametrize(
    ("alter", "complaint"),
    [
        (lambda answer: answer[:-1], "8 bytes, not 9"),
        (lambda answer: answer[:1], "1 bytes, not 9"),
        (lambda answer: answer[:-1] + bytes([answer[-1] ^ 1]), "wrong CRC"),
        (lambda answer: b"\0" + answer, "wrong CRC"),
        (lambda answer: with_crc(b"\x02" + answer[1:-2]), "from unit 2"),
        (lambda answer: with_crc(answer[:1] + b"\x04" + answer[2:-2]), "to function 0x04"),
        (lambda answer: with_crc(answer[:2] + b"\x02" + answer[3:-2]), "2 registers from 1"),
    ],
)
def test_a_damaged_answer_is_a_bad_reply(alter: Callable[[bytes], bytes], complaint: str) -> None:
    with pytest.raises(BadReply, match=complaint):
        master(Altered(Registers(), alter)).read_holding(1, 2)


def test_a_wrong_echo_is_a_bad_reply() -> None:
    echo = with_crc(bytes.fromhex("01 06 00 02 00 05"))
    with pytest.raises(BadReply, match="not its echo"):
        master(Canned(echo.hex())).write_register(2, 6)


def test_an_answer_to_the_question_before_is_a_bad_reply() -> None:
    unit = master(Late(Registers()))
    with pytest.raises(NoReply):
        unit.read_holding(0, 3)
    with pytest.raises(BadReply, match="wrong CRC"):
        unit.read_holding(0, 2)


def test_bytes_left_over_from_a_late_answer_are_forgotten() -> None:
    device = Registers()
    time = SimulatedTime()
    line = SimulatedSerial(device, time=time)
    unit = ModbusRtu(line, 1, "bench unit", time=time)
    line.write(with_crc(bytes.fromhex("01 03 00 05 00 01")))
    assert unit.read_holding(0, 1) == (0x100,)


def test_a_read_is_repeated_as_often_as_the_unit_needs() -> None:
    answer = with_crc(bytes.fromhex("01 03 02 12 34"))
    device = Canned("", answer[:3].hex(), answer.hex())
    assert master(device, attempts=3).read_holding(0, 1) == (0x1234,)
    assert len(device.heard) == 3


def test_after_the_last_attempt_the_last_complaint_counts() -> None:
    device = Canned("", "01", "01 03")
    with pytest.raises(BadReply, match="2 bytes, not 7"):
        master(device, attempts=3).read_holding(0, 1)
    assert len(device.heard) == 3


def test_a_write_is_not_repeated_unless_it_may_be() -> None:
    device = Canned()
    unit = master(device, attempts=3)
    with pytest.raises(NoReply):
        unit.write_register(1, 1)
    with pytest.raises(NoReply):
        unit.write_registers(1, [1])
    with pytest.raises(NoReply):
        unit.command(0x42)
    assert len(device.heard) == 3
    with pytest.raises(NoReply):
        unit.write_register(1, 1, repeatable=True)
    assert len(device.heard) == 6


def test_a_refusal_is_final() -> None:
    device = Canned(with_crc(b"\x01\x83\x02").hex())
    with pytest.raises(Refused):
        master(device, attempts=3).read_holding(0, 1)
    assert len(device.heard) == 1


def test_silence_is_kept_between_an_answer_and_the_next_question() -> None:
    time = SimulatedTime()
    line = SimulatedSerial(Registers(), time=time)
    unit = ModbusRtu(line, 1, "slow unit", time=time, silence_s=0.25)
    unit.read_holding(0, 1)
    assert time.monotonic() == pytest.approx(0.25)
    time.sleep(0.2)
    unit.read_holding(0, 1)
    assert time.monotonic() == pytest.approx(0.5)
    time.sleep(3)
    unit.read_holding(0, 1)
    assert time.monotonic() == pytest.approx(3.5)


@pytest.mark.parametrize(
    "ask",
    [
        lambda unit: unit.read_holding(-1, 1),
        lambda unit: unit.read_holding(0, 0),
        lambda unit: unit.read_holding(0, 126),
        lambda unit: unit.read_input(0xFFFF, 2),
        lambda unit: unit.write_register(0x10000, 0),
        lambda unit: unit.write_register(0, -1),
        lambda unit: unit.write_register(0, 0x10000),
        lambda unit: unit.write_registers(0, []),
        lambda unit: unit.write_registers(0, [0] * 124),
        lambda unit: unit.command(0x80),
        lambda unit: unit.command(0),
    ],
)
def test_an_impossible_question_is_a_value_error_and_not_asked(
    ask: Callable[[ModbusRtu], object],
) -> None:
    device = Canned()
    with pytest.raises(ValueError, match="bench unit"):
        ask(master(device))
    assert device.heard == []


@pytest.mark.parametrize("unit", [-1, 0, 256])
def test_there_is_no_such_unit(unit: int) -> None:
    with pytest.raises(ValueError, match="outside 1…255"):
        master(Canned(), unit=unit)


@pytest.mark.parametrize("first", [2, 3, 4])
def test_a_guarded_register_is_not_written_even_among_others(first: int) -> None:
    device = Canned()
    time = SimulatedTime()
    unit = ModbusRtu(SimulatedSerial(device), 1, "guarded", time=time, never_written=[4])
    with pytest.raises(ValueError, match="register 4 must never be written"):
        unit.write_registers(first, [0, 0, 0])
    with pytest.raises(ValueError, match="register 4 must never be written"):
        unit.write_register(4, 0)
    assert device.heard == []


def test_crc_of_the_catalogues_check_string() -> None:
    """CRC-16/MODBUS of "123456789" is 0x4B37 in every table of CRCs."""
    assert crc16(b"123456789") == 0x4B37


@given(st.binary(max_size=64))
def test_both_ends_compute_the_same_crc(data: bytes) -> None:
    assert with_crc(data) == data + crc16(data).to_bytes(2, "little")


@given(st.binary(max_size=40))
def test_any_answer_is_understood_or_a_driver_error(answer: bytes) -> None:
    try:
        values = master(Canned(answer.hex())).read_holding(0, 3)
    except DriverError:
        return
    assert answer[:11] == with_crc(b"\x01\x03\x06" + b"".join(v.to_bytes(2) for v in values))


@given(st.binary(min_size=1, max_size=11), st.integers(0, 10))
def test_no_damage_to_an_answer_goes_unnoticed(noise: bytes, start: int) -> None:
    good = with_crc(bytes.fromhex("01 03 06 00 01 00 02 00 03"))
    damaged = bytearray(good)
    for offset, byte in enumerate(noise[: 11 - start]):
        damaged[start + offset] ^= byte
    unit = master(Altered(Registers(), lambda _: bytes(damaged)))
    if bytes(damaged) == good:
        assert unit.read_holding(0, 3) == (1, 2, 3)
    elif with_crc(bytes(damaged[:-2])) != damaged:
        with pytest.raises((BadReply, NoReply)):
            unit.read_holding(0, 3)


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=9), st.data())
def test_a_twin_hears_a_question_in_any_number_of_pieces(
    values: list[int], data: st.DataObject
) -> None:
    device = Registers()
    body = bytes([1, 16, 0, 0, 0, len(values), 2 * len(values)])
    question = with_crc(body + b"".join(value.to_bytes(2) for value in values))
    answer = b""
    while question:
        size = data.draw(st.integers(1, len(question)))
        answer += device.receive(question[:size])
        question = question[size:]
    if len(values) > 7:
        assert answer == with_crc(bytes([1, 0x90, 4]))
    else:
        assert answer == with_crc(body[:6])
        assert [device.values[register] for register in range(len(values))] == values


def test_a_twin_is_silent_to_damage_and_hears_the_next_question() -> None:
    device = Registers()
    question = with_crc(bytes.fromhex("01 03 00 00 00 01"))
    assert device.receive(question[:-1] + b"\x00") == b""
    assert device.receive(question[:5]) == b""
    assert device.receive(question) == with_crc(bytes.fromhex("01 03 02 01 00"))


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("01 2B 0E 01 00", 1),
        ("01 01 00 00 00 01", 1),
        ("01 03 00 09 00 02", 2),
        ("01 03 00 00 00 7E", 3),
        ("01 10 00 00 00 02 02 00 00", 3),
    ],
)
def test_a_twin_says_no_with_an_exception(question: str, code: int) -> None:
    asked = bytes.fromhex(question)
    assert Registers().receive(with_crc(asked)) == with_crc(bytes([1, asked[1] | 0x80, code]))
