"""The INA power monitors: the same tests for each chip, with the frames of its own data sheet."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.capabilities import PowerMeter
from drivers.errors import BadReply, NoReply, NotConnected, WrongDevice
from drivers.sim.hardware import I2cDevice, SimulatedI2cBus
from drivers.sim.i2c_faults import Altered, Gone, Interrupted, Recorded, Registers
from drivers.sim.instruments.fixtures.pca9685 import SimulatedPca9685
from drivers.sim.instruments.power.ina import SimulatedIna
from drivers.sim.instruments.power.ina228 import SimulatedIna228
from drivers.sim.world import Circuit, Resistor, SimulatedTime, StiffSource
from tests.drivers.instruments.power.ina_cases import CASES, INA219, Case


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def case(name: str) -> Case:
    return CASES[name]


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def circuit(case: Case) -> Circuit:
    return Circuit(StiffSource(case.source_v), Resistor(case.load_ohm))


@pytest.fixture
def twin(case: Case, circuit: Circuit, time: SimulatedTime) -> SimulatedIna:
    return case.twin(circuit, time=time, **case.twin_settings)


def connect(case: Case, device: I2cDevice, time: SimulatedTime) -> PowerMeter:
    return case.kind(SimulatedI2cBus({0x40: device}), time=time, **case.settings)


def test_the_data_sheets_example_frame_by_frame(
    name: str, case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    wire = Recorded(twin)
    meter = connect(case, wire, time)
    opening, wire.transfers = wire.transfers, []
    assert opening == case.opening
    assert (meter.identity.maker, meter.identity.model) == ("Texas Instruments", name)
    assert meter.identity.firmware == case.revision
    assert meter.read() == pytest.approx(case.example)
    assert wire.transfers == case.reading


def test_a_current_that_flows_back_is_negative_and_so_is_its_power(
    case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    twin.current_offset_a = -1.2 * case.example[1]
    voltage_v, current_a, power_w = case.example
    back = (voltage_v, -0.2 * current_a, -0.2 * power_w)
    assert connect(case, twin, time).read() == pytest.approx(back)


def test_voltage_and_current_are_of_one_moment(
    case: Case, twin: SimulatedIna, circuit: Circuit, time: SimulatedTime
) -> None:
    wire = Interrupted(twin, case.second, circuit.sinks.clear, times=0)
    meter = connect(case, wire, time)
    wire.times = 1
    assert meter.read() == pytest.approx(case.example)
    assert wire.times == 0


def test_settings_lost_between_readings_are_written_again(
    case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    meter = connect(case, twin, time)
    twin.brown_out()
    assert meter.read() == pytest.approx(case.example)


@pytest.mark.parametrize(
    ("name", "moment"), [(name, moment) for name, case in CASES.items() for moment in case.moments]
)
def test_a_sample_spoiled_by_a_brown_out_is_discarded(
    case: Case, twin: SimulatedIna, time: SimulatedTime, moment: bytes
) -> None:
    wire = Interrupted(twin, moment, twin.brown_out, times=0)
    meter = connect(case, wire, time)
    wire.times = 1
    assert meter.read() == pytest.approx(case.example)
    assert wire.times == 0


def test_a_supply_that_keeps_failing_is_a_bad_reply(
    name: str, case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    wire = Interrupted(twin, case.current, twin.brown_out, times=0)
    meter = connect(case, wire, time)
    wire.times = 9
    with pytest.raises(BadReply, match=rf"{name} at 0x40: lost its settings.*{case.after_reset}"):
        meter.read()


def test_a_conversion_that_never_ends_is_no_reply(
    case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    alter, complaint = case.never_ready
    wire = Altered(twin, lambda sent, back: alter(back) if sent == case.flags else back)
    with pytest.raises(NoReply, match=complaint):
        connect(case, wire, time).read()


@pytest.mark.parametrize(
    ("name", "current_a"), [(name, a) for name, case in CASES.items() for a in case.too_much_a]
)
def test_too_much_current_is_a_bad_reply_and_never_a_number(
    case: Case, twin: SimulatedIna, circuit: Circuit, time: SimulatedTime, current_a: float
) -> None:
    meter = connect(case, twin, time)
    circuit.sinks.clear()
    twin.current_offset_a = current_a
    with pytest.raises(BadReply, match=case.beyond):
        meter.read()


def test_too_much_voltage_is_a_bad_reply(
    case: Case, twin: SimulatedIna, circuit: Circuit, time: SimulatedTime
) -> None:
    circuit.source = StiffSource(case.too_much_v)
    circuit.sinks.clear()
    with pytest.raises(BadReply, match=case.bus_beyond):
        connect(case, twin, time).read()


def test_a_number_cut_short_is_a_bad_reply(
    case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    size = len(dict(case.reading)[case.current])

    def cut(sent: bytes, back: bytes) -> bytes:
        return back[:-1] if sent == case.current and len(back) == size else back

    meter = connect(case, Altered(twin, cut), time)
    with pytest.raises(BadReply, match=f"register {case.current[0]:#04x} gave {size - 1} bytes"):
        meter.read()


def test_nobody_there_is_not_connected(case: Case, twin: SimulatedIna, time: SimulatedTime) -> None:
    with pytest.raises(NotConnected, match="0x41"):
        case.kind(SimulatedI2cBus({0x40: twin}), 0x41, time=time, **case.settings)


@pytest.mark.parametrize("address", [0x3F, 0x50])
def test_an_address_that_it_cannot_have_is_refused(
    name: str, case: Case, twin: SimulatedIna, time: SimulatedTime, address: int
) -> None:
    wire = Recorded(twin)
    with pytest.raises(ValueError, match=f"{name}: .*0x40…0x4f"):
        case.kind(SimulatedI2cBus({address: wire}), address, time=time, **case.settings)
    assert wire.transfers == []


def test_a_chip_that_goes_away_is_not_connected(
    case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    wire = Gone(twin, fail_after=99)
    meter = connect(case, wire, time)
    wire.left = 3
    with pytest.raises(NotConnected, match="0x40"):
        meter.read()


@pytest.mark.parametrize("other", [*CASES, "PCA9685"])
def test_another_part_at_its_address_is_refused_before_anything_is_written(
    name: str, case: Case, circuit: Circuit, time: SimulatedTime, other: str
) -> None:
    if other == name:
        device: I2cDevice = case.twin(circuit, **case.twin_settings)
        assert connect(case, device, time).identity.model == name
        return
    if other in CASES:
        device = CASES[other].twin(circuit, **CASES[other].twin_settings)
    else:
        device = SimulatedPca9685()
    wire = Recorded(device)
    named = f"looks like a {other}" if other == "PCA9685" else other
    with pytest.raises(WrongDevice, match=case.stranger or named):
        connect(case, wire, time)
    assert wire.written == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("INA219", {"max_a": 3.3}),  # 330 mV
        ("INA219", {"max_a": 0.1}),  # 10 mV: the calibration would not fit
        ("INA219", {"max_a": float("nan")}),
        ("INA219", {"max_a": -1.0}),
        ("INA219", {"shunt_ohm": float("nan"), "max_a": 1.0}),
        ("INA219", {"shunt_ohm": 0.0, "max_a": 1.0}),
        ("INA219", {"shunt_ohm": 100.0, "max_a": 0.001}),  # meant as milliohms
        ("INA219", {"averages": 3}),
        ("INA219", {"averages": 256}),
        ("INA226", {"max_a": 0.83}),  # 83 mV
        ("INA226", {"max_a": 0.05}),  # 5 mV: the calibration would not fit
        ("INA226", {"max_a": float("nan")}),
        ("INA226", {"max_a": -0.5}),
        ("INA226", {"shunt_ohm": float("nan"), "max_a": 1.0}),
        ("INA226", {"shunt_ohm": 0.0, "max_a": 1.0}),
        ("INA226", {"shunt_ohm": 100.0, "max_a": 0.0005}),
        ("INA226", {"averages": 2}),
        ("INA228", {"shunt_ohm": 0.0}),
        ("INA228", {"shunt_ohm": -0.01}),
        ("INA228", {"shunt_ohm": 15.0}),
        ("INA228", {"shunt_ohm": float("nan")}),
        ("INA228", {"shunt_ohm": float("inf")}),
        ("INA228", {"averages": 3}),
        ("INA260", {"averages": 0}),
        ("INA260", {"averages": 2}),
    ],
)
def test_settings_that_cannot_be_are_refused_with_nothing_sent(
    name: str, case: Case, twin: SimulatedIna, time: SimulatedTime, wrong: dict[str, Any]
) -> None:
    wire = Recorded(twin)
    with pytest.raises(ValueError, match=name):
        case.kind(SimulatedI2cBus({0x40: wire}), time=time, **(case.fine | wrong))
    assert wire.transfers == []


@settings(max_examples=50, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("chip", CASES)
def test_it_reads_what_flows_to_within_its_resolution(chip: str, data: st.DataObject) -> None:
    case, time = CASES[chip], SimulatedTime()
    voltage_v = data.draw(st.floats(0.0, case.most[0]))
    current_a = data.draw(st.floats(-case.most[1], case.most[1]))
    averages = data.draw(st.sampled_from(case.averages))
    twin = case.twin(Circuit(StiffSource(voltage_v)), time=time, **case.twin_fine)
    twin.current_offset_a = current_a
    bus = SimulatedI2cBus({0x40: twin})
    power = case.kind(bus, time=time, averages=averages, **case.fine).read()
    assert power.voltage_v == pytest.approx(voltage_v, abs=case.half_a_count[0])
    assert power.current_a == pytest.approx(current_a, abs=case.half_a_count[1])
    assert power.power_w == power.voltage_v * power.current_a


# One chip's own


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ({0x00: b"\x41\x27"}, "configuration 0x4127, bits 15 and 14 not 0"),
        ({0x00: b"\x39\x9e"}, "configuration 0x399e after a reset, not 0x399f"),
        ({0x00: b"\x39\x9f", 0x05: b"\x50\x01"}, "calibration 0x5001 after writing 0x5001"),
    ],
)
def test_a_chip_that_does_not_behave_like_an_ina219_is_refused(
    time: SimulatedTime, answers: dict[int, bytes], complaint: str
) -> None:
    with pytest.raises(WrongDevice, match=complaint):
        connect(INA219, Registers(answers), time)


@pytest.mark.parametrize("name", ["INA228"])
def test_a_math_overflow_is_a_bad_reply(
    case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    wire = Altered(twin, lambda write, answer: b"\x82\x03" if write == b"\x0b" else answer)
    with pytest.raises(BadReply, match="DIAG_ALRT 0x8203"):
        connect(case, wire, time).read()


@pytest.mark.parametrize("name", ["INA228"])
def test_damaged_trim_memory_is_a_bad_reply(
    case: Case, twin: SimulatedIna228, time: SimulatedTime
) -> None:
    twin.memory_good = False
    with pytest.raises(BadReply, match="trim memory damaged, DIAG_ALRT 0x8002"):
        connect(case, twin, time).read()


@pytest.mark.parametrize("name", ["INA260"])
@pytest.mark.parametrize("current_a", [15.0, -15.0])
def test_fifteen_amperes_are_still_measured(
    case: Case, twin: SimulatedIna, circuit: Circuit, time: SimulatedTime, current_a: float
) -> None:
    circuit.sinks.clear()
    twin.current_offset_a = current_a
    assert connect(case, twin, time).read().current_a == pytest.approx(current_a)


# The twins


AFTER_POWER_ON = {
    "INA219": {0: "399f", 1: "0000", 4: "0000", 5: "0000"},
    "INA226": {0: "4127", 3: "0000", 4: "0000", 5: "0000", 6: "0000", 7: "0000"},
    "INA228": {
        0: "0000", 1: "fb68", 2: "1000", 3: "0000", 0x0B: "0001", 0x0C: "7fff", 0x0D: "8000",
    },
    "INA260": {0: "6127", 1: "0000", 3: "0000", 5: "0000", 6: "0000", 7: "0000", 0xFF: "2270"},
}  # fmt: skip


def test_the_twin_starts_as_the_data_sheet_says(name: str, twin: SimulatedIna) -> None:
    reset = AFTER_POWER_ON[name]
    assert {r: twin.transfer(bytes([r]), 2).hex() for r in reset} == reset


@pytest.mark.parametrize(
    ("name", "calibration", "power", "ready", "after"),
    [
        ("INA219", "05 50 00", "1766", "5d9a", "5d98"),
        ("INA226", "05 0a 00", "12b8", "0008", "0000"),
        ("INA260", "05 0a 00", "2ecc", "0008", "0000"),  # it has no register 5
    ],
)
def test_the_twin_has_the_examples_power_and_clears_its_ready_flag(
    name: str,
    case: Case,
    twin: SimulatedIna,
    time: SimulatedTime,
    calibration: str,
    power: str,
    ready: str,
    after: str,
) -> None:
    twin.transfer(bytes.fromhex(calibration), 0)
    time.sleep(0.0701)
    assert twin.transfer(case.flags, 2).hex() == ready
    assert twin.transfer(b"\x03", 2).hex() == power
    assert twin.transfer(case.flags, 2).hex() == after, "reading has cleared the flag"


@pytest.mark.parametrize("name", ["INA226", "INA260"])
def test_the_twin_needs_its_time_for_the_first_conversion(
    case: Case, twin: SimulatedIna, time: SimulatedTime
) -> None:
    time.sleep(0.0021)
    assert twin.transfer(b"\x06", 2).hex() == "0000"
    time.sleep(0.000101)
    assert twin.transfer(b"\x06", 2).hex() == "0008"
    assert twin.transfer(b"\x06", 2).hex() == "0000", "reading the flag clears it"


def test_the_twin_of_an_ina228_works_the_data_sheets_example() -> None:
    """SBOS886, "Detailed Design Procedure": 48 V, 6 A through 16.2 mΩ, SHUNT_CAL 4050."""
    twin = SimulatedIna228(Circuit(StiffSource(48.0), Resistor(8.0)), shunt_ohm=0.0162)
    twin.transfer(bytes.fromhex("02 0f d2"), 0)
    assert twin.transfer(b"\x04", 3) == (311040 << 4).to_bytes(3, "big")
    assert twin.transfer(b"\x05", 3) == (245760 << 4).to_bytes(3, "big")
    assert twin.transfer(b"\x07", 3) == (314572 << 4).to_bytes(3, "big")
    assert int.from_bytes(twin.transfer(b"\x08", 3), "big") == pytest.approx(4718592, abs=16)


@pytest.mark.parametrize("name", ["INA228"])
def test_the_twin_of_an_ina228_measures_its_die(twin: SimulatedIna, time: SimulatedTime) -> None:
    time.sleep(1)
    assert twin.transfer(b"\x06", 2).hex() == "0c80", "25 °C"


@pytest.mark.parametrize("name", ["INA228"])
def test_the_fine_range_of_an_ina228_counts_four_times_as_much(
    twin: SimulatedIna, time: SimulatedTime
) -> None:
    twin.transfer(bytes.fromhex("00 00 10"), 0)
    twin.current_offset_a = -1.0
    time.sleep(1)
    assert twin.transfer(b"\x04", 3) == (128000 << 4).to_bytes(3, "big")


@pytest.mark.parametrize("name", ["INA260"])
def test_the_twin_of_an_ina260_overflows_where_its_power_register_is_full(
    twin: SimulatedIna, circuit: Circuit, time: SimulatedTime
) -> None:
    circuit.sinks.clear()
    circuit.source = StiffSource(36.0)
    twin.current_offset_a = 20.0  # 720 W; the register ends at 655.35 W
    time.sleep(0.0023)
    assert twin.transfer(b"\x06", 2).hex() == "000c"
