"""The figures typed from a label have to agree, within the rounding of the label."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from station.engine.labels.nameplate import Label, Typed, Unknown, differs, disagreement
from station.engine.library.tables import Rating

REAL = [
    ("19.5", "2.31", "45"),
    ("19.5", "3.33", "65"),
    ("19.5", "4.62", "90"),
    ("19.5", "6.15", "120"),
    ("19.5", "6.9", "135"),
    ("19.5", "7.70", "150"),
    ("19.5", "10.3", "200"),
    ("19.5", "11.8", "230"),
    ("19.5", "16.92", "330"),
    ("19", "3.42", "65"),
    ("18,5", "6,5", "120"),
    ("20", "3.25", "65"),
    ("5", "2", "10"),
    ("12", "1.5", "18"),
    ("5.0", "2.4", "12"),
    ("15", "4", "60"),
]


@pytest.mark.parametrize(("volts", "amperes", "watts"), REAL)
def test_labels_of_real_adapters_agree(volts: str, amperes: str, watts: str) -> None:
    assert disagreement(volts, amperes, watts) == ""


@pytest.mark.parametrize(
    ("volts", "amperes", "watts"),
    [
        ("15", "3.33", "65"),
        ("9.5", "3.33", "65"),
        ("19.5", "3.33", "90"),
        ("19.5", "33.3", "65"),
        ("195", "3.33", "65"),
        ("20", "3.33", "65"),
        ("5", "2", "12"),
        ("5", "2.5", "10"),
        ("19.5", "3.38", "65"),
    ],
)
def test_a_mistyped_label_does_not(volts: str, amperes: str, watts: str) -> None:
    assert "read the label of the output again" in disagreement(volts, amperes, watts)


def test_a_disagreement_says_what_was_typed() -> None:
    said = disagreement("15", "3,33", "65")
    assert said.startswith("15 V × 3.33 A are 50.0 W, and 65 W are typed: ")


@given(st.floats(3.0, 60.0), st.floats(0.1, 20.0))
def test_any_label_that_is_rounded_to_three_digits_agrees(volts: float, amperes: float) -> None:
    watts = volts * amperes
    assume(watts >= 1.0)
    assert disagreement(f"{volts:.1f}", f"{amperes:.2f}", f"{watts:.1f}") == ""


@given(st.floats(3.0, 60.0), st.floats(0.5, 20.0), st.floats(1.3, 10.0))
def test_a_figure_that_is_wrong_by_a_third_never_agrees(
    volts: float, amperes: float, factor: float
) -> None:
    watts = volts * amperes
    assume(watts * (factor - 1) > 2.0 and amperes * factor < 1000)
    said = disagreement(f"{volts:.1f}", f"{amperes * factor:.2f}", f"{watts:.0f}")
    assert said != ""


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "-5", "1e3", "inf", "٣", "1 000", "1."])
def test_what_is_no_figure_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a figure"):
        Typed.of(text)


@pytest.mark.parametrize(
    ("text", "value", "half"), [("19,5", 19.5, 0.05), ("3.330", 3.33, 0.0005), (" 65 ", 65.0, 0.5)]
)
def test_a_figure_is_as_exact_as_its_last_digit(text: str, value: float, half: float) -> None:
    assert Typed.of(text).value == value
    assert Typed.of(text).half_digit == pytest.approx(half)


def test_what_is_typed_twice_is_compared_by_value() -> None:
    assert not differs("19.5", "19,50")
    assert differs("19.5", "15.9")


RATINGS = {
    "v": Rating(unit="V", min=3.0, max=60.0),
    "a": Rating(unit="A", min=0.1, max=20.0),
    "w": Rating(unit="W", product=("v", "a")),
    "ports": Rating(names=True),
}


def test_a_product_needs_all_its_factors() -> None:
    assert Label(RATINGS, {"v": 20.0, "a": 2}).value("w") == 40.0
    with pytest.raises(Unknown, match="v, a") as caught:
        Label(RATINGS, {}).value("w")
    assert caught.value.names == ("v", "a")
    assert Label(RATINGS, {"a": 2}).known() == {"a": 2.0}


@pytest.mark.parametrize("ports", [["left", "left"], ["Left"], ["1 a"], "left", [1], [""]])
def test_ports_have_names_of_places_each_once(ports: object) -> None:
    with pytest.raises(ValueError, match="ports: "):
        Label(RATINGS, {"ports": ports})
