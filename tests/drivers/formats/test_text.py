"""The words of devices: any of them fits a record, and no terminal obeys it."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.formats.text import MOST_CHARACTERS, clean, quote

# Any code point, lone surrogates too, and more often what makes trouble.
ODD = "\0\x07\x1b\n\r\t\x7f\x85\x9b\u00a0\u00ad\u061c\u200b\u200d\u200e\u2028\u202e\u2066\u3000"
ODD += "\ufeff\ufffd\uffff\ud83d\ude00\udc00\ue000\U000e0001\U0010ffff"
TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from(ODD + " aB9"))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Größe 2", "Größe 2"),
        ("  ACME \r\n", "ACME"),
        ("ACME\0\0\0", "ACME"),
        ("LCD-42S\x0010HD\n", "LCD-42S 10HD"),
        ("OfficeJet  K80", "OfficeJet  K80"),
        ("two\tand\r\nmore\0\0\0words", "two and more words"),
        ("no\u00a0break, wide\u3000blank\u2028line", "no break, wide blank line"),
        ("\x1b[2Jnice\x07", "[2Jnice"),
        ("a\u202eb\u2066c\u200ed\u061ce", "abcde"),
        ("a\u200bb\u200dc\ufeffd\u00ade", "abcde"),
        ("a\ue000b\uffffc\U0010ffffd", "abcd"),
        ("\uffff" * 126, ""),
        ("\ud83d\ude00", "\U0001f600"),
        ("a\ud83db\ude00c", "a\ufffdb\ufffdc"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("a\ufffdb", "a\ufffdb"),
        (b"Gr\xc3\xb6\xc3\x9fe", "Größe"),
        (b"Gr\xf6\xdfe \0", "Gr\ufffd\ufffde"),
        (b"\xff" * 3, "\ufffd\ufffd\ufffd"),
        (b"", ""),
        ("", ""),
    ],
)
def test_words_are_cleaned_as_the_page_says(said: str | bytes, text: str) -> None:
    assert clean(said) == text


@given(TEXT | st.binary(), st.integers(1, 200))
@example("\ud800\udc00", 1)
@example("a  ", 2)
@example("ab  cd", 4)
def test_any_words_fit_on_a_line_in_a_record_and_in_a_database(
    said: str | bytes, most: int
) -> None:
    text = clean(said, most)
    assert text.isprintable()
    assert "\0" not in text
    assert len(text) <= most
    assert text == text.strip()
    assert json.loads(json.dumps(text).encode()) == text
    assert clean(text, most) == text
    assert clean(text.encode(), most) == text


@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc", "Zs")), max_size=1000))
def test_plain_words_stay_as_they_are(said: str) -> None:
    assert clean(said) == said


@pytest.mark.parametrize(("before", "after"), [("a", "z"), ("1", "9"), ("ö", "中")])
def test_every_control_character_parts_words(before: str, after: str) -> None:
    for number in (*range(0x20), *range(0x7F, 0xA0)):
        assert clean(f"{before}{chr(number)}{after}") == f"{before} {after}"


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert clean("x" * MOST_CHARACTERS) == "x" * MOST_CHARACTERS
    assert clean("x" * (MOST_CHARACTERS + 1)) == "x" * (MOST_CHARACTERS - 1) + "…"
    assert clean("ab cd", 4) == "ab…"


@given(TEXT | st.binary())
def test_a_quotation_can_be_seen_and_is_short(said: str | bytes) -> None:
    told = quote(said, 20)
    assert told.isprintable()
    assert told.removesuffix("…") == repr(said[:20])
    assert told.endswith("…") == (len(said) > 20)
