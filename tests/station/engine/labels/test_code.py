"""A scanned code is read where it is certain, and left to questions where it is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.engine.labels import code
from tests.station.engine.libraries import everything, shipped

ADAPTER = shipped.kind("laptop-adapter").ratings
LAPTOP = everything.kind("laptop").ratings


@pytest.mark.parametrize(
    "scanned",
    [
        "maker=Delta;model=ADP-65JH;output_v=19.5;output_a=3.33;efficiency_mark=vi",
        "maker: Delta\nmodel: ADP-65JH\noutput_v: 19,5\noutput_a: 3,33\nefficiency_mark: VI",
        "https://example.org/d?maker=Delta&model=ADP-65JH&output_v=19.5&output_a=3.33"
        "&efficiency_mark=VI",
    ],
)
def test_pairs_are_read_with_point_or_comma(scanned: str) -> None:
    found = code.read(scanned, ADAPTER)
    assert found is not None
    assert (found.maker, found.model) == ("Delta", "ADP-65JH")
    assert found.values == {"output_v": 19.5, "output_a": 3.33, "efficiency_mark": "VI"}


@pytest.mark.parametrize(
    ("scanned", "values", "texts"),
    [
        ("INPUT: 100-240V~1.5A 50-60Hz OUTPUT: 19.5V 3.33A 65W",
         {"output_v": 19.5, "output_a": 3.33},
         {"output_v": "19.5", "output_a": "3.33", "output_w": "65"}),
        ("Sortie 12 V 1,5 A", {"output_v": 12.0, "output_a": 1.5},
         {"output_v": "12", "output_a": "1,5"}),
        ("OUTPUT: 5V 3A, 9V 2A", {}, None),  # one of the two, and not known which
        ("OUTPUT: 5V 3A, 9V 3A", {"output_a": 3.0}, {"output_a": "3"}),
        ("OUTPUT: 3300mA", {}, None),
        ("A-4711", {}, None),
        ("Delta ADP-65JH", {}, None),
        ("USB-A 3", {}, None),
    ],
)  # fmt: skip
def test_only_the_one_figure_of_a_unit_is_taken_from_printed_text(
    scanned: str, values: dict[str, float], texts: dict[str, str] | None
) -> None:
    found = code.read(scanned, ADAPTER)
    if texts is None:
        assert found is None
        return
    assert found is not None
    assert found.values == values
    assert found.texts == texts


def test_a_model_alone_is_something_that_a_code_says() -> None:
    found = code.read("model=ADP-65JH", ADAPTER)
    assert found == code.Code("", "ADP-65JH", {}, {})


def test_names_of_places_are_read() -> None:
    found = code.read("model=X1;usb_ports=left-1, left-2;battery_fitted=yes", LAPTOP)
    assert found is not None
    assert found.values == {"usb_ports": ("left-1", "left-2"), "battery_fitted": "yes"}


@pytest.mark.parametrize(
    "scanned", ["output_v=195", "output_v=x", "efficiency_mark=VII", "OUTPUT: 195V 3A"]
)
def test_what_no_such_device_can_have_is_refused(scanned: str) -> None:
    with pytest.raises(ValueError, match=r"output_v|efficiency_mark"):
        code.read(scanned, ADAPTER)


@given(st.text(max_size=120))
def test_whatever_is_scanned_a_value_that_is_taken_can_be(scanned: str) -> None:
    try:
        found = code.read(scanned, ADAPTER)
    except ValueError:
        return
    if found is not None:
        for name, told in found.values.items():
            assert ADAPTER[name].check(told) == told
