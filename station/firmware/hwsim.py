"""A board's hardware on Linux: its lines are standard input and output, its world is a file.

    micropython hwsim.py KIND WORLD.json

What the outputs do is told on standard error, a line each: time of the board in µs, output, value.
The clock is the machine's; its beginning may be set in the world as `ticks_us`.
"""

import gc
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
