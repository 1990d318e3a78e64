import itertools

import pytest

from drivers.formats.key_layouts import LAYOUTS, Layout
from drivers.formats.key_legends import usage_name

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
