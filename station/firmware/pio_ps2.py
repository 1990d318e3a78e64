"""PIO programs of the PS/2 board: hear a device, and send a byte to it.

The pin of DATA is the first of both programs, CLOCK the next one. Two cycles are 1 µs. Timing after
"The PS/2 Mouse/Keyboard Protocol" (A. Chapweske), general knowledge.
"""

import rp2

CYCLES_HZ = 2_000_000
COUNTED_US = 0x7FFF  # both counters begin here, and count microseconds down


@rp2.asm_pio(in_shiftdir=rp2.PIO.SHIFT_RIGHT, autopush=True, push_thresh=32)
def hear():
    """Push a word for each clock pulse: DATA as CLOCK fell, 15 bits of low, 16 bits of high.

    The counters hold what is left of COUNTED_US. High is the time before the pulse; when it was
    longer than can be counted, its bits are all 1, and so are those of such a low.
    """
    pull(block)
    wrap_target()
    mov(y, osr)
    label("high")
    jmp(pin, "is_high")
    jmp("fell")
    label("is_high")
    jmp(y_dec, "high")
    wait(0, pin, 1)
    label("fell")
    in_(pins, 1)
    mov(x, osr)
    label("low")
    jmp(pin, "rose")
    jmp(x_dec, "low")
    wait(1, pin, 1)
    label("rose")
    in_(x, 15)
    in_(y, 16)
    wrap()


@rp2.asm_pio(out_shiftdir=rp2.PIO.SHIFT_RIGHT, in_shiftdir=rp2.PIO.SHIFT_LEFT)
def send():
    """Send ten inverted bits, eight of data, parity and stop, and push 0 when they are taken.

    A 1 pulls the line low: both pins are 0 and only their directions change. The host holds CLOCK
    for 128 µs, pulls DATA, and lets the device clock.
    """
    pull(block)
    set(pindirs, 2)
    set(x, 31)
    label("hold")
    jmp(x_dec, "hold")[7]
    set(pindirs, 3)
    set(x, 9)[7]
    set(pindirs, 1)
    label("bit")
    wait(0, pin, 1)
    out(pindirs, 1)
    wait(1, pin, 1)
    jmp(x_dec, "bit")
    wait(0, pin, 1)
    in_(pins, 1)
    push(block)
    wait(1, pin, 1)
