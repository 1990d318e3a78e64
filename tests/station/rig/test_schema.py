"""A signature is a schema: what it can say, and what it says wrong."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Annotated, Any, NamedTuple, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import find
from drivers.buses import ByteStream, Hardware, I2cBus, Screen, Time
from drivers.capabilities import Identity, PowerMeter
from drivers.errors import NotConnected
from drivers.wiring import At, Between, Claims, Named, OneOf, Parts, Written
from station.rig.rehearsal import Nowhere
from station.rig.schema import meaning, schema_of
from station.rig.tables import InstrumentTable, read


class Pair(NamedTuple):
    low: float
    high: float


class Driver(PowerMeter):
    """The common part of these tests' drivers."""

    identity = Identity("ACME", "Driver")

    def read(self) -> Any: ...


def right(kind: type, **raw: object) -> InstrumentTable:
    wrong: list[str] = []
    table = read(schema_of(kind), raw, "here", wrong)
    assert table is not None, wrong
    return table


def mistakes(kind: type, **raw: object) -> list[str]:
    wrong: list[str] = []
    assert read(schema_of(kind), raw, "here", wrong) is None
    return wrong


class Two(Driver):
    def __init__(self, line: ByteStream, bus: I2cBus) -> None: ...


class Unsayable(Driver):
    def __init__(self, line: ByteStream, *, what: Iterable[int]) -> None: ...


class Array(Driver):
    def __init__(self, line: ByteStream, *, pair: Pair) -> None: ...


class Arrays(Driver):
    def __init__(self, line: ByteStream, *, pairs: list[Pair] | None = None) -> None: ...


class Open(Driver):
    def __init__(self, line: ByteStream, **settings: int) -> None: ...


class Chip(Driver):
    def __init__(
        self,
        bus: I2cBus,
        address: Annotated[int, Between(0x40, 0x43)] = 0x40,
        *,
        time: Time,
        gain: Annotated[int, OneOf((1, 4)), "how much"] = 1,
    ) -> None:
        bus.transfer(address)


class Whole(Driver):
    def __init__(
        self, chips: Annotated[Sequence[Chip], Parts(Chip, 2, {"gain": 4})], *, spare: int = 0
    ) -> None:
        if spare > len(chips):
            raise ValueError(f"{spare} of {len(chips)} chips are no spares")
        self.gains = chips[0].identity


class TwoWholes(Driver):
    def __init__(
        self, a: Annotated[Sequence[Chip], Parts(Chip)], b: Annotated[Sequence[Chip], Parts(Chip)]
    ) -> None: ...


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Two, r"Two\.bus: a driver has one wire, and this is its second"),
        (Unsayable, r"Unsayable\.what: no file can say a "),
        (Array, r"Array\.pair: a Pair would be an array of its fields; mark it as Named"),
        (Arrays, r"Arrays\.pairs: a Pair would be an array of its fields"),
        (Open, r"Open\.settings: "),
        (TwoWholes, r"TwoWholes\.b: an instrument has parts of one kind"),
    ],
)
def test_a_signature_that_no_file_can_fill_is_the_drivers_mistake(kind: type, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        schema_of(kind)


def test_a_shipped_driver_says_what_each_of_its_keys_means() -> None:
    for name in find.names():
        schema = schema_of(find.find(name))
        assert [key.name for key in schema.keys if not meaning(key.hint)] == [], name
        assert schema.parts is None or schema.parts.meaning, name


def test_a_part_is_what_the_whole_makes_of_it() -> None:
    """The whole has chosen the gain, so no file may."""
    table = right(Whole, bus=3, chips=[{"address": "0x41"}, {"bus": 4}])
    assert table.occupies() == ("I²C bus 3, address 0x41", "I²C bus 4, address 0x40")
    assert mistakes(Whole, bus=3, chips=[{"gain": 1}, {}]) == [
        "here.chips[0]: there is no key `gain`; known are accuracy, address, calibrated_until,"
        " certificate, in_common, mux"
    ]


def test_every_part_is_told_what_is_wrong_with_it() -> None:
    assert mistakes(Whole, chips=[{"bus": 1, "address": 0x44}, {}]) == [
        "here.chips[0].address: 0x44 is not an address of this part: 0x40 to 0x43",
        "here.chips[1]: the key `bus` is missing",
    ]


def test_a_whole_is_rehearsed_without_its_parts() -> None:
    right(Whole, bus=1, chips=[{}, {"address": 0x41}], spare=2).rehearse()
    with pytest.raises(ValueError, match="3 of 2 chips are no spares"):
        right(Whole, bus=1, chips=[{}, {"address": 0x41}], spare=3).rehearse()


def test_a_setting_of_a_few_values_has_those_and_no_others() -> None:
    assert right(Chip, bus=1, gain="0x4").values["gain"] == 4
    assert mistakes(Chip, bus=1, gain=2) == ["here.gain: 2 is not one of 1, 4"]
    assert mistakes(Chip, bus=1, gain="much") == ["here.gain: 'much' is not one of 1, 4"]
    assert mistakes(Chip, bus=1, gain=True) == ["here.gain: true is not one of 1, 4"]


class Dialects(dict[str, Pair]):
    def extended(self, own: dict[str, Any]) -> "Dialects":
        if "bad" in own:
            raise ValueError("dialects.bad.low: is missing\ndialects.bad.high: is missing")
        return Dialects(self | {name: Pair(**table) for name, table in own.items()})


KNOWN = Dialects(narrow=Pair(1.0, 2.0))


class Speaker(Driver):
    BAUDRATE = 1200

    def __init__(
        self,
        line: ByteStream,
        dialect: Annotated[Pair, Named(KNOWN)],
        *,
        second: Annotated[Pair, Named(KNOWN)] = KNOWN["narrow"],
    ) -> None:
        self.dialect, self.second = dialect, second


def test_a_name_becomes_what_it_stands_for() -> None:
    table = right(Speaker, port="/dev/x", dialect="narrow")
    with ExitStack() as closing:
        speaker = table.open(Nowhere(), closing)
    assert speaker.dialect is speaker.second is KNOWN["narrow"]


def test_a_name_that_is_not_known_is_told_with_the_nearest() -> None:
    assert mistakes(Speaker, port="/dev/x", dialect="narow", second=3) == [
        "here.second: 3 is not a text",
        "here.dialect: 'narow' is not known; did you mean 'narrow'?",
    ]


def test_a_file_may_describe_what_a_name_stands_for() -> None:
    own = {"wide": {"low": 0.0, "high": 9.0}}
    raw = {"port": "/dev/x", "dialect": "wide"}
    wrong: list[str] = []
    table = read(schema_of(Speaker), raw, "here", wrong, own)
    assert table is not None
    assert table.objects["dialect"] == Pair(0.0, 9.0)
    for _ in range(2):  # a second instrument does not repeat what is wrong with the dialect
        assert read(schema_of(Speaker), raw, "here", wrong, {"bad": {}}) is None
    assert wrong == ["dialects.bad.low: is missing", "dialects.bad.high: is missing"]


class Shown(Driver):
    def __init__(self, screen: Screen, connector: str) -> None:
        self.connector = connector


def test_a_parameter_called_as_a_key_of_the_wire_gets_its_value() -> None:
    schema = schema_of(Shown)
    assert [key.name for key in schema.keys] == [
        "connector", "calibrated_until", "accuracy", "certificate", "in_common",
    ]  # fmt: skip
    assert schema.settings == ("connector",)


class Switch(Driver):
    """Its wire is another device than the one at its port."""

    closed = 0

    @classmethod
    def connect(
        cls,
        hardware: Hardware,
        port: Annotated[str, Written(int), Claims("power of port {}", device_port=True)],
        *,
        other: Annotated[str, Written(int), Claims("power of port {}")] = "",
    ) -> Self:
        if port == other:
            raise ValueError("twice the same")
        return cls()

    def close(self) -> None:
        type(self).closed += 1


def test_what_connects_itself_is_read_in_place_of_the_constructor_and_closed() -> None:
    table = right(Switch, port="7", other="8")
    assert table.places() == ()
    assert table.occupies() == ("power of port 7", "power of port 8")
    assert table.device_ports() == ("7",)
    with ExitStack() as closing:
        table.open(Nowhere(), closing)
        assert Switch.closed == 0
    assert Switch.closed == 1
    with pytest.raises(ValueError, match="twice the same"):
        right(Switch, port="7", other="7").rehearse()
    assert mistakes(Switch, port="x") == ["here.port: invalid literal for int() with base 10: 'x'"]


class Display(Driver):
    under_test = True

    def __init__(self, bus: Annotated[I2cBus, At((0x37, 0x50))]) -> None: ...


def test_a_driver_may_have_addresses_that_no_file_sets() -> None:
    assert right(Display, bus=2).occupies() == (
        "I²C bus 2, address 0x37",
        "I²C bus 2, address 0x50",
    )
    assert mistakes(Display, bus=2, address=0x37) == [
        "here: there is no key `address`; known are accuracy, calibrated_until, certificate,"
        " in_common, mux"
    ]


def test_an_instrument_that_does_not_answer_is_named_by_its_driver() -> None:
    with pytest.raises(NotConnected), ExitStack() as closing:
        right(Chip, bus=1).open(Nowhere(), closing)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(st.sampled_from(["bus", "address", "mux", "channel", "chips"]), inside)
    ),
)


@pytest.mark.parametrize("kind", [find.find(name) for name in find.names()] + [Whole])
@given(raw=st.dictionaries(st.text(), anything) | anything)
def test_whatever_a_table_holds_it_is_right_or_has_mistakes_in_our_words(
    kind: type, raw: object
) -> None:
    wrong: list[str] = []
    assert (read(schema_of(kind), raw, "here", wrong) is None) == bool(wrong)
    for line in wrong:
        assert line.startswith("here")
        assert "Expected `" not in line
