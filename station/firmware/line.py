"""Lines of the fixture protocol: framing and CRC.

Specification: docs/reference/fixture-protocol.md. Runs under MicroPython on a board, and under
MicroPython for Linux in tests.
"""

LONGEST = 160  # bytes of a line, its LF not counted
CLOCK_MASK = 0x3FFFFFFF  # a board's clock wraps after 2^30 µs, about 18 minutes

# CRC-16/IBM-3740: polynomial 0x1021, initial value 0xFFFF; 16 steps of four bits each.
_STEPS = (
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
    0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
)  # fmt: skip


def crc16(data):
    """Return the CRC of these bytes."""
    crc = 0xFFFF
    steps = _STEPS
    for byte in data:
        crc = (crc << 4 & 0xFFFF) ^ steps[crc >> 12 ^ byte >> 4]
        crc = (crc << 4 & 0xFFFF) ^ steps[crc >> 12 ^ byte & 15]
    return crc


def framed(text):
    """Return a text as the bytes of a line."""
    return ("%s*%04X\n" % (text, crc16(text.encode()))).encode()


def since(start_us, now_us):
    """Return the microseconds from one time of the board's clock to a later one."""
    return (now_us - start_us) & CLOCK_MASK


class Framer:
    """Find whole lines in a stream of bytes. A line that is too long or damaged is counted."""

    def __init__(self):
        self.damaged = 0
        self._buffer = bytearray(LONGEST)
        self._held = 0
        self._too_long = False

    def add(self, byte):
        """Take a byte; return the text of a whole line without its CRC, otherwise None."""
        if byte != 10:
            if self._held < LONGEST:
                self._buffer[self._held] = byte
                self._held += 1
            else:
                self._too_long = True
            return None
        size, too_long = self._held, self._too_long
        self._held, self._too_long = 0, False
        text = None if too_long else self._opened(size)
        if text is None and (size or too_long):
            self.damaged += 1
        return text

    def _opened(self, size):
        """Return the text of the line held, or None where it is damaged."""
        if size < 6 or self._buffer[size - 5] != 42:  # "*"
            return None
        body = bytes(memoryview(self._buffer)[: size - 5])
        if bytes(memoryview(self._buffer)[size - 4 : size]) != ("%04X" % crc16(body)).encode():
            return None
        for byte in body:
            if not 32 <= byte <= 126:
                return None
        return body.decode()
