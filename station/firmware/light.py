"""Light: a photodiode, and a microphone, sampled up to 500 000 times a second."""

from capture import Sampler

INPUTS = 2  # 0 the photodiode, 1 the microphone


class Light:
    """Nothing here moves or is switched: the samples are judged by the station."""

    KIND = "light"

    def __init__(self, hw):
        self.sampler = Sampler(hw, INPUTS)
        self.commands = self.sampler.commands

    def off(self, why):
        """There is no output."""

    def poll(self, now_us):
        """There is nothing to supervise."""
