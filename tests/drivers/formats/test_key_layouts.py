import itertools

import pytest

from drivers.formats.key_layouts import LAYOUTS, LEGENDS, Layout, usage_name

layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)

MODIFIERS = {*range(0xE0, 0xE8)}
EVERYTHING = {*range(0x04, 0x66), *MODIFIERS}
KEYPAD = {*range(0x53, 0x64)}


@pytest.mark.parametrize(
    ("name", "count", "usages"),
    [
        ("ansi-104", 104, EVERYTHING - {0x32, 0x64}),
        ("ansi-87", 87, EVERYTHING - {0x32, 0x64} - KEYPAD),
        ("iso-105", 105, EVERYTHING - {0x31}),
        ("iso-88", 88, EVERYTHING - {0x31} - KEYPAD),
        ("jis-109", 109, EVERYTHING - {0x31, 0x64} | {*range(0x87, 0x8C)}),
    ],
)
def test_a_layout_has_the_keys_it_is_named_after(
    name: str, count: int, usages: frozenset[int]
) -> None:
    layout = LAYOUTS[name]
    assert layout.name == name
    assert len(layout.keys) == count
    assert layout.usages == usages


@layouts
def test_no_two_keys_share_a_usage_or_a_place(layout: Layout) -> None:
    sent = [usage for key in layout.keys for usage in (key.usage, *key.also)]
    assert len(sent) == len(set(sent))
    for a, b in itertools.combinations(layout.keys, 2):
        beside = a.x_u + a.width_u <= b.x_u or b.x_u + b.width_u <= a.x_u
        above = a.y_u + a.height_u <= b.y_u or b.y_u + b.height_u <= a.y_u
        assert beside or above, (usage_name(a.usage), usage_name(b.usage))


@layouts
def test_the_letter_block_is_fifteen_keys_wide_without_holes(layout: Layout) -> None:
    for middle in (2.0, 3.9, 5.0, 6.0):
        block = [
            key
            for key in layout.keys
            if key.x_u < 15 and key.y_u <= middle < key.y_u + key.height_u
        ]
        assert sum(key.width_u for key in block) == 15.0


@layouts
def test_rows_hold_every_key_once_from_left_to_right(layout: Layout) -> None:
    rows = layout.rows()
    assert [key for row in rows for key in row] == list(layout.keys)
    for row in rows:
        assert [key.x_u for key in row] == sorted(key.x_u for key in row)
    assert [row[0].y_u for row in rows] == [0.0, 1.5, 2.5, 3.5, 4.5, 5.5]


@layouts
def test_nothing_lies_outside_the_board(layout: Layout) -> None:
    assert layout.height_u == 6.5
    assert layout.width_u == (18.25 if layout.name.endswith(("87", "88")) else 22.5)
    assert min(key.x_u for key in layout.keys) == 0.0


@pytest.mark.parametrize("name", ["iso-105", "jis-109"])
def test_the_key_beside_enter_may_send_either_of_two_usages(name: str) -> None:
    layout = LAYOUTS[name]
    assert layout.key(0x31) is layout.key(0x32)
    assert layout.key(0x31) is not None


def test_a_usage_that_the_board_does_not_have_has_no_key() -> None:
    assert LAYOUTS["ansi-104"].key(0x64) is None


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
