"""One channel of an instrument that is spoken to in a SCPI dialect, of any function."""

import functools
import re

from drivers.buses import ByteStream, Time
from drivers.capabilities import Identity
from drivers.errors import Refused, WrongDevice
from drivers.instruments.power.scpi_dialects import ENDS, FIELDS, Dialect, Forms
from drivers.languages.scpi import NUMBER, Scpi

ROUNDING = 1e-9
PLAIN: Forms = ("{number}",)


class ScpiSpeaker:
    """Says the texts of `dialect` to `channel`, and reads its answers.

    Opening it asks the instrument who it is (`WrongDevice` when that does not fit the dialect),
    forgets what it complained about before, and takes it into remote operation.
    """

    def __init__(
        self, line: ByteStream, dialect: Dialect, name: str, *, channel: int, time: Time
    ) -> None:
        if not 1 <= channel <= dialect.channels:
            raise ValueError(f"channel {channel} is not one of 1…{dialect.channels}")
        self.scpi = Scpi(
            line,
            name,
            error_query=dialect.error_query,
            command_end=ENDS[dialect.command_end],
            answer_end=ENDS[dialect.answer_end][-1],
            acknowledgement=dialect.acknowledgement,
            refusals=dialect.refusals,
            pause_s=dialect.pause_s,
            trailing_s=dialect.trailing_s,
            time=time,
        )
        self._dialect = dialect
        self._on = {word.upper() for word in dialect.on_answers}
        self._off = {word.upper() for word in dialect.off_answers}
        self.channel = channel
        self.identity = self._identify()
        self.scpi.name = f"{self.identity.maker} {self.identity.model}".strip()
        if dialect.channels > 1:
            self.scpi.name += f" output {channel}"
        self.scpi.read_errors()  # of an earlier user
        if dialect.remote:
            self.scpi.command(dialect.remote)

    def filled(self, text: str, **values: object) -> str:
        """Return `text` of the dialect as it is sent."""
        return text.format(channel=self.channel, **values)

    def say(self, text: str, **values: object) -> None:
        """Send a command. Raises `Refused` when the instrument says no."""
        self.scpi.command(self.filled(text, **values))

    def switch(self, text: str, *, on: bool) -> None:
        """Send a command that switches something."""
        self.say(text, state=self._dialect.states[on])

    def ask(self, text: str) -> str:
        """Return the answer to a question of the dialect."""
        return self.scpi.query(self.filled(text))

    def ask_number(self, text: str, forms: Forms) -> float:
        """Return the number in an answer that has one of `forms`. Raises `BadReply` otherwise."""
        question = self.filled(text)
        if forms == PLAIN:
            return self.scpi.query_number(question)
        return self.number(question, self.scpi.query(question), forms)

    def ask_numbers(self, text: str, forms: tuple[Forms, ...]) -> list[float]:
        """Return the numbers in one answer, with commas or else blanks between them.

        The first has one of the first `forms`, and so on; more numbers than forms are a `BadReply`.
        """
        question = self.filled(text)
        answer = self.scpi.query(question)
        parts = answer.split(",") if "," in answer else answer.split()
        if len(parts) > len(forms):
            raise self.scpi.nonsense(question, answer, f"more than {len(forms)} numbers")
        return [
            self.number(question, part.strip(), form)
            for part, form in zip(parts, forms, strict=False)
        ]

    def number(self, question: str, answer: str, forms: Forms) -> float:
        """Return the number in `answer`, given to `question`, as `ask_number` does."""
        for form in forms:
            if match := _pattern(form, self.channel).fullmatch(answer):
                return self.scpi.number(question, match[1])
        wanted = " or ".join(form.format(channel=self.channel, number="number") for form in forms)
        raise self.scpi.nonsense(question, answer, f"not {wanted}")

    def is_on(self, text: str) -> bool:
        """Return the answer to a question for a state. Raises `BadReply` for other words."""
        question = self.filled(text)
        answer = self.scpi.query(question)
        if answer.upper() in self._on:
            return True
        if answer.upper() in self._off:
            return False
        raise self.scpi.nonsense(question, answer, "neither ON nor OFF")

    def is_on_in_register(self, text: str, bits: tuple[int, ...]) -> bool:
        """Return whether this channel's one of `bits` is set in a register of all channels."""
        question = self.filled(text)
        answer = self.scpi.query(question)
        if not re.fullmatch("0x[0-9a-f]{1,8}", answer, re.IGNORECASE):
            raise self.scpi.nonsense(question, answer, "not a register")
        return bool(int(answer, 16) & bits[self.channel - 1])

    def verify(self, text: str, forms: Forms, wanted: float, tolerance: float) -> None:
        """Ask what was kept of a set value. Raises `Refused` when it is not what was `wanted`."""
        kept = self.ask_number(text, forms)
        if abs(kept - wanted) > tolerance + ROUNDING:
            question = self.filled(text)
            raise Refused(f"{self.scpi.name}: set to {wanted}, but {question!r} → {kept}")

    def _identify(self) -> Identity:
        dialect = self._dialect
        answer = self.scpi.ask_identity(lambda text: self._fits(dialect.identity, text))
        if not self._fits(dialect.identity, answer):
            raise WrongDevice(f"expected {dialect.identity!r}, but '*IDN?' → {answer!r}")
        if dialect.except_identity and self._fits(dialect.except_identity, answer):
            raise WrongDevice(
                f"'*IDN?' → {answer!r}: it has several outputs, and this dialect would not"
                " name the one that it means"
            )
        return identity_in(dialect, answer)

    def _fits(self, pattern: str, answer: str) -> bool:
        identity = identity_in(self._dialect, answer)
        words = f"{identity.maker},{identity.model}" if identity.maker else identity.model
        return re.fullmatch(pattern, words, re.IGNORECASE) is not None


def identity_in(dialect: Dialect, answer: str) -> Identity:
    """Return the identity that `answer` to `*IDN?` tells, without the blanks around its parts."""
    separator = dialect.identity_separator.strip() or None
    parts = [part.strip() for part in answer.split(separator)]
    told = dict(zip(dialect.identity_fields, parts, strict=False))
    return Identity(*(told.get(field, "") for field in FIELDS))


@functools.cache
def _pattern(form: str, channel: int) -> re.Pattern[str]:
    before, _, after = form.replace("{channel}", str(channel)).partition("{number}")
    blanks = [re.escape(part).replace("\\ ", " *") for part in (before, after)]
    pattern = f"{blanks[0]}({NUMBER.pattern}){blanks[1]}"
    return re.compile(pattern, re.ASCII | re.IGNORECASE)
