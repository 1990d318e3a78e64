"""Keys and LEDs in the reports of keyboards, golden ones and all others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import BadReply
from drivers.languages.hid_descriptors import (
    parse_report_descriptor,
)
from drivers.languages.hid_reports import Keys, encode_output, keys_in_boot_report, keys_in_report
from tests.drivers.languages.hid_boards import (
    APPENDIX_E6,
    BITMAP_AND_CONSUMER,
    CUT_OR_CHANGED,
    ITEMS,
    KEY_ARRAY,
)


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


def test_an_array_value_outside_its_range_is_no_key() -> None:
    descriptor = parse_report_descriptor(bytes.fromhex(KEY_ARRAY))
    assert keys_in_report(descriptor, b"\x66\x04\x00\xff\x00\x00") == Keys(0, frozenset({0x04}))


def test_a_signed_array_counts_from_its_minimum() -> None:
    descriptor = parse_report_descriptor(
        bytes.fromhex("05 07 19 04 29 0b 15 fc 25 03 75 08 95 01 81 00")
    )
    assert keys_in_report(descriptor, b"\xfc") == Keys(0, frozenset({0x04}))
    assert keys_in_report(descriptor, b"\x03") == Keys(0, frozenset({0x0B}))


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


@given(
    st.binary(max_size=80) | st.lists(ITEMS, max_size=40).map(b"".join) | CUT_OR_CHANGED,
    st.binary(max_size=64),
)
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
