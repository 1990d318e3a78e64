"""The names of keys and the legends on their caps."""

import pytest

from drivers.formats.key_layouts import LAYOUTS, Layout
from drivers.formats.key_legends import LEGENDS, usage_name

layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)

MODIFIERS = {*range(0xE0, 0xE8)}
EVERYTHING = {*range(0x04, 0x66), *MODIFIERS}
KEYPAD = {*range(0x53, 0x64)}


@pytest.mark.parametrize(
    ("usage", "name"),
    [
        (0x04, "A"),
        (0x1D, "Z"),
        (0x1E, "1"),
        (0x27, "0"),
        (0x39, "Caps Lock"),
        (0x45, "F12"),
        (0x59, "Keypad 1"),
        (0x62, "Keypad 0"),
        (0x73, "F24"),
        (0xE6, "Right Alt"),
        (0xA5, "Usage 0xa5"),
    ],
)
def test_usages_have_names(usage: int, name: str) -> None:
    assert usage_name(usage) == name


@layouts
def test_every_key_has_a_name(layout: Layout) -> None:
    assert not [key for key in layout.keys if usage_name(key.usage).startswith("Usage")]


@pytest.mark.parametrize(
    ("country", "letters"),
    [
        ("us", "QWERTYUIOP[]"),
        ("uk", "QWERTYUIOP[]"),
        ("de", "QWERTZUIOPÜ+"),
        ("fr", "AZERTYUIOP^$"),
        ("jp", "QWERTYUIOP@["),
    ],
)
def test_the_upper_letter_row_reads_as_in_its_country(country: str, letters: str) -> None:
    row = LAYOUTS["iso-105"].rows()[2]
    legend = LEGENDS[country].legend
    assert "".join(legend(key.usage) for key in row[1:13]) == letters


@pytest.mark.parametrize(
    ("country", "lower"),
    [("us", "ZXCVBNM,./"), ("de", "YXCVBNM,.-"), ("fr", "WXCVBN,;:!")],
)
def test_the_lower_letter_row_reads_as_in_its_country(country: str, lower: str) -> None:
    row = LAYOUTS["ansi-104"].rows()[4]
    legend = LEGENDS[country].legend
    assert "".join(legend(key.usage) for key in row[1:11]) == lower


@pytest.mark.parametrize(
    ("country", "board"),
    [
        ("us", "ansi-104"),
        ("uk", "iso-105"),
        ("de", "iso-105"),
        ("fr", "iso-105"),
        ("jp", "jis-109"),
    ],
)
def test_every_cap_has_a_legend_that_fits(country: str, board: str) -> None:
    legend = LEGENDS[country].legend
    assert not [key for key in LAYOUTS[board].keys if not 1 <= len(legend(key.usage)) <= 6]


def test_what_is_not_printed_falls_back_to_the_name() -> None:
    assert LEGENDS["us"].legend(0x87) == "International 1 (Ro)"
