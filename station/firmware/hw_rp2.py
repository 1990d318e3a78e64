"""A board's hardware on an RP2040: pins, watchdog, USB, memory. Methods as in `hwsim`.

RP2040 datasheet: 2.19 GPIO, 4.1.4 "SIE_STATUS", 4.7 watchdog, 4.9 ADC.
"""

import gc
import json
import os
import select
import sys
import time

import machine
import micropython
import rp2
from dma_rp2 import Capture, Ring

WATCHDOG_MS = 1000  # at most 8388
MAGIC_ASKED = 0x50414345  # in scratch register 0: this restart was asked for
SCRATCH0 = 0x4005800C
SIE_STATUS = 0x50110050
SIE_SUSPENDED, SIE_CONNECTED = 1 << 4, 1 << 16
RESTARTS_AFTER_US = 100_000
CALIBRATION = "/calibration.json"


def why_restarted():
    """Return why the board restarted: power, watchdog or asked. Can be read once."""
    asked = machine.mem32[SCRATCH0] == MAGIC_ASKED
    machine.mem32[SCRATCH0] = 0
    if asked:
        return "asked"
    return "power" if machine.reset_cause() == machine.PWRON_RESET else "watchdog"


class Rp2040:
    """Have what every kind of board has: a clock, a line to the station, a watchdog, a memory."""

    def __init__(self, settings):
        self.board_id = machine.unique_id().hex().upper()
        self.firmware_hash = settings["hash"]
        self.why = why_restarted()
        self.calibration = {}
        try:
            with open(CALIBRATION) as file:
                self.calibration = json.load(file)
        except (OSError, ValueError):
            pass
        micropython.kbd_intr(-1)  # a byte of noise is no interrupt
        self._stdin = sys.stdin.buffer
        self._stdout = sys.stdout.buffer
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._one = bytearray(1)
        self._restart_since = None
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)

    def ticks_us(self):
        """Return the board's time, which wraps after 2^30 µs."""
        return time.ticks_us()

    def read_into(self, buffer):
        """Read the bytes that are there, at most as many as fit; return their number."""
        held = 0
        while held < len(buffer) and self._poll.poll(0):
            self._stdin.readinto(self._one)
            buffer[held] = self._one[0]
            held += 1
            if self._one[0] == 10:
                break
        return held

    def write(self, data):
        """Send bytes to the station."""
        self._stdout.write(data)

    def connected(self):
        """Tell whether a USB host is there and awake."""
        status = machine.mem32[SIE_STATUS]
        return bool(status & SIE_CONNECTED) and not status & SIE_SUSPENDED

    def feed(self):
        """Feed the watchdog, unless a restart was asked for."""
        if self._restart_since is None:
            self._watchdog.feed()
        elif time.ticks_diff(time.ticks_us(), self._restart_since) > RESTARTS_AFTER_US:
            machine.mem32[SCRATCH0] = MAGIC_ASKED
            machine.reset()

    def free_bytes(self):
        """Return the heap that is free."""
        return gc.mem_free()

    def keep_calibration(self):
        """Write the calibration where it outlives a restart: whole, or not at all."""
        with open(CALIBRATION + ".new", "w") as file:
            json.dump(self.calibration, file)
        os.rename(CALIBRATION + ".new", CALIBRATION)

    def restart_for_update(self):
        """Restart, after the answer has gone, into the state in which firmware can be copied."""
        with open("/update", "w") as file:
            file.write("asked")
        self._restart_since = time.ticks_us()


class FingersHw(Rp2040):
    """Pins of the finger board: see docs/firmware/fingers.md."""

    CLOCK, DATA, LATCH, NOT_ENABLE, RETURN = 18, 19, 17, 16, 20
    SERVOS = (14, 15)
    COIL_HZ = 20_000  # above hearing
    MA_OF_ADC = 3300 / 4096  # 0.1 Ω and a gain of 10 are 1 mV for 1 mA; `cal gain` corrects

    def __init__(self, settings):
        self._enable = machine.PWM(machine.Pin(self.NOT_ENABLE))
        self._enable.freq(self.COIL_HZ)
        self._enable.duty_u16(65535)  # off: the outputs are enabled by low
        self._latch = machine.Pin(self.LATCH, machine.Pin.OUT, value=0)
        self._bytes = bytearray(14)
        self._boards = self._count()
        self._spi = machine.SPI(
            0, baudrate=1_000_000, sck=machine.Pin(self.CLOCK), mosi=machine.Pin(self.DATA)
        )
        self._servos = [machine.PWM(machine.Pin(pin)) for pin in self.SERVOS]
        for servo in self._servos:
            servo.freq(50)
            servo.duty_u16(0)
        self._capture = Capture(0, 1024)
        super().__init__(settings)

    def _count(self):
        """Push a single one through the chain, and count until it comes back."""
        clock = machine.Pin(self.CLOCK, machine.Pin.OUT, value=0)
        data = machine.Pin(self.DATA, machine.Pin.OUT, value=0)
        back = machine.Pin(self.RETURN, machine.Pin.IN, machine.Pin.PULL_UP)
        for _ in range(128):
            clock(1)
            clock(0)
        if back():
            return 0  # no chain at all
        data(1)
        for n in range(1, 129):
            clock(1)
            clock(0)
            data(0)
            if back():
                return n // 16
        return 0

    def chain(self):
        """Return the number of boards in the chain."""
        return self._boards

    def shift(self, mask):
        """Shift the bits of all channels out: the farthest board first."""
        size = 2 * self._boards
        for n in range(size):
            self._bytes[size - 1 - n] = mask >> 8 * n & 0xFF
        self._spi.write(memoryview(self._bytes)[:size])
        self._latch(1)
        self._latch(0)

    def enable(self, percent):
        """Set the power of all coils that are on."""
        self._enable.duty_u16(65535 - 65535 * percent // 100)

    def servo(self, which, pulse_us):
        """Set the pulse of a servo; 0 is none."""
        self._servos[which].duty_ns(pulse_us * 1000)

    def feel(self, samples):
        """Begin to record the current, a sample each 50 µs."""
        self._capture.start(samples, 50)

    def felt_ma(self):
        """Return the recorded current in milliamperes."""
        ma = self.calibration.get("gain", 1.0) * self.MA_OF_ADC
        return [int(raw * ma) for raw in self._capture.samples()]


class Ps2Hw(Rp2040):
    """Pins of the PS/2 board: see docs/firmware/ps2.md. DATA and CLOCK are next to each other."""

    DATA, CLOCK, POWER = 2, 3, 6

    def __init__(self, settings):
        import pio_ps2

        self._programs = pio_ps2
        self._power = machine.Pin(self.POWER, machine.Pin.OUT, value=0)
        data = machine.Pin(self.DATA, machine.Pin.IN)
        clock = machine.Pin(self.CLOCK, machine.Pin.IN)
        self._ear = rp2.StateMachine(
            0, pio_ps2.hear, freq=pio_ps2.CYCLES_HZ, in_base=data, jmp_pin=clock
        )
        self._mouth = rp2.StateMachine(
            1, pio_ps2.send, freq=pio_ps2.CYCLES_HZ, in_base=data, out_base=data, set_base=data
        )
        self._ring = Ring(10)  # 256 pulses: 23 frames, 18 ms of a fast device
        super().__init__(settings)

    def power(self, on):
        """Switch the device's 5 V."""
        self._power(on)

    def listen(self):
        """Let both lines go and hear the device."""
        self._mouth.active(0)
        self._mouth.restart()
        self._mouth.exec("set(pindirs, 0)")
        self._mouth.exec("set(pins, 0)")
        self._ear.active(0)
        self._ear.restart()
        self._ring.start()
        self._ear.put(self._programs.COUNTED_US)
        self._ear.active(1)

    def pulses(self):
        """Return the pulses that the device has clocked since."""
        return self._ring.words()

    def send(self, bits):
        """Begin to send ten inverted bits."""
        self._ear.active(0)
        self._mouth.restart()
        self._mouth.active(1)
        self._mouth.put(bits)

    def sent(self):
        """Return None until the device has taken the byte, then 0, or 1 when it refused it."""
        return self._mouth.get() if self._mouth.rx_fifo() else None


class Sampling(Rp2040):
    """Inputs of the ADC, the first at GP26."""

    def __init__(self, settings):
        self._capture = Capture(0, 4096)
        super().__init__(settings)

    def capture(self, which, count, every_us):
        """Begin to take samples."""
        self._capture.start(count, every_us, self.select(which))

    def select(self, which):
        """Return the ADC's channel of an input."""
        return which

    def capturing(self):
        """Tell whether samples are still to come."""
        return self._capture.busy()

    def captured(self):
        """Return the samples."""
        return self._capture.samples()


class LightHw(Sampling):
    """Pins of the light board: the photodiode at GP26, the microphone at GP27."""

    PHOTODIODE, MICROPHONE = 26, 27


class AtxHw(Sampling):
    """Pins of the ATX board: see docs/firmware/atx.md. GP0 to GP10 are the comparators."""

    FIRST, LAST = 0, 10
    PS_ON, RELAY = 11, 12
    SELECT = (13, 14, 15)
    LEVELS = 26
    SETTLES_US = 50

    def __init__(self, settings):
        import pio_atx

        self._ps_on = machine.Pin(self.PS_ON, machine.Pin.OUT, value=0)
        self._relay = machine.Pin(self.RELAY, machine.Pin.OUT, value=0)
        self._select = [machine.Pin(pin, machine.Pin.OUT, value=0) for pin in self.SELECT]
        for pin in range(self.FIRST, self.LAST + 1):
            machine.Pin(pin, machine.Pin.IN)
        self._watcher = rp2.StateMachine(
            0, pio_atx.watch, freq=pio_atx.CYCLES_HZ, in_base=machine.Pin(self.FIRST)
        )
        self._ring = Ring(14)  # 8192 samples, 82 ms
        super().__init__(settings)

    def on(self, level):
        """Pull PS_ON# low, by an open collector, or let it go."""
        self._ps_on(level)

    def mains(self, level):
        """Close or open the mains relay."""
        self._relay(level)

    def watch(self):
        """Begin to sample the comparators."""
        self._watcher.active(0)
        self._watcher.restart()
        self._ring.start()
        self._watcher.active(1)

    def watched(self):
        """Return a buffer of samples and which of them are new."""
        return self._ring.halves()

    def lost(self):
        """Tell whether the ring was read too late: then it has come round."""
        return self._ring.overrun()

    def select(self, which):
        """Set the analogue multiplexer, and return the ADC's channel behind it."""
        for n in range(3):
            self._select[n](which >> n & 1)
        time.sleep_us(self.SETTLES_US)
        return 0

    def level_mv(self, which):
        """Return the voltage of an input of the ADC, the mean of 64 samples."""
        self._capture.start(64, 10, self.select(which))
        while self._capture.busy():
            pass
        return sum(self._capture.samples()) * 3300 // (64 * 4096)
