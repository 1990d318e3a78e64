"""The PIO programs of the PS/2 board on an emulator, with waveforms of every fault."""

import json
from collections import deque
from collections.abc import Callable, Iterable

import pioemu
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.station.firmware.on_linux import needs_micropython, run_micropython
from tests.station.firmware.pio_assembler import programs_of

PROGRAMS = programs_of("pio_ps2")
DATA, CLOCK = 1 << 0, 1 << 1
CYCLES_US = 2
COUNTED = PROGRAMS.COUNTED_US
Wave = list[tuple[int, int]]
"""Levels of both pins, each with its duration in µs."""


def bits_of(byte: int) -> list[int]:
    data = [byte >> n & 1 for n in range(8)]
    return [0, *data, 1 - sum(data) % 2, 1]


def wave_of(bits: Iterable[int], *, low_us: int = 40, high_us: int = 40) -> Wave:
    """Return a frame: DATA changes in the middle of the time in which CLOCK is high."""
    wave: Wave = [(DATA | CLOCK, 500)]
    for bit in bits:
        before = wave[-1][0] & DATA
        wave += [(before | CLOCK, high_us // 2), (bit * DATA | CLOCK, high_us // 2)]
        wave.append((bit * DATA, low_us))
    return [*wave, (DATA | CLOCK, 400)]


def heard(wave: Wave) -> list[int]:
    """Return the words that the program pushes while the pins do this."""
    levels = [level for level, us in wave for _ in range(us * CYCLES_US)]
    program = PROGRAMS.hear

    def level_at(clock: int) -> int:
        return levels[min(clock, len(levels) - 1)]

    words: list[int] = []
    steps = pioemu.emulate(
        program.opcodes,
        stop_when=lambda _, state: state.clock >= len(levels) - 1,
        initial_state=pioemu.State(transmit_fifo=deque([COUNTED])),
        input_source=level_at,
        auto_push=True,
        push_threshold=32,
        shift_isr_right=True,
        jmp_pin=1,
        wrap_target=program.wrap_target,
        wrap_top=program.wrap_top,
    )
    for _, state in steps:
        while state.receive_fifo:
            words.append(state.receive_fifo.popleft())
    return words


def decoded(words: list[int]) -> list[tuple[int, int]]:
    """Return the frames, byte and faults, that the firmware makes of these words."""
    program = f"""
import json
from ps2 import Decoder
decoder = Decoder()
for n, word in enumerate(json.loads({json.dumps(json.dumps(words))})):
    decoder.pulse(word, 80 * n)
decoder.poll(80 * {len(words)} + 5000)
print(json.dumps([frame[:2] for frame in decoder.frames]))
"""
    return [(byte, faults) for byte, faults in json.loads(run_micropython(program))]


@pytest.mark.parametrize("program", [PROGRAMS.hear, PROGRAMS.send])
def test_both_programs_fit_beside_each_other(program: object) -> None:
    assert len(PROGRAMS.hear.opcodes) + len(PROGRAMS.send.opcodes) <= 32


@settings(max_examples=8)
@given(st.integers(0, 255), st.integers(20, 60), st.integers(20, 60))
def test_each_bit_and_both_levels_of_the_clock_are_measured(
    byte: int, low_us: int, half_high_us: int
) -> None:
    words = heard(wave_of(bits_of(byte), low_us=low_us, high_us=2 * half_high_us))
    assert [word & 1 for word in words] == bits_of(byte)
    for word in words:
        assert abs(COUNTED - (word >> 1 & 0x7FFF) - low_us) <= 2
    for word in words[1:]:
        assert abs(COUNTED - (word >> 16) - 2 * half_high_us) <= 2


def test_a_level_that_is_longer_than_can_be_counted_is_all_ones() -> None:
    bits = bits_of(0x1C)
    wave = [(DATA | CLOCK, COUNTED + 3000), *wave_of(bits)[1:]]
    words = heard(wave)
    assert words[0] >> 16 == 0xFFFF
    slow = heard([(DATA | CLOCK, 500), (DATA, COUNTED + 3000), (DATA | CLOCK, 100)])
    assert [word >> 1 & 0x7FFF for word in slow] == [0x7FFF]


FRAMES: list[tuple[str, Callable[[], Wave], list[tuple[int, int]]]] = [
    ("good", lambda: wave_of(bits_of(0xAA)), [(0xAA, 0)]),
    ("start", lambda: wave_of([1, *bits_of(0xAA)[1:]]), [(0xAA, 1)]),
    ("parity", lambda: wave_of([*bits_of(0xAA)[:9], 0, 1]), [(0xAA, 2)]),
    ("one bit of data", lambda: wave_of([0, 1, *bits_of(0xAA)[2:]]), [(0xAB, 2)]),
    ("stop", lambda: wave_of([*bits_of(0xAA)[:10], 0]), [(0xAA, 4)]),
    ("slow clock", lambda: wave_of(bits_of(0xAA), low_us=70), [(0xAA, 8)]),
    ("fast clock", lambda: wave_of(bits_of(0xAA), low_us=15), [(0xAA, 8)]),
    ("uneven clock", lambda: wave_of(bits_of(0xAA), high_us=80), [(0xAA, 8)]),
    ("cut", lambda: wave_of(bits_of(0xAA)[:5]), [(0x0A, 16)]),
    (
        "cut, then good",
        lambda: wave_of(bits_of(0xAA)[:5]) + wave_of(bits_of(0x1C)),
        [(0x0A, 16), (0x1C, 0)],
    ),
    (
        "two good",
        lambda: wave_of(bits_of(0xF0)) + wave_of(bits_of(0x1C)),
        [(0xF0, 0), (0x1C, 0)],
    ),
    ("a glitch of 3 µs", lambda: [(3, 500), (1, 3), *wave_of(bits_of(0x1C))], [(0, 24), (0x1C, 0)]),
]


@needs_micropython
@pytest.mark.parametrize(("name", "wave", "frames"), FRAMES, ids=[one[0] for one in FRAMES])
def test_the_faults_of_a_frame_are_told_apart(
    name: str, wave: Callable[[], Wave], frames: list[tuple[int, int]]
) -> None:
    """1 start, 2 parity, 4 stop, 8 timing, 16 cut."""
    found = decoded(heard(wave()))
    if name == "a glitch of 3 µs":
        assert found[0][1] & 24 == 24
        assert found[1:] == frames[1:]
    else:
        assert found == frames


class Listener:
    """A device on the lines: it waits for a request, clocks ten bits, and acknowledges or not."""

    def __init__(self, *, acknowledges: bool = True) -> None:
        self.bits: list[int] = []
        self.held_us = 0.0
        self._acknowledges = acknowledges
        self._begins: int | None = None
        self._held_since: int | None = None

    def levels(self, state: pioemu.State) -> int:
        """Return the levels of both pins that a device and pull-up resistors give."""
        pulled = state.pin_directions  # the program's outputs are 0
        data = not pulled & DATA
        if pulled & CLOCK:
            self._held_since = state.clock if self._held_since is None else self._held_since
            self.held_us = (state.clock - self._held_since) / CYCLES_US
        elif self._begins is None and pulled & DATA:
            self._begins = state.clock + 100
        device = DATA | CLOCK
        if self._begins is not None and state.clock >= self._begins:
            at_us = (state.clock - self._begins) // CYCLES_US
            n, phase = divmod(at_us, 80)
            if n <= 10 and phase < 40:
                device &= ~CLOCK
            if n <= 9 and phase == 60 and len(self.bits) == n:
                self.bits.append(int(data))
            if n == 10 and phase < 50 and self._acknowledges:
                device &= ~DATA
        return int(device & ~pulled)


@pytest.mark.parametrize("acknowledges", [True, False])
@pytest.mark.parametrize("byte", [0x00, 0xFF, 0xED, 0xF4, 0x55])
def test_a_byte_is_sent_as_a_device_clocks_it(byte: int, acknowledges: bool) -> None:
    device = Listener(acknowledges=acknowledges)
    program = PROGRAMS.send
    word = (byte | (1 - byte.bit_count() % 2) << 8) ^ 0x1FF
    pushed: list[int] = []
    released = 0
    for _, state in pioemu.emulate(
        program.opcodes,
        stop_when=lambda _, state: state.clock >= 2600,
        initial_state=pioemu.State(transmit_fifo=deque([word])),
        input_source=device.levels,
        shift_isr_right=False,
        shift_osr_right=True,
        out_count=1,
        set_count=2,
        wrap_target=program.wrap_target,
        wrap_top=program.wrap_top,
    ):
        pushed += [state.receive_fifo.popleft() for _ in range(len(state.receive_fifo))]
        released = state.pin_directions
    assert device.bits == [*bits_of(byte)[1:10], 1]
    assert device.held_us >= 100
    assert [word & 1 for word in pushed] == [0 if acknowledges else 1]
    assert released == 0


@needs_micropython
def test_the_firmware_inverts_a_byte_and_gives_it_odd_parity() -> None:
    said = run_micropython("from ps2 import inverted; print([inverted(n) for n in range(256)])")
    assert json.loads(said) == [
        (byte | (1 - byte.bit_count() % 2) << 8) ^ 0x1FF for byte in range(256)
    ]
