"""A conversation with a fixture board: a numbered line out, the same number back.

Specification: docs/reference/fixture-protocol.md, version 1. Every command may be repeated: a board
that gets the same line again gives the same answer and does nothing, so a lost answer is asked for
again, a press as well as a reading.
"""

import binascii
import re
import time
from typing import NamedTuple

from drivers.buses import ByteStream, Time
from drivers.errors import BadReply, NoReply, Refused, WrongDevice

PROTOCOL = 1
LONGEST = 160  # bytes of a line, its LF not counted
SILENCE_S = 0.5  # a board that hears nothing for longer switches its outputs off
CLOCK_US = 1 << 30  # a board's clock wraps
TIMEOUT_S = 0.1  # short, so that a lost answer comes again before the board takes it for silence
ATTEMPTS = 4
MOST_STRAY_LINES = 32  # late answers before ours

_FIELDS = re.compile(r"(\d{1,5}) (ok|no)(?: ([ -~]*))?", re.ASCII)
_HELLO = ("kind", "id", "fw", "hash", "why", "t")


class Hello(NamedTuple):
    """A board's description of itself. `why` says why it last restarted."""

    kind: str
    board_id: str
    firmware: str
    firmware_hash: str
    why: str
    at_us: int


def crc16(data: bytes) -> int:
    """Return the CRC-16/IBM-3740 (polynomial 0x1021, initial value 0xFFFF) of `data`."""
    return binascii.crc_hqx(data, 0xFFFF)


def framed(text: str) -> bytes:
    """Return a text as the bytes of a line. Raises `ValueError` where it does not fit in one."""
    body = text.encode("ascii")
    if not text.isprintable() or len(body) + 5 > LONGEST:
        raise ValueError(f"no line of a fixture board: {text!r}")
    return b"%s*%04X\n" % (body, crc16(body))


def opened(line: bytes) -> str | None:
    """Return the text of a line, its LF included, or None where it is cut, too long or damaged."""
    if not 6 < len(line) <= LONGEST + 1 or line[-1:] != b"\n" or line[-6:-5] != b"*":
        return None
    body = line[:-6]
    if line[-5:-1] != b"%04X" % crc16(body) or any(not 32 <= byte <= 126 for byte in body):
        return None
    return body.decode("ascii")


def elapsed_us(start_us: int, end_us: int) -> int:
    """Return the time between two stamps of a board, which are less than 2^30 µs apart."""
    return (end_us - start_us) % CLOCK_US


class FixtureLines:
    """Talk to one board. `name` begins every complaint.

    Raises `NoReply` on silence, `BadReply` where lines come and none is the answer, and `Refused`
    with the board's word when it says no. A line of a board that has restarted in between is
    `Refused`, too: it knows no session, and nothing of what was set before.
    """

    def __init__(self, line: ByteStream, name: str, *, time: Time = time) -> None:
        self.name = name
        self._line = line
        self._time = time
        self._number = 0
        self._hello: Hello | None = None

    def greet(self, kind: str) -> Hello:
        """Begin a session, which switches all outputs off. Raises `WrongDevice` for another kind.

        With an empty `kind`, any will do.
        The first line ends whatever an earlier program left unfinished on the way.
        """
        self._line.reset_input_buffer()
        self._line.write(b"\n")
        self._number = 0
        answer = self.ask("hello", str(PROTOCOL))
        fields = dict(field.partition("=")[::2] for field in answer.split(" "))
        try:
            kind_said, board_id, firmware, sha, why, at = (fields[name] for name in _HELLO)
            hello = Hello(kind_said, board_id, firmware, sha, why, int(at))
        except (KeyError, ValueError) as error:
            raise BadReply(f"{self.name}: 'hello' → {answer!r}, not what a board says") from error
        if kind not in ("", hello.kind):
            raise WrongDevice(
                f"{self.name}: expected a fixture board for {kind}, this one is for {hello.kind}"
            )
        self._hello = hello
        return hello

    def ask(self, command: str, *arguments: str) -> str:
        """Send a command, and return the fields of its answer.

        It is sent again, unchanged, while its answer is lost or damaged.
        """
        self._number = (self._number + 1) & 0xFFFF
        text = " ".join((str(self._number), command, *arguments))
        message = framed(text)
        seen = b""
        for _ in range(ATTEMPTS):
            self._line.write(message)
            answer, heard = self._answer()
            if answer is not None:
                return self._granted(text, answer)
            seen = heard or seen
        if not seen:
            raise NoReply(f"{self.name}: {text!r} → nothing, {ATTEMPTS} times")
        raise BadReply(f"{self.name}: {text!r} → {seen!r}, no answer to it")

    def _answer(self) -> tuple[tuple[str, str] | None, bytes]:
        """Return the next answer to the line sent last, if it comes, and the last line heard."""
        heard = b""
        for _ in range(MOST_STRAY_LINES):
            line = self._line.read_until(b"\n")
            heard = line or heard
            if line[-1:] != b"\n":
                break
            text = opened(line)
            found = _FIELDS.fullmatch(text) if text is not None else None
            if found is None:
                break  # damaged: perhaps it was ours
            if int(found[1]) == self._number:
                return (found[2], found[3] or ""), heard
        return None, heard

    def _granted(self, text: str, answer: tuple[str, str]) -> str:
        word, fields = answer
        if word == "ok":
            return fields
        meaning = {
            "session": "the board has restarted since",
            "sequence": "another program talks to it",
            "repeated": "another program talks to it",
            "disarmed": f"its outputs went off: {fields.partition(' ')[2]}",
            "version": "its firmware is too old or too new; pace rig flash renews it",
        }.get(fields.partition(" ")[0], "")
        raise Refused(
            f"{self.name}: {text!r} → 'no {fields}'" + (f", {meaning}" if meaning else "")
        )
