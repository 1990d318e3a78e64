"""A conversation with a SCPI instrument: one line out, at most one line back.

Standard: SCPI-1999 over IEEE 488.2. What instruments make of it differs; the keywords of `Scpi`
hold the differences that concern the conversation, the drivers' dialects those of the words.
"""

import math
import re
import time
from collections.abc import Callable

from drivers.buses import ByteStream, Time
from drivers.errors import BadReply, NoReply, Refused

# SCPI-1999, volume 1, 7.2 "Decimal Numeric Program Data"; float() alone takes "1_0" and "nan".
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d+)?", re.ASCII | re.IGNORECASE)
MOST_DIGITS = 64  # sanity: IEEE 488.2 8.7.2 allows 255 characters, instruments send 15

# SCPI-1999, volume 1, 7.2.1.4 and 7.2.1.5: ±9.9E37 stands for infinity, 9.91E37 for not a number.
INFINITY = 9.9e37

# `0,"No error"`; with a sign; without the comma (Siglent SPD); as a register (OWON `0x0000`).
# SCPI-1999, volume 2, 21.8.2 "Error/Event numbers": -32768 to 32767.
ERROR_CODE = re.compile(
    r"(?P<decimal>[+-]?\d{1,5})(?=[\s,]|$)|0x(?P<register>[0-9a-f]{1,8})(?=[\s,]|$)",
    re.ASCII | re.IGNORECASE,
)
MOST_CODE = 32768

MOST_ERRORS = 16  # a queue that is longer does not empty when read
MOST_LATE_LINES = 4
MOST_IDENTITIES = 3
MOST_REMEMBERED = 256  # questions of one instrument; a driver has a few dozen


class Scpi:
    """`name` begins every complaint.

    Questions and answers are paired by order alone, so the answer to a question that was given up
    must not be taken for that of the next. After a failure the conversation therefore goes on only
    when `*IDN?` gets the answer that it got in `ask_identity`; while all is well this costs
    nothing.

    A question whose answer is damaged is asked once more; a command is sent once, and the error
    queue is read once, because reading empties it.

    `error_query` is empty where the dialect has none. `command_end` and `answer_end` end a line,
    the latter with its last character (LF for CR LF). `acknowledgement` is the word that answers
    each command, where the dialect has one, and `refusals` are those that say no. `pause_s` passes
    between any two lines. `trailing_s` is for instruments that send rubbish after an answer's end:
    the line is left alone this long, then emptied, before the next question.
    """

    def __init__(
        self,
        line: ByteStream,
        name: str,
        *,
        error_query: str = "SYST:ERR?",
        command_end: str = "\n",
        answer_end: str = "\n",
        acknowledgement: str = "",
        refusals: tuple[str, ...] = (),
        pause_s: float = 0.0,
        trailing_s: float = 0.0,
        time: Time = time,
    ) -> None:
        self.name = name
        self._line = line
        self._command_end = command_end.encode("ascii")
        self._answer_end = answer_end.encode("ascii")
        self._error_query = error_query
        self._acknowledgement = acknowledgement
        self._refusals = refusals
        self._pause_s = pause_s
        self._trailing_s = trailing_s
        self._timed = bool(pause_s or trailing_s)
        self._time = time
        now_s = time.monotonic()
        self._next_command_s = now_s + pause_s
        self._next_question_s = now_s + max(pause_s, trailing_s)
        self._identity = ""
        self._in_step = False
        self._messages: dict[str, bytes] = {}

    def query(self, text: str) -> str:
        """Ask `text`, and return the answer without its end of line and the blanks around it.

        Raises `NoReply` when nothing came, `BadReply` when it was no line of printable ASCII.
        """
        message = self._messages.get(text) or self._remember(text)
        if not self._in_step:
            self._find_step()
        try:
            return self._exchange(text, message)
        except BadReply as damaged:
            if text == self._error_query:
                raise
            try:
                self._find_step()
                return self._exchange(text, message)
            except (BadReply, NoReply):
                raise damaged from None  # the first answer says most

    def query_number(self, text: str) -> float:
        """Ask for one number. Raises `BadReply` for anything that is not finite."""
        return self.number(text, self.query(text))

    def query_numbers(self, text: str) -> list[float]:
        """Ask for several numbers, with commas or blanks between them."""
        return [self.number(text, part) for part in self.query(text).replace(",", " ").split()]

    def number(self, text: str, answer: str) -> float:
        """Return `answer`, given to `text`, as a finite number. Raises `BadReply`."""
        if len(answer) <= MOST_DIGITS and NUMBER.fullmatch(answer):
            value = float(answer)
            if math.isfinite(value) and abs(value) < INFINITY:
                return value
        raise self.nonsense(text, answer, "not a number")

    def nonsense(self, text: str, answer: str, why: str) -> BadReply:
        """Return the error for an `answer` that is none to `text`: it may have been another's."""
        self._in_step = False
        return BadReply(f"{self.name}: {text!r} → {answer!r}, {why}")

    def command(self, text: str) -> None:
        """Send `text` and make sure that the instrument took it; otherwise `Refused`.

        It is sent whatever failed before: what switches an output off must go out even where
        nothing comes back.
        """
        message = self._encoded(text)
        if self._timed:
            self._wait_until(self._next_command_s)
        if self._acknowledgement:
            self._line.reset_input_buffer()
        self._line.write(message)
        try:
            if self._acknowledgement:
                self._read_acknowledgement(text)
        finally:
            if self._timed:
                self._note_line()
        if errors := self.read_errors():
            raise Refused(f"{self.name}: {text!r} → {'; '.join(errors)}")

    def read_errors(self) -> tuple[str, ...]:
        """Return what the instrument complained about, oldest first. Its queue is empty then."""
        errors: list[str] = []
        while self._error_query and len(errors) < MOST_ERRORS:
            reply = self.query(self._error_query)
            code = ERROR_CODE.match(reply)
            if code is None:
                raise self.nonsense(self._error_query, reply, "no error code")
            number = int(code["decimal"] or 0) or int(code["register"] or "0", 16)
            if code["decimal"] and abs(number) > MOST_CODE:
                raise self.nonsense(self._error_query, reply, "no error code")
            if number == 0:
                break
            errors.append(reply)
        return tuple(errors)

    def ask_identity(self, fits: Callable[[str], bool] = bool) -> str:
        """Return the answer to `*IDN?`, which from now on tells that the two are in step.

        An answer that does not fit is asked for again: two that are alike are no noise.
        """
        self._identity = seen = ""
        for _ in range(MOST_IDENTITIES):
            answer = self.query("*IDN?")
            if fits(answer) or answer == seen:
                break
            seen = answer
            self._in_step = False  # what else came is dropped
        self._identity = answer
        return answer

    def _encoded(self, text: str) -> bytes:
        if "\n" in text or "\r" in text:
            raise ValueError(f"one line at a time, not {text!r}")
        return text.encode("ascii") + self._command_end

    def _remember(self, text: str) -> bytes:
        if len(self._messages) >= MOST_REMEMBERED:
            self._messages.clear()
        self._messages[text] = message = self._encoded(text)
        return message

    def _exchange(self, text: str, message: bytes) -> str:
        if self._timed:
            self._wait_until(self._next_question_s)
            if self._trailing_s:
                self._line.reset_input_buffer()
        self._in_step = False
        self._line.write(message)
        try:
            answer = self._read_line(text)
        finally:
            if self._timed:
                self._note_line()
        if answer == self._identity and text != "*IDN?":
            raise BadReply(f"{self.name}: {text!r} → {answer!r}: answers are out of step")
        self._in_step = True
        return answer

    def _read_line(self, text: str) -> str:
        reply = self._line.read_until(self._answer_end)
        if reply[-1:] != self._answer_end:
            if not reply:
                raise NoReply(f"{self.name}: {text!r} → nothing")
            raise BadReply(f"{self.name}: {text!r} → {reply!r}, and no end of line")
        try:
            answer = reply.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise BadReply(f"{self.name}: {text!r} → {reply!r}, not ASCII") from error
        if not answer:
            raise BadReply(f"{self.name}: {text!r} → {reply!r}, an empty line")
        if not answer.isprintable():
            raise BadReply(f"{self.name}: {text!r} → {reply!r}, with control characters")
        return answer

    def _read_acknowledgement(self, text: str) -> None:
        """Read the word that answers each command."""
        in_step, self._in_step = self._in_step, False
        answer = self._read_line(text)
        if answer not in (self._acknowledgement, *self._refusals):
            raise self.nonsense(text, answer, f"not {self._acknowledgement!r}")
        self._in_step = in_step
        if answer != self._acknowledgement:
            raise Refused(f"{self.name}: {text!r} → {answer!r}")

    def _find_step(self) -> None:
        """Make sure that the next answer will be that of the next question."""
        if self._timed:
            self._wait_until(self._next_question_s)
        self._line.reset_input_buffer()
        if not self._identity:
            return
        self._line.write(b"*IDN?" + self._command_end)
        late = b""
        try:
            for _ in range(MOST_LATE_LINES):
                reply = self._line.read_until(self._answer_end)
                if self._ends_with_identity(reply):
                    return
                late += reply
                if not reply.endswith(self._answer_end):
                    break
        finally:
            if self._timed:
                self._note_line()
        if not late:
            raise NoReply(f"{self.name}: '*IDN?' → nothing, after an earlier question failed")
        raise BadReply(
            f"{self.name}: '*IDN?' → {late!r}, not {self._identity!r}: answers are out of step"
        )

    def _ends_with_identity(self, reply: bytes) -> bool:
        """Return whether the identity ends this line; the rest of a late answer may precede it."""
        whole = reply.endswith(self._answer_end)
        return whole and reply.rstrip().endswith(self._identity.encode("ascii"))

    def _wait_until(self, moment_s: float) -> None:
        wait_s = moment_s - self._time.monotonic()
        if wait_s > 0:
            self._time.sleep(wait_s)

    def _note_line(self) -> None:
        """Note that a line has just gone over the wire."""
        now_s = self._time.monotonic()
        self._next_command_s = now_s + self._pause_s
        self._next_question_s = now_s + max(self._pause_s, self._trailing_s)
