"""No device can harm a parser: of any bytes it gives clean text and errors, and soon."""

import time
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.formats import edid, ieee1284, mccs
from drivers.formats.text import MOST_CHARACTERS, MOST_ERRORS
from drivers.languages.hid_descriptors import parse_report_descriptor
from drivers.languages.hid_reports import keys_in_report

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
LIKE_AN_EDID = st.lists(st.binary(min_size=120, max_size=120), min_size=1, max_size=3).map(
    lambda blocks: b"".join(edid.HEADER + block for block in blocks)
)


def texts_in(parsed: object) -> Iterator[str]:
    """Yield every text that a parser gives, but for groups that are binary by their name."""
    match parsed:
        case str():
            yield parsed
        case Mapping():
            for key, value in parsed.items():
                yield from texts_in(key)
                yield from () if str(key).lower().endswith(" bin") else texts_in(value)
        case tuple():
            for value in parsed:
                yield from texts_in(value)


def check(parsed: edid.Edid | ieee1284.DeviceId | mccs.Capabilities) -> None:
    for text in texts_in(parsed):
        assert text.isprintable()
        assert len(text) <= MOST_CHARACTERS
    assert len(parsed.errors) <= MOST_ERRORS + 1


@given(st.binary(max_size=600) | LIKE_AN_EDID)
def test_any_bytes_are_an_edid_or_errors(data: bytes) -> None:
    check(edid.parse(data))
    assert 1 <= edid.blocks_promised(data) <= 256


@given(st.binary(max_size=300) | ANY_TEXT.map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_a_device_id_or_errors(data: bytes) -> None:
    check(ieee1284.parse_bytes(data))


@given(ANY_TEXT | st.text("MFGDLCSN:;, \0\n\ud800", max_size=100))
def test_any_text_is_a_device_id_or_errors(text: str) -> None:
    check(ieee1284.parse(text))


@given(
    ANY_TEXT
    | st.binary(max_size=200).map(lambda data: data.decode("latin-1"))
    | st.text("(()) vcpCmdstypemodel10AF\0\x85\u202e bin9", max_size=200)
)
def test_any_text_is_a_list_of_capabilities_or_errors(text: str) -> None:
    check(mccs.parse(text))


HOSTILE = {
    "brackets": "(" * 16384,
    "closed": ")" * 16384,
    "vcp in vcp": "vcp(" * 4096,
    "groups": "a(b)" * 4096,
    "words": "x " * 8192,
    "digits": "vcp(" + "01" * 8190 + ")",
    "binary": "edid bin(99999(" + "(" * 16000,
    "blanks": "bin " * 4000 + " " * 300,
    "fields": "a;" * 32000,
    "keys": "MFG:x;MFG:y;" * 5000,
    "nothing": "\0" * 65000,
    "half": "\ud800" * 30000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_longest_hostile_text_costs_no_more_than_a_second(text: str) -> None:
    began_s = time.process_time()
    check(mccs.parse(text[:16384]))
    check(ieee1284.parse(text))
    assert time.process_time() - began_s < 1.0


def test_a_keyboard_with_as_many_fields_as_it_may_have_is_heard_within_a_second() -> None:
    """131 072 keys of one bit each, in one report of 16 KiB."""
    data = bytes.fromhex("05 01 09 06 a1 01 05 07 19 00 29 e7 15 00 25 01 75 01 97 00 00 02 00")
    descriptor = parse_report_descriptor(data + bytes.fromhex("81 02 c0"))
    size = descriptor.longest_report_bytes("input")
    began_s = time.process_time()
    keys = keys_in_report(descriptor, b"\x10" + bytes(size - 1))
    assert time.process_time() - began_s < 1.0
    assert size == 16384
    assert keys is not None
    assert keys.down == {0x04}
