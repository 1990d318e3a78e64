"""ATX: switches a supply on and off, and notes when each comparator changes, to 10 µs.

Samples are of PINS bits: PS_ON# 0; PWR_OK above 0.4 V 1, above 2.4 V 2; 12 V above 10 % and 95 % 3
and 4; 5 V 5 and 6; 3.3 V 7 and 8; 5 VSB above 95 % 9; mains 10.
"""

import micropython
from board import No
from capture import Sampler
from line import CLOCK_MASK, since

PINS = 0x7FF
INPUTS = 6  # 12 V, 5 V, 3.3 V, 5 VSB, -12 V, PWR_OK
LONGEST_US = 600_000_000
MOST_EVENTS = 128
IN_ANSWER = 8


@micropython.viper
def first_other(held: ptr16, begin: int, end: int, last: int, pins: int) -> int:  # noqa: F821
    """Return where the first sample is that differs from `last`, or `end`."""
    at = begin
    while at < end and int(held[at]) & pins == last:
        at += 1
    return at


@micropython.viper
def sample(held: ptr16, at: int) -> int:  # noqa: F821
    """Return one sample."""
    return int(held[at])


class Atx:
    """Two outputs, PS_ON# and the mains relay, and a list of what changed when."""

    KIND = "atx"

    def __init__(self, hw):
        self.hw = hw
        self.sampler = Sampler(hw, INPUTS)
        self.commands = {
            "mains": (self._mains, 1, 1, True),
            "on": (self._on, 1, 1, True),
            "watch": (self._watch, 0, 0, False),
            "watched": (self._watched, 0, 0, False),
            "events": (self._events, 0, 0, False),
            "levels": (self._levels, 0, 0, False),
        }
        self.commands.update(self.sampler.commands)
        self._events_held = []
        self._samples = 0
        self._last = -1
        self._lost = 0
        self._watching = False
        self._powered = False
        self._powered_us = 0

    def off(self, why):
        """Let PS_ON# go and open the mains relay."""
        self._powered = False
        self.hw.on(0)
        self.hw.mains(0)

    def poll(self, now_us):
        """Note what has changed in the samples since."""
        if self._watching:
            for _ in range(2):  # to the ring's end, and on from its beginning; more come meanwhile
                held, begin, end = self.hw.watched()
                self._scan(held, begin, end)
            self._lost |= self.hw.lost()
        if self._powered and since(self._powered_us, now_us) > LONGEST_US:
            self.off("longest")

    def _scan(self, held, begin, end):
        at = begin
        while True:
            at = first_other(held, at, end, self._last, PINS)
            if at >= end:
                break
            self._last = sample(held, at) & PINS
            if len(self._events_held) < MOST_EVENTS:
                self._events_held.append((self._samples + at - begin, self._last))
            else:
                self._lost = 1
        self._samples += end - begin

    def _mains(self, level):
        if level not in ("0", "1"):
            raise No("argument")
        self._powered = level == "1"
        self._powered_us = self.hw.ticks_us()
        self.hw.mains(int(level))
        return str(self._powered_us & CLOCK_MASK)

    def _on(self, level):
        if level not in ("0", "1"):
            raise No("argument")
        self.hw.on(int(level))
        return str(self.hw.ticks_us() & CLOCK_MASK)

    def _watch(self):
        self._events_held = []
        self._samples, self._last, self._lost = 0, -1, 0
        self._watching = True
        self.hw.watch()
        return ""

    def _watched(self):
        return "%d %d" % (self._samples, self._lost)

    def _events(self):
        held = self._events_held
        fields = []
        while held and len(fields) < IN_ANSWER:
            fields.append("%08X%03X" % held.pop(0))
        return " ".join([str(len(held))] + fields)  # noqa: RUF005

    def _levels(self):
        return " ".join([str(self.hw.level_mv(n)) for n in range(INPUTS)])
