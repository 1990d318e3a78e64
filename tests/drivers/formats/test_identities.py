import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.formats.identities import (
    is_placeholder,
    is_placeholder_number,
    maker_key,
    maker_name,
    serial_or_none,
)


@pytest.mark.parametrize(
    "said",
    [
        "",
        " ",
        "0",
        "000000000000",
        "FFFFFFFF",
        "0x00000000",
        "xxxxxxxx",
        "XXXX-XXXX",
        "........",
        "SerialNumber",
        "Serial Number",
        "S/N",
        "None",
        "N/A",
        "To Be Filled By O.E.M.",
        "Default string",
        "System Serial Number",
        "Not Specified",
        "1234567890123",
        "0123456789",
        "987654321",
        "ABCDEFG",
        "01010101",
    ],
)
def test_what_no_two_devices_differ_in_is_a_placeholder(said: str) -> None:
    assert is_placeholder(said)
    assert serial_or_none(said) is None


@pytest.mark.parametrize(
    "said",
    ["G293H88G0D1", "CN0G293H7426192A1R7L", "123", "100001", "VGFK012345", "587407777", "NA7341"],
)
def test_a_number_that_a_device_of_its_own_may_have_is_kept(said: str) -> None:
    assert serial_or_none(said) == said


@given(st.integers(0, 2**32 - 1))
def test_a_binary_number_is_a_placeholder_when_it_is_0_or_1_or_one_byte_again_and_again(
    number: int,
) -> None:
    repeated = number % 0x01010101 == 0
    assert is_placeholder_number(number) == (number <= 1 or repeated)


@given(st.text(max_size=40))
def test_any_text_is_a_maker_and_its_key_is_that_of_its_name(said: str) -> None:
    assert maker_key(maker_name(said)) == maker_key(said)
    assert maker_name(maker_name(said)) == maker_name(said)


def test_the_same_maker_in_capitals_or_with_a_dot_has_the_same_key() -> None:
    assert len({maker_key(said) for said in ("Gestetner", "GESTETNER", "gestetner.")}) == 1
    assert maker_name("Gestetner") == "Gestetner"
