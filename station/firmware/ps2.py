"""PS/2: the host of one keyboard or mouse, which hears wrong parity and timing, too.

A state machine of the PIO measures each clock pulse (pio_ps2); here pulses become frames: a start
bit 0, eight bits of data with the lowest first, odd parity, a stop bit 1. The host's byte goes out
through another state machine.
"""

from board import No
from line import CLOCK_MASK, since

COUNTED_US = 0x7FFF
GAP_US = 300  # CLOCK is high for longer between frames than within one
LEAST_US, MOST_US = 25, 55  # 30 to 50 of each level, by general knowledge, and 5 for both ends
CUT_AFTER_US = 3000  # no pulse for so long within a frame
SENT_WITHIN_US = 20_000
LONGEST_US = 600_000_000  # the device's 5 V go off by themselves after so long
MOST_FRAMES = 64
IN_ANSWER = 8

START, PARITY, STOP, TIMING, CUT, LOST = 1, 2, 4, 8, 16, 32


class Decoder:
    """Make frames of pulses. `frames` holds byte, faults and time of each, the oldest first."""

    def __init__(self):
        self.frames = []
        self.shortest = [COUNTED_US, COUNTED_US]
        self.longest = [0, 0]
        self.begin()

    def begin(self):
        """Forget what has come of a frame."""
        self._bits = 0
        self._held = 0
        self._faults = 0
        self._last_us = 0

    def pulse(self, word, now_us):
        """Take a pulse, as pio_ps2.hear pushes it."""
        low = word >> 1 & 0x7FFF
        high = word >> 16
        low_us = COUNTED_US - low if low != COUNTED_US else COUNTED_US
        high_us = COUNTED_US - high if high <= COUNTED_US else COUNTED_US
        if high_us > GAP_US:
            self.cut(now_us)
        else:
            self._time(1, high_us)
        self._time(0, low_us)
        self._held |= (word & 1) << self._bits
        self._bits += 1
        self._last_us = now_us
        if self._bits == 11:
            self._whole(now_us)

    def poll(self, now_us):
        """End a frame in which no pulse has come for too long."""
        if self._bits and since(self._last_us, now_us) > CUT_AFTER_US:
            self.cut(now_us)

    def cut(self, now_us):
        """End a frame that is not whole."""
        if self._bits:
            self._faults |= CUT
            self._put(self._held >> 1 & 0xFF, now_us)

    def _time(self, level, us):
        if not LEAST_US <= us <= MOST_US:
            self._faults |= TIMING
        self.shortest[level] = min(self.shortest[level], us)
        self.longest[level] = max(self.longest[level], us)

    def _whole(self, now_us):
        held = self._held
        if held & 1:
            self._faults |= START
        if not held >> 10:
            self._faults |= STOP
        ones = 0
        for n in range(1, 10):
            ones += held >> n & 1
        if not ones & 1:
            self._faults |= PARITY
        self._put(held >> 1 & 0xFF, now_us)

    def _put(self, byte, now_us):
        if len(self.frames) >= MOST_FRAMES:
            self.frames.pop(0)
            byte_, faults, at_us = self.frames[0]
            self.frames[0] = (byte_, faults | LOST, at_us)
        self.frames.append((byte, self._faults, now_us & CLOCK_MASK))
        self.begin()


class Ps2:
    """Host of one device. Its 5 V are the output that goes off by itself."""

    KIND = "ps2"

    def __init__(self, hw):
        self.hw = hw
        self.decoder = Decoder()
        self.commands = {
            "power": (self._power, 1, 1, True),
            "send": (self._send, 1, 1, True),
            "sent": (self._sent, 0, 0, False),
            "read": (self._read, 0, 0, False),
            "clock": (self._clock, 0, 0, False),
        }
        self._on = False
        self._on_since_us = 0
        self._sending_since_us = 0
        self._outcome = "none"

    def off(self, why):
        """Take the device's power and let both lines go."""
        self._on = False
        self._outcome = "none"
        self.hw.power(0)
        self.hw.listen()

    def poll(self, now_us):
        """Take what the device has clocked, and see whether it took a byte."""
        for word in self.hw.pulses():
            self.decoder.pulse(word, now_us)
        self.decoder.poll(now_us)
        if self._outcome == "wait":
            taken = self.hw.sent()
            if taken is not None:
                self._outcome = "refused" if taken else "taken"
                self.hw.listen()
            elif since(self._sending_since_us, now_us) > SENT_WITHIN_US:
                self._outcome = "silent"
                self.hw.listen()
        if self._on and since(self._on_since_us, now_us) > LONGEST_US:
            self.off("longest")

    def _power(self, level):
        if level not in ("0", "1"):
            raise No("argument")
        self._on = level == "1"
        self._on_since_us = self.hw.ticks_us()
        self.decoder = Decoder()
        self.hw.power(int(level))
        return str(self._on_since_us & CLOCK_MASK)

    def _send(self, digits):
        if len(digits) != 2:
            raise No("argument")
        byte = int(digits, 16)
        if not self._on:
            raise No("unpowered")
        if self._outcome == "wait":
            raise No("busy")
        self._sending_since_us = self.hw.ticks_us()
        self._outcome = "wait"
        self.decoder.begin()
        self.hw.send(inverted(byte))
        return str(self._sending_since_us & CLOCK_MASK)

    def _sent(self):
        return self._outcome

    def _read(self):
        frames = self.decoder.frames
        fields = []
        while frames and len(fields) < IN_ANSWER:
            fields.append("%02X%02X%08X" % frames.pop(0))
        return " ".join([str(len(frames))] + fields)  # noqa: RUF005  # MicroPython has no such list

    def _clock(self):
        found = self.decoder
        return "%d %d %d %d" % (
            found.shortest[0], found.longest[0], found.shortest[1], found.longest[1],
        )  # fmt: skip


def inverted(byte):
    """Return a byte as pio_ps2.send takes it: inverted, with odd parity and a stop bit."""
    ones = 0
    for n in range(8):
        ones += byte >> n & 1
    parity = 1 - (ones & 1)
    return (byte | parity << 8) ^ 0x1FF
