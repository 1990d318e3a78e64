"""A PS/2 device on Linux: its pulses, as a state machine of the PIO would push them.

The world says `device` ("keyboard", "mouse" or "wheel mouse"), `types`: the lines of bytes that it
sends by itself once it may, and `faults` by the number of a frame: parity, start, stop, slow, cut.
`deaf`: it takes no byte; `self_test`: what it says instead of AA. General knowledge.
"""

KEYBOARD_ID, WHEEL_KNOCK = (0xAB, 0x83), [200, 100, 80]
COUNTED = 0x7FFF


def pulses_of(byte, fault, gap):
    """Return the words of the eleven clock pulses of a byte."""
    parity = 1
    for n in range(8):
        parity ^= byte >> n & 1
    bits = [0] + [byte >> n & 1 for n in range(8)] + [parity, 1]
    if fault == "parity":
        bits[9] ^= 1
    elif fault == "start":
        bits[0] = 1
    elif fault == "stop":
        bits[10] = 0
    if fault == "cut":
        bits = bits[:6]
    low = 70 if fault == "slow" else 40
    words = []
    for n, bit in enumerate(bits):
        high = 0xFFFF if n == 0 and gap else COUNTED - (41 if n else 2000)
        words.append(bit | (COUNTED - low) << 1 | high << 16)
    return words


class Device:
    """A keyboard or a mouse, as far as its protocol goes."""

    def __init__(self, world):
        self._kind = world.get("device", "keyboard")
        self._faults = world.get("faults", {})
        self._types = [list(one) for one in world.get("types", [])]
        self._self_test = world.get("self_test", 0xAA)
        self.deaf = world.get("deaf", False)
        self._number = 0
        self.powered = False
        self._waits_for = 0
        self._rates = []
        self._wheel = False
        self._set = 2
        self.leds = 0
        self._pulses = []

    def power(self, on):
        """Get or lose the supply; with it comes the self-test."""
        self._waits_for, self._rates, self._wheel, self._set, self.leds = 0, [], False, 2, 0
        self._pulses = []
        self.powered = bool(on)
        if on:
            self._say(self._self_test, *([] if self._kind == "keyboard" else [0]))

    def take(self, byte):
        """Take a byte of the host."""
        if self._waits_for:
            command, self._waits_for = self._waits_for, 0
            self._take_argument(command, byte)
        elif byte == 0xFF:
            self._say(0xFA)
            self.power(1)
            self._pulses = pulses_of(0xFA, "", True) + self._pulses
        elif byte == 0xF2:
            identity = KEYBOARD_ID if self._kind == "keyboard" else (3 if self._wheel else 0,)
            self._say(0xFA, *identity)
        elif byte in (0xED, 0xF0, 0xF3) and not (byte != 0xF3 and self._kind != "keyboard"):
            self._say(0xFA)
            self._waits_for = byte
        elif byte in (0xF4, 0xF5, 0xF6):
            self._say(0xFA)
            if byte == 0xF4:
                for line in self._types:
                    self._say(*line)
                self._types = []
        else:
            self._say(0xFE)

    def _take_argument(self, command, byte):
        self._say(0xFA)
        if command == 0xED:
            self.leds = byte
        elif command == 0xF0:
            if byte:
                self._set = byte
            else:
                self._say(self._set)
        else:
            self._rates = (self._rates + [byte])[-3:]  # noqa: RUF005
            if self._kind == "wheel mouse" and self._rates == WHEEL_KNOCK:
                self._wheel = True

    def _say(self, *sent):
        for byte in sent:
            self._number += 1
            fault = self._faults.get(str(self._number), "")
            self._pulses += pulses_of(byte, fault, not self._pulses)

    def pulses(self):
        """Return the pulses since the last call."""
        found, self._pulses = self._pulses, []
        return found
