"""Samples and pulses that come faster than a program reads them, by DMA.

RP2040 datasheet: 2.5 DMA ("2.5.3.1 System DREQ Table"), 3.7 PIO registers, 4.9 ADC.
"""

import time
from array import array

import machine
import rp2
import uctypes

CS, FCS, FIFO, DIV = 0x4004C000, 0x4004C008, 0x4004C00C, 0x4004C010
DREQ_ADC = 36
PIO0_RXF0, DREQ_PIO0_RX0 = 0x50200020, 4
ADC_CYCLES_US = 48  # its clock is 48 MHz; a conversion takes 96


class Capture:
    """A buffer of 12-bit samples, allocated once."""

    def __init__(self, channel, most):
        self._channel = channel
        self._buffer = array("H", bytes(2 * most))
        self._taken = 0
        for n in range(3):
            machine.ADC(machine.Pin(26 + n))
        self._dma = rp2.DMA()

    def start(self, samples, every_us, channel=0):
        """Begin to take samples of a channel, one each `every_us`, which is at least 2."""
        self._channel = channel
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


class Ring:
    """The words of PIO 0, state machine 0: the last of them, in a ring of 2^`bits` bytes."""

    def __init__(self, bits):
        self._size = 1 << bits
        self._bits = bits
        self._held = bytearray(2 * self._size)  # so that there is an aligned ring in it
        self._base = (uctypes.addressof(self._held) + self._size - 1) & ~(self._size - 1)
        self._dma = rp2.DMA()
        self._at = 0
        self._ring = uctypes.bytearray_at(self._base, self._size)
        self._read_us = time.ticks_us()
        self._late = 0

    def start(self):
        """Forget what has come, and begin anew."""
        self._dma.active(0)
        while machine.mem32[0x50200004] & 1 << 8 == 0:  # FSTAT: state machine 0 has words
            machine.mem32[PIO0_RXF0]
        self._at = 0
        self._late = 0
        self._read_us = time.ticks_us()
        self._dma.config(
            read=PIO0_RXF0,
            write=self._base,
            count=0xFFFFFFFF,
            ctrl=self._dma.pack_ctrl(
                size=2,
                inc_read=False,
                ring_sel=True,
                ring_size=self._bits,
                treq_sel=DREQ_PIO0_RX0,
            ),
            trigger=True,
        )

    def words(self):
        """Return the words that have come since."""
        end = (self._dma.write - self._base) % self._size
        found = []
        while self._at != end:
            found.append(machine.mem32[self._base + self._at])
            self._at = (self._at + 4) % self._size
        return found

    def halves(self):
        """Return the ring, and which of its 16-bit samples have come since: begin and end.

        The end is that of the ring where they go on at its beginning.
        """
        end = (self._dma.write - self._base) % self._size & ~3
        begin = self._at
        if end < begin:
            end = self._size
        self._at = end % self._size
        now_us = time.ticks_us()
        self._late |= time.ticks_diff(now_us, self._read_us) > self._size // 2 * 10
        self._read_us = now_us
        return self._ring, begin // 2, end // 2

    def overrun(self):
        """Tell whether more samples came than the ring holds, at one each 10 µs, since `start`."""
        return int(self._late)
