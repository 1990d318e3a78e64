"""SCPI dialects as tables: what may stand in them, and each mistake that is found."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.instruments.power.scpi_dialects import LOADS, SUPPLIES, Dialects
from drivers.instruments.power.scpi_supply import ScpiSupply
from drivers.sim.hardware import SimulatedSerial
from drivers.sim.instruments.power.scpi_supply import SimulatedScpiSupply
from drivers.sim.world import Circuit, Resistor

OWN_SUPPLY: dict[str, Any] = {
    "kind": "supply",
    "source": "ACME PS manual, chapter 5",
    "identity": "ACME,PS.*",
    "set_voltage": "VOLT {value:.3f}",
    "set_current": "CURR {value:.3f}",
    "ask_voltage": "VOLT?",
    "ask_current": "CURR?",
    "switch": "OUTP {state}",
    "ask_switch": "OUTP?",
    "measure_voltage": "MEAS:VOLT?",
    "measure_current": "MEAS:CURR?",
}
MODE = {"function": "FUNC CURR", "level": "CURR {value}", "ask_level": "CURR?"}
RATING = {"model": "X", "max_v": 1, "max_a": 1, "max_w": 1, "min_ohm": 1, "max_ohm": 1}
OWN_LOAD: dict[str, Any] = {
    "kind": "load",
    "source": "ACME EL manual, chapter 7",
    "identity": "ACME,EL.*",
    "switch": "INP {state}",
    "ask_switch": "INP?",
    "measure_voltage": "MEAS:VOLT?",
    "measure_current": "MEAS:CURR?",
    "current": MODE,
    "voltage": MODE,
    "resistance": MODE,
    "power": MODE,
    "ratings": [RATING],
}
DROP = object()


def supply_with(**changes: object) -> dict[str, object]:
    return {key: value for key, value in (OWN_SUPPLY | changes).items() if value is not DROP}


def load_with(**changes: object) -> dict[str, object]:
    return {key: value for key, value in (OWN_LOAD | changes).items() if value is not DROP}


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), float("nan")])
def test_a_number_that_is_none_is_told(number: float) -> None:
    (said,) = mistakes_of(SUPPLIES, supply_with(pause_s=number))
    assert said.startswith("dialects.mine.pause_s: ")
    assert "is outside" in said
    assert len(said) < 200


def mistakes_of(dialects: Dialects[Any], table: object) -> list[str]:
    with pytest.raises(ValueError, match="mine") as found:
        dialects.extended({"mine": table})
    return str(found.value).splitlines()


@pytest.mark.parametrize(
    ("dialects", "name"),
    [(dialects, name) for dialects in (SUPPLIES, LOADS) for name in dialects],
)
def test_each_shipped_dialect_can_be_read_and_names_a_source_of_its_own(
    dialects: Dialects[Any], name: str
) -> None:
    dialect = dialects[name]
    assert len(dialect.source.split()) >= 4
    others = [dialects[one].source for one in dialects if one != name]
    assert dialect.source not in others


def test_what_a_dialect_is_based_on_is_there_and_the_rest_is_its_own() -> None:
    own = {
        "mine": {
            "kind": "supply",
            "based_on": "siglent-spd1000x",  # which is based on another itself
            "source": "my own notes, 2026-02",
            "identity": "ACME,P1",
            "ratings": [{"model": "P1", "max_v": 20, "max_a": 1.5}],
        }
    }
    mine, base = SUPPLIES.extended(own)["mine"], SUPPLIES["siglent-spd1000x"]
    assert (mine.identity, mine.source) == ("ACME,P1", "my own notes, 2026-02")
    assert mine.ratings[0].max_v == 20.0
    assert isinstance(mine.ratings[0].max_v, float)
    assert (mine.set_voltage, mine.switch_bits) == (base.set_voltage, base.switch_bits)


def test_an_inherited_word_is_dropped_by_an_empty_one() -> None:
    own = supply_with(based_on="generic", remote="", error_query="", over_voltage={})
    mine = SUPPLIES.extended({"mine": own})["mine"]
    assert (mine.remote, mine.error_query, mine.over_voltage) == ("", "", None)


def test_own_dialects_stand_beside_the_shipped_ones_of_their_kind() -> None:
    own = {"my-supply": OWN_SUPPLY, "my-load": OWN_LOAD}
    supplies, loads = SUPPLIES.extended(own), LOADS.extended(own)
    assert set(supplies) == {*SUPPLIES, "my-supply"}
    assert set(loads) == {*LOADS, "my-load"}
    assert "my-supply" not in SUPPLIES


def test_an_own_dialect_drives_an_instrument() -> None:
    rating = {"model": "PS6010", "max_v": 60, "max_a": 10}
    own = SUPPLIES.extended({"mine": supply_with(ratings=[rating])})["mine"]
    circuit = Circuit(None, Resistor(10.0))
    supply = ScpiSupply(SimulatedSerial(SimulatedScpiSupply(circuit, "generic")), own)
    supply.set_voltage(5.0)
    supply.set_current_limit(1.0)
    supply.switch(on=True)
    assert supply.read() == pytest.approx((5.0, 0.5, 2.5))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"voltage": 5}, ": there is no key 'voltage'; did you mean 'set_voltage'?"),
        ({"set_voltag": "X"}, ": there is no key 'set_voltag'; did you mean 'set_voltage'?"),
        ({"set_voltage": DROP}, ": the key 'set_voltage' is missing"),
        ({"source": DROP}, ": the key 'source' is missing"),
        ({"source": " "}, ".source: name the programming manual and its section"),
        ({"set_voltage": 5}, ".set_voltage: text is wanted, not 5"),
        (
            {"set_voltage": "VOLT {volt}"},
            ".set_voltage: 'VOLT {volt}' fills in {volt}, but there is {channel}, {value}",
        ),
        (
            {"set_voltage": "VOLT {valeu:.3f}"},
            ".set_voltage: 'VOLT {valeu:.3f}' fills in {valeu}, but there is {channel}, {value};"
            " did you mean 'value'?",
        ),
        ({"set_voltage": "VOLT 5"}, ".set_voltage: 'VOLT 5' does not fill in {value}"),
        (
            {"set_voltage": "VOLT {value:d}"},
            ".set_voltage: 'VOLT {value:d}': Unknown format code 'd' for object of type 'float'",
        ),
        (
            {"set_voltage": "VOLT {value!r}"},
            ".set_voltage: 'VOLT {value!r}': {value} takes a plain format, such as {value:.3f}",
        ),
        (
            {"set_voltage": "VOLT {value:{channel}}"},
            ".set_voltage: 'VOLT {value:{channel}}': {value} takes a plain format, such as"
            " {value:.3f}",
        ),
        (
            {"set_voltage": "VOLT {value.real}"},
            ".set_voltage: 'VOLT {value.real}' fills in {value.real}, but there is {channel},"
            " {value}; did you mean 'value'?",
        ),
        (
            {"set_voltage": "VOLT {}"},
            ".set_voltage: 'VOLT {}' fills in {}, but there is {channel}, {value}",
        ),
        (
            {"set_voltage": "VOLT {value"},
            ".set_voltage: 'VOLT {value': expected '}' before end of string",
        ),
        (
            {"ask_voltage": "VOLT?\n*RST"},
            ".ask_voltage: 'VOLT?\\n*RST' is not one line of ASCII",
        ),
        ({"ask_voltage": "VÖLT?"}, ".ask_voltage: 'VÖLT?' is not one line of ASCII"),
        (
            {"remote": "REM {channel}"},
            ".remote: 'REM {channel}' fills in {channel}, but there is none",
        ),
        (
            {"identity": "ACME,("},
            ".identity: 'ACME,(' is no regular expression: missing ), unterminated subpattern at"
            " position 5",
        ),
        ({"channels": 0}, ".channels: 0 is outside 1…8"),
        ({"channels": 1.5}, ".channels: a whole number is wanted, not 1.5"),
        ({"channels": True}, ".channels: a whole number is wanted, not True"),
        ({"baudrate": "9600"}, ".baudrate: a whole number is wanted, not '9600'"),
        ({"command_end": "\r\n"}, ".command_end: '\\r\\n' is not one of 'LF', 'CR LF', 'CR'"),
        ({"pause_s": -0.1}, ".pause_s: -0.1 is outside 0.0…5.0"),
        ({"pause_s": float("nan")}, ".pause_s: nan is outside 0.0…5.0"),
        ({"states": "OFF ON"}, ".states: a list is wanted, not 'OFF ON'"),
        ({"states": ["ON"]}, ".states: two words are wanted, for off and on, not 1"),
        ({"states": [0, 1]}, ".states[0]: text is wanted, not 0"),
        (
            {"answers_v": ["{volts}V"]},
            ".answers_v[0]: '{volts}V' fills in {volts}, but there is {number}, {channel}",
        ),
        ({"answers_v": ["V"]}, ".answers_v[0]: 'V' does not fill in {number}"),
        ({"refusals": ["NO"]}, ".refusals: they need an acknowledgement"),
        (
            {"identity_fields": ["maker"]},
            ".identity_fields: `*IDN?` must tell the model, with a separator",
        ),
        (
            {"identity_fields": ["mdel"]},
            ".identity_fields[0]: 'mdel' is not one of 'maker', 'model', 'serial_number',"
            " 'firmware', ''",
        ),
        (
            {"measure_all": "MEAS:ALL?"},
            ": either measure_all, or both measure_voltage and measure_current",
        ),
        (
            {"measure_current": DROP},
            ": either measure_all, or both measure_voltage and measure_current",
        ),
        (
            {"ask_max_voltage": "VOLT? MAX"},
            ": ask_max_voltage and ask_max_current belong together",
        ),
        (
            {"ranges": [{"name": "P8V", "max_v": 8, "max_a": 3}]},
            ": ranges, select_range and ask_range belong together",
        ),
        ({"switch_bits": [1, 2]}, ".switch_bits: 2 bits for 1 channels"),
        ({"ratings": {"model": "X"}}, ".ratings: a list is wanted, not {'model': 'X'}"),
        ({"ratings": ["X"]}, ".ratings[0]: a table is wanted, not 'X'"),
        (
            {"ratings": [{"model": "X", "max_v": 5}]},
            ".ratings[0]: the key 'max_a' is missing",
        ),
        (
            {"ratings": [{"model": "X", "max_v": 5, "max_a": 1, "max_w": 5}]},
            ".ratings[0]: there is no key 'max_w'; did you mean 'max_v'?",
        ),
        (
            {"over_voltage": {"set_level": "PROT {value}", "ask_level": "PROT?", "switch": "P"}},
            ".over_voltage: the key 'ask_switch' is missing",
        ),
        (
            {"over_voltage": {"set_level": "PROT {value}", "ask_level": "PROT?", "switch": "P"}},
            ".over_voltage.switch: 'P' does not fill in {state}",
        ),
        ({"kind": "suply"}, '.kind: say "supply" or "load", not \'suply\''),
        ({"kind": DROP}, '.kind: say "supply" or "load", not None'),
        (
            {"based_on": "generik"},
            ".based_on: there is no dialect 'generik'; did you mean 'generic'?",
        ),
        ({"based_on": "mine"}, ".based_on: mine → mine is a circle"),
        ({"based_on": 5}, ".based_on: there is no dialect 5"),
    ],
)
def test_each_mistake_in_a_table_is_named_with_its_place(
    changes: dict[str, object], complaint: str
) -> None:
    found = mistakes_of(SUPPLIES, supply_with(**changes))
    assert f"dialects.mine{complaint}" in found


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"ratings": DROP}, ": either ratings or limits must tell what the load takes"),
        ({"limits": {"max_voltage": "VOLT? MAX"}}, ".limits: the key 'max_current' is missing"),
        ({"current": {"function": "F"}}, ".current: the key 'level' is missing"),
        (
            {"ask_function": "FUNC?"},
            ".power: the key 'answers' is missing, which ask_function needs",
        ),
        (
            {"prepare": ["RANG {state}"]},
            ".prepare[0]: 'RANG {state}' fills in {state}, but there is {channel}",
        ),
        ({"switch_bits": [1]}, ": there is no key 'switch_bits'; did you mean 'switch'?"),
    ],
)
def test_each_mistake_in_the_table_of_a_load_is_named_with_its_place(
    changes: dict[str, object], complaint: str
) -> None:
    assert f"dialects.mine{complaint}" in mistakes_of(LOADS, load_with(**changes))


def test_all_mistakes_are_named_at_once() -> None:
    own = {
        "one": supply_with(set_voltage="VOLT {volt}", bautrate=9600),
        "two": supply_with(identity="(", source=DROP),
        "generic": OWN_SUPPLY,
        "three": "rubbish",
    }
    with pytest.raises(ValueError, match=r"dialects\.one") as found:
        SUPPLIES.extended(own)
    assert [line.split(":")[0] for line in str(found.value).splitlines()] == [
        "dialects.generic",
        "dialects.three.kind",
        "dialects.one",
        "dialects.one.set_voltage",
        "dialects.two",
        "dialects.two.identity",
    ]


def test_dialects_that_are_based_on_each_other_are_a_circle() -> None:
    own = {"one": supply_with(based_on="two"), "two": supply_with(based_on="one")}
    with pytest.raises(ValueError, match=r"dialects\.one\.based_on: one → two → one is a circle"):
        SUPPLIES.extended(own)


SENT = ["set_voltage", "set_current", "ask_voltage", "ask_current", "switch", "ask_switch"]
SENT += ["measure_voltage", "measure_current"]


@pytest.mark.parametrize("left_out", SENT)
def test_with_several_outputs_each_line_names_the_one_it_means(left_out: str) -> None:
    words = {key: f"INST {{channel}};{OWN_SUPPLY[key]}" for key in SENT}
    SUPPLIES.extended({"mine": supply_with(channels=3, **words)})
    words[left_out] = OWN_SUPPLY[left_out]
    found = mistakes_of(SUPPLIES, supply_with(channels=3, **words))
    assert len(found) == 1
    assert found[0].startswith(f"dialects.mine.{left_out}: 3 channels, so ")


def test_with_several_outputs_a_protection_names_the_one_it_means() -> None:
    words = {key: f"INST {{channel}};{OWN_SUPPLY[key]}" for key in SENT}
    protection = {
        "set_level": "P{channel} {value}",
        "ask_level": "P?",
        "switch": "S{channel} {state}",
        "ask_switch": "S{channel}?",
    }
    found = mistakes_of(SUPPLIES, supply_with(channels=2, over_voltage=protection, **words))
    assert found == [
        "dialects.mine.over_voltage.ask_level: 2 channels, so each line must fill in {channel}"
    ]


def test_with_several_inputs_each_line_of_a_load_names_the_one_it_means() -> None:
    found = mistakes_of(LOADS, load_with(channels=2, prepare=["RANG MAX"]))
    places = {line.split(":")[0].removeprefix("dialects.mine.") for line in found}
    assert places == {
        "switch",
        "ask_switch",
        "measure_voltage",
        "measure_current",
        "prepare",
        *(
            f"{mode}.{key}"
            for mode in ("current", "voltage", "resistance", "power")
            for key in MODE
        ),
    }


@pytest.mark.parametrize("name", list(SUPPLIES))
def test_no_shipped_supply_with_several_outputs_is_driven_blind(name: str) -> None:
    dialect = SUPPLIES[name]
    texts = [value for value in vars(dialect).values() if isinstance(value, str) and "{v" in value]
    assert len(texts) == 2  # set_voltage and set_current
    assert dialect.channels == 1 or all("{channel}" in text for text in texts)


def test_a_name_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="acme"):
        SUPPLIES["acme"]
    assert "acme" not in SUPPLIES
    assert len(SUPPLIES) == len(list(SUPPLIES))


def test_a_dialect_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="channels cannot be set"):
        SUPPLIES["generic"].channels = 3  # type: ignore[misc]


def test_a_station_without_scpi_instruments_reads_no_dialect() -> None:
    program = (
        "import sys; from drivers.instruments.power import scpi_load, scpi_supply;"
        "assert 'tomllib' not in sys.modules;"
        "list(scpi_supply.DIALECTS); assert 'tomllib' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({*vars(SUPPLIES["generic"]), "based_on", "kind", "x"}))


def mistakes_in(table: dict[str, Any]) -> list[str]:
    try:
        SUPPLIES.extended({"mine": table})
    except ValueError as error:
        return str(error).splitlines()
    return []


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_whatever_stands_in_a_table_is_read_or_becomes_a_list_of_mistakes(
    changes: dict[str, Any],
) -> None:
    found = mistakes_in(OWN_SUPPLY | changes)
    assert all(line.startswith("dialects.mine") for line in found)
    assert found or "x" not in changes
