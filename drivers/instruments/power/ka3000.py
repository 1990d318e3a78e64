"""Korad KA3000 series bench supplies (KA3005P, Tenma 72-2540, Velleman PS3005D, RND 320-KA3005P).

"KA Series Remote Control Syntax V2.0": ASCII over USB serial at 9600 baud without any terminator.
Replies have fixed lengths; what they do beside the book is in libsigrok's korad-kaxxxxp.
"""

import re
from typing import Annotated, ClassVar, NamedTuple

from drivers.buses import ByteStream, Time
from drivers.capabilities import Identity, Power, PowerMeter, PowerSupply
from drivers.errors import BadReply, NoReply, Refused, WrongDevice
from drivers.wiring import Between

IDENTITY = re.compile(
    r"(?P<maker>KORAD|TENMA|VELLEMAN|RND) ?"
    r"(?P<model>K[AD]\d{4}\w*?|72-\d{4}|(?:LAB)?PS\d{4}\w*?|320-K[AD]\d{4}\w*?)"
    r" ?V(?P<firmware>\d+\.\d+)(?: SN:(?P<serial>\d{8}))?",  # all that were published have eight
    re.ASCII | re.IGNORECASE,
)
BEGINNING = re.compile(
    r"(KORAD|TENMA|VELLEMAN|RND) ?(K[AD]\d|72-|(LAB)?PS\d|320-K[AD]|$)", re.ASCII | re.IGNORECASE
)
AFTER_IDENTITY = b"\x00\x01\xbc\r\n"  # sometimes 0x01 or 0xBC follows
MOST_IDENTITY = 64  # longer than any
IDENTITY_QUIET_S = 0.1  # a hundred times as long as a character takes
IDENTITY_ATTEMPTS = 3
VOLTAGE = re.compile(rb"\d\d\.\d\d")
ANY_BYTE = re.compile(rb".", re.DOTALL)
CURRENT = re.compile(rb"\d\.\d\d\d")
LEAST_V, MOST_V = 0.01, 99.99  # what "VSET1:" and "ISET1:" have digits for
LEAST_A, MOST_A = 0.001, 9.999

PACING_S = 0.08
SLOW_PACING_S = 0.53  # after setting something, and after STATUS?
BITS_PER_BYTE = 10

# "STATUS?"
CONSTANT_VOLTAGE = 0x01
BEEPER = 0x10
OVER_CURRENT_PROTECTION = 0x20
OUTPUT_ON = 0x40
OVER_VOLTAGE_PROTECTION = 0x80


class Ka3000Status(NamedTuple):
    """`over_voltage_protection` is None where the model tells it only while the output is on."""

    output_on: bool
    constant_voltage: bool
    over_voltage_protection: bool | None
    over_current_protection: bool
    beeper: bool


class Ka3000(PowerSupply, PowerMeter):
    """Drives one output, with its own read-back. It is off after construction.

    Commands that follow each other too fast are lost, so each of them waits for its turn in `time`.
    Nothing in an answer tells which question it belongs to: after a failure the identity has to
    come back right before anything else is asked. A question whose answer is missing or damaged is
    asked once more; a command is never repeated.

    Raises `WrongDevice` when another instrument answers, `BadReply` when the identity stays cut or
    changes from one answer to the next.
    """

    BAUDRATE = 9600
    PLAIN_TEXT = True

    quantities: ClassVar[tuple[str, ...]] = ()
    """Nothing: within about 0.2 V of its set point the firmware tells the set point as measured."""

    resolution_v = LEAST_V  # "VOUT1?": two decimals
    resolution_a = LEAST_A  # "IOUT1?": three decimals

    def __init__(
        self,
        line: ByteStream,
        *,
        max_v: Annotated[
            float, Between(LEAST_V, MOST_V), "what the model can do; more is refused"
        ] = 30.0,
        max_a: Annotated[
            float, Between(LEAST_A, MOST_A), "what the model can do; more is refused"
        ] = 5.0,
        time: Time,
    ) -> None:
        if not (LEAST_V <= max_v <= MOST_V and LEAST_A <= max_a <= MOST_A):
            raise ValueError(
                f"{max_v} V, {max_a} A: the protocol has room for {MOST_V} V, {MOST_A} A"
            )
        self._line = line
        self.max_v = max_v
        self.max_a = max_a
        self._time = time
        self._next_s = time.monotonic() + SLOW_PACING_S  # when it was last asked is not known
        self._slow = False
        self._in_step = True
        self._name = "Korad KA3000"
        self._raw_identity, match = self._identify()
        maker, model, firmware = match["maker"], match["model"], match["firmware"]
        self.identity = Identity(maker, model, match["serial"] or "", firmware)
        self._name = f"{maker} {model}"
        velleman = maker.upper() == "VELLEMAN"
        self._slow = velleman and model.upper() == "PS3005D" and firmware.startswith("1.")
        self._hides_protection = velleman and model.upper().startswith("LABPS")
        self.switch(on=False)

    def set_voltage(self, voltage_v: float) -> None:
        """Set the voltage. Raises `Refused` when the supply keeps another one."""
        if not 0 <= voltage_v <= self.max_v:
            raise ValueError(f"{voltage_v} V is outside 0…{self.max_v} V")
        self._set("VSET1", f"{voltage_v:05.2f}", VOLTAGE)

    def set_current_limit(self, current_a: float) -> None:
        """Set the current limit. Raises `Refused` when the supply keeps another one."""
        if not 0 < current_a <= self.max_a:
            raise ValueError(f"{current_a} A is outside 0…{self.max_a} A")
        self._set("ISET1", f"{current_a:05.3f}", CURRENT)

    def switch(self, *, on: bool) -> None:
        """Switch the output. Raises `Refused` when it does not follow."""
        self._command(f"OUT{on:d}")
        status = self.read_status()
        if status.output_on is not on:
            raise Refused(f"{self._name}: 'OUT{on:d}' → {status}")

    def set_over_voltage_protection(self, *, on: bool) -> None:
        """Choose whether the supply switches off when its output is above what was set."""
        self._command(f"OVP{on:d}")
        status = self.read_status()
        if status.over_voltage_protection is (not on):
            raise Refused(f"{self._name}: 'OVP{on:d}' → {status}")

    def set_over_current_protection(self, *, on: bool) -> None:
        """Choose whether the supply switches off at its current limit, or holds the current."""
        self._command(f"OCP{on:d}")
        status = self.read_status()
        if status.over_current_protection is not on:
            raise Refused(f"{self._name}: 'OCP{on:d}' → {status}")

    def read(self) -> Power:
        """Return volts and amperes at the terminals, asked one after the other, and watts."""
        voltage_v = float(self._ask("VOUT1?", VOLTAGE))
        current_a = float(self._ask("IOUT1?", CURRENT))
        return Power(voltage_v, current_a, voltage_v * current_a)

    def read_status(self) -> Ka3000Status:
        """Return what is switched on, and whether the voltage or the current is held."""
        bits = self._exchange("STATUS?", ANY_BYTE, 1)[0]
        told = bool(bits & OUTPUT_ON) or not self._hides_protection
        return Ka3000Status(
            output_on=bool(bits & OUTPUT_ON),
            constant_voltage=bool(bits & CONSTANT_VOLTAGE),
            over_voltage_protection=bool(bits & OVER_VOLTAGE_PROTECTION) if told else None,
            over_current_protection=bool(bits & OVER_CURRENT_PROTECTION),
            beeper=bool(bits & BEEPER),
        )

    def _set(self, what: str, value: str, pattern: re.Pattern[bytes]) -> None:
        self._command(f"{what}:{value}")
        if (kept := self._ask(f"{what}?", pattern)) != value:
            raise Refused(f"{self._name}: '{what}:{value}', but '{what}?' → {kept!r}")

    def _ask(self, question: str, pattern: re.Pattern[bytes]) -> str:
        return self._exchange(question, pattern, 5).decode("ascii")

    def _exchange(self, question: str, pattern: re.Pattern[bytes], size: int) -> bytes:
        """Ask, and ask once more where the answer is missing or damaged: a question is harmless.

        Raises what went wrong the first time.
        """
        try:
            return self._exchange_once(question, pattern, size)
        except (NoReply, BadReply) as first:
            try:
                return self._exchange_once(question, pattern, size)
            except (NoReply, BadReply):
                raise first from None

    def _exchange_once(self, question: str, pattern: re.Pattern[bytes], size: int) -> bytes:
        if not self._in_step:
            self._find_step()
        self._in_step = False
        # Bytes in the buffer answer no question: ISET1? is followed by a sixth byte.
        self._send(question, empty=True)
        reply = self._line.read(size)
        self._rest(SLOW_PACING_S if self._slow and question == "STATUS?" else PACING_S)
        if not reply:
            raise NoReply(f"{self._name}: {question!r} → nothing")
        if len(reply) < size:
            raise BadReply(f"{self._name}: {question!r} → {reply!r}, not {size} bytes")
        if not pattern.fullmatch(reply):
            raise BadReply(f"{self._name}: {question!r} → {reply!r}, not {pattern.pattern!r}")
        self._in_step = True
        return reply

    def _command(self, text: str) -> None:
        """Send a command that is never answered, even after a reply was lost."""
        self._send(text)
        on_the_wire_s = len(text) * BITS_PER_BYTE / self.BAUDRATE
        self._rest(on_the_wire_s + (SLOW_PACING_S if self._slow else PACING_S))

    def _identify(self) -> tuple[bytes, re.Match[str]]:
        """Return the identity as it came, and its parts.

        One that does not fit is asked for again: another instrument says the same each time, noise
        and a cut do not.
        """
        seen: list[bytes] = []
        while len(seen) < IDENTITY_ATTEMPTS:
            seen.append(self._ask_identity())
            if match := _parts(seen[-1]):
                return seen[-1], match
        said = seen[-1].decode("ascii", errors="replace")
        if len(set(seen)) > 1 or BEGINNING.match(said):
            answers = ", ".join(map(repr, seen))
            raise BadReply(f"{self._name}: '*IDN?' → {answers}: no complete identity among them")
        raise WrongDevice(f"expected a KA3000 supply, but '*IDN?' → {seen[-1]!r}")

    def _ask_identity(self) -> bytes:
        """Return what is said to `*IDN?`, with the pauses that a supply makes in it.

        An identity has no end of its own. It is over when it has a serial number or a byte that
        follows identities, or when the line's timeout has passed without another byte. (One that
        stops for longer just before its serial number cannot be told from one without.)
        """
        self._send("*IDN?", empty=True)
        identity = b""
        while len(identity) < MOST_IDENTITY and not _is_complete(identity):
            left = MOST_IDENTITY - len(identity)
            if not (more := self._line.read_until_quiet(left, IDENTITY_QUIET_S)):
                break
            identity += more
        self._rest(PACING_S)
        if not identity:
            raise NoReply(f"{self._name}: '*IDN?' → nothing")
        return identity

    def _find_step(self) -> None:
        """Ask two questions: the answer to the first may be that of an earlier attempt."""
        identity = self._ask_identity()
        self._send("VSET1?", empty=True)
        voltage = self._line.read(5)
        self._rest(PACING_S)
        if identity != self._raw_identity or not VOLTAGE.fullmatch(voltage):
            raise BadReply(
                f"{self._name}: '*IDN?', 'VSET1?' → {identity!r}, {voltage!r}, not"
                f" {self._raw_identity!r} and volts: answers are out of step"
            )

    def _send(self, text: str, *, empty: bool = False) -> None:
        wait_s = self._next_s - self._time.monotonic()
        if wait_s > 0:
            self._time.sleep(wait_s)
        if empty:
            self._line.reset_input_buffer()
        self._line.write(text.encode("ascii"))

    def _rest(self, pacing_s: float) -> None:
        self._next_s = self._time.monotonic() + pacing_s


def _parts(identity: bytes) -> re.Match[str] | None:
    return IDENTITY.fullmatch(identity.rstrip(AFTER_IDENTITY).decode("ascii", errors="replace"))


def _is_complete(identity: bytes) -> bool:
    match = _parts(identity)
    if match is None:
        return False
    return match["serial"] is not None or identity[-1] in AFTER_IDENTITY
