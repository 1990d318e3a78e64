"""Samples of one analogue input at a steady rate, up to 500 kS/s, by DMA.

RP2040 datasheet: 4.9 ADC ("4.9.2.5 FIFO", "4.9.6 List of Registers"), 2.5.3.1 DREQ table.
"""

from array import array

import machine
import rp2

CS, FCS, FIFO, DIV = 0x4004C000, 0x4004C008, 0x4004C00C, 0x4004C010
DREQ_ADC = 36
ADC_CYCLES_US = 48  # its clock is 48 MHz; a conversion takes 96


class Capture:
    """A buffer of 12-bit samples, allocated once."""

    def __init__(self, channel, most):
        self._channel = channel
        self._buffer = array("H", bytes(2 * most))
        self._taken = 0
        machine.ADC(machine.Pin(26 + channel))
        self._dma = rp2.DMA()

    def start(self, samples, every_us):
        """Begin to take samples, one each `every_us`, which is at least 2."""
        self._taken = min(samples, len(self._buffer))
        machine.mem32[CS] = self._channel << 12 | 1
        machine.mem32[FCS] = 1 << 24 | 1 << 3 | 1
        while machine.mem32[FCS] >> 16 & 0xF:
            machine.mem32[FIFO]
        machine.mem32[DIV] = (ADC_CYCLES_US * every_us - 1) << 8
        self._dma.config(
            read=FIFO,
            write=self._buffer,
            count=self._taken,
            ctrl=self._dma.pack_ctrl(size=1, inc_read=False, treq_sel=DREQ_ADC),
            trigger=True,
        )
        machine.mem32[CS] = self._channel << 12 | 1 << 3 | 1

    def busy(self):
        """Tell whether samples are still to come."""
        return self._dma.active()

    def samples(self):
        """Stop, and return the samples taken."""
        machine.mem32[CS] = self._channel << 12 | 1
        self._dma.active(0)
        return memoryview(self._buffer)[: self._taken]
