"""SCPI supplies. Golden strings: catalogue C2 and the programming guides."""

from collections.abc import Callable

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply, DriverError, NoReply, Refused, WrongDevice
from drivers.instruments.power.scpi_supply import DIALECTS, ScpiSupply
from drivers.sim.faults import Altered, Late, Mute
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.power.scpi_load import SimulatedScpiLoad
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.instruments.power.scpi_supply_books import BOOKS
from drivers.sim.linux.pty import PtyHost
from drivers.sim.world import Circuit, Resistor

NAMES = list(BOOKS)
FAMILIES = [name for name in NAMES if not name.startswith("generic")]
UNLIMITED = ["generic", "generic-channels", "aim-tti-mx"]  # max_v and max_a must be given


class Cable:
    """A cable that keeps what was sent over it, and the twin at its far end."""

    def __init__(self, device: SerialDevice) -> None:
        self.device = device
        self.sent: list[bytes] = []

    def receive(self, data: bytes) -> bytes:
        self.sent.append(data)
        return self.device.receive(data)


class Bench:
    """A supply over 10 Ω."""

    def __init__(self, name: str, *, channel: int = 1, load_ohm: float = 10.0) -> None:
        self.name = name
        self.channel = channel
        self.circuit = Circuit(None, Resistor(load_ohm))
        self.twin = SimulatedScpiSupply(self.circuit, name, channel=channel)
        self.output = self.twin.outputs[channel - 1]
        self.cable = Cable(self.twin)

    def supply(self, *, max_v: float | None = None, max_a: float | None = None) -> ScpiSupply:
        if self.name in UNLIMITED:
            max_v, max_a = max_v or 30.0, max_a or 3.0
        return ScpiSupply(
            SimulatedSerial(self.cable),
            DIALECTS[self.name],
            channel=self.channel,
            max_v=max_v,
            max_a=max_a,
        )


@pytest.fixture(params=NAMES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(str(request.param))


def test_every_dialect_has_a_guide_that_a_twin_follows() -> None:
    assert sorted(DIALECTS) == sorted(NAMES)


def test_the_output_is_off_after_opening(bench: Bench) -> None:
    bench.output.on = True
    bench.supply()
    assert not bench.output.on


def test_it_delivers_what_was_asked_for(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(2.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((12.0, 1.2, 14.4))
    assert bench.circuit.solve() == pytest.approx((12.0, 1.2))


def test_at_its_limit_it_holds_the_current(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(0.5)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((5.0, 0.5, 2.5), rel=1e-3)


def test_off_means_off(bench: Bench) -> None:
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(2.0)
    supply.switch(on=True)
    supply.make_safe()
    assert supply.read() == (0.0, 0.0, 0.0)


def test_complaints_of_somebody_before_us_are_not_ours(bench: Bench) -> None:
    bench.twin.receive(b"NONSENSE\nMORE:NONSENSE 3\n")
    bench.supply().set_voltage(3.0)
    assert bench.output.set_v == 3.0


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("generic", b":SOUR:VOLT 5.000\n"),
        ("generic", b":OUTP 1\n"),
        ("generic", b":MEAS:VOLT?\n"),
        ("generic", b"SYST:REM\n"),
        ("generic-channels", b":INST:NSEL 1;:SOUR:VOLT 5.000\n"),
        ("generic-channels", b":INST:NSEL 1;:OUTP 1\n"),
        ("rigol-dp800", b":SOUR1:VOLT 5.000\r\n"),
        ("rigol-dp800", b":SOUR1:VOLT? MAX\r\n"),
        ("rigol-dp800", b":OUTP CH1,ON\r\n"),
        ("rigol-dp800", b":MEAS:ALL? CH1\r\n"),
        ("siglent-spd3303x", b"CH1:VOLT 5.000\n"),
        ("siglent-spd3303x", b"OUTP CH1,ON\n"),
        ("siglent-spd3303x", b"MEAS:VOLT? CH1\n"),
        ("siglent-spd3303x", b"MEAS:POWE? CH1\n"),
        ("siglent-spd3303x", b"SYST:STAT?\n"),
        ("owon-spe", b"VOLT 5.000\n"),
        ("owon-spe", b"OUTP ON\n"),
        ("owon-spe", b"MEAS:ALL?\n"),
    ],
)
def test_each_dialect_uses_its_own_words(name: str, sent: bytes) -> None:
    bench = Bench(name)
    supply = bench.supply()
    supply.set_voltage(5.0)
    supply.set_current_limit(1.0)
    supply.switch(on=True)
    supply.read()
    assert sent in bench.cable.sent


@pytest.mark.parametrize(
    ("name", "channel"),
    [(name, 1 + index) for name, book in BOOKS.items() for index in range(len(book.outputs))],
)
def test_each_output_is_driven_alone_whatever_is_selected_at_the_panel(
    name: str, channel: int
) -> None:
    bench = Bench(name, channel=channel)
    for output in bench.twin.outputs:
        output.set_v, output.limit_a, output.on = 1.5, 0.25, True
    before = [(one.set_v, one.limit_a, one.on) for one in bench.twin.outputs]
    panel = len(bench.twin.outputs) - channel + 1
    bench.twin.selected = panel
    supply = bench.supply()
    bench.twin.selected = panel
    supply.set_voltage(4.0)
    bench.twin.selected = panel
    supply.set_current_limit(0.75)
    bench.twin.selected = panel
    supply.switch(on=True)
    bench.twin.selected = panel
    assert supply.read() == pytest.approx((4.0, 0.4, 1.6))
    before[channel - 1] = (4.0, 0.75, True)
    assert [(one.set_v, one.limit_a, one.on) for one in bench.twin.outputs] == before


def test_a_channel_that_is_not_there_is_the_callers_mistake() -> None:
    bench = Bench("owon-spe")
    with pytest.raises(ValueError, match="channel 2"):
        ScpiSupply(SimulatedSerial(bench.cable), DIALECTS["owon-spe"], channel=2)
    assert bench.cable.sent == []


@pytest.mark.parametrize(
    ("name", "channel", "most_v", "most_a"),
    [
        ("generic", 1, 30.0, 3.0),
        ("generic-channels", 1, 30.0, 3.0),
        ("rigol-dp800", 1, 32.0, 3.2),
        ("rigol-dp800", 3, 5.3, 3.2),
        ("rigol-dp700", 1, 53.0, 3.2),
        ("rigol-dp900", 3, 6.0, 3.0),
        ("siglent-spd3303x", 1, 32.0, 3.2),
        ("siglent-spd1000x", 1, 16.0, 8.0),
        ("owon-spe", 1, 30.0, 10.0),
        ("gw-psw", 1, 31.5, 37.8),
        ("gw-gpp", 2, 32.0, 3.0),
        ("gw-gpp", 3, 5.0, 1.0),
        ("gw-gpp", 4, 15.0, 1.0),
        ("keysight-n6705", 3, 50.0, 3.0),
        ("aim-tti-mx", 1, 30.0, 3.0),
    ],
)
def test_limits_come_from_the_instrument_or_its_rating(
    name: str, channel: int, most_v: float, most_a: float
) -> None:
    bench = Bench(name, channel=channel)
    supply = bench.supply()
    assert (supply.max_v, supply.max_a) == (most_v, most_a)
    supply.set_voltage(most_v)
    supply.set_current_limit(most_a)
    bench.cable.sent.clear()
    for volts in (-0.001, most_v + 0.001, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="outside"):
            supply.set_voltage(volts)
    for amps in (0.0, most_a + 0.001, float("nan")):
        with pytest.raises(ValueError, match="outside"):
            supply.set_current_limit(amps)
    assert bench.cable.sent == []


def test_the_bench_may_set_lower_ceilings(bench: Bench) -> None:
    supply = bench.supply(max_v=5.5, max_a=0.5)
    with pytest.raises(ValueError, match=r"0…5\.5 V"):
        supply.set_voltage(5.6)
    with pytest.raises(ValueError, match=r"0…0\.5 A"):
        supply.set_current_limit(0.6)


@pytest.mark.parametrize("max_v", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_a_dialect_that_does_not_tell_its_limits_must_be_given_them(max_v: float | None) -> None:
    cable = Cable(SimulatedScpiSupply(Circuit(), "generic"))
    with pytest.raises(ValueError, match=r"give max_v|not above 0"):
        ScpiSupply(SimulatedSerial(cable), DIALECTS["generic"], max_v=max_v, max_a=1.0)
    assert cable.sent == []


def test_a_model_of_unknown_rating_must_be_given_its_limits() -> None:
    bench = Bench("owon-spe")
    bench.twin.identity = "OWON,SPE9999,1,FV:V9"
    with pytest.raises(ValueError, match="SPE9999"):
        bench.supply()
    bench.supply(max_v=10.0, max_a=1.0).set_voltage(10.0)


def test_identities_are_read_as_the_makers_write_them() -> None:
    assert Bench("rigol-dp800").supply().identity == (
        "RIGOL TECHNOLOGIES",
        "DP832",
        "DP8C174504862",
        "00.01.14",
    )
    assert Bench("siglent-spd3303x").supply().identity.firmware == "1.01.01.02.07R2"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_load_at_the_other_end_is_the_wrong_device(name: str) -> None:
    line = SimulatedSerial(SimulatedScpiLoad(Circuit(), remnant=b""))
    with pytest.raises(WrongDevice, match="DL3021"):
        ScpiSupply(line, DIALECTS[name], max_v=1.0, max_a=1.0)


def test_another_family_is_the_wrong_device() -> None:
    with pytest.raises(WrongDevice, match="OWON,SPE3103"):
        ScpiSupply(
            SimulatedSerial(SimulatedScpiSupply(Circuit(), "owon-spe")), DIALECTS["rigol-dp800"]
        )


def test_a_value_it_complains_about_is_refused() -> None:
    bench = Bench("rigol-dp800")
    supply = bench.supply()
    bench.output.max_v = 8.0
    with pytest.raises(Refused, match=r":SOUR1:VOLT 9\.000' → -222,\"Data out of range\""):
        supply.set_voltage(9.0)


@pytest.mark.parametrize("name", ["siglent-spd3303x", "owon-spe"])
def test_a_value_it_ignores_without_a_word_is_refused(name: str) -> None:
    bench = Bench(name)
    supply = bench.supply()
    bench.output.max_v = 8.0
    with pytest.raises(Refused, match=r"set to 9\.0, but '.*VOLT\?' → 0\.0"):
        supply.set_voltage(9.0)


def test_old_firmware_of_the_siglent_complains_in_its_own_way() -> None:
    twin = SimulatedScpiSupply(Circuit(), "siglent-spd3303x", firmware="1.01.01.02.05")
    assert twin.receive(b"SYST:ERR?\n") == b"0 No Error\n"
    supply = ScpiSupply(SimulatedSerial(twin), DIALECTS["siglent-spd3303x"])
    twin.outputs[0].max_v = 8.0
    with pytest.raises(Refused, match=r"'CH1:VOLT 9\.000' → -222 Data out of range"):
        supply.set_voltage(9.0)


def test_an_output_that_does_not_switch_is_refused(bench: Bench) -> None:
    supply = bench.supply()
    stuck = {b"0x15\n": b"0x4\n", b"ON\n": b"OFF\n", b"1\n": b"0\n", b"1\r\n": b"0\r\n"}
    bench.cable.device = Altered(bench.twin, lambda answer: stuck.get(answer, answer))
    with pytest.raises(Refused, match="switched on, but it is not"):
        supply.switch(on=True)


def test_over_voltage_protection_switches_off_by_itself() -> None:
    bench = Bench("rigol-dp800")
    supply = bench.supply()
    supply.set_over_voltage_protection(8.8)
    assert b":OUTP:OVP:VAL CH1,8.800\r\n" in bench.cable.sent
    assert bench.twin.receive(b":OUTP:OVP:VAL? CH1\n:OUTP:OVP? CH1\n") == b"8.800\nON\n"
    supply.set_current_limit(2.0)
    supply.set_voltage(8.0)
    supply.switch(on=True)
    supply.set_voltage(9.0)
    assert supply.read() == (0.0, 0.0, 0.0)
    assert bench.twin.receive(b":OUTP:OVP:ALAR? CH1\n") == b"YES\n"


def test_over_current_protection_switches_off_by_itself() -> None:
    bench = Bench("rigol-dp800")
    supply = bench.supply()
    supply.set_over_current_protection(0.5)
    supply.set_current_limit(2.0)
    supply.set_voltage(8.0)
    with pytest.raises(Refused, match="switched on"):
        supply.switch(on=True)
    supply.set_over_current_protection(0.5, on=False)
    supply.switch(on=True)
    assert supply.read().current_a == pytest.approx(0.8)


def test_a_dialect_without_protection_says_so_before_anything_is_sent() -> None:
    bench = Bench("owon-spe")
    supply = bench.supply()
    bench.cable.sent.clear()
    with pytest.raises(ValueError, match="no such protection"):
        supply.set_over_voltage_protection(5.0)
    with pytest.raises(ValueError, match="no such protection"):
        supply.set_over_current_protection(1.0)
    for level in (0.0, float("nan")):
        with pytest.raises(ValueError, match="not above 0"):
            supply.set_over_voltage_protection(level)
        with pytest.raises(ValueError, match="not above 0"):
            supply.set_over_current_protection(level)
    assert bench.cable.sent == []


def test_the_generic_protection_uses_standard_words() -> None:
    bench = Bench("generic")
    bench.supply().set_over_voltage_protection(8.0)
    assert bench.output.over_voltage
    assert bench.output.level_v == 8.0


def test_a_mute_supply_is_no_reply(bench: Bench) -> None:
    bench.cable.device = Mute()
    with pytest.raises(NoReply, match="IDN"):
        bench.supply()


def test_a_supply_that_falls_mute_is_still_told_to_switch_off(bench: Bench) -> None:
    supply = bench.supply()
    bench.cable.device = Mute()
    bench.cable.sent.clear()
    with pytest.raises(NoReply):
        supply.read()
    with pytest.raises(DriverError):
        supply.make_safe()
    dialect = DIALECTS[bench.name]
    off = dialect.switch.format(channel=1, state=dialect.states[0])
    assert off.encode() in [sent.strip() for sent in bench.cable.sent]


@pytest.mark.parametrize(
    "alter",
    [
        lambda answer: answer[:3],
        lambda answer: b"\xff" + answer,
        lambda answer: b"9.91E37\n",
        lambda answer: b"1,2,3,4\n",
        lambda answer: b"ERR\n",
    ],
)
def test_garbled_answers_are_bad_replies(bench: Bench, alter: Callable[[bytes], bytes]) -> None:
    supply = bench.supply()
    bench.cable.device = Altered(bench.twin, alter)
    with pytest.raises(BadReply):
        supply.read()
    with pytest.raises(BadReply):
        supply.switch(on=False)


def test_a_late_answer_is_never_taken_for_that_of_the_next_question(bench: Bench) -> None:
    supply = bench.supply()
    bench.cable.device = Late(bench.twin)
    with pytest.raises(NoReply):
        supply.read()
    for _ in range(4):
        with pytest.raises(BadReply, match="out of step"):
            supply.read()
    bench.cable.device = bench.twin
    assert supply.read() == (0.0, 0.0, 0.0)


@given(st.floats(0.0, 30.0), st.floats(0.01, 3.0))
def test_every_value_in_range_is_taken_and_kept(volts: float, amps: float) -> None:
    bench = Bench("siglent-spd3303x")
    supply = bench.supply()
    supply.set_voltage(volts)
    supply.set_current_limit(amps)
    assert bench.output.set_v == pytest.approx(volts, abs=0.000501)
    assert bench.output.limit_a == pytest.approx(amps, abs=0.000501)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b":OUTP? CH1\n", b"OFF\n"),
        (b":OUTPut:STATe? CH3\n", b"OFF\n"),
        (b":SOUR3:VOLT? MAX\n", b"5.300\n"),
        (b":APPL? CH1\n", b""),
        (b":OUTP:MODE? CH1\n", b"CV\n"),
        (b":INST CH2;:INST?\n", b"CH2\n"),
        (b":MEAS:ALL? CH9\n", b""),
        (b":MEAS? CH1\n", b"0.0000\n"),
    ],
)
def test_the_rigol_twin_follows_its_guide(question: bytes, answer: bytes) -> None:
    assert SimulatedScpiSupply(Circuit(), "rigol-dp800").receive(question) == answer


def test_the_siglent_twin_tells_its_state_in_a_register() -> None:
    twin = SimulatedScpiSupply(Circuit(None, Resistor(1.0)), "siglent-spd3303x")
    assert twin.receive(b"SYST:STAT?\n") == b"0x4\n"
    twin.receive(b"CH1:VOLT 5\nCH1:CURR 1\nOUTP CH1,ON\n")
    assert twin.receive(b"SYST:STAT?\n") == b"0x15\n"
    assert twin.receive(b"OUTP CH1,MAYBE;:SYST:ERR?\n") == b"-224,Illegal parameter value\n"


def test_the_owon_twin_says_err_to_what_it_does_not_know() -> None:
    twin = SimulatedScpiSupply(Circuit(), "owon-spe")
    assert twin.receive(b"*STB?\nSYST:ERR?\n") == b"ERR\n0x0000\n"


# Ranges, words in answers, and what an instrument may say of itself


def test_a_range_is_selected_before_a_value_that_needs_it() -> None:
    bench = Bench("agilent-e3634a")
    supply = bench.supply()
    bench.cable.sent.clear()
    supply.set_voltage(40.0)
    assert bench.cable.sent[:5] == [
        b"OUTP?\n",
        b"VOLT:RANG P50V\n",
        b"SYST:ERR?\n",
        b"VOLT:RANG?\n",
        b"VOLT 40.0000\n",
    ]
    supply.set_current_limit(4.0)
    assert (bench.output.set_v, bench.output.limit_a) == (40.0, 4.0)


def test_what_no_range_holds_is_the_callers_mistake() -> None:
    bench = Bench("agilent-e3634a")
    supply = bench.supply()
    assert (supply.max_v, supply.max_a) == (51.5, 7.21)
    supply.set_voltage(40.0)
    bench.cable.sent.clear()
    with pytest.raises(ValueError, match=r"no range has 40\.0 V and 6\.0 A"):
        supply.set_current_limit(6.0)
    assert bench.cable.sent == []


def test_the_range_stays_while_it_holds_what_is_set() -> None:
    bench = Bench("agilent-e3634a")
    supply = bench.supply()
    supply.set_voltage(40.0)
    bench.cable.sent.clear()
    supply.set_voltage(10.0)
    assert bench.cable.sent[0] == b"VOLT 10.0000\n"
    supply.set_current_limit(6.0)  # only the low range has these
    assert bench.output.range == BOOKS["agilent-e3634a"].ranges[0]


def test_no_range_is_changed_while_the_output_is_on() -> None:
    bench = Bench("agilent-e3634a")
    supply = bench.supply()
    supply.set_voltage(12.0)
    supply.set_current_limit(1.0)
    supply.switch(on=True)
    with pytest.raises(ValueError, match=r"range P50V .* switch it off first"):
        supply.set_voltage(30.0)
    assert bench.output.set_v == 12.0
    supply.switch(on=False)
    supply.set_voltage(30.0)
    assert bench.output.set_v == 30.0


def test_a_range_that_was_not_taken_is_refused() -> None:
    bench = Bench("agilent-e3634a")
    supply = bench.supply()
    bench.cable.device = Altered(bench.twin, lambda answer: answer.replace(b"P50V", b"P25V"))
    with pytest.raises(Refused, match=r"range P50V, but 'VOLT:RANG\?' → P25V"):
        supply.set_voltage(40.0)


@pytest.mark.parametrize(
    ("answer", "altered"),
    [
        (b"V2 5.000\r\n", b"V1 5.000\r\n"),  # of another output
        (b"V2 5.000\r\n", b"I2 5.000\r\n"),
        (b"V2 5.000\r\n", b"V2 5.000A\r\n"),
        (b"V2 5.000\r\n", b"V2 nan\r\n"),
        (b"V2 5.000\r\n", b"V2\r\n"),
    ],
)
def test_an_answer_that_names_something_else_is_a_bad_reply(answer: bytes, altered: bytes) -> None:
    bench = Bench("aim-tti-mx", channel=2)
    supply = bench.supply()
    bench.cable.device = Altered(bench.twin, lambda one: altered if one == answer else one)
    with pytest.raises(BadReply, match=r"'V2\?' → "):
        supply.set_voltage(5.0)


@pytest.mark.parametrize(
    "identity",
    [
        "ROHDE&SCHWARZ,HMP4040,100001,1.0",
        "HEWLETT-PACKARD,E3631A,0,1",
        "RIGOL TECHNOLOGIES,DP832,1,1",
    ],
)
def test_a_supply_with_several_outputs_is_not_driven_without_their_names(identity: str) -> None:
    bench = Bench("generic")
    bench.twin.identity = identity
    with pytest.raises(WrongDevice, match="several outputs"):
        bench.supply()
    assert [sent for sent in bench.cable.sent if sent != b"*IDN?\n"] == []


def test_outputs_that_only_switch_together_are_not_driven_one_by_one() -> None:
    bench = Bench("generic-channels", channel=2)
    bench.twin.identity = "HEWLETT-PACKARD,E3631A,0,2.1-5.0-1.0"
    with pytest.raises(WrongDevice, match="E3631A"):
        bench.supply()
    bench.twin.identity = "ROHDE&SCHWARZ,HMP4040,100001,1.0"
    bench.supply()


def test_blanks_in_an_identity_belong_to_nobody() -> None:
    bench = Bench("generic")
    bench.twin.identity = "Maker, 9115, 602, 1.2"
    assert bench.supply().identity == ("Maker", "9115", "602", "1.2")


def test_noise_in_an_identity_is_asked_again() -> None:
    bench = Bench("rigol-dp800")
    noisy = [b"\x8dIGOL TECHNOLOGIES,DP832,1,1\n", b"GOL TECHNOLOGIES,DP832,1,1\n"]
    bench.cable.device = Altered(bench.twin, lambda answer: noisy.pop(0) if noisy else answer)
    assert bench.supply().identity.maker == "RIGOL TECHNOLOGIES"
    assert bench.cable.sent[:3] == [b"*IDN?\r\n"] * 3


@pytest.mark.parametrize("register", [b"0x\n", b"0x1g\n", b"16\n", b"0x" + b"1" * 5000 + b"\n"])
def test_a_register_that_is_none_is_a_bad_reply(register: bytes) -> None:
    bench = Bench("siglent-spd3303x")
    supply = bench.supply()
    bench.cable.device = Altered(
        bench.twin, lambda answer: register if answer[:2] == b"0x" else answer
    )
    with pytest.raises(BadReply, match="not a register"):
        supply.switch(on=False)


def test_no_twin_without_a_guide() -> None:
    with pytest.raises(ValueError, match="no guide"):
        SimulatedScpiSupply(Circuit(), "acme")


def test_the_real_pyserial_meets_the_simulated_supply() -> None:
    circuit = Circuit(None, Resistor(10.0))
    twin = SimulatedScpiSupply(circuit, "rigol-dp800")
    with PtyHost(twin) as path, serial.Serial(path, timeout=1) as line:
        supply = ScpiSupply(line, DIALECTS["rigol-dp800"])
        supply.set_voltage(5.0)
        supply.set_current_limit(1.0)
        supply.switch(on=True)
        assert supply.read() == pytest.approx((5.0, 0.5, 2.5))
        supply.make_safe()
    assert circuit.solve() == (0.0, 0.0)
