"""SCPI loads, and the input that their twins share. Golden strings: catalogue C2."""

import pytest
import serial
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import BadReply, NoReply, Refused, WrongDevice
from drivers.instruments.power.scpi_load import DIALECTS, ScpiLoad
from drivers.sim.bench_output import BenchOutput
from drivers.sim.faults import Altered, Late, Mute
from drivers.sim.hardware import SerialDevice, SimulatedSerial
from drivers.sim.instruments.power.scpi_load import LoadInput, SimulatedScpiLoad
from drivers.sim.instruments.power.scpi_load_books import LOAD_BOOKS
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.linux.pty import PtyHost
from drivers.sim.world import Circuit, Resistor, SimulatedTime, StiffSource

NAMES = list(LOAD_BOOKS)


class Cable:
    """A cable that keeps what was sent over it, and the twin at its far end."""

    def __init__(self, device: SerialDevice) -> None:
        self.device = device
        self.sent: list[bytes] = []

    def receive(self, data: bytes) -> bytes:
        self.sent.append(data)
        return self.device.receive(data)


class Bench:
    """A load on 12 V behind 0.1 Ω."""

    def __init__(self, name: str, *, remnant: bytes = b"0") -> None:
        self.name = name
        self.time = SimulatedTime()
        self.source = StiffSource(12.0, 0.1)
        self.circuit = Circuit(self.source)
        self.twin = SimulatedScpiLoad(self.circuit, name, remnant=remnant, time=self.time)
        self.cable = Cable(self.twin)

    def load(self) -> ScpiLoad:
        line = SimulatedSerial(self.cable, time=self.time)
        return ScpiLoad(line, DIALECTS[self.name], time=self.time)


@pytest.fixture(params=NAMES)
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(str(request.param))


def test_every_dialect_has_a_guide_that_a_twin_follows() -> None:
    assert sorted(DIALECTS) == sorted(NAMES)


def test_the_input_is_off_after_opening(bench: Bench) -> None:
    bench.twin.input.on = True
    bench.load()
    assert not bench.twin.input.on


def test_it_holds_current_power_resistance_and_voltage(bench: Bench) -> None:
    load = bench.load()
    load.switch(on=True)
    load.sink_current(6.0)  # above the low range it was left in
    assert load.read() == pytest.approx((11.4, 6.0, 68.4), rel=1e-3)
    load.sink_power(23.6)
    assert load.read() == pytest.approx((11.8, 2.0, 23.6), rel=1e-3)
    load.sink_resistance(5.9)
    assert load.read() == pytest.approx((11.8, 2.0, 23.6), rel=1e-3)
    load.hold_voltage(11.5)
    assert load.read() == pytest.approx((11.5, 5.0, 57.5), rel=1e-3)


def test_a_new_mode_leaves_the_input_as_it_was(bench: Bench) -> None:
    load = bench.load()
    load.sink_current(1.0)
    assert not bench.twin.input.on
    load.switch(on=True)
    load.sink_power(5.0)
    assert bench.twin.input.on


def test_off_means_off(bench: Bench) -> None:
    load = bench.load()
    load.sink_current(1.0)
    load.switch(on=True)
    load.make_safe()
    assert load.read() == (12.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (
            "rigol-dl3000",
            [":SOUR:CURR:LEV:IMM 1.5000", ":SOUR:CURR:LEV:IMM?", ":SOUR:FUNC CURR"],
        ),
        (
            "siglent-sdl1000",
            [":CURR:LEV:IMM 1.500", ":CURR:LEV:IMM?", ":FUNC CURRENT", ":FUNC?"],
        ),
    ],
)
def test_the_value_is_set_and_read_back_before_its_mode_is_selected(
    name: str, sent: list[str]
) -> None:
    bench = Bench(name)
    load = bench.load()
    bench.cable.sent.clear()
    load.sink_current(1.5)
    texts = [text.decode().strip() for text in bench.cable.sent]
    assert [text for text in texts if "ERR" not in text] == sent


def test_the_rigol_is_brought_into_plain_operation_in_its_widest_range() -> None:
    bench = Bench("rigol-dl3000")
    bench.load()
    assert b":SOUR:FUNC:MODE FIX\n" in bench.cable.sent
    assert bench.twin.range_a == 40.0


@pytest.mark.parametrize("remnant", [b"0", b"0\n", b"", b"067\n8", b"9.9\n"])
def test_what_follows_an_answer_of_the_rigol_is_never_the_next_answer(remnant: bytes) -> None:
    bench = Bench("rigol-dl3000", remnant=remnant)
    load = bench.load()
    load.sink_current(2.0)
    load.switch(on=True)
    for _ in range(3):
        assert load.read() == pytest.approx((11.8, 2.0, 23.6))


def test_the_rigol_twin_answers_in_two_lines() -> None:
    twin = SimulatedScpiLoad(Circuit(StiffSource(0.000067)), "rigol-dl3000")
    assert twin.receive(b":MEAS:VOLT?\n") == b"0.000067\n0"
    assert twin.receive(b":SOUR:FUNC?\n") == b"CC\n"


def test_identities_and_ratings_belong_together() -> None:
    bench = Bench("rigol-dl3000")
    assert bench.load().identity == (
        "RIGOL TECHNOLOGIES",
        "DL3021",
        "DL3A204800938",
        "00.01.05.00.01",
    )
    with pytest.raises(ValueError, match=r"0…40\.0 A"):
        bench.load().sink_current(41.0)
    bench.twin.identity = "RIGOL TECHNOLOGIES,DL3031A,DL3D254300331,00.01.05.00.01"
    bench.twin.input.max_a = 60.0
    bench.load().sink_current(41.0)
    assert bench.twin.input.levels["CC"] == 41.0


@pytest.mark.parametrize("value", [-0.001, float("nan"), float("inf"), 20000.0])
def test_what_is_outside_its_rating_is_never_sent(bench: Bench, value: float) -> None:
    load = bench.load()
    bench.cable.sent.clear()
    for set_value in (
        load.sink_current,
        load.sink_power,
        load.sink_resistance,
        load.hold_voltage,
    ):
        with pytest.raises(ValueError, match="outside"):
            set_value(value)
    with pytest.raises(ValueError, match="outside"):
        load.sink_resistance(0.0)
    assert bench.cable.sent == []


def test_the_ends_of_its_rating_belong_to_it(bench: Bench) -> None:
    load = bench.load()
    most_v, most_a, most_w, least_ohm, most_ohm = {
        "rigol-dl3000": (150.0, 40.0, 200.0, 0.08, 15000.0),
        "siglent-sdl1000": (150.0, 30.0, 200.0, 0.03, 10000.0),
        "bk-8600": (120.0, 30.0, 150.0, 0.05, 7500.0),
        "itech-it8500plus": (150.0, 30.0, 300.0, 0.05, 7500.0),
        "keysight-el30000": (150.0, 60.0, 350.0, 0.08, 4000.0),
        "easttester-et5400": (150.0, 40.0, 400.0, 0.05, 4500.0),
    }[bench.name]
    for set_value, mode, values in (
        (load.sink_current, "CC", (0.0, most_a)),
        (load.sink_power, "CW", (0.0, most_w)),
        (load.sink_resistance, "CR", (least_ohm, most_ohm)),
        (load.hold_voltage, "CV", (0.0, most_v)),
    ):
        for value in values:
            set_value(value)
            assert bench.twin.input.levels[mode] == value


def test_a_supply_at_the_other_end_is_the_wrong_device(bench: Bench) -> None:
    bench.cable.device = SimulatedScpiSupply(Circuit(), "rigol-dp800")
    with pytest.raises(WrongDevice, match="DP832"):
        bench.load()


def test_a_sibling_of_unknown_rating_is_the_wrong_device() -> None:
    bench = Bench("rigol-dl3000")
    bench.twin.identity = "RIGOL TECHNOLOGIES,DL3041,1,1"
    with pytest.raises(WrongDevice, match="DL3041"):
        bench.load()


def test_a_value_the_rigol_complains_about_is_refused() -> None:
    bench = Bench("rigol-dl3000")
    load = bench.load()
    bench.twin.range_a = 4.0  # at the front panel, meanwhile
    with pytest.raises(Refused, match=r"IMM 5\.0000' → -222,\"Data out of range\""):
        load.sink_current(5.0)


def test_a_value_the_siglent_ignores_is_refused() -> None:
    bench = Bench("siglent-sdl1000")
    load = bench.load()
    bench.twin.range_a = 5.0
    with pytest.raises(Refused, match=r"set to 6\.0, but ':CURR:LEV:IMM\?' → 0\.0"):
        load.sink_current(6.0)


def test_a_mode_the_siglent_did_not_take_is_refused() -> None:
    bench = Bench("siglent-sdl1000")
    load = bench.load()
    bench.cable.device = Altered(bench.twin, lambda answer: answer.replace(b"POWER", b"LED"))
    with pytest.raises(Refused, match=r"':FUNC POWER', but ':FUNC\?' → LED"):
        load.sink_power(5.0)


def test_an_input_that_does_not_switch_is_refused(bench: Bench) -> None:
    load = bench.load()
    bench.source.open_voltage_v = 200.0  # it protects itself
    with pytest.raises(Refused, match="switched on, but"):
        load.switch(on=True)


def test_it_switches_itself_off_rather_than_burn(bench: Bench) -> None:
    load = bench.load()
    load.sink_current(12.0)
    load.switch(on=True)
    assert load.read().current_a == 12.0
    bench.source.open_voltage_v = 50.0
    assert load.read().current_a == 0.0


def test_a_mute_load_is_no_reply(bench: Bench) -> None:
    bench.cable.device = Mute()
    with pytest.raises(NoReply, match="IDN"):
        bench.load()


def test_a_load_that_falls_mute_is_still_told_to_switch_off(bench: Bench) -> None:
    load = bench.load()
    bench.cable.device = Mute()
    bench.cable.sent.clear()
    with pytest.raises(NoReply):
        load.read()
    with pytest.raises(NoReply):
        load.make_safe()
    off = DIALECTS[bench.name].switch.format(channel=1, state="OFF")
    assert off.encode() in [sent.strip() for sent in bench.cable.sent]


@pytest.mark.parametrize("answer", [b"9.91E37\n", b"12.0V\n", b"12.0", b"\xb5\n", b"\n"])
def test_garbled_answers_are_bad_replies(bench: Bench, answer: bytes) -> None:
    load = bench.load()
    bench.cable.device = Altered(bench.twin, lambda _: answer)
    with pytest.raises(BadReply):
        load.read()
    with pytest.raises(BadReply):
        load.switch(on=False)


def test_a_late_answer_is_never_taken_for_that_of_the_next_question(bench: Bench) -> None:
    load = bench.load()
    bench.cable.device = Late(bench.twin)
    with pytest.raises(NoReply):
        load.read()
    for _ in range(4):
        with pytest.raises(BadReply, match="out of step"):
            load.read()
    bench.cable.device = bench.twin
    assert load.read() == (12.0, 0.0, 0.0)


def test_no_twin_without_a_guide() -> None:
    with pytest.raises(ValueError, match="no guide"):
        SimulatedScpiLoad(Circuit(), "acme")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b":SOUR:CURR:LEV:IMM? MAX\n", b"4.000000\n"),
        (b":FUNC CP;:FUNC?\n", b"CP\n"),
        (b":FUNC:MODE NONSENSE\n:SYST:ERR?\n", b'-224,"Illegal parameter value"\n'),
        (b":SOURce:INPut:STATe?\n", b"0\n"),
        (b":SOUR:CURR:RANG?\n", b"4.000000\n"),
    ],
)
def test_the_rigol_twin_follows_its_guide(question: bytes, answer: bytes) -> None:
    assert SimulatedScpiLoad(Circuit(), "rigol-dl3000").receive(question) == answer


def test_the_siglent_twin_knows_no_error_queue() -> None:
    twin = SimulatedScpiLoad(Circuit(), "siglent-sdl1000")
    assert twin.receive(b"SYST:ERR?\n:FUNC CP\n:FUNC?\n:CURR:IRANG?\n") == b"CURRENT\n5.000\n"


# Words after commands, pauses, channel lists


def test_each_command_is_answered_and_the_answer_is_read() -> None:
    bench = Bench("easttester-et5400")
    load = bench.load()
    assert load.identity == ("", "ET5410A+", "08782219003", "V1.00.2213.016")
    load.sink_current(1.5)
    load.switch(on=True)
    assert load.read() == pytest.approx((11.85, 1.5, 17.775))
    assert bench.twin.lost == []


@pytest.mark.parametrize("word", [b"Rexecu err", b"Rcmd err"])
def test_a_command_that_is_answered_with_no_is_refused(word: bytes) -> None:
    bench = Bench("easttester-et5400")
    load = bench.load()
    bench.cable.device = Altered(bench.twin, lambda answer: answer.replace(b"Rexecu success", word))
    with pytest.raises(Refused, match=rf"'CURR1:CC 1\.500' → '{word.decode()}'"):
        load.sink_current(1.5)


@pytest.mark.parametrize("word", [b"OK", b"R1.500", b"Rexecu succes", b"\0Rexecu success"])
def test_a_command_that_is_answered_with_anything_else_is_a_bad_reply(word: bytes) -> None:
    bench = Bench("easttester-et5400")
    load = bench.load()
    bench.cable.device = Altered(bench.twin, lambda answer: answer.replace(b"Rexecu success", word))
    with pytest.raises(BadReply, match=r"'CURR1:CC 1\.500' → "):
        load.sink_current(1.5)


def test_a_command_that_is_not_answered_is_no_reply() -> None:
    bench = Bench("easttester-et5400")
    load = bench.load()
    bench.cable.device = Altered(bench.twin, lambda answer: b"")
    with pytest.raises(NoReply, match=r"'CURR1:CC 1\.500' → nothing"):
        load.sink_current(1.5)


def test_a_line_that_comes_too_soon_is_lost_so_the_driver_waits() -> None:
    bench = Bench("itech-it8500plus")
    load = bench.load()
    started_s = bench.time.monotonic()
    load.sink_current(1.0)
    lines = len(bench.cable.sent)
    assert bench.twin.lost == []
    bench.twin.pause_s = 0.06  # slower than its dialect knows
    with pytest.raises(NoReply):
        load.sink_current(1.0)
    assert bench.twin.lost != []
    assert bench.time.monotonic() - started_s >= 0.05 * 5
    assert lines > 5


def test_another_input_than_the_one_on_the_circuit_is_not_driven() -> None:
    bench = Bench("keysight-el30000")
    load = ScpiLoad(
        SimulatedSerial(
            SimulatedScpiLoad(bench.circuit, "keysight-el30000", channel=2), time=bench.time
        ),
        DIALECTS["keysight-el30000"],
        channel=2,
    )
    load.sink_current(2.0)
    bench.cable.device = SimulatedScpiLoad(bench.circuit, "keysight-el30000", channel=2)
    with pytest.raises(Refused, match=r"INP OFF,\(@1\)' → -224"):
        bench.load()


def test_a_channel_that_is_not_there_is_the_callers_mistake() -> None:
    bench = Bench("bk-8600")
    with pytest.raises(ValueError, match="channel 2 is not one of 1…1"):
        ScpiLoad(SimulatedSerial(bench.cable), DIALECTS["bk-8600"], channel=2)
    assert bench.cable.sent == []


# The input: what a circuit sees of a load


def load_input(*others: Resistor, on: bool = True) -> LoadInput:
    source = StiffSource(20.0, 0.5)
    load = LoadInput(Circuit(source, *others), max_v=150.0, max_a=40.0, max_w=350.0)
    load.on = on
    return load


@given(
    mode=st.sampled_from(["CC", "CV", "CR", "CW", "SHORt"]),
    level=st.floats(0.05, 150.0),
    volts=st.lists(st.floats(-10.0, 200.0), min_size=2, max_size=8).map(sorted),
    on=st.booleans(),
)
def test_the_current_never_falls_as_the_voltage_rises(
    mode: str, level: float, volts: list[float], on: bool
) -> None:
    load = load_input(on=on)
    load.mode = mode
    load.levels[mode] = level
    amps = [load.current_at(voltage_v) for voltage_v in volts]
    assert amps == sorted(amps)
    assert 0.0 <= amps[0] <= amps[-1] <= 40.0


@settings(deadline=None)  # it regulates in many small steps near the most there is
@given(st.floats(0.0, 190.0))
def test_constant_power_finds_the_high_voltage_side(power_w: float) -> None:
    load = load_input()
    load.mode, load.levels["CW"] = "CW", power_w  # 200 W is the most the source can give
    voltage_v, current_a = load.circuit.solve()
    assert voltage_v * current_a == pytest.approx(power_w, rel=1e-5, abs=1e-6)
    assert voltage_v > 10.0


def test_more_power_than_there_is_pulls_the_source_down() -> None:
    load = load_input()
    load.mode, load.levels["CW"] = "CW", 250.0
    assert load.circuit.voltage_v < 2.0


def test_constant_power_follows_the_rest_of_the_circuit() -> None:
    resistor = Resistor(100.0)
    load = load_input(resistor)
    load.mode, load.levels["CW"] = "CW", 30.0
    for resistance_ohm in (100.0, 10.0, 1000.0):
        resistor.resistance_ohm = resistance_ohm
        voltage_v, current_a = load.circuit.solve()
        share_a = current_a - voltage_v / resistance_ohm
        assert voltage_v * share_a == pytest.approx(30.0, rel=1e-5)


def test_two_loads_of_constant_power_agree() -> None:
    first = load_input()
    second = LoadInput(first.circuit, max_v=150.0, max_a=40.0, max_w=350.0)
    for load, power_w in ((first, 20.0), (second, 30.0)):
        load.mode, load.levels["CW"], load.on = "CW", power_w, True
    for _ in range(5):  # they regulate against each other, as real ones do
        voltage_v, current_a = first.circuit.solve()
    assert voltage_v * current_a == pytest.approx(50.0, rel=1e-3)


def test_a_supply_at_its_limit_meets_a_load_that_wants_more() -> None:
    output = BenchOutput(max_v=30.0, max_a=3.0)
    output.set_v, output.limit_a, output.on = 12.0, 2.0, True
    load = LoadInput(Circuit(output), max_v=150.0, max_a=40.0, max_w=200.0)
    load.on = True
    load.levels["CC"] = 5.0
    assert load.circuit.solve() == pytest.approx((0.04, 2.0), rel=1e-3)
    load.mode, load.levels["CV"] = "CV", 9.0
    assert load.circuit.solve() == pytest.approx((9.0, 2.0), rel=1e-3)


def test_without_a_source_nothing_flows() -> None:
    load = LoadInput(Circuit(), max_v=150.0, max_a=40.0, max_w=200.0)
    load.on, load.mode, load.levels["CW"] = True, "CW", 5.0
    assert load.circuit.solve() == (0.0, 0.0)
    assert load.current_at(0.0) == 0.0


def test_the_real_pyserial_meets_the_simulated_load() -> None:
    circuit = Circuit(StiffSource(12.0, 0.1))
    twin = SimulatedScpiLoad(circuit, "rigol-dl3000", remnant=b"0")
    with PtyHost(twin) as path, serial.Serial(path, timeout=1) as line:
        load = ScpiLoad(line, DIALECTS["rigol-dl3000"])
        load.sink_current(2.0)
        load.switch(on=True)
        assert load.read() == pytest.approx((11.8, 2.0, 23.6))
        load.make_safe()
    assert circuit.current_a == 0.0
