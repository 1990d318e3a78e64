"""The SCPI conversation, and the parser its twins share."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, Refused
from drivers.languages.scpi import Scpi
from drivers.sim.faults import Altered, Late, Mute
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.languages.scpi import Call, ScpiError, SimulatedScpi, matcher
from drivers.sim.world import SimulatedTime

IDENTITY = "ACME,Meter,1,2.0"


class Meter(SimulatedScpi):
    """Answers `MEAS:VOLT?` with 12.5 and `MEAS:CURR?` with 0.25; keeps a level up to 30."""

    def __init__(self) -> None:
        self.level = 0.0
        super().__init__(
            IDENTITY,
            {
                "SYSTem:ERRor[:NEXT]?": self.next_error,
                "MEASure:VOLTage[:DC]?": lambda call: "+1.25000E+01",
                "MEASure:CURRent[:DC]?": lambda call: "0.25",
                "LEVel": self._set_level,
                "LEVel?": lambda call: f"{self.level:.3f}",
            },
        )

    def _set_level(self, call: Call) -> None:
        self.level = call.number(0.0, 30.0, unit="V")


class Canned:
    """Remembers what it heard; answers from a list, one entry for each write."""

    def __init__(self, *answers: bytes) -> None:
        self.heard: list[bytes] = []
        self._answers = list(answers)

    def receive(self, data: bytes) -> bytes:
        self.heard.append(data)
        return self._answers.pop(0) if self._answers else b""


class Swappable:
    """A cable that can be plugged into something else."""

    def __init__(self, device: SerialDevice) -> None:
        self.device = device

    def receive(self, data: bytes) -> bytes:
        return self.device.receive(data)


def conversation(device: SerialDevice) -> Scpi:
    return Scpi(SimulatedSerial(device), "bench meter")


def test_a_question_is_one_line_and_so_is_its_answer() -> None:
    canned = Canned(b"+1.23456E+00\r\n")
    assert conversation(canned).query("MEAS:VOLT?") == "+1.23456E+00"
    assert canned.heard == [b"MEAS:VOLT?\n"]


def test_a_command_is_followed_by_a_look_at_the_error_queue() -> None:
    canned = Canned(b"", b'0,"No error"\n')
    conversation(canned).command("VOLT 5.000")
    assert canned.heard == [b"VOLT 5.000\n", b"SYST:ERR?\n"]


def test_a_dialect_without_error_queue_is_not_asked_for_it() -> None:
    canned = Canned()
    scpi = Scpi(SimulatedSerial(canned), "load", error_query="", command_end="\r\n")
    scpi.command(":INP 1")
    assert canned.heard == [b":INP 1\r\n"]


@pytest.mark.parametrize(
    "no_error", ['0,"No error"', '+0,"No error"', "0 No Error", "+0, No Error", "0x0000", "0"]
)
def test_every_way_of_saying_no_error_is_understood(no_error: str) -> None:
    assert conversation(Canned(no_error.encode() + b"\n")).read_errors() == ()


@pytest.mark.parametrize(
    "error",
    ['-113,"Undefined header"', "128 Error 128", "+128, Error 128", "0x0040", "-222"],
)
def test_a_refusal_quotes_the_command_and_the_complaint(error: str) -> None:
    canned = Canned(b"", error.encode() + b"\n", b"0\n")
    with pytest.raises(Refused) as refusal:
        conversation(canned).command("VOLTS 5")
    assert str(refusal.value) == f"bench meter: 'VOLTS 5' → {error}"


def test_all_that_a_command_is_blamed_for_is_quoted_and_then_forgotten() -> None:
    meter = Meter()
    scpi = conversation(meter)
    with pytest.raises(Refused, match=r"-104,.*; -113,"):
        scpi.command("LEV much;LEVELS 3")
    scpi.command("LEV 3")
    assert meter.level == 3.0


def test_an_error_queue_that_never_empties_does_not_hang() -> None:
    canned = Canned(b"", *[b'-350,"Queue overflow"\n'] * 100)
    with pytest.raises(Refused, match="Queue overflow"):
        conversation(canned).command("LEV 3")


ABSURD = ["-1130000000000", "9" * 5000, "-" + "9" * 5000, "32769", "0" * 6, "0x" + "0" * 9]
TEXTS = ["ERR", "0.5V", '"0"', "No error", "0\0", "\0", "٣", "1_0", "nan", "--1", "+", "0;0", ""]


@pytest.mark.parametrize("reply", ABSURD + TEXTS)
def test_what_is_no_error_code_is_a_bad_reply(reply: str) -> None:
    canned = Canned(f"{reply}\n".encode(), b'0,"No error"\n')
    with pytest.raises(BadReply, match=r"bench meter: 'SYST:ERR\?' → "):
        conversation(canned).read_errors()
    assert canned.heard == [b"SYST:ERR?\n"]  # reading empties the queue: it is read once


@given(st.binary(max_size=40))
def test_whatever_answers_the_question_for_errors_is_understood_or_a_bad_reply(
    reply: bytes,
) -> None:
    scpi = conversation(Canned(reply.replace(b"\n", b"") + b"\n", b"0\n"))
    try:
        errors = scpi.read_errors()
    except BadReply:
        errors = ()
    assert errors in ((), (reply.replace(b"\n", b"").decode("ascii", "replace").strip(),))


@given(st.integers(-32768, 32767))
def test_every_code_of_the_standard_is_one(code: int) -> None:
    errors = conversation(Canned(f'{code:+d},"x"\n'.encode(), b"0\n")).read_errors()
    assert errors == ((f'{code:+d},"x"',) if code else ())


def test_silence_is_no_reply() -> None:
    with pytest.raises(NoReply, match=r"bench meter: '\*IDN\?' → nothing"):
        conversation(Mute()).query("*IDN?")


def test_half_a_line_is_a_bad_reply_that_quotes_it() -> None:
    with pytest.raises(BadReply, match=r"b'\+1\.25', and no end of line"):
        conversation(Altered(Meter(), lambda answer: answer[:5])).query("MEAS:VOLT?")


def test_what_is_not_ascii_is_a_bad_reply_that_quotes_it() -> None:
    with pytest.raises(BadReply, match=r"12\.\\xb5"):
        conversation(Canned(b"12.\xb5\n")).query("MEAS:VOLT?")


def test_an_empty_line_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="empty line"):
        conversation(Canned(b" \r\n")).query("MEAS:VOLT?")


INFINITE = ["9.91E37", "9.9E37", "-9.9E+37", "9.90000000E+37", "nan", "inf", "1e400"]
SYNTAX = [
    "9" * 5000,
    "0." + "1" * 5000,
    "1e" + "9" * 50,
    "1\0",
    "",
    "1_0",
    "12,5",
    "12.5V",
    "0x10",
    "+-1",
    ".",
    "1e",
    "--",
    "٣",
]


@pytest.mark.parametrize("reply", INFINITE + SYNTAX)
def test_what_is_not_a_finite_number_is_never_one(reply: str) -> None:
    with pytest.raises(BadReply, match="not a number"):
        conversation(Mute()).number("MEAS:VOLT?", reply)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-9.8e37, max_value=9.8e37))
def test_every_finite_number_comes_through(value: float) -> None:
    scpi = conversation(Canned(f"{value:+.17E}\n".encode(), f"{value!r}\n".encode()))
    assert scpi.query_number("MEAS:VOLT?") == value
    assert scpi.query_number("MEAS:VOLT?") == value


@given(st.binary(max_size=20))
def test_whatever_comes_back_is_a_finite_number_or_an_error_of_ours(reply: bytes) -> None:
    scpi = conversation(Canned(reply))
    try:
        value = scpi.query_number("MEAS:VOLT?")
    except (BadReply, NoReply):
        return
    assert math.isfinite(value)
    white_space = bytes(range(0x21))  # IEEE 488.2, 7.4.1.2
    assert float(reply.partition(b"\n")[0].strip(white_space)) == value


@pytest.mark.parametrize("text", ["MEAS:VOLT?\n*RST", "MEAS:VOLT?\r*RST", "MEAS:VÖLT?"])
def test_what_is_not_one_line_of_ascii_is_never_sent(text: str) -> None:
    canned = Canned(b"0\n", b"0\n")
    scpi = conversation(canned)
    with pytest.raises(ValueError, match=r"one line|ascii"):
        scpi.query(text)
    with pytest.raises(ValueError, match=r"one line|ascii"):
        scpi.command(text)
    assert canned.heard == []


def test_what_somebody_left_in_the_line_is_not_our_first_answer() -> None:
    line = SimulatedSerial(Meter())
    line.write(b"MEAS:VOLT?\n")
    assert Scpi(line, "bench meter").query_number("MEAS:CURR?") == 0.25


def test_a_late_answer_is_never_taken_for_that_of_the_next_question() -> None:
    cable = Swappable(Meter())
    scpi = conversation(cable)
    scpi.ask_identity()
    cable.device = Late(Meter())
    with pytest.raises(NoReply):
        scpi.query_number("MEAS:VOLT?")
    for _ in range(3):  # it stays one behind
        with pytest.raises(BadReply, match="out of step"):
            scpi.query_number("MEAS:CURR?")


def test_after_a_late_answer_the_conversation_finds_its_step_again() -> None:
    canned = Canned(
        f"{IDENTITY}\n".encode(),
        b"",
        b"12.5\n" + f"{IDENTITY}\n".encode(),  # the late answer, then that to *IDN?
        b"0.25\n",
    )
    scpi = conversation(canned)
    scpi.ask_identity()
    with pytest.raises(NoReply):
        scpi.query_number("MEAS:VOLT?")
    assert scpi.query_number("MEAS:CURR?") == 0.25
    assert canned.heard == [b"*IDN?\n", b"MEAS:VOLT?\n", b"*IDN?\n", b"MEAS:CURR?\n"]


def test_an_answer_of_the_wrong_kind_makes_it_look_for_its_step() -> None:
    canned = Canned(f"{IDENTITY}\n".encode(), b"OFF\n", f"{IDENTITY}\n".encode(), b"0.25\n")
    scpi = conversation(canned)
    scpi.ask_identity()
    with pytest.raises(BadReply, match="OFF"):
        scpi.query_number("MEAS:VOLT?")
    assert scpi.query_number("MEAS:CURR?") == 0.25
    assert canned.heard[2] == b"*IDN?\n"


def test_a_line_that_fell_silent_stays_an_error_but_still_gets_its_commands() -> None:
    cable = Swappable(Meter())
    scpi = conversation(cable)
    scpi.ask_identity()
    cable.device = deaf = Canned()
    with pytest.raises(NoReply):
        scpi.query("MEAS:VOLT?")
    with pytest.raises(NoReply, match="after an earlier question failed"):
        scpi.command("OUTP OFF")
    assert b"OUTP OFF\n" in deaf.heard


def test_a_question_whose_answer_is_damaged_is_asked_once_more() -> None:
    name = f"{IDENTITY}\n".encode()
    for damaged in (b"12.\xb5\n", b"12", b"\n", b"\x0012.5\n"):
        canned = Canned(name, damaged, name, b"12.5\n")
        scpi = conversation(canned)
        scpi.ask_identity()
        assert scpi.query_number("MEAS:VOLT?") == 12.5
        assert canned.heard[1:] == [b"MEAS:VOLT?\n", b"*IDN?\n", b"MEAS:VOLT?\n"]


def test_a_command_is_sent_once_whatever_is_answered() -> None:
    name = f"{IDENTITY}\n".encode()
    canned = Canned(name, b"", b"\xff\n")
    scpi = conversation(canned)
    scpi.ask_identity()
    with pytest.raises(BadReply, match="SYST:ERR"):
        scpi.command("OUTP ON")
    assert canned.heard == [b"*IDN?\n", b"OUTP ON\n", b"SYST:ERR?\n"]


@pytest.mark.parametrize(
    "noise", [b"\x8d" + IDENTITY.encode(), b"\0" + IDENTITY.encode(), b"CME,Meter,1,2.0", b""]
)
def test_noise_in_an_identity_is_asked_again(noise: bytes) -> None:
    canned = Canned(noise + b"\n", *[f"{IDENTITY}\n".encode()] * 2)
    assert conversation(canned).ask_identity(lambda text: text == IDENTITY) == IDENTITY
    assert canned.heard == [b"*IDN?\n"] * 2


def test_an_identity_that_does_not_fit_is_believed_the_second_time() -> None:
    canned = Canned(*[b"ACME,Load,1,1\n"] * 5)
    assert conversation(canned).ask_identity(lambda text: False) == "ACME,Load,1,1"
    assert len(canned.heard) == 2


def test_an_identity_that_is_another_each_time_is_not_asked_for_ever() -> None:
    canned = Canned(*[f"ACME,{number}\n".encode() for number in range(9)])
    conversation(canned).ask_identity(lambda text: False)
    assert len(canned.heard) == 3


@pytest.mark.parametrize(
    ("command_end", "answer_end"), [("\n", "\n"), ("\r\n", "\n"), ("\r", "\r"), ("\n", "\r")]
)
def test_lines_end_as_the_dialect_says(command_end: str, answer_end: str) -> None:
    canned = Canned(b"12.5" + answer_end.encode(), b"", b"0" + answer_end.encode())
    scpi = Scpi(
        SimulatedSerial(canned), "bench meter", command_end=command_end, answer_end=answer_end
    )
    assert scpi.query_number("MEAS:VOLT?") == 12.5
    scpi.command("LEV 3")
    assert [line[len(line.rstrip()) :] for line in canned.heard] == [command_end.encode()] * 3


def test_a_word_after_each_command_is_read_and_never_taken_for_an_answer() -> None:
    canned = Canned(b"OK\n", b"12.5\n", b"OK\n")
    scpi = Scpi(SimulatedSerial(canned), "meter", error_query="", acknowledgement="OK")
    scpi.command("LEV 3")
    assert scpi.query_number("MEAS:VOLT?") == 12.5
    scpi.command("LEV 4")
    assert canned.heard == [b"LEV 3\n", b"MEAS:VOLT?\n", b"LEV 4\n"]


def test_a_late_answer_is_not_the_word_after_a_command() -> None:
    line = SimulatedSerial(Canned(b"12.5\nlate\n", b"OK\n"))
    scpi = Scpi(line, "meter", error_query="", acknowledgement="OK")
    assert scpi.query_number("MEAS:VOLT?") == 12.5
    scpi.command("LEV 3")


def test_a_pause_is_kept_between_any_two_lines() -> None:
    time = SimulatedTime()
    sent_at_s: list[float] = []

    class Slow(Canned):
        def receive(self, data: bytes) -> bytes:
            sent_at_s.append(time.monotonic())
            return super().receive(data)

    name = f"{IDENTITY}\n".encode()
    device = Slow(name, b"", b"0\n", b"\xff\n", name, b"12.5\n")
    scpi = Scpi(SimulatedSerial(device, time=time), "meter", pause_s=0.05, time=time)
    scpi.ask_identity()
    scpi.command("LEV 3")
    assert scpi.query_number("MEAS:VOLT?") == 12.5
    gaps_s = [later - sooner for sooner, later in pairwise([0.0, *sent_at_s])]
    assert gaps_s == pytest.approx([0.05] * 6)


def test_many_questions_are_remembered_and_all_are_sent() -> None:
    canned = Canned(*[b"1\n"] * 600)
    scpi = conversation(canned)
    for number in range(600):
        assert scpi.query(f"A{number}?") == "1"
    assert canned.heard == [f"A{number}?\n".encode() for number in range(600)]


def test_rubbish_after_an_answer_is_dropped_once_the_line_is_quiet() -> None:
    time = SimulatedTime()
    line = SimulatedSerial(Canned(b"0.000067\n0", b"12.5\n0\n", b"0.25\n"), time=time)
    scpi = Scpi(line, "load", trailing_s=0.02, time=time)
    assert [scpi.query_number("MEAS:VOLT?") for _ in range(3)] == [0.000067, 12.5, 0.25]
    assert time.monotonic() == pytest.approx(0.06)


def test_rubbish_does_not_hide_the_identity_when_the_step_is_lost() -> None:
    name = f"{IDENTITY}\n0".encode()
    line = SimulatedSerial(Canned(name, b"", b"0" + name, b"12.5\n0"))
    scpi = Scpi(line, "load", trailing_s=0.02, time=SimulatedTime())
    scpi.ask_identity()
    with pytest.raises(NoReply):
        scpi.query("MEAS:VOLT?")
    assert scpi.query_number("MEAS:VOLT?") == 12.5


# The parser that the twins share


@pytest.mark.parametrize(
    "header",
    ["SOUR2:VOLT:LEV:IMM:AMPL", ":SOURce2:VOLTage", "sour2:volt:lev", ":SoUr2:VOLT:IMM"],
)
def test_long_and_short_forms_in_any_case_are_the_same_header(header: str) -> None:
    match = matcher("[SOURce<n>:]VOLTage[:LEVel][:IMMediate][:AMPLitude]").fullmatch(header)
    assert match is not None
    assert match[1] == "2"


@pytest.mark.parametrize("header", ["SOU:VOLT", "SOUR:VOLTA", "::VOLT", "VOLT?", "VOLT:", ""])
def test_other_lengths_and_shapes_are_not(header: str) -> None:
    assert matcher("[SOURce<n>:]VOLTage[:LEVel][:IMMediate]").fullmatch(header) is None


@given(st.sampled_from(["MEASure", "VOLTage", "IMMediate", "DC"]), st.data())
def test_nothing_between_short_and_long_is_understood(word: str, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(word)))
    short = "".join(letter for letter in word if letter.isupper())
    understood = matcher(word).fullmatch(word[:length]) is not None
    assert understood == (length in (len(short), len(word)))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"LEVELS 3\n", '-113,"Undefined header"'),
        (b"LEV 31\n", '-222,"Data out of range"'),
        (b"LEV much\n", '-104,"Data type error"'),
        (b"LEV nan\n", '-104,"Data type error"'),
        (b"LEV\n", '-109,"Missing parameter"'),
        (b"L\xc3V 3\n", '-101,"Invalid character"'),
    ],
)
def test_the_twin_complains_as_the_standard_says(line: bytes, error: str) -> None:
    meter = Meter()
    assert meter.receive(line) == b""
    assert meter.receive(b"SYST:ERR?\n") == f"{error}\n".encode()
    assert meter.receive(b"SYSTEM:ERROR:NEXT?\n") == b'0,"No error"\n'


def test_the_twin_takes_bytes_as_they_come_and_several_commands_in_a_line() -> None:
    meter = Meter()
    answers = [
        meter.receive(bytes([byte])) for byte in b"LEV 2.5V;LEV?;:MEAS:VOLT?;*OPC?;CURR?\r\n"
    ]
    assert b"".join(answers) == b"2.500;+1.25000E+01;1;0.25\n"


def test_the_twins_queue_overflows_into_its_last_place() -> None:
    meter = Meter()
    meter.receive(b"NONSENSE\n" * 50)
    errors = [meter.receive(b"SYST:ERR?\n") for _ in range(21)]
    assert errors[0] == b'-113,"Undefined header"\n'
    assert errors[19] == b'-350,"Queue overflow"\n'
    assert errors[20] == b'0,"No error"\n'
    meter.receive(b"NONSENSE\n*CLS\n")
    assert meter.receive(b"SYST:ERR?\n") == b'0,"No error"\n'


def test_limits_have_names() -> None:
    assert Call((), ("MIN",)).number(0.5, 30.0) == 0.5
    assert Call((), ("maximum",)).number(0.5, 30.0) == 30.0
    with pytest.raises(ScpiError):
        Call((), ("MAXI",)).number(0.5, 30.0)
