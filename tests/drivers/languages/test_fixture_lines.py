"""The language of fixture boards, against twins, noise, cuts and lost answers."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError, NoReply, Refused, WrongDevice
from drivers.formats.key_layouts import LAYOUTS
from drivers.languages.fixture_lines import (
    FixtureLines,
    crc16,
    elapsed_us,
    framed,
    opened,
)
from drivers.sim.faults import Altered, Mute
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.fixtures.boards.finger_board import SimulatedFingerBoard
from drivers.sim.world import SimulatedTime

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "fixture-protocol.md"
GOLDEN = re.findall(r"^([<>]) ((\d+ [ -~]*)\*[0-9A-F]{4})$", PAGE.read_text(), re.MULTILINE)
CLOCKED = re.compile(r"(?<= t=)\d+$|(?<= ok )\d+(?= held)|(?<=^5 ok )\d+$")
A = "0000000000000000000000000001"


class Keys:
    """Note which keys are down, and each press."""

    def __init__(self) -> None:
        self.down: set[int] = set()
        self.presses: list[int] = []

    def press(self, usage: int) -> None:
        self.presses.append(usage)
        self.down.add(usage)

    def release(self, usage: int) -> None:
        self.down.discard(usage)


class Rig:
    """A finger board's twin in simulated time, behind whatever stands on the way."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.keys = Keys()
        self.twin = SimulatedFingerBoard(self.keys, layout=LAYOUTS["ansi-104"], time=self.time)

    def lines(self, device: SerialDevice | None = None) -> FixtureLines:
        line = SimulatedSerial(device or self.twin, time=self.time, timeout_s=0.1)
        return FixtureLines(line, "board", time=self.time)


def test_the_check_value_of_the_crc_is_that_of_its_catalogue() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_the_golden_frames_are_what_the_language_writes_and_reads() -> None:
    assert len(GOLDEN) == 24
    for _, line, text in GOLDEN:
        assert framed(text) == f"{line}\n".encode()
        assert opened(f"{line}\n".encode()) == text


def test_the_twin_answers_the_golden_frames() -> None:
    twin = Rig().twin
    asked = b""
    for direction, line, text in GOLDEN:
        if direction == ">":
            asked = twin.receive(f"{line}\n".encode())
        else:
            said = opened(asked)
            assert said is not None
            assert CLOCKED.sub("#", said) == CLOCKED.sub("#", text)


@given(st.text("ab 1é\n\x00*", max_size=200))
def test_a_text_becomes_one_line_or_is_refused(text: str) -> None:
    try:
        line = framed(text)
    except ValueError:
        assert not text.isascii() or not text.isprintable() or len(text) > 155
    else:
        assert line.count(b"\n") == 1
        assert opened(line) == (text if text else None)


@given(st.text("0123456789 abcxyz=.", min_size=1, max_size=100), st.data())
def test_a_line_with_a_wrong_byte_or_a_cut_is_no_line(text: str, data: st.DataObject) -> None:
    line = framed(text)
    at = data.draw(st.integers(0, len(line) - 1))
    wrong = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[at]))
    assert opened(line[:at] + bytes([wrong]) + line[at + 1 :]) is None
    assert opened(line[:at]) is None
    assert opened(line[at + 1 :]) is None


@given(st.binary(max_size=300))
def test_noise_never_opens_and_never_reaches_a_command(noise: bytes) -> None:
    rig = Rig()
    assert opened(noise) is None
    rig.twin.receive(noise + b"\n")
    lines = rig.lines()
    lines.greet("fingers")
    assert lines.ask("arm") == ""


@pytest.mark.parametrize("cut", range(len(framed(f"3 press {A}"))))
def test_a_command_cut_at_any_byte_comes_again_and_is_done_once(cut: int) -> None:
    rig = Rig()
    cutting = False

    class Cut:
        def receive(self, data: bytes) -> bytes:
            nonlocal cutting
            if cutting:
                cutting = False
                return rig.twin.receive(data[:cut])
            return rig.twin.receive(data)

    lines = rig.lines(Cut())
    lines.greet("fingers")
    lines.ask("arm")
    cutting = True
    lines.ask("press", A)
    assert len(rig.keys.down) == 1
    assert lines.ask("release", A).endswith("held")


@pytest.mark.parametrize("cut", range(12))
def test_an_answer_cut_at_any_byte_is_asked_for_again_and_nothing_is_done_twice(cut: int) -> None:
    rig = Rig()
    cutting = False

    def cut_it(answer: bytes) -> bytes:
        nonlocal cutting
        if not cutting:
            return answer
        cutting = False
        return answer[:cut]

    lines = rig.lines(Altered(rig.twin, cut_it))
    lines.greet("fingers")
    lines.ask("arm")
    cutting = True
    assert lines.ask("press", A).isdigit()
    assert len(rig.keys.presses) == 1


def test_an_answer_that_comes_late_is_not_taken_for_that_of_the_next_command() -> None:
    rig = Rig()
    held: list[bytes] = []

    class Slow:
        def receive(self, data: bytes) -> bytes:
            answer = rig.twin.receive(data)
            if b" ping*" in data and not held:
                held.append(answer)
                return b""
            late, held[:] = b"".join(held), []
            return late + answer

    lines = rig.lines(Slow())
    lines.greet("fingers")
    first_us = int(lines.ask("ping"))
    assert lines.ask("chain") == "112"
    assert int(lines.ask("ping")) >= first_us


def test_silence_of_the_board_is_no_reply_and_noise_is_a_bad_one() -> None:
    with pytest.raises(NoReply, match=r"board: '1 hello 1' → nothing, 4 times"):
        Rig().lines(Mute()).greet("fingers")
    rig = Rig()
    with pytest.raises(BadReply, match="no answer to it"):
        rig.lines(Altered(rig.twin, lambda answer: answer[1:])).greet("fingers")


def test_a_lost_answer_comes_again_before_the_board_takes_it_for_silence() -> None:
    rig = Rig()
    lost = 0

    def lose(answer: bytes) -> bytes:
        nonlocal lost
        lost -= 1
        return answer if lost < 0 else b""

    lines = rig.lines(Altered(rig.twin, lose))
    lines.greet("fingers")
    lines.ask("arm")
    lines.ask("press", A)
    lost = 3
    assert lines.ask("release", A).endswith("held")


def test_another_kind_another_program_and_a_restart_are_told_apart() -> None:
    rig = Rig()
    with pytest.raises(WrongDevice, match="for light, this one is for fingers"):
        rig.lines().greet("light")
    mine, theirs = rig.lines(), rig.lines()
    mine.greet("fingers")
    mine.ask("chain")
    theirs.greet("fingers")
    with pytest.raises(Refused, match="another program talks to it"):
        mine.ask("ping")
    rig.twin.restart("watchdog")
    with pytest.raises(Refused, match="the board has restarted since"):
        theirs.ask("ping")
    assert rig.lines().greet("fingers").why == "watchdog"


def test_outputs_that_fell_for_silence_say_so() -> None:
    rig = Rig()
    lines = rig.lines()
    lines.greet("fingers")
    lines.ask("arm")
    lines.ask("press", A)
    rig.time.sleep(0.5)
    with pytest.raises(Refused, match="its outputs went off: silence"):
        lines.ask("press", A)
    assert rig.keys.down == set()
    assert lines.ask("release", A).endswith("fallen")


def test_the_number_after_the_last_is_0() -> None:
    rig = Rig()
    lines = rig.lines()
    lines.greet("fingers")
    for _ in range(0x10000 + 3):
        lines.ask("ping")
    assert int(lines.ask("ping")) == 0  # simulated time stood still


@given(st.integers(0, (1 << 30) - 1), st.integers(0, (1 << 30) - 1))
def test_the_clock_wraps(start_us: int, passed_us: int) -> None:
    assert elapsed_us(start_us, (start_us + passed_us) % (1 << 30)) == passed_us


@given(st.binary(max_size=80))
def test_whatever_answers_only_driver_errors_come_out(noise: bytes) -> None:
    rig = Rig()
    lines = rig.lines(Altered(rig.twin, lambda answer: noise + b"\n"))
    with pytest.raises(DriverError):
        lines.greet("fingers")
