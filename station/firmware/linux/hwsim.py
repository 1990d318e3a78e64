"""A board's hardware on Linux: its lines are standard input and output, its world is a file.

    micropython run_linux.py KIND WORLD.json

What the outputs do is told on standard error, a line each: time of the board in µs, output, value.
The clock is the machine's; its beginning may be set in the world as `ticks_us`.
"""

import gc
import math
import select
import sys
import time

MASK = 0x3FFFFFFF
WAITS_MS = 1


class Linux:
    """Have what every kind of board has: a clock, a line to the station, a watchdog, a memory."""

    board_id = "0000000000000000"
    firmware_hash = "0" * 16
    why = "power"

    def __init__(self, world):
        self.world = world
        self.calibration = dict(world.get("calibration", {}))
        self._first_us = world.get("ticks_us", 0) - time.ticks_us()
        self._stdin = sys.stdin.buffer
        self._stdout = sys.stdout.buffer
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._there = False
        self._one = bytearray(1)
        self.fed = 0

    def ticks_us(self):
        """Return the board's time, which wraps after 2^30 µs."""
        return (time.ticks_us() + self._first_us) & MASK

    def read_into(self, buffer):
        """Read the bytes that are there, at most as many as fit; return their number."""
        held, wait_ms = 0, WAITS_MS
        while held < len(buffer):
            flags = 0
            for ready in self._poll.ipoll(wait_ms):
                flags = ready[1]
            self._there = not flags & select.POLLHUP
            if not self._there:
                time.sleep_ms(wait_ms)
            if not flags & select.POLLIN or not self._there:
                break
            if not self._stdin.readinto(self._one):
                sys.exit()
            buffer[held] = self._one[0]
            held += 1
            wait_ms = 0
            if self._one[0] == 10:
                break
        return held

    def write(self, data):
        """Send bytes to the station."""
        if self._there:
            self._stdout.write(data)

    def connected(self):
        """Tell whether the USB host is there: the other end of the pseudo-terminal is open."""
        return self._there

    def feed(self):
        """Feed the watchdog."""
        self.fed += 1

    def free_bytes(self):
        """Return the heap that is free."""
        return gc.mem_free()

    def keep_calibration(self):
        """Write the calibration where it outlives a restart."""

    def restart_for_update(self):
        """Restart into the state in which firmware can be copied."""
        self.tell("update", 1)

    def tell(self, output, value):
        """Tell the test what an output does."""
        sys.stderr.write("%d %s %s\n" % (self.ticks_us(), output, value))


class FingersHw(Linux):
    """Coils with plungers. The world says which `fingers` are "blocked" or "absent"."""

    def chain(self):
        """Return the number of boards in the chain."""
        return self.world.get("boards", 7)

    def shift(self, mask):
        """Shift the bits of all channels out."""
        self._mask = mask
        self.tell("coils", "%028x" % mask)

    def enable(self, percent):
        """Set the power of all coils that are on."""
        self.tell("power", percent)

    def servo(self, which, pulse_us):
        """Set the pulse of a servo; 0 is none."""
        self.tell("servo%d" % which, pulse_us)

    def feel(self, samples):
        """Begin to record the current, a sample each 50 µs."""
        self._samples = samples

    def felt_ma(self):
        """Return the recorded current: a coil of 400 mA, 5 ms, whose plunger moves at 12 ms."""
        channel = 0
        while not self._mask >> channel & 1:
            channel += 1
        state = self.world.get("fingers", {}).get(str(channel), "moves")
        found = []
        for n in range(self._samples):
            ma = 0 if state == "absent" else int(400 * (1 - 2.718281828 ** (-n * 50 / 5000)))
            at_us = n * 50
            if state == "moves" and 9000 <= at_us < 15000:
                ma = int(ma * (1 - 0.18 * (1 - abs(at_us - 12000) / 3000)))
            found.append(ma + n * 7 % 3)
        return found


class Ps2Hw(Linux):
    """A PS/2 port with a device of `sim_ps2`."""

    def __init__(self, world):
        from sim_ps2 import Device

        self.device = Device(world)
        self._taken = None
        super().__init__(world)

    def power(self, on):
        """Switch the device's 5 V."""
        self.device.power(on)
        self.tell("power", on)

    def listen(self):
        """Let both lines go and hear the device."""

    def pulses(self):
        """Return the pulses that the device has clocked since."""
        return self.device.pulses()

    def send(self, bits):
        """Begin to send ten inverted bits."""
        byte = (bits ^ 0x1FF) & 0xFF
        self._taken = None
        if self.device.powered and not self.device.deaf:
            self.device.take(byte)
            self._taken = 0
        self.tell("sent", "%02X" % byte)
        self.tell("leds", self.device.leds)

    def sent(self):
        """Return None until the device has taken the byte, then 0, or 1 when it refused it."""
        return self._taken


class Sampling(Linux):
    """Inputs that are a function of time: `value(which, at_us)` is 0 to 4095."""

    def capture(self, which, count, every_us):
        """Begin to take samples."""
        self._began_us = time.ticks_us()
        self._lasts_us = count * every_us
        self._taken = (which, self.ticks_us(), every_us)

    def capturing(self):
        """Tell whether samples are still to come."""
        return time.ticks_diff(time.ticks_us(), self._began_us) < self._lasts_us

    def captured(self):
        """Return what stands for the samples."""
        return self

    def __getitem__(self, n):
        """Return a sample, made when it is wanted."""
        which, first_us, every_us = self._taken
        self.since_first_us = n * every_us
        return self.value(which, first_us + n * every_us)


class LightHw(Sampling):
    """A photodiode over a display, and a microphone beside it.

    The world's `inputs` are two tables: level 0 to 1, modulation 0 to 1, frequency_hz, shape "sine"
    or "pwm" with its duty, and step_us, step_level, rise_us of a change since the first sample.
    """

    def value(self, which, at_us):
        """Return an input as its ADC gives it."""
        of = self.world.get("inputs", [{}, {}])[which]
        level = of.get("level", 0.0)
        if "step_us" in of:
            passed = self.since_first_us - of["step_us"]
            part = min(1.0, max(0.0, passed / of["rise_us"]))
            level += (of["step_level"] - level) * part
        frequency = of.get("frequency_hz", 0.0)
        if frequency:
            phase = at_us * frequency / 1e6 % 1.0
            if of.get("shape", "sine") == "pwm":
                wave = 1.0 if phase < of.get("duty", 0.5) else -1.0
            else:
                wave = math.sin(2 * math.pi * phase)
            level *= 1.0 + of.get("modulation", 0.0) * wave
        noise = of.get("noise", 0)
        if noise:
            self._seed = (self._seed * 1103515245 + 12345) & 0x7FFFFFFF
            level += (self._seed >> 16 & 0x3FF) / 0x3FF * noise - noise / 2
        return min(4095, max(0, int(4095 * level)))

    _seed = 1


class AtxHw(Sampling):
    """An ATX supply of `sim_atx`, sampled each 10 µs."""

    SAMPLE_US = 10
    MOST = 4096  # samples at a time

    def __init__(self, world):
        from sim_atx import Supply

        self._supply = Supply(world)
        self._next_us = None
        super().__init__(world)

    def on(self, level):
        """Pull PS_ON# low, or let it go."""
        self._supply.on(level, time.ticks_us())
        self.tell("ps_on", level)

    def mains(self, level):
        """Close or open the mains relay."""
        self._supply.mains(level, time.ticks_us())
        self.tell("mains", level)

    def watch(self):
        """Begin to sample the comparators."""
        self._next_us = time.ticks_us()

    def watched(self):
        """Return a buffer of samples and which of them are new."""
        if self._next_us is None:
            return (b"", 0, 0)
        now_us = time.ticks_us()
        held = bytearray()
        while self._next_us + self.SAMPLE_US <= now_us and len(held) < 2 * self.MOST:
            pins, following = self._supply.pins(self._next_us)
            until = now_us if following is None else min(now_us, following)
            count = max(1, (until - self._next_us) // self.SAMPLE_US)
            count = min(count, self.MOST - len(held) // 2)
            held += bytes((pins & 0xFF, pins >> 8)) * count
            self._next_us += count * self.SAMPLE_US
        return (held, 0, len(held) // 2)

    def lost(self):
        """Tell whether samples were lost."""
        return 0

    def level_mv(self, which):
        """Return the voltage of an input of the ADC."""
        return self.world.get("levels_mv", [2400, 2500, 1650, 2500, 1200, 2500])[which]

    def value(self, which, at_us):
        """Return an input as its ADC gives it, with the ripple of `ripple_mv` at 50 kHz."""
        ripple = self.world.get("ripple_mv", [0] * 6)[which]
        wave = math.sin(2 * math.pi * at_us * 0.05)
        return int((self.level_mv(which) + ripple / 2 * wave) * 4095 / 3300)
