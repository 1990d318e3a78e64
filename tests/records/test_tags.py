"""Asset tags: one rule for what is scanned, typed, stated by a device and searched for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import tags


@pytest.mark.parametrize("tag", ["1", "K 1", "LT-00417", "ü" * 80, "設備-7", "---", "0"])
def test_what_can_be_seen_is_a_tag(tag: str) -> None:
    assert tags.is_tag(tag)
    assert tags.read(f" \t{tag}\r\n") == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t ",
        "A\x1b[2J",
        "A\nB",
        "A\0",
        "A\ud800",
        "A\u202eB",
        "A\u200bB",
        "A\u00a0B",
        "x" * 81,
    ],
)
def test_what_cannot_be_seen_or_is_too_long_is_no_tag(text: str) -> None:
    assert not tags.is_tag(text)
    with pytest.raises(ValueError, match="is no asset tag: 1 to 80 printable characters"):
        tags.read(text)


def test_blanks_at_the_ends_are_the_scanners() -> None:
    assert not tags.is_tag(" A-1")
    assert tags.strip(" A-1\n") == "A-1"


def test_a_refusal_quotes_no_more_than_a_tag_has() -> None:
    with pytest.raises(ValueError, match=r"^'A{80}' is no asset tag"):
        tags.read("A" * 10_000)


@pytest.mark.parametrize("number", ["1", "K 1", "ü" * 80, " KB-1 "])
def test_a_serial_number_can_be_a_tag(number: str) -> None:
    assert tags.from_serial_number(number) == number.strip()


@pytest.mark.parametrize(
    "number", ["", "  ", "000000000000", "-0-0.", "\u0301" * 5, "x" * 81, "a\x1b[2Jb", "a\u202eb"]
)
def test_a_serial_number_that_is_blank_too_long_or_steers_a_terminal_is_no_tag(number: str) -> None:
    assert tags.from_serial_number(number) == ""


@given(st.text())
def test_a_tag_that_was_read_is_read_again_as_itself(text: str) -> None:
    if tags.is_tag(tags.strip(text)):
        tag = tags.read(text)
        assert tags.read(tag) == tag == tags.strip(text)
        assert tags.from_serial_number(text) in (tag, "")
    else:
        with pytest.raises(ValueError, match="is no asset tag") as refused:
            tags.read(text)
        assert str(refused.value).isprintable()
        assert tags.from_serial_number(text) == ""
