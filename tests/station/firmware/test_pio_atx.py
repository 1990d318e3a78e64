"""The ATX board's PIO program on an emulator, and the firmware's search for changes."""

import json

import pioemu
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.station.firmware.on_linux import needs_micropython, run_micropython
from tests.station.firmware.pio_assembler import programs_of

PROGRAMS = programs_of("pio_atx")


def test_two_samples_are_in_a_word_the_earlier_in_its_lower_half() -> None:
    words: list[int] = []

    def pins(clock: int) -> int:
        return 0x100 + clock

    for _, state in pioemu.emulate(
        PROGRAMS.watch.opcodes,
        stop_when=lambda _, state: state.clock >= 8,
        input_source=pins,
        auto_push=True,
        push_threshold=32,
        shift_isr_right=True,
    ):
        words += [state.receive_fifo.popleft() for _ in range(len(state.receive_fifo))]
    halves = [half for word in words for half in (word & 0xFFFF, word >> 16)]
    assert halves == [0x100 + n for n in range(8)]
    assert 1_000_000 // PROGRAMS.CYCLES_HZ == PROGRAMS.SAMPLE_US


PROGRAM = """
import json
from atx import Atx
class Hw:
    def on(self, level): pass
    def mains(self, level): pass
    def watch(self): pass
    def lost(self): return 0
    def watched(self): return chunks.pop(0) if chunks else (b"", 0, 0)
runs, cuts = json.loads('%s')
data = b"".join(bytes((pins & 255, pins >> 8)) * n for n, pins in runs)
edges = [0] + sorted(cut %% (len(data) // 2 + 1) for cut in cuts) + [len(data) // 2]
chunks = [(data, a, b) for a, b in zip(edges, edges[1:])]
board = Atx(Hw())
board.commands["watch"][0]()
for _ in edges:
    board.poll(0)
found = []
while True:
    left, *events = board.commands["events"][0]().split(" ")
    found += events
    if left == "0":
        break
print(json.dumps([found, board.commands["watched"][0]()]))
"""


@needs_micropython
@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 0x7FF)), min_size=1, max_size=60),
    st.lists(st.integers(0, 20_000), max_size=6),
)
def test_each_change_is_found_once_wherever_the_ring_is_read(
    runs: list[tuple[int, int]], cuts: list[int]
) -> None:
    found, watched = json.loads(run_micropython(PROGRAM % json.dumps([runs, cuts])))
    expected, at, last = [], 0, -1
    for count, lines in runs:
        if lines != last:
            expected.append(f"{at:08X}{lines:03X}")
        at, last = at + count, lines
    assert found == expected
    assert watched == f"{at} 0"
