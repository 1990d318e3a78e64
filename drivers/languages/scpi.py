"""A conversation with a SCPI instrument: one line out, at most one line back.

Standard: SCPI-1999 over IEEE 488.2. What instruments make of it differs; the keywords of `Scpi`
hold the differences that concern the conversation, the drivers' dialects those of the words.
"""

import math
import re
import time

from drivers.buses import ByteStream, Time
from drivers.errors import BadReply, NoReply, Refused

# SCPI-1999, volume 1, 7.2 "Decimal Numeric Program Data"; float() alone takes "1_0" and "nan".
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d+)?", re.ASCII | re.IGNORECASE)

# SCPI-1999, volume 1, 7.2.1.4 and 7.2.1.5: ±9.9E37 stands for infinity, 9.91E37 for not a number.
INFINITY = 9.9e37

# `0,"No error"`; with a sign; without the comma (Siglent SPD); as a register (OWON `0x0000`).
ERROR_CODE = re.compile(r"([+-]?\d+|0x[0-9a-f]+)(?=[\s,]|$)", re.ASCII | re.IGNORECASE)

MOST_ERRORS = 16  # a queue that is longer does not empty when read
MOST_LATE_LINES = 4


class Scpi:
    """`name` begins every complaint.

    Questions and answers are paired by order alone, so the answer to a question that was given up
    must not be taken for that of the next. After a failure the conversation therefore goes on only
    when `*IDN?` gets the answer that it got in `ask_identity`; while all is well this costs
    nothing.

    `error_query` is empty where the dialect has none. `trailing_s` is for instruments that send
    rubbish after an answer's end: the line is left alone this long, then emptied, before the next
    question.
    """

    def __init__(
        self,
        line: ByteStream,
        name: str,
        *,
        error_query: str = "SYST:ERR?",
        terminator: str = "\n",
        trailing_s: float = 0.0,
        time: Time = time,
    ) -> None:
        self.name = name
        self._line = line
        self._end = terminator.encode("ascii")
        self._error_query = error_query
        self._trailing_s = trailing_s
        self._time = time
        self._answered_at_s = time.monotonic()
        self._identity = ""
        self._in_step = False

    def query(self, text: str) -> str:
        """Ask, and return the answer without its end of line and the blanks around it.

        Raises `NoReply` when nothing came, `BadReply` when it was no line of ASCII text.
        """
        if "\n" in text:
            raise ValueError(f"one line at a time, not {text!r}")
        message = text.encode("ascii") + self._end
        if not self._in_step:
            self._find_step()
        if self._trailing_s:
            self._drop_trailing()
        self._in_step = False
        self._line.write(message)
        reply = self._line.read_until(b"\n")
        if reply[-1:] != b"\n":
            raise self._complaint(text, reply)
        try:
            answer = reply.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise BadReply(f"{self.name}: {text!r} → {reply!r}, not ASCII") from error
        if not answer:
            raise BadReply(f"{self.name}: {text!r} → {reply!r}, an empty line")
        if answer == self._identity and text != "*IDN?":
            raise BadReply(f"{self.name}: {text!r} → {answer!r}: answers are out of step")
        self._in_step = True
        if self._trailing_s:
            self._answered_at_s = self._time.monotonic()
        return answer

    def query_number(self, text: str) -> float:
        """Ask for one number. Raises `BadReply` for anything that is not finite."""
        return self.number(text, self.query(text))

    def query_numbers(self, text: str) -> list[float]:
        """Ask for several numbers, with commas or blanks between them."""
        return [self.number(text, part) for part in self.query(text).replace(",", " ").split()]

    def number(self, text: str, answer: str) -> float:
        """`answer`, given to the question `text`, as a finite number; otherwise `BadReply`."""
        if NUMBER.fullmatch(answer):
            value = float(answer)
            if math.isfinite(value) and abs(value) < INFINITY:
                return value
        raise self.nonsense(text, answer, "not a number")

    def nonsense(self, text: str, answer: str, why: str) -> BadReply:
        """What to raise when `answer` is no answer to `text`: it may have been another's."""
        self._in_step = False
        return BadReply(f"{self.name}: {text!r} → {answer!r}, {why}")

    def command(self, text: str) -> None:
        """Send `text` and make sure that the instrument took it; otherwise `Refused`.

        It is sent whatever failed before: what switches an output off must go out even where
        nothing comes back.
        """
        if "\n" in text:
            raise ValueError(f"one line at a time, not {text!r}")
        self._line.write(text.encode("ascii") + self._end)
        if errors := self.read_errors():
            raise Refused(f"{self.name}: {text!r} → {'; '.join(errors)}")

    def read_errors(self) -> tuple[str, ...]:
        """What the instrument complained about, oldest first. Its queue is empty afterwards."""
        errors: list[str] = []
        while self._error_query and len(errors) < MOST_ERRORS:
            reply = self.query(self._error_query)
            code = ERROR_CODE.match(reply)
            if code is None:
                raise self.nonsense(self._error_query, reply, "no error code")
            if int(code[1], 16 if code[1][:2] in ("0x", "0X") else 10) == 0:
                break
            errors.append(reply)
        return tuple(errors)

    def ask_identity(self) -> str:
        """The answer to `*IDN?`, which from now on tells that question and answer are in step."""
        self._identity = self.query("*IDN?")
        return self._identity

    def _complaint(self, text: str, reply: bytes) -> NoReply | BadReply:
        if not reply:
            return NoReply(f"{self.name}: {text!r} → nothing")
        return BadReply(f"{self.name}: {text!r} → {reply!r}, and no end of line")

    def _find_step(self) -> None:
        self._line.reset_input_buffer()
        if not self._identity:
            return
        self._line.write(b"*IDN?" + self._end)
        identity = self._identity.encode("ascii")
        late = b""
        for _ in range(MOST_LATE_LINES):
            reply = self._line.read_until(b"\n")
            # endswith: the rest of a late answer may stand before it on the same line
            if reply.endswith(b"\n") and reply.rstrip().endswith(identity):
                if self._trailing_s:
                    self._answered_at_s = self._time.monotonic()
                return
            late += reply
            if not reply.endswith(b"\n"):
                break
        if not late:
            raise NoReply(f"{self.name}: '*IDN?' → nothing, after an earlier question failed")
        raise BadReply(
            f"{self.name}: '*IDN?' → {late!r}, not {self._identity!r}: answers are out of step"
        )

    def _drop_trailing(self) -> None:
        quiet_s = self._answered_at_s + self._trailing_s - self._time.monotonic()
        if quiet_s > 0:
            self._time.sleep(quiet_s)
        self._line.reset_input_buffer()
