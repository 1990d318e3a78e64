"""Fingers: up to 112 solenoids on a chain of seven boards with 16 each, and two servos.

A board is two shift registers (74HC595) and two drivers (ULN2803A). One Pico shifts the bits of
the whole chain and dims all coils at once by the registers' output enable. The current of all coils
flows through one shunt, whose voltage tells a coil that moved from one that is blocked.
"""

from board import No
from line import CLOCK_MASK, since

BOARD_CHANNELS = 16
MOST_CHANNELS = 112
STRIKE_US = 30_000  # full power; then just enough to stay down
HOLD_PERCENT = 40
LONGEST_US = 5_000_000  # an output on for longer goes off by itself: a coil gets too hot to touch
FULL_LONGEST_US = 2_000_000  # of repeated strikes that keep the chain at full power
SAMPLE_US = 50  # of the current of a coil while it strikes
LEAST_MA = 30  # less is no coil
DIP_PERCENT = 6  # of the current so far: the plunger's movement pushes back (general knowledge)
SERVO_LEAST_US, SERVO_MOST_US = 500, 2500


class Fingers:
    """Press and release by masks of 28 hexadecimal digits, channel 0 in the last bit."""

    KIND = "fingers"

    def __init__(self, hw):
        self.hw = hw
        self.channels = BOARD_CHANNELS * hw.chain()
        self.commands = {
            "press": (self._press, 1, 1, True),
            "release": (self._release, 1, 1, False),
            "felt": (self._felt, 0, 0, False),
            "servo": (self._servo, 2, 2, True),
            "chain": (self._chain, 0, 0, False),
        }
        self._on = 0
        self._fallen = 0
        self._since_us = [0] * MOST_CHANNELS
        self._struck_us = 0
        self._striking = False
        self._full_since_us = 0
        self._feeling = False
        self._feel = "none 0 0"

    def off(self, why):
        """Switch every coil and servo off."""
        self.hw.enable(0)
        self.hw.shift(0)
        self.hw.servo(0, 0)
        self.hw.servo(1, 0)
        self._fallen |= 0 if why in ("hello", "start") else self._on
        if why in ("hello", "start"):
            self._fallen = 0
        self._on = 0
        self._striking = self._feeling = False

    def poll(self, now_us):
        """End strikes, and switch off every coil that was on for too long."""
        if self._striking and since(self._struck_us, now_us) >= STRIKE_US:
            self._striking = False
            self.hw.enable(HOLD_PERCENT if self._on else 0)
            if self._feeling:
                self._feeling = False
                self._feel = judged(self.hw.felt_ma())
        elif self._striking and since(self._full_since_us, now_us) >= FULL_LONGEST_US:
            self._drop(self._on)
        if self._on:
            late = 0
            for channel in range(self.channels):
                bit = 1 << channel
                if self._on & bit and since(self._since_us[channel], now_us) >= LONGEST_US:
                    late |= bit
            if late:
                self._drop(late)

    def _drop(self, mask):
        """Let go of channels by the board's own decision."""
        self._fallen |= self._on & mask
        self._on &= ~mask
        self.hw.shift(self._on)
        if not self._on:
            self._striking = False
            self.hw.enable(0)

    def _mask(self, text):
        if len(text) != MOST_CHANNELS // 4:
            raise No("argument")
        mask = int(text, 16)
        if mask >> self.channels:
            raise No("channel %d" % self.channels)
        return mask

    def _press(self, text):
        fresh = self._mask(text) & ~self._on
        now_us = self.hw.ticks_us() & CLOCK_MASK
        if not fresh:
            return str(now_us)
        for channel in range(self.channels):
            if fresh >> channel & 1:
                self._since_us[channel] = now_us
        self._feeling = not self._on and not fresh & (fresh - 1)
        self._feel = "wait 0 0" if self._feeling else "several 0 0"
        self._on |= fresh
        self._fallen &= ~fresh
        if not self._striking:
            self._full_since_us = now_us
        self._striking = True
        self._struck_us = now_us
        if self._feeling:
            self.hw.feel(STRIKE_US // SAMPLE_US)
        self.hw.shift(self._on)
        self.hw.enable(100)
        return str(now_us)

    def _release(self, text):
        mask = self._mask(text)
        fallen = self._fallen & mask
        self._fallen &= ~mask
        self._on &= ~mask
        self.hw.shift(self._on)
        if not self._on:
            self._striking = False
            self.hw.enable(0)
        return "%d %s" % (self.hw.ticks_us() & CLOCK_MASK, "fallen" if fallen else "held")

    def _felt(self):
        return self._feel

    def _servo(self, which, pulse):
        which, pulse_us = int(which), int(pulse)
        if which not in (0, 1) or not SERVO_LEAST_US <= pulse_us <= SERVO_MOST_US:
            raise No("argument")
        self.hw.servo(which, pulse_us)
        return str(self.hw.ticks_us() & CLOCK_MASK)

    def _chain(self):
        return str(self.channels)


def judged(samples_ma):
    """Return what the current of a strike tells: word, greatest milliamperes, dip in per cent.

    The current of a coil rises to its end value. A plunger that moves induces a voltage against
    it, so that the current falls for a moment and then rises again.
    """
    peak = highest = 0
    deepest = 0
    for ma in samples_ma:
        if ma > highest:
            highest = ma
            if highest > peak:
                peak = highest
        elif highest >= LEAST_MA and (highest - ma) * 100 > deepest * highest:
            deepest = (highest - ma) * 100 // highest
    if peak < LEAST_MA:
        return "absent %d 0" % peak
    return "%s %d %d" % ("moved" if deepest >= DIP_PERCENT else "blocked", peak, deepest)
