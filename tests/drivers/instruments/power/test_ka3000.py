"""Korad KA3000 supplies. Golden strings: catalogue C3."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError, NoReply, Refused, WrongDevice
from drivers.instruments.power.ka3000 import Ka3000
from drivers.sim.faults import Altered, Late, Mute
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.power.ka3000 import SimulatedKa3000
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.world import Circuit, Resistor, SimulatedTime

SLOW = b"VELLEMANPS3005DV1.3"


class Recorded:
    """Everything that went over the cable, with the time it was sent."""

    def __init__(self, device: SerialDevice, time: SimulatedTime) -> None:
        self.device = device
        self.sent: list[tuple[float, bytes]] = []
        self._time = time

    def receive(self, data: bytes) -> bytes:
        self.sent.append((self._time.monotonic(), data))
        return self.device.receive(data)

    def texts(self) -> list[bytes]:
        return [data for _, data in self.sent]


class Bench:
    """A supply over 10 Ω, and the cable to it."""

    def __init__(self, identity: bytes = b"KORADKA3005PV2.0\x01", *, load_ohm: float = 10.0):
        self.time = SimulatedTime()
        self.circuit = Circuit(None, Resistor(load_ohm))
        self.twin = SimulatedKa3000(self.circuit, time=self.time, identity=identity)
        self.cable = Recorded(self.twin, self.time)
        self.line = SimulatedSerial(self.cable, time=self.time)

    def supply(self) -> Ka3000:
        return Ka3000(self.line, time=self.time)

    def plug_in(self, device: SerialDevice) -> None:
        self.cable.device = device


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_commands_are_those_of_the_book_without_any_terminator(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(1.0)
    supply.switch(on=True)
    supply.read()
    assert bench.cable.texts() == [
        b"*IDN?",
        b"OUT0",
        b"STATUS?",
        b"VSET1:12.00",
        b"VSET1?",
        b"ISET1:1.000",
        b"ISET1?",
        b"OUT1",
        b"STATUS?",
        b"VOUT1?",
        b"IOUT1?",
    ]


def test_values_have_leading_zeros(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(5.0)
    supply.set_current_limit(0.05)
    assert b"VSET1:05.00" in bench.cable.texts()
    assert b"ISET1:0.050" in bench.cable.texts()


def test_the_output_is_off_after_opening(bench: Bench) -> None:
    bench.twin.output.on = True
    bench.supply()
    assert not bench.twin.output.on


def test_it_delivers_what_was_asked_for(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(2.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((12.0, 1.2, 14.4))
    assert supply.read_status().constant_voltage


def test_at_its_limit_it_holds_the_current(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(0.5)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((5.0, 0.5, 2.5), abs=0.01)
    assert not supply.read_status().constant_voltage


def test_off_means_off(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(2.0)
    supply.switch(on=True)
    supply.make_safe()
    assert supply.read() == (0.0, 0.0, 0.0)
    assert bench.circuit.solve() == (0.0, 0.0)


@pytest.mark.parametrize(
    ("sent", "maker", "model", "firmware", "serial"),
    [
        (b"KORADKA3005PV2.0", "KORAD", "KA3005P", "2.0", ""),
        (b"KORADKA3005PV2.0\x01", "KORAD", "KA3005P", "2.0", ""),
        (b"KORADKA3005PV2.0\xbc", "KORAD", "KA3005P", "2.0", ""),
        (b"KORAD KA3005P V5.5", "KORAD", "KA3005P", "5.5", ""),
        (b"KORAD KD6005P V2.2", "KORAD", "KD6005P", "2.2", ""),
        (b"TENMA72-2540V2.0", "TENMA", "72-2540", "2.0", ""),
        (b"TENMA 72-2540 V5.2", "TENMA", "72-2540", "5.2", ""),
        (b"VELLEMANPS3005DV2.0", "VELLEMAN", "PS3005D", "2.0", ""),
        (b"VELLEMANLABPS3005DV2.0", "VELLEMAN", "LABPS3005D", "2.0", ""),
        (b"RND 320-KD3005P V4.2 SN:59834414", "RND", "320-KD3005P", "4.2", "59834414"),
    ],
)
def test_every_badge_is_recognised(
    sent: bytes, maker: str, model: str, firmware: str, serial: str
) -> None:
    assert Bench(sent).supply().identity == (maker, model, serial, firmware)


@pytest.mark.parametrize(
    "sent",
    [
        b"KORAD-KEL103 V3.30 SN:00022116\n",
        b"OWON,SPE3103,2350123,FV:V3.1.0\n",
        b"\x00\x81\xff",
    ],
)
def test_somebody_else_is_refused_by_name(sent: bytes) -> None:
    with pytest.raises(WrongDevice, match="expected a KA3000"):
        Bench(sent).supply()


SERIAL_4 = b"RND 320-KD3005P V4.2 SN:59834414"


class Pausing(SimulatedSerial):
    """A line on which the answer to `*IDN?` stops for `pause_s` after `at` of its bytes.

    It does so `times` times; what comes after more than the line's timeout comes too late.
    """

    def __init__(self, bench: Bench, at: int, pause_s: float, *, times: int = 99) -> None:
        super().__init__(bench.cable, time=bench.time)
        self._bench_time = bench.time
        self._at, self._pause_s, self._times = at, pause_s, times
        self._rest = b""

    def write(self, data: bytes, /) -> int:
        self._rest = b""
        return super().write(data)

    def read_until_quiet(self, size: int, quiet_s: float, /) -> bytes:
        if self._rest:
            waits_s = min(self._pause_s - quiet_s, self._timeout_s)
            self._bench_time.sleep(waits_s)
            rest, self._rest = self._rest, b""
            return rest if waits_s < self._timeout_s else b""
        said = super().read_until_quiet(size, quiet_s)
        if not self._times or self._pause_s <= quiet_s or len(said) <= self._at:
            return said
        self._times -= 1
        self._rest = said[self._at :]
        return said[: self._at]


@pytest.mark.parametrize("at", range(1, len(SERIAL_4)))
@pytest.mark.parametrize("pause_s", [0.05, 0.25, 0.5, 1.0])
def test_an_identity_with_a_pause_in_it_is_read_to_its_end(at: int, pause_s: float) -> None:
    bench = Bench(SERIAL_4)
    supply = Ka3000(Pausing(bench, at, pause_s), time=bench.time)
    assert supply.identity == ("RND", "320-KD3005P", "59834414", "4.2")


@pytest.mark.parametrize("at", [1, 3, 4, 12, 16, 18, 21, 24, 31])
def test_an_identity_that_stays_cut_is_a_bad_reply_and_never_half_a_serial_number(at: int) -> None:
    bench = Bench(SERIAL_4)
    with pytest.raises((BadReply, WrongDevice), match=r"'\*IDN\?' → b'R") as caught:
        Ka3000(Pausing(bench, at, 5.0), time=bench.time)
    assert (caught.type is BadReply) == (at >= 3)  # less may be of anybody
    assert b"OUT0" not in bench.cable.texts()


@pytest.mark.parametrize("at", [1, 12, 24, 31])
def test_an_identity_that_is_cut_once_is_asked_for_again(at: int) -> None:
    bench = Bench(SERIAL_4)
    supply = Ka3000(Pausing(bench, at, 5.0, times=1), time=bench.time)
    assert supply.identity.serial_number == "59834414"
    assert bench.cable.texts()[:3] == [b"*IDN?", b"*IDN?", b"OUT0"]


def test_an_identity_without_its_version_is_cut() -> None:
    with pytest.raises(BadReply, match="no complete identity among them"):
        Bench(b"KORADKA3005P").supply()


@given(at=st.integers(0, len(SERIAL_4) - 1), byte=st.integers(0x80, 0xFF))
def test_noise_in_one_answer_does_not_change_the_identity(at: int, byte: int) -> None:
    bench = Bench(SERIAL_4)
    noise = [True]

    def disturb(answer: bytes) -> bytes:
        if answer != SERIAL_4 or not noise:
            return answer
        noise.clear()
        return answer[:at] + bytes([byte]) + answer[at + 1 :]

    bench.plug_in(Altered(bench.twin, disturb))
    assert bench.supply().identity == ("RND", "320-KD3005P", "59834414", "4.2")


def test_noise_in_each_answer_is_a_bad_reply() -> None:
    bench = Bench(SERIAL_4)
    changing = iter(range(0x80, 0xFF))
    bench.plug_in(Altered(bench.twin, lambda answer: bytes([next(changing)]) + answer[1:]))
    with pytest.raises(BadReply, match="no complete identity among them"):
        bench.supply()
    assert bench.cable.texts() == [b"*IDN?"] * 3


def test_a_question_is_asked_once_more_and_a_command_is_not(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    lost = [b"12.00"]

    def lose(answer: bytes) -> bytes:
        return b"" if answer in lost and not lost.clear() else answer  # type: ignore[func-returns-value]

    bench.plug_in(Altered(bench.twin, lose))
    bench.cable.sent.clear()
    supply.set_voltage(12.0)
    assert bench.cable.texts() == [b"VSET1:12.00", b"VSET1?", b"*IDN?", b"VSET1?", b"VSET1?"]


def test_a_scpi_instrument_does_not_answer_without_its_terminator() -> None:
    time = SimulatedTime()
    line = SimulatedSerial(SimulatedScpiSupply(Circuit(), "rigol-dp800"), time=time)
    with pytest.raises(NoReply, match=r"'\*IDN\?' → nothing"):
        Ka3000(line, time=time)


@pytest.mark.parametrize("identity", [b"KORADKA3005PV2.0", SLOW, b"VELLEMANLABPS3005DV2.0"])
def test_nothing_is_sent_before_the_supply_can_hear_it(identity: bytes) -> None:
    bench = Bench(identity)
    supply = bench.supply()
    for volts in (1.0, 2.0, 3.0):
        supply.set_voltage(volts)
        supply.read()
        supply.read_status()
    supply.set_over_voltage_protection(on=True)
    assert bench.twin.lost == 0
    times = [sent_s for sent_s, _ in bench.cable.sent]
    assert min(after - before for before, after in pairwise(times)) > 0.0799


def test_the_old_velleman_gets_its_half_second_after_setting_and_after_status() -> None:
    bench = Bench(SLOW)
    bench.supply().set_voltage(5.0)
    gaps = {
        before: after_s - before_s
        for (before_s, before), (after_s, _) in pairwise(bench.cable.sent)
    }
    assert gaps[b"OUT0"] > 0.5299
    assert gaps[b"STATUS?"] > 0.5299
    assert gaps[b"VSET1:05.00"] > 0.5299


@pytest.mark.parametrize("identity", [b"VELLEMANPS3005DV2.0", b"KORADKA3005PV1.3"])
def test_others_do_not_wait_that_long(identity: bytes) -> None:
    bench = Bench(identity)
    bench.supply()
    opened_s = bench.time.monotonic()
    bench.supply().set_voltage(5.0)
    assert bench.time.monotonic() - opened_s < 2.0  # of which one for the end of the identity


def test_what_somebody_left_in_the_line_is_not_the_identity(bench: Bench) -> None:
    bench.line.write(b"VSET1?")
    bench.time.sleep(0.1)
    assert bench.supply().identity.model == "KA3005P"


def test_the_twin_loses_what_comes_too_fast(bench: Bench) -> None:
    assert bench.twin.receive(b"VSET1:12.00OUT1") == b""
    bench.time.sleep(0.08)
    assert bench.twin.receive(b"VSET1?") == b"12.00"
    assert not bench.twin.output.on
    assert bench.twin.lost == 4


def test_the_twin_hears_garbled_what_comes_half_too_fast(bench: Bench) -> None:
    bench.twin.receive(b"OUT0VS")
    bench.time.sleep(0.08)
    assert bench.twin.receive(b"ET1:12.00") == b""  # the rest of a command is none
    bench.time.sleep(0.08)
    assert bench.twin.receive(b"VSET1?") == b"00.00"


def test_the_twin_takes_bytes_as_they_come(bench: Bench) -> None:
    assert b"".join(bench.twin.receive(bytes([byte])) for byte in b"*IDN?") == (
        b"KORADKA3005PV2.0\x01"
    )


def test_the_sixth_byte_of_iset_is_never_part_of_the_next_answer(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_current_limit(1.5)
    bench.time.sleep(1.0)
    assert bench.twin.receive(b"ISET1?") == b"1.500K"
    bench.time.sleep(1.0)
    supply.set_current_limit(2.5)
    supply.set_voltage(7.0)
    assert not supply.read_status().output_on


@pytest.mark.parametrize("volts", [-0.01, 30.01, float("nan"), float("inf")])
def test_a_voltage_it_cannot_make_is_never_sent(bench: Bench, volts: float) -> None:
    supply = bench.supply()
    before = len(bench.cable.sent)
    with pytest.raises(ValueError, match="outside"):
        supply.set_voltage(volts)
    assert len(bench.cable.sent) == before


@pytest.mark.parametrize("amps", [0.0, -1.0, 5.001, float("nan")])
def test_a_current_it_cannot_make_is_never_sent(bench: Bench, amps: float) -> None:
    supply = bench.supply()
    before = len(bench.cable.sent)
    with pytest.raises(ValueError, match="outside"):
        supply.set_current_limit(amps)
    assert len(bench.cable.sent) == before


@pytest.mark.parametrize(("max_v", "max_a"), [(0.0, 5.0), (100.0, 5.0), (30.0, 10.0)])
def test_ceilings_that_do_not_fit_the_protocol_are_the_callers_mistake(
    bench: Bench, max_v: float, max_a: float
) -> None:
    with pytest.raises(ValueError, match="room for"):
        Ka3000(bench.line, max_v=max_v, max_a=max_a, time=bench.time)
    assert bench.cable.sent == []


def test_a_value_that_did_not_stay_is_refused(bench: Bench) -> None:
    bench.twin.output.max_v = 20.0  # a smaller sibling behind the same name
    supply = bench.supply()
    with pytest.raises(Refused, match=r"VSET1:25\.00.*'VSET1\?' → '00\.00'"):
        supply.set_voltage(25.0)


def test_protections_are_switched_and_read_back(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_over_voltage_protection(on=True)
    supply.set_over_current_protection(on=True)
    status = supply.read_status()
    assert (status.over_voltage_protection, status.over_current_protection) == (True, True)
    supply.set_over_voltage_protection(on=False)
    supply.set_over_current_protection(on=False)
    assert bench.cable.texts().count(b"OVP1") == bench.cable.texts().count(b"OCP0") == 1
    assert bench.twin.over_current_protection is False


def test_over_current_protection_switches_off_instead_of_limiting() -> None:
    bench = Bench(load_ohm=1.0)
    supply = bench.supply()
    supply.set_voltage(5.0)
    supply.set_current_limit(1.0)
    supply.set_over_current_protection(on=True)
    with pytest.raises(Refused, match="OUT1"):
        supply.switch(on=True)
    assert bench.circuit.voltage_v == 0.0


def test_a_model_that_hides_its_protection_while_off_says_so_instead_of_no() -> None:
    supply = Bench(b"VELLEMANLABPS3005DV2.0").supply()
    supply.set_over_voltage_protection(on=True)
    assert supply.read_status().over_voltage_protection is None
    supply.set_current_limit(1.0)
    supply.switch(on=True)
    assert supply.read_status().over_voltage_protection is True


def test_a_mute_supply_is_no_reply(bench: Bench) -> None:
    bench.plug_in(Mute())
    with pytest.raises(NoReply, match=r"'\*IDN\?' → nothing"):
        bench.supply()


def test_a_supply_that_falls_mute_is_no_reply_but_is_still_told_to_switch_off(
    bench: Bench,
) -> None:
    supply = bench.supply()
    bench.plug_in(Mute())
    with pytest.raises(NoReply, match=r"KORAD KA3005P: 'VOUT1\?' → nothing"):
        supply.read()
    with pytest.raises(DriverError):
        supply.make_safe()
    assert b"OUT0" in bench.cable.texts()[-4:]


@pytest.mark.parametrize(
    ("alter", "complaint"),
    [
        (lambda answer: answer[:3], "not 5 bytes"),
        (lambda answer: answer[:4] + b"\xff", r"xff"),
        (lambda answer: answer.replace(b".", b","), "not"),
        (lambda answer: b"1.200", "not"),  # amperes where volts were asked for
    ],
)
def test_short_and_garbled_answers_are_bad_replies(
    bench: Bench, alter: Callable[[bytes], bytes], complaint: str
) -> None:
    supply = bench.supply()
    bench.plug_in(Altered(bench.twin, alter))
    with pytest.raises(BadReply, match=complaint):
        supply.read()


def test_a_late_answer_is_never_taken_for_that_of_the_next_question(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    bench.plug_in(Late(bench.twin))
    with pytest.raises(NoReply):
        supply.read()
    for _ in range(8):
        with pytest.raises(BadReply, match="out of step"):
            supply.read_status()


def test_after_a_fault_it_goes_on_where_it_was(bench: Bench) -> None:
    supply = bench.supply()
    bench.plug_in(Mute())
    with pytest.raises(NoReply):
        supply.read()
    bench.plug_in(bench.twin)
    supply.set_voltage(3.3)
    assert bench.twin.output.set_v == 3.3


@given(st.floats(0, 30), st.floats(0.001, 5))
def test_every_value_in_range_is_taken_and_kept_to_its_resolution(
    volts: float, amps: float
) -> None:
    bench = Bench()
    supply = bench.supply()
    supply.set_voltage(volts)
    supply.set_current_limit(amps)
    assert bench.twin.output.set_v == pytest.approx(volts, abs=0.00501)
    assert bench.twin.output.limit_a == pytest.approx(amps, abs=0.000501)


def test_the_twin_remembers_settings() -> None:
    bench = Bench()
    for command in (b"VSET1:09.00", b"SAV1", b"VSET1:01.00", b"RCL1", b"BEEP0"):
        bench.twin.receive(command)
        bench.time.sleep(0.1)
    assert bench.twin.receive(b"VSET1?") == b"09.00"
    bench.time.sleep(0.1)
    assert bench.twin.receive(b"STATUS?") == b"\x01"
