"""A simulated fixture board. From docs/reference/fixture-protocol.md, not from firmware or driver.

The silence of the station is noticed when the board next hears a line, or when `elapse` is called.
"""

import binascii
from collections.abc import Sequence

from drivers.buses import Time

LONGEST = 160
SILENCE_S = 0.5
FIRMWARE = "1.0.0"


class Refusal(Exception):
    """The board says no, with these words."""


class SimulatedFixtureLines:
    """The part of the protocol that all boards share. A kind adds `obey`, `let_go` and `elapse`.

    Its clock starts at `first_us`. `restart` is what a watchdog does.
    """

    KIND = ""

    def __init__(self, time: Time, *, board_id: str = "0" * 16, first_us: int = 0) -> None:
        self.time = time
        self.board_id = board_id
        self.firmware = FIRMWARE
        self.calibration: dict[str, float] = {}
        self.damaged = 0
        self._first_us = first_us - round(time.monotonic() * 1e6)
        self.restart("power")

    def restart(self, why: str) -> None:
        """Start with all outputs off, and without a session."""
        self.why = why
        self.fell = "start"
        self.armed = False
        self._held = b""
        self._session = False
        self._last: tuple[int, str, bytes] | None = None
        self._heard_s: float | None = None
        self.let_go("start")

    @property
    def at_us(self) -> int:
        """The board's clock now."""
        return (round(self.time.monotonic() * 1e6) + self._first_us) % (1 << 30)

    def receive(self, data: bytes) -> bytes:
        self.elapse()
        answers = b""
        *lines, self._held = (self._held + data).split(b"\n")
        self._held = self._held[: LONGEST + 1]
        for line in lines:
            answers += self._heard(line)
        return answers

    def elapse(self) -> None:
        """Let the board notice how long the station was silent."""
        if self._heard_s is not None and self.time.monotonic() - self._heard_s >= SILENCE_S:
            self._fall("silence")

    def let_go(self, why: str) -> None:
        """Switch all outputs off."""

    def obey(self, command: str, arguments: Sequence[str]) -> str:
        """Return the fields of the answer to a command of this kind of board."""
        raise Refusal("unknown")

    def _fall(self, why: str) -> None:
        self.armed = False
        self.fell = why
        self._heard_s = None
        self.let_go(why)

    def _heard(self, line: bytes) -> bytes:
        body, star, crc = line.rpartition(b"*")
        right = b"%04X" % binascii.crc_hqx(body, 0xFFFF)
        try:
            text = body.decode("ascii")
            number = int(text.split(" ")[0]) if star and len(line) <= LONGEST else -1
        except (UnicodeDecodeError, ValueError):
            number = -1
        if crc != right or number < 0 or not text.isprintable():
            self.damaged += bool(line)
            return b""
        self._heard_s = self.time.monotonic()
        return self._answered(number, text)

    def _answered(self, number: int, text: str) -> bytes:
        command, *arguments = text.split(" ")[1:] or [""]
        if command == "hello":
            self._last = None
        elif not self._session:
            return _framed(f"{number} no session")
        elif self._last is not None and number == self._last[0]:
            return self._last[2] if text == self._last[1] else _framed(f"{number} no repeated")
        elif self._last is not None and number != (self._last[0] + 1) % (1 << 16):
            return _framed(f"{number} no sequence")
        try:
            fields = self._done(command, arguments)
            answer = _framed(f"{number} ok {fields}".rstrip())
        except Refusal as no:
            answer = _framed(f"{number} no {no}")
        except ValueError:
            answer = _framed(f"{number} no argument")
        self._last = number, text, answer
        return answer

    def _done(self, command: str, arguments: Sequence[str]) -> str:
        match command, arguments:
            case "hello", [version]:
                heard_s = self._heard_s
                self._fall("hello")
                self._heard_s = heard_s
                self._session = version == "1"
                if not self._session:
                    raise Refusal("version 1")
                return (
                    f"v=1 kind={self.KIND} id={self.board_id} fw={self.firmware}"
                    f" hash={'0' * 16} why={self.why} t={self.at_us}"
                )
            case "ping", []:
                return str(self.at_us)
            case "arm", []:
                self.armed = True
                return ""
            case "safe", []:
                heard_s = self._heard_s
                self._fall("asked")
                self._heard_s = heard_s
                return ""
            case "status", []:
                state = f"armed={self.armed:d} fell={self.fell} damaged={self.damaged}"
                return f"{state} turns=0 free=100000"
            case "cal", [key]:
                if key not in self.calibration:
                    raise Refusal("unset")
                return f"{self.calibration[key]:g}"
            case "cal", [key, value]:
                if self.armed:
                    raise Refusal("armed")
                self.calibration[key] = float(value)
                return f"{self.calibration[key]:g}"
            case "update", []:
                if self.armed:
                    raise Refusal("armed")
                self._fall("update")
                return ""
            case (("hello" | "ping" | "arm" | "safe" | "status" | "cal" | "update"), _):
                raise Refusal("argument")
        return self.obey(command, arguments)

    def must_be_armed(self) -> None:
        """Refuse what moves something while the board is not armed."""
        if not self.armed:
            raise Refusal(f"disarmed {self.fell}")


def _framed(text: str) -> bytes:
    body = text.encode("ascii")
    return b"%s*%04X\n" % (body, binascii.crc_hqx(body, 0xFFFF))
