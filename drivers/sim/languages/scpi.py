"""The common part of SCPI instruments' twins.

From SCPI-1999 and IEEE 488.2: long and short forms in any case, optional nodes, numeric suffixes,
several commands in a line, the error queue.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from drivers.buses import Time

MESSAGES = {
    -101: "Invalid character",
    -104: "Data type error",
    -109: "Missing parameter",
    -113: "Undefined header",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
}
QUEUE_SIZE = 20
TOKEN = re.compile(r"(?P<short>[A-Z]+)(?P<rest>[a-z]+)|<n>|\[|\]|.")


class ScpiError(Exception):
    """The instrument does not do this, and puts why into its queue."""

    def __init__(self, code: int) -> None:
        super().__init__(code, MESSAGES[code])
        self.code = code


def matcher(notation: str) -> re.Pattern[str]:
    """Return a regular expression for a manual's `[SOURce<n>:]VOLTage[:LEVel]?`."""

    def translate(token: re.Match[str]) -> str:
        if token["short"]:
            return f"{token['short']}(?:{token['rest']})?"
        return {"<n>": r"(\d*)", "[": "(?:", "]": ")?"}.get(token[0], re.escape(token[0]))

    return re.compile(":?" + TOKEN.sub(translate, notation), re.IGNORECASE)


class Call(NamedTuple):
    """One command as it came: the numbers in its header, and its arguments."""

    suffixes: tuple[int, ...]
    arguments: tuple[str, ...]

    def argument(self, index: int = 0) -> str:
        if index >= len(self.arguments):
            raise ScpiError(-109)
        return self.arguments[index]

    def number(self, low: float, high: float, index: int = 0, unit: str = "") -> float:
        """NRf, with or without its unit, or MIN or MAX."""
        text = self.argument(index).upper()
        if text in ("MIN", "MINIMUM"):
            return low
        if text in ("MAX", "MAXIMUM"):
            return high
        match = re.fullmatch(rf"([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*(?:{unit})?", text)
        if match is None:
            raise ScpiError(-104)
        value = float(match[1])
        if not low <= value <= high:
            raise ScpiError(-222)
        return value

    def boolean(self, index: int = 0) -> bool:
        words = {"ON": True, "1": True, "OFF": False, "0": False}
        if (word := self.argument(index).upper()) not in words:
            raise ScpiError(-224)
        return words[word]

    def choice(self, choices: Mapping[str, str], index: int = 0) -> str:
        """Return the value in `choices` whose key, as a manual writes it, the argument is."""
        for notation, value in choices.items():
            if matcher(notation).fullmatch(self.argument(index)):
                return value
        raise ScpiError(-224)


Commands = Mapping[str, Callable[[Call], str | None]]


class SimulatedScpi:
    """The far end of a line that speaks SCPI. What it is asked and cannot do, it does not answer.

    `commands` maps headers, as a manual writes them, to what they do; the ones of questions end
    with `?` and their functions return the answer.
    """

    no_error = '0,"No error"'
    error_format = '{code},"{message}"'
    unheard = ""  # the answer to what is not understood
    acknowledgement = ""  # the answer to each command that was done
    refusal = ""  # and to each that was not
    line_end = b"\n"
    answer_end = b"\n"
    pause_s = 0.0  # a line that comes sooner after the one before is lost

    def __init__(self, identity: str, commands: Commands, *, time: Time | None = None) -> None:
        self.identity = identity
        self.errors: deque[int] = deque()
        self.lost: list[bytes] = []
        common: dict[str, Callable[[Call], str | None]] = {
            "*IDN?": lambda call: self.identity,
            "*CLS": lambda call: self.errors.clear(),
            "*OPC?": lambda call: "1",
        }
        self._commands = [(matcher(key), act) for key, act in (common | dict(commands)).items()]
        self._heard = b""
        self._clock = time
        self._deaf_until_s = float("-inf")

    def receive(self, data: bytes) -> bytes:
        *lines, self._heard = (self._heard + data).split(self.line_end)
        return b"".join(self._hear(line) for line in lines)

    def obey(self, line: bytes) -> bytes:
        """Do one line, without its end, and return what it is answered."""
        if not (text := line.decode("ascii", errors="replace").strip()):
            return b""
        if not text.isascii():
            self.complain(-101)
            return b""
        answers = []
        parent = ""
        for unit in text.split(";"):
            header, _, arguments = unit.strip().partition(" ")
            if header[:1] != "*":  # common commands stand outside the tree
                if header[:1] != ":":
                    header = parent + header  # relative to the header before
                parent = header[: header.rfind(":") + 1]
            answer = self._obey_one(header, arguments)
            if answer is not None:
                answers.append(answer)
        return self.framed(";".join(answers)) if answers else b""

    def framed(self, answer: str) -> bytes:
        return answer.encode("ascii") + self.answer_end

    def complain(self, code: int) -> None:
        if len(self.errors) < QUEUE_SIZE:
            self.errors.append(code)
        else:
            self.errors[-1] = -350

    def next_error(self, call: Call) -> str:
        """Answer `SYSTem:ERRor?`."""
        if not self.errors:
            return self.no_error
        code = self.errors.popleft()
        return self.error_format.format(code=code, message=MESSAGES[code])

    def _hear(self, line: bytes) -> bytes:
        if self._clock is not None and self.pause_s:
            now_s = self._clock.monotonic()
            if now_s < self._deaf_until_s:
                self.lost.append(line)
                return b""
            self._deaf_until_s = now_s + self.pause_s
        return self.obey(line)

    def _obey_one(self, header: str, arguments: str) -> str | None:
        for pattern, act in self._commands:
            if match := pattern.fullmatch(header):
                suffixes = tuple(int(suffix or 0) for suffix in match.groups())
                given = tuple(part.strip() for part in arguments.split(",") if arguments.strip())
                try:
                    answer = act(Call(suffixes, given))
                except ScpiError as error:
                    self.complain(error.code)
                    return self.refusal or None
                return self.acknowledgement or None if answer is None else answer
        self.complain(-113)
        return self.unheard or None
