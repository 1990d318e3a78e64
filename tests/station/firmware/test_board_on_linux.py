"""The firmware itself, under MicroPython for Linux on a pseudo-terminal, behind the real driver."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.errors import NotConnected, Refused, WrongDevice
from drivers.formats.key_layouts import LAYOUTS
from drivers.instruments.fixtures.boards.finger_board import FingerBoard
from drivers.languages.fixture_lines import FixtureLines, elapsed_us, framed, opened
from drivers.linux.serial_line import SerialLine
from tests.station.firmware.on_linux import LinuxBoard, needs_micropython

pytestmark = needs_micropython

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "fixture-protocol.md"
GOLDEN = re.findall(r"^([<>]) ((\d+ [ -~]*)\*[0-9A-F]{4})$", PAGE.read_text(), re.MULTILINE)
CLOCKED = re.compile(r"(?<= t=)\d+$|(?<= ok )\d+(?= held)|(?<=^5 ok )\d+$")
A, ESCAPE = 0x04, 0x29
FIRST = "0000000000000000000000000001"
NONE = "0000000000000000000000000000"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LinuxBoard]:
    with LinuxBoard("fingers", {"ticks_us": (1 << 30) - 120_000}, folder=tmp_path) as running:
        running.wait_until_told("power", "0")
        yield running


@pytest.fixture
def line(board: LinuxBoard) -> Iterator[SerialLine]:
    opened_line = SerialLine(board.path, baudrate=115200, timeout_s=0.1)
    yield opened_line
    opened_line.close()


def fingers(line: SerialLine) -> FingerBoard:
    return FingerBoard(line, layout=LAYOUTS["ansi-104"], time=time)


def test_the_firmware_answers_the_golden_frames(line: SerialLine) -> None:
    line.write(b"\n")
    for direction, frame, text in GOLDEN:
        if direction == ">":
            line.write(f"{frame}\n".encode())
            said = opened(line.read_until(b"\n"))
        else:
            assert said is not None
            assert CLOCKED.sub("#", said) == CLOCKED.sub("#", text)


def test_a_press_is_struck_held_and_let_go_across_the_wrap_of_the_clock(
    board: LinuxBoard, line: SerialLine
) -> None:
    """The board's clock wraps 0.12 s after it has started."""
    lines = FixtureLines(line, "board", time=time)
    lines.greet("fingers")
    for _ in range(6):
        before = len(board.told)
        lines.ask("arm")
        struck_us = int(lines.ask("press", FIRST))
        held = board.wait_until_told("power", "40", after=before)
        assert lines.ask("felt").startswith("moved ")
        assert lines.ask("release", FIRST).endswith("held")
        board.wait_until_told("coils", NONE, after=before)
        assert 30_000 <= elapsed_us(struck_us, held.at_us) < 60_000
    assert max(one.at_us for one in board.told) > 1_000_000_000
    assert board.told[-1].at_us < 1_000_000_000


@pytest.mark.parametrize(("state", "word"), [("moves", "moved"), ("blocked", "blocked")])
def test_the_current_tells_a_finger_that_moved_from_one_that_is_blocked(
    state: str, word: str, tmp_path: Path
) -> None:
    with LinuxBoard("fingers", {"fingers": {"0": state}}, folder=tmp_path) as board:
        line = SerialLine(board.path, baudrate=115200, timeout_s=0.1)
        driver = fingers(line)
        driver.press([A])
        assert driver.felt is not None
        assert driver.felt.word == word
        assert driver.felt.peak_a == pytest.approx(0.4, abs=0.01)
        line.close()


def test_a_finger_that_is_not_there_is_the_benchs_fault(tmp_path: Path) -> None:
    with LinuxBoard("fingers", {"fingers": {"0": "absent"}}, folder=tmp_path) as board:
        line = SerialLine(board.path, baudrate=115200, timeout_s=0.1)
        with pytest.raises(NotConnected, match=r"the finger over 0x04 drew 0.002 A"):
            fingers(line).press([A])
        line.close()


def test_a_chain_that_is_too_short_for_the_layout_is_refused(tmp_path: Path) -> None:
    with LinuxBoard("fingers", {"boards": 2}, folder=tmp_path) as board:
        line = SerialLine(board.path, baudrate=115200, timeout_s=0.1)
        with pytest.raises(WrongDevice, match="32 channels answer in the chain, and 104 keys"):
            fingers(line)
        line.close()


def test_a_silent_station_has_every_output_off_after_half_a_second(
    board: LinuxBoard, line: SerialLine
) -> None:
    driver = fingers(line)
    driver.press([A, ESCAPE])
    held = board.wait_until_told("power", "40")
    off = board.wait_until_told("coils", NONE, after=board.told.index(held))
    heard = next(one for one in reversed(board.told) if one.value == "100")
    # the last line was heard 35 ms after the strike
    assert 400_000 < elapsed_us(heard.at_us, off.at_us) < 600_000
    with pytest.raises(Refused, match="went up by itself"):
        driver.release([A])


PRESSES_AND_WAITS = """
import sys, time
from drivers.formats.key_layouts import LAYOUTS
from drivers.instruments.fixtures.boards.finger_board import FingerBoard
from drivers.linux.serial_line import SerialLine
line = SerialLine(sys.argv[1], baudrate=115200, timeout_s=0.1)
driver = FingerBoard(line, layout=LAYOUTS["ansi-104"], time=time)
driver.press([0x04])
print("pressed", flush=True)
while True:
    driver._lines.ask("ping")
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_station_that_is_killed_or_stands_still_leaves_every_output_off(
    how: signal.Signals, board: LinuxBoard
) -> None:
    """Killed, the line closes at once; standing still, it stays open and is silent."""
    station = subprocess.Popen(
        [sys.executable, "-c", PRESSES_AND_WAITS, board.path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert station.stdout is not None
        assert station.stdout.readline() == "pressed\n"
        time.sleep(0.7)  # longer than silence: its pings keep the finger down
        before = len(board.told)
        assert board.told[-1].value == "40"
        began_s = time.monotonic()
        station.send_signal(how)
        board.wait_until_told("coils", NONE, after=before)
        assert time.monotonic() - began_s < 0.8  # half a second, and this machine's own delays
    finally:
        station.kill()
        station.wait()
        assert station.stdout is not None
        station.stdout.close()


def test_an_output_goes_off_by_itself_after_its_longest_time(
    board: LinuxBoard, line: SerialLine
) -> None:
    driver = fingers(line)
    driver.press([A])
    struck = next(one for one in reversed(board.told) if one.value == "100")
    before = len(board.told)
    while not any(one.output == "coils" for one in board.told[before:]):
        driver._lines.ask("ping")
    off = board.wait_until_told("coils", NONE, after=before)
    assert 4_990_000 < elapsed_us(struck.at_us, off.at_us) < 5_100_000
    with pytest.raises(Refused, match="went up by itself"):
        driver.release([A])


def test_lines_of_64_bytes_and_beside_it_are_whole(line: SerialLine) -> None:
    """A USB packet has 64 bytes, and a buffer that is just full is a classical mistake."""
    line.write(framed("1 hello 1"))
    line.read_until(b"\n")
    number = 1
    for size in (*range(60, 70), *range(124, 132), 159, 160):
        number += 1
        word = "x" * (size - 5 - len(f"{number} "))
        assert len(framed(f"{number} {word}")) == size + 1
        line.write(framed(f"{number} {word}"))
        assert opened(line.read_until(b"\n")) == f"{number} no unknown"
    line.write(b"y" * 161 + b"\n")
    line.write(framed(f"{number + 1} status"))
    answer = opened(line.read_until(b"\n"))
    assert answer is not None
    assert " damaged=1 " in answer


def test_many_lines_in_one_write_are_all_answered(line: SerialLine) -> None:
    """The answers fill every buffer on the way while the station does not read."""
    line.write(framed("1 hello 1"))
    line.read_until(b"\n")
    line.write(b"".join(framed(f"{number} ping") for number in range(2, 182)))
    for number in range(2, 182):
        answer = opened(line.read_until(b"\n"))
        assert answer is not None
        assert answer.startswith(f"{number} ok ")


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(noise=st.binary(max_size=200), cut=st.integers(0, 45))
def test_noise_and_cut_lines_move_nothing_and_the_next_session_works(
    board: LinuxBoard, line: SerialLine, noise: bytes, cut: int
) -> None:
    line.write(noise + b"\n" + framed(f"2 press {FIRST}")[:cut])
    lines = FixtureLines(line, "board", time=time)
    lines.greet("fingers")
    assert lines.ask("chain") == "112"
    assert all(one.value == NONE for one in board.told if one.output == "coils")


def test_a_calibration_is_kept_and_is_not_written_while_armed(line: SerialLine) -> None:
    lines = FixtureLines(line, "board", time=time)
    lines.greet("fingers")
    with pytest.raises(Refused, match="no unset"):
        lines.ask("cal", "shunt")
    assert lines.ask("cal", "shunt", "0.1003") == "0.1003"
    lines.ask("arm")
    with pytest.raises(Refused, match="no armed"):
        lines.ask("cal", "shunt", "1")
    assert lines.ask("cal", "shunt") == "0.1003"
    for key in ("a" * 17, "../x", ""):
        with pytest.raises(Refused, match=r"no argument|no unknown"):
            lines.ask("cal", key)


def test_five_hundred_round_trips_a_second_are_made(line: SerialLine) -> None:
    lines = FixtureLines(line, "board", time=time)
    lines.greet("fingers")
    best = 0.0
    for _ in range(3):
        began_s = time.monotonic()
        for _ in range(500):
            lines.ask("ping")
        best = max(best, 500 / (time.monotonic() - began_s))
    assert best >= 500


def test_a_closed_line_is_noticed_as_usb_that_has_gone(board: LinuxBoard) -> None:
    line = SerialLine(board.path, baudrate=115200, timeout_s=0.1)
    fingers(line).press([A])
    before = len(board.told)
    line.close()
    board.wait_until_told("coils", NONE, after=before)
    again = SerialLine(board.path, baudrate=115200, timeout_s=0.1)
    lines = FixtureLines(again, "board", time=time)
    with pytest.raises(Refused, match="no session"):
        lines.ask("ping")
    lines.greet("fingers")
    assert " fell=hello " in f" {lines.ask('status')} "
    again.close()
    assert os.path.exists(board.path)
