"""HID descriptors, golden ones and damaged ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply
from drivers.languages.hid_descriptors import (
    HidDescriptor,
    find_hid_descriptor,
    parse_report_descriptor,
)
from drivers.languages.hid_fields import UsageRange
from drivers.languages.hid_reports import Keys, keys_in_report
from tests.drivers.languages.hid_boards import APPENDIX_E6, BITMAP_AND_CONSUMER, KEY_ARRAY


def test_the_specification_s_keyboard_is_read_field_by_field() -> None:
    descriptor = parse_report_descriptor(APPENDIX_E6)
    modifiers, reserved, leds, padding, keys = descriptor.fields
    assert not descriptor.numbered
    assert (modifiers.kind, modifiers.bit_offset, modifiers.size_bits, modifiers.places) == (
        "input",
        0,
        1,
        8,
    )
    assert modifiers.variable
    assert modifiers.usages == (UsageRange(0x0007_00E0, 0x0007_00E7),)
    assert modifiers.application == 0x0001_0006
    assert (reserved.constant, reserved.bit_offset) == (True, 8)
    assert (leds.kind, leds.bit_offset, leds.places) == ("output", 0, 5)
    assert (padding.constant, padding.bit_offset, padding.size_bits) == (True, 5, 3)
    assert (keys.variable, keys.bit_offset, keys.size_bits, keys.places) == (False, 16, 8, 6)
    assert descriptor.report_bytes("input", 0) == 8
    assert descriptor.report_bytes("output", 0) == 1
    assert descriptor.keys() == {*range(0x04, 0x66), *range(0xE0, 0xE8)}
    assert descriptor.rollover() == 6


def test_a_bitmap_board_is_read_with_its_report_ids() -> None:
    descriptor = parse_report_descriptor(BITMAP_AND_CONSUMER)
    assert descriptor.numbered
    assert descriptor.report_bytes("input", 6) == 1 + 1 + 14
    assert descriptor.report_bytes("input", 2) == 3
    assert descriptor.longest_report_bytes("input") == 16
    assert descriptor.keys() == {*range(0x04, 0x74), *range(0xE0, 0xE8)}
    assert descriptor.rollover() == 0x70


def test_push_and_pop_keep_the_globals() -> None:
    descriptor = parse_report_descriptor(
        bytes.fromhex(
            "05 07 15 00 25 01 75 01 95 08 a4 05 01 75 08 95 02 81 01 b4 19 e0 29 e7 81 02"
        )
    )
    padding, modifiers = descriptor.fields
    assert (padding.size_bits, padding.places) == (8, 2)
    assert (modifiers.bit_offset, modifiers.size_bits, modifiers.places) == (16, 1, 8)
    assert modifiers.keys() == frozenset(range(0xE0, 0xE8))


def test_the_page_of_a_short_usage_is_the_one_in_force_at_the_main_item() -> None:
    late = parse_report_descriptor(bytes.fromhex("09 04 05 07 25 01 75 01 95 01 81 02"))
    assert late.fields[0].usages == (UsageRange(0x0007_0004, 0x0007_0004),)
    extended = parse_report_descriptor(
        bytes.fromhex("05 0c 0b 04 00 07 00 25 01 75 01 95 01 81 02")
    )
    assert extended.fields[0].usages == (UsageRange(0x0007_0004, 0x0007_0004),)


def test_of_alternative_usages_the_first_counts() -> None:
    descriptor = parse_report_descriptor(
        bytes.fromhex("05 07 25 01 75 01 95 02 a9 01 09 04 09 05 1a 06 00 29 07 a9 00 09 08 81 02")
    )
    assert descriptor.keys() == {0x04, 0x08}


def test_the_last_usage_stands_for_all_that_follow() -> None:
    field = parse_report_descriptor(
        bytes.fromhex("05 07 09 04 09 05 25 01 75 01 95 04 81 02")
    ).fields[0]
    assert [field.usage(place) for place in range(4)] == [0x70004, 0x70005, 0x70005, 0x70005]
    assert field.usage(-1) is None


def test_a_logical_maximum_of_ff_above_zero_is_255() -> None:
    descriptor = parse_report_descriptor(
        bytes.fromhex("05 07 19 00 29 ff 15 00 25 ff 75 08 95 01 81 00")
    )
    assert keys_in_report(descriptor, b"\x8b") == Keys(0, frozenset({0x8B}))


def test_long_items_and_vendor_pages_are_skipped() -> None:
    vendor = (
        "fe 03 10 aa bb cc 06 00 ff 09 01 a1 01 85 09 75 08 95 40 26 ff 00 09 02 b1 02 81 02 c0"
    )
    keyboard = KEY_ARRAY.replace("05 07", "85 01 05 07")
    descriptor = parse_report_descriptor(bytes.fromhex(vendor + keyboard))
    assert descriptor.report_bytes("feature", 9) == 65
    assert keys_in_report(descriptor, b"\x01\x04\x05\x00\x00\x00\x00") == Keys(
        1, frozenset({0x04, 0x05})
    )
    assert keys_in_report(descriptor, b"\x09" + bytes(64)) is None


@pytest.mark.parametrize(
    ("descriptor", "complaint"),
    [
        ("05", r"offset 0 \(05\): ends inside an item"),
        ("05 01 27 01 02", r"offset 2 \(27 01 02\): ends inside an item"),
        ("fe 05 00 01", "offset 0.*ends inside an item"),
        ("fe", "offset 0.*ends inside an item"),
        ("a1 01", "offset 2.*its end.*ends inside a collection"),
        ("c0", "offset 0.*not begun"),
        ("b4", "offset 0.*not pushed"),
        ("85 00", "report id 0"),
        ("86 00 01", "report id 256"),
        ("76 01 01 95 01 81 02", "a field of 257 bits"),
        ("75 08 97 ff ff ff 7f 81 02", "a report of"),
        ("a9 01 a9 01", "delimiter inside a delimiter"),
        ("a9 00", "not opened"),
        ("a9 01 81 02", "main item inside a delimiter"),
    ],
)
def test_a_damaged_report_descriptor_is_a_bad_reply_with_its_offset(
    descriptor: str, complaint: str
) -> None:
    with pytest.raises(BadReply, match=complaint):
        parse_report_descriptor(bytes.fromhex(descriptor))


@pytest.mark.parametrize("size", range(5, len(APPENDIX_E6)))
def test_a_keyboard_s_descriptor_cut_short_is_a_bad_reply(size: int) -> None:
    with pytest.raises(BadReply, match="ends inside"):
        parse_report_descriptor(APPENDIX_E6[:size])


def test_the_hid_descriptor_is_found_among_others() -> None:
    extra = bytes.fromhex("05 24 00 10 01 09 21 11 01 21 01 22 3f 00")
    assert find_hid_descriptor(extra) == HidDescriptor(0x0111, 0x21, 0x3F)


def test_a_physical_descriptor_may_be_listed_before_the_report_descriptor() -> None:
    extra = bytes.fromhex("0c 21 11 01 00 02 23 10 00 22 41 00")
    assert find_hid_descriptor(extra).report_descriptor_bytes == 0x41


@pytest.mark.parametrize(
    "extra",
    [
        "",
        "09",
        "09 21 11 01 00 01 22 3f",
        "09 21 11 01 00 01 23 3f 00",
        "00 21 11 01 00 01 22 3f 00",
        "05 24 00 10 01",
    ],
)
def test_without_a_whole_hid_descriptor_it_is_a_bad_reply(extra: str) -> None:
    with pytest.raises(BadReply, match="no HID descriptor"):
        find_hid_descriptor(bytes.fromhex(extra))


@given(st.binary(max_size=40))
def test_no_class_descriptor_can_do_worse_than_a_bad_reply(extra: bytes) -> None:
    try:
        found = find_hid_descriptor(extra)
    except BadReply:
        return
    assert 0 <= found.report_descriptor_bytes <= 0xFFFF


def test_four_bytes_of_usage_on_the_undefined_page_are_on_the_current_one() -> None:
    consumer = (
        "06 0c 00 09 01 a1 01 85 02 19 00 2b ff ff 00 00 15 00 27 ff ff 00 00 75 10 95 02 81 00"
    )
    descriptor = parse_report_descriptor(bytes.fromhex(consumer + "c0"))
    assert descriptor.fields[0].usages == (UsageRange(0x000C_0000, 0x000C_FFFF),)
    assert (descriptor.keys(), descriptor.remarks) == (frozenset(), ())


def test_a_keyboard_with_such_a_consumer_page_has_its_keys() -> None:
    board = bytes.fromhex(
        "05010906a1018503050719e029e715002501750195088102750895018101050719002aff00150026ff00"
        "750895068100050819012903250175019503910295059101c0"
        "060c000901a101850219002bffff0000150027ffff0000751095028100c0"
    )
    descriptor = parse_report_descriptor(board)
    assert descriptor.keys() == frozenset(range(0x04, 0xE8))
    assert keys_in_report(descriptor, bytes.fromhex("03 02 00 04 00 00 00 00 00")) == Keys(
        3, frozenset({0xE1, 0x04})
    )
    assert keys_in_report(descriptor, bytes.fromhex("02 e9 00 00 00")) is None


def test_an_array_of_single_bits_with_many_usages_is_a_bitmap_and_a_remark() -> None:
    board = bytes.fromhex("05010906a1018504050795e8750115002501050719002ae7008100c0")
    descriptor = parse_report_descriptor(board)
    assert descriptor.keys() == frozenset(range(0x04, 0xE8))
    report = bytearray(1 + 29)
    report[0] = 4
    report[1 + 0x04 // 8] |= 1 << 0x04 % 8
    report[1 + 0xE1 // 8] |= 1 << 0xE1 % 8
    assert keys_in_report(descriptor, bytes(report)) == Keys(4, frozenset({0x04, 0xE1}))
    assert descriptor.remarks == ("offset 25: an array of 232 single bits, read as a bitmap",)


def test_a_range_that_contradicts_itself_carries_no_usages_and_is_a_remark() -> None:
    inverted = parse_report_descriptor(bytes.fromhex("05 07 19 e7 29 e0 75 01 95 01 81 02"))
    assert (inverted.keys(), inverted.remarks) == (
        frozenset(),
        ("offset 10: usages 0x700e7…0x700e0",),
    )
    logical = parse_report_descriptor(
        bytes.fromhex("05 07 19 e0 29 e7 15 01 25 00 75 01 95 01 81 02")
    )
    assert (logical.keys(), logical.remarks) == (frozenset(), ("offset 14: logical range 1…0",))
