"""All mistakes of a table are told at once, one clear line each, in words of this project."""

import enum
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from records.toml.tables import (
    MistakesInFile,
    TableError,
    convert,
    inside,
    mistakes,
    read,
    suggest,
)


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    depth: Annotated[int, Meta(ge=0)]
    mode: Literal["slow", "fast"] | None = None


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    plain: Inner | None = None
    marked: Annotated[Inner, Meta(description="marked")] | None = None
    noted: Annotated[Inner | None, Meta(description="noted")] = None
    several: tuple[Inner | None, ...] | None = None
    named: dict[str, Inner] = {}


WRAPPED: list[tuple[Any, str]] = [
    (lambda inner: {"plain": inner}, "plain"),
    (lambda inner: {"marked": inner}, "marked"),
    (lambda inner: {"noted": inner}, "noted"),
    (lambda inner: {"several": [inner]}, "several[0]"),
    (lambda inner: {"named": {"one": inner}}, "named.one"),
    (lambda inner: {"named": {"a b": inner}}, 'named."a b"'),
]


@pytest.mark.parametrize(("wrap", "place"), WRAPPED, ids=[place for _, place in WRAPPED])
@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ({"depth": -1}, ".depth: -1 is not a whole number of at least 0"),
        ({"depht": 1}, ": there is no key `depht`; did you mean 'depth'?"),
        ({}, ": the key `depth` is missing"),
        ({"depth": 1, "mode": "fats"}, ".mode: 'fats' is not one of slow, fast"),
    ],
)
def test_a_mistake_in_what_may_be_left_out_is_one_clear_line(
    wrap: Any, place: str, inner: dict[str, object], said: str
) -> None:
    with pytest.raises(TableError) as caught:
        convert(wrap(inner), Outer, "slots.left")
    assert str(caught.value) == f"slots.left.{place}{said}"


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    raw = {
        "named": {"one": {"depth": "x", "mode": 3}, "two": {}},
        "plian": {},
        "several": [{"depth": 1}, 5, {"depth": 2.5, "speed": 1}],
    }
    with pytest.raises(TableError) as caught:
        convert(raw, Outer)
    assert caught.value.mistakes == (
        "named.one.depth: 'x' is not a whole number of at least 0",
        "named.one.mode: 3 is not one of slow, fast",
        "named.two: the key `depth` is missing",
        "there is no key `plian`; did you mean 'plain'?",
        "several[1]: 5 is not a table",
        "several[2].depth: 2.5 is not a whole number of at least 0",
        "several[2]: there is no key `speed`; known are mode",
    )
    assert caught.value.after("host.toml")[2] == "host.toml: named.two: the key `depth` is missing"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Pair(msgspec.Struct):
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")


class Volts(msgspec.Struct, tag="volts", tag_field="in"):
    at: int


class Amps(msgspec.Struct, tag="amps", tag_field="in"):
    at: float


NAMES = tuple(f"driver{number}" for number in range(30))


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        (int, "0x48", "'0x48' is not a whole number"),
        (int, True, "true is not a whole number"),
        (float, "1,5", "'1,5' is not a number"),
        (float, float("inf"), "inf is not a finite number"),
        (float | None, float("nan"), "nan is not a finite number"),
        (dict[str, list[float]], {"a": [1.0, float("-inf")]}, "a[1]: -inf is not a finite number"),
        (Annotated[float, Meta(gt=0)], 0, "0 is not a number above 0"),
        (Annotated[float, Meta(gt=0, le=5)], 6, "6 is not a number above 0 and of at most 5"),
        (Annotated[float, Meta(lt=5)], 5, "5 is not a number below 5"),
        (Annotated[int, Meta(ge=8, le=119)], 128, "128 is not a whole number from 8 to 119"),
        (Annotated[int, Meta(ge=1, description="a port")] | None, 0, "0 is not a port"),
        (Annotated[str, Meta(min_length=1)], "", "'' is not a non-empty text"),
        (Annotated[str, Meta(max_length=3)], "abcd", "'abcd' is not a text of 0 to 3 characters"),
        (Annotated[str, Meta(pattern="^x")], "a", "'a' is not a text of the form ^x"),
        (str, {}, "a table is not a text"),
        (bool, 1, "1 is not true or false"),
        (date, "soon", "'soon' is not a date such as 2026-11-29"),
        (Colour, "green", "'green' is not one of red, blue"),
        (Literal["only"], "other", "'other' is not only"),
        (Literal[NAMES], "driver_7", "'driver_7' is not known; did you mean 'driver7'?"),
        (tuple[str, str], ["a"], "a list of 1 is not a list of 2"),
        (tuple[str, int], ["a", "b"], "[1]: 'b' is not a whole number"),
        (list[int], "x", "'x' is not a list"),
        (Annotated[list[str], Meta(min_length=1)], [], "a list of 0 is not a list of at least 1"),
        (Annotated[list[int], Meta(max_length=1)], [1, 2],
         "a list of 2 is not a list of at most 1"),
        (dict[str, int], [1], "a list of 1 is not a table"),
        (dict[str, int], {"a": "b"}, "a: 'b' is not a whole number"),
        (int | str, [], "a list of 0 is not a whole number or a text"),
        (Pair, [1.0, 2.0], "a list of 2 is not a table"),
        (Pair, {"low": 2.0, "high": 1.0}, "low 2 is above high 1"),
        (list[Pair], [{"low": 2.0, "high": 1.0}], "[0]: low 2 is above high 1"),
        (Volts | Amps, {"in": "amps", "at": "x"}, "at: 'x' is not a number"),
        (str, 10**70, f"{'1' + '0' * 59}… is not a text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_would_be_right(kind: Any, raw: object, said: str) -> None:
    assert mistakes(raw, kind) == [said]


def test_a_whole_number_is_a_number_and_what_is_right_converts() -> None:
    assert convert({"low": 1, "high": 2}, Pair) == Pair(1.0, 2.0)
    assert mistakes({"in": "volts", "at": 3}, Volts | Amps) == []
    assert mistakes({"left": {"to": "whoever", "converts": [float("inf")]}}, dict[str, Any]) == []
    assert convert({"named": {"one": {"depth": 1}}}, Outer).named == {"one": Inner(1)}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(["plain", "several", "named", "depth", "mode"]) | st.text(), inside
        )
    ),
)


@given(anything)
def test_whatever_a_file_holds_it_converts_or_has_mistakes_in_our_words(raw: object) -> None:
    found = mistakes(raw, Outer, "here")
    if not found:
        assert isinstance(msgspec.convert(raw, Outer), Outer)
    for mistake in found:
        assert mistake.startswith("here")
        assert not re.search(r"Expected `|got `|`object`|`array`|unknown field", mistake)


@given(st.lists(st.text()))
def test_each_mistake_of_a_file_is_one_printable_line(texts: list[str]) -> None:
    error = MistakesInFile(*texts)
    assert all(line.isprintable() for line in error.mistakes)
    assert len(error.mistakes) == len(texts)
    assert str(error) == "\n".join(error.mistakes)


def test_a_place_is_spelt_as_toml_spells_it() -> None:
    assert inside("slots", "left-1_a") == "slots.left-1_a"
    assert inside("", "left") == "left"
    assert inside("slots", "a.b") == 'slots."a.b"'
    assert inside("slots", "") == 'slots.""'
    assert inside("slots", "ü") == 'slots."ü"'


def test_a_suggestion_is_the_nearest_name_or_all_names() -> None:
    assert suggest("suply", ["supply", "meter"]) == "did you mean 'supply'?"
    assert suggest("zzz", ["supply", "meter"]) == "known are meter, supply"
    assert suggest("zzz", []) == "known are none"


@pytest.mark.parametrize(
    ("content", "said"), [(b"a = ", "not TOML: "), (b'a = "\xff"', "not TOML: ")]
)
def test_what_is_no_toml_is_one_mistake(tmp_path: Path, content: bytes, said: str) -> None:
    (path := tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(TableError, match=said):
        read(path)


def test_a_file_that_is_missing_or_a_folder_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="No such file"):
        read(tmp_path / "x.toml")
    with pytest.raises(TableError, match="Is a directory"):
        read(tmp_path)
