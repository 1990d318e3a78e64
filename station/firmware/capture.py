"""Samples of an analogue input at a steady rate, told in blocks: for light, sound and supplies."""

from board import No
from line import CLOCK_MASK

MOST_SAMPLES = 4096
IN_BLOCK = 32
LEAST_US, MOST_US = 2, 1000


class Sampler:
    """The commands of a board that samples. `hw` has capture(), capturing() and captured()."""

    def __init__(self, hw, inputs):
        self.hw = hw
        self._inputs = inputs
        self._taken = 0
        self.commands = {
            "sample": (self._sample, 3, 3, False),
            "sampled": (self._sampled, 0, 0, False),
            "block": (self._block, 1, 1, False),
        }

    def _sample(self, which, count, every):
        which, count, every_us = int(which), int(count), int(every)
        if not (
            0 <= which < self._inputs
            and 1 <= count <= MOST_SAMPLES
            and LEAST_US <= every_us <= MOST_US
        ):
            raise No("argument")
        self._taken = count
        at_us = self.hw.ticks_us() & CLOCK_MASK
        self.hw.capture(which, count, every_us)
        return str(at_us)

    def _sampled(self):
        if not self._taken:
            return "none"
        return "busy" if self.hw.capturing() else "done"

    def _block(self, number):
        first = IN_BLOCK * int(number)
        if not 0 <= first < self._taken:
            raise No("argument")
        if self.hw.capturing():
            raise No("busy")
        held = self.hw.captured()
        fields = ""
        for n in range(first, min(first + IN_BLOCK, self._taken)):
            fields += "%03X" % (held[n] & 0xFFF)
        return fields
