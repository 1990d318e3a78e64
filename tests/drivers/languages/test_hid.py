"""Golden descriptors are from HID 1.11 appendix E.6 and from boards in the field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply
from drivers.languages.hid import (
    HidDescriptor,
    Keys,
    UsageRange,
    encode_output,
    find_hid_descriptor,
    keys_in_boot_report,
    keys_in_report,
    parse_report_descriptor,
)

APPENDIX_E6 = bytes.fromhex(
    "05 01 09 06 a1 01 05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02 95 01 75 08 81 01"
    "95 05 75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 01"
    "95 06 75 08 15 00 25 65 05 07 19 00 29 65 81 00 c0"
)
BITMAP_AND_CONSUMER = bytes.fromhex(
    "05 01 09 06 a1 01 85 06 05 07 19 e0 29 e7 15 00 25 01 95 08 75 01 81 02"
    "19 04 29 73 95 70 81 02 05 08 19 01 29 05 95 05 91 02 95 03 91 03 c0"
    "05 0c 09 01 a1 01 85 02 19 00 2a 3c 02 15 00 26 3c 02 95 01 75 10 81 00 c0"
)
KEY_ARRAY = "05 01 09 06 a1 01 05 07 19 00 29 65 15 00 25 65 75 08 95 06 81 00 c0"


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


def test_keys_are_found_in_any_of_several_reports() -> None:
    descriptor = parse_report_descriptor(BITMAP_AND_CONSUMER)
    report = bytes.fromhex("06 02 01 00 00 00 00 80 00 00 00 00 00 00 00 80")
    assert keys_in_report(descriptor, report) == Keys(6, frozenset({0xE1, 0x04, 0x33, 0x73}))
    volume_up = bytes.fromhex("02 e9 00")
    assert keys_in_report(descriptor, volume_up) is None


@pytest.mark.parametrize(
    ("report", "keys"),
    [
        ("00 00 00 00 00 00 00 00", Keys(0, frozenset())),
        ("00 00 04 00 00 00 00 00", Keys(0, frozenset({0x04}))),
        ("22 00 1d 06 00 00 00 00", Keys(0, frozenset({0xE1, 0xE5, 0x1D, 0x06}))),
        ("02 00 01 01 01 01 01 01", Keys(0, frozenset({0xE1}), error=1)),
        ("00 00 02 02 02 02 02 02", Keys(0, frozenset(), error=2)),
    ],
)
def test_a_boot_report_says_which_keys_are_down(report: str, keys: Keys) -> None:
    assert keys_in_boot_report(bytes.fromhex(report)) == keys
    assert keys_in_report(parse_report_descriptor(APPENDIX_E6), bytes.fromhex(report)) == keys


def test_what_a_board_appends_to_a_boot_report_is_left_alone() -> None:
    report = bytes.fromhex("00 00 04 00 00 00 00 00 05 06")
    assert keys_in_boot_report(report).down == {0x04}


@pytest.mark.parametrize("size", range(8))
def test_a_cut_off_report_is_a_bad_reply(size: int) -> None:
    report = bytes(size)
    with pytest.raises(BadReply, match="not 8"):
        keys_in_boot_report(report)
    with pytest.raises(BadReply, match="8 were described"):
        keys_in_report(parse_report_descriptor(APPENDIX_E6), report)


@pytest.mark.parametrize("report", [b"", b"\x07\x00\x00\x00"])
def test_a_report_with_an_unknown_id_is_a_bad_reply(report: bytes) -> None:
    with pytest.raises(BadReply, match="does not know"):
        keys_in_report(parse_report_descriptor(BITMAP_AND_CONSUMER), report)


def test_leds_are_laid_out_as_described() -> None:
    caps, kana = 0x0008_0002, 0x0008_0005
    plain = parse_report_descriptor(APPENDIX_E6)
    assert encode_output(plain, 0, {caps}) == b"\x02"
    assert encode_output(plain, 0, {caps, kana}) == b"\x12"
    assert encode_output(plain, 0, set()) == b"\x00"
    assert encode_output(parse_report_descriptor(BITMAP_AND_CONSUMER), 6, {caps}) == b"\x06\x02"
    with pytest.raises(ValueError, match="no output report 3"):
        encode_output(plain, 3, set())


def test_leds_can_be_an_array_of_those_that_are_on() -> None:
    descriptor = parse_report_descriptor(
        bytes.fromhex("a1 01 05 08 19 01 29 05 15 01 25 05 75 08 95 03 91 00 c0")
    )
    assert encode_output(descriptor, 0, {0x0008_0002, 0x0008_0003}) == b"\x02\x03\x00"


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


def test_an_array_value_outside_its_range_is_no_key() -> None:
    descriptor = parse_report_descriptor(bytes.fromhex(KEY_ARRAY))
    assert keys_in_report(descriptor, b"\x66\x04\x00\xff\x00\x00") == Keys(0, frozenset({0x04}))


def test_a_signed_array_counts_from_its_minimum() -> None:
    descriptor = parse_report_descriptor(
        bytes.fromhex("05 07 19 04 29 0b 15 fc 25 03 75 08 95 01 81 00")
    )
    assert keys_in_report(descriptor, b"\xfc") == Keys(0, frozenset({0x04}))
    assert keys_in_report(descriptor, b"\x03") == Keys(0, frozenset({0x0B}))


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


def test_a_bitmap_that_looks_like_a_boot_report_to_a_bios_is_read_once() -> None:
    """Boards that pad out the boot keys in their descriptor and follow them with the bitmap."""
    descriptor = parse_report_descriptor(
        bytes.fromhex(
            "05 01 09 06 a1 01 05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02 95 38 81 01"
            "19 04 29 63 95 60 81 02 c0"
        )
    )
    report = bytes.fromhex("01 00 04 00 00 00 00 00 02") + bytes(11)
    assert keys_in_report(descriptor, report) == Keys(0, frozenset({0xE0, 0x05}))


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
        ("05 07 19 e7 29 e0 75 01 95 01 81 02", "offset 10.*usages 0x700e7…0x700e0"),
        ("15 01 25 00 75 01 95 01 81 02", "logical range 1…0"),
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


items = st.builds(
    lambda prefix, data: bytes([prefix & 0xFC | (0, 1, 2, 2, 3)[len(data)]]) + data,
    st.sampled_from([*range(0x04, 0xC0, 4), 0x80, 0x90, 0xA0, 0xC0, 0x74, 0x94, 0x18, 0x28]),
    st.sampled_from([b"", b"\x00", b"\x01", b"\x08", b"\x02\x00", b"\x07\x00\x07\x00"]),
)


@given(st.binary(max_size=80) | st.lists(items, max_size=40).map(b"".join), st.binary(max_size=64))
def test_no_descriptor_and_no_report_can_do_worse_than_a_bad_reply(
    data: bytes, report: bytes
) -> None:
    try:
        descriptor = parse_report_descriptor(data)
    except BadReply:
        return
    assert descriptor.keys() <= {*range(0x04, 0xE8)}
    assert descriptor.rollover() >= 0
    for field in descriptor.led_fields():
        size = descriptor.report_bytes("output", field.report_id)
        assert len(encode_output(descriptor, field.report_id, {0x0008_0001})) == size
    try:
        keys = keys_in_report(descriptor, report)
    except BadReply:
        return
    if keys is not None:
        assert min(keys.down, default=4) >= 4


@pytest.mark.parametrize("size", range(5, len(APPENDIX_E6)))
def test_a_keyboard_s_descriptor_cut_short_is_a_bad_reply(size: int) -> None:
    with pytest.raises(BadReply, match="ends inside"):
        parse_report_descriptor(APPENDIX_E6[:size])


@given(st.frozensets(st.integers(0x04, 0x65), max_size=6), st.frozensets(st.integers(0xE0, 0xE7)))
def test_an_array_board_s_keys_come_back(plain: frozenset[int], modifiers: frozenset[int]) -> None:
    report = bytes([sum(1 << key - 0xE0 for key in modifiers), 0, *sorted(plain)]).ljust(8, b"\0")
    keys = Keys(0, plain | modifiers)
    assert keys_in_boot_report(report) == keys
    assert keys_in_report(parse_report_descriptor(APPENDIX_E6), report) == keys


@given(st.frozensets(st.integers(0x04, 0x73)), st.frozensets(st.integers(0xE0, 0xE7)))
def test_a_bitmap_board_s_keys_come_back(plain: frozenset[int], modifiers: frozenset[int]) -> None:
    report = bytearray(16)
    report[0] = 6
    for key in modifiers:
        report[1] |= 1 << key - 0xE0
    for key in plain:
        report[2 + (key - 4) // 8] |= 1 << (key - 4) % 8
    descriptor = parse_report_descriptor(BITMAP_AND_CONSUMER)
    assert keys_in_report(descriptor, bytes(report)) == Keys(6, plain | modifiers)


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
