"""The PIO program of the ATX board: all its lines each 10 µs, two samples in a word."""

import rp2

SAMPLE_US = 10
CYCLES_HZ = 100_000


@rp2.asm_pio(in_shiftdir=rp2.PIO.SHIFT_RIGHT, autopush=True, push_thresh=32)
def watch():
    """Take 16 pins in each cycle; the earlier sample is in the lower half of a word."""
    in_(pins, 16)
