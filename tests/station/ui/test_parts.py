"""Letters, figures, lines and the keyboard: the parts that a screen is painted from."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style

from records import Basis, Limit, Measurement, Value, Verdict
from records.words import language
from records.words.language import NO_BREAK
from records.words.values import duration_text, limit_text, value_text
from station.ui.big import big_word
from station.ui.look import (
    CONSOLE_SIGNS,
    LOOKS,
    PLAIN,
    SIGNS,
    Line,
    clean,
    line,
    shortened,
    signs_for,
    wrapped,
)
from station.ui.slot import Mood
from tests.station.ui.fake_console import measurement

ENGLISH, FRENCH = language(), language("fr")
LARGE = [
    *(f"verdict.{one}" for one in ("pass", "marginal", "fail", "error", "aborted", "incomplete")),
    "screen.ready",
    "screen.danger",
    "screen.unsaved",
]
WORDS = sorted({spoken.text(one) for spoken in (ENGLISH, FRENCH) for one in LARGE})


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_drawn_five_lines_high_in_a_tile_of_a_small_terminal(word: str) -> None:
    drawn = big_word(word, 39, 5)
    assert len(drawn) == 5
    assert max(map(len, drawn)) <= 39
    assert set("".join(drawn)) == {"█", " "}


def test_words_look_different() -> None:
    for spoken in (ENGLISH, FRENCH):
        drawings = {"\n".join(big_word(spoken.text(one), 39, 5)) for one in LARGE}
        assert len(drawings) == len(LARGE)


def test_pass_is_what_it_looks_like() -> None:
    assert big_word("PASS", 19, 5) == [
        "███   ██   ███  ███",
        "█  █ █  █ █    █   ",
        "███  ████  ██   ██ ",
        "█    █  █    █    █",
        "█    █  █ ███  ███ ",
    ]


def test_a_word_grows_with_its_room() -> None:
    assert [len(big_word("PASS", width, 40)[0]) for width in (19, 38, 57, 76)] == [19, 38, 57, 76]


def test_a_word_is_halved_where_there_is_no_height_and_spaced_without_half_blocks() -> None:
    assert len(big_word("FAIL", 39, 3)) == 3
    assert big_word("FAIL", 39, 3, half_blocks=False) == ["F A I L"]
    assert big_word("FAIL", 4, 3) == ["FAIL"]


def test_a_word_in_letters_nobody_drew_is_written() -> None:
    assert big_word("ГОДЕН", 39, 5) == ["Г О Д Е Н"]


@given(st.sampled_from([*WORDS, "ünknown"]), st.integers(-1, 200), st.integers(-1, 60))
def test_a_drawing_fits_whatever_its_room(word: str, width: int, height: int) -> None:
    drawn = big_word(word, width, height)
    assert len(drawn) <= max(height, 0)
    assert all(len(row) <= width for row in drawn)


def judged(
    value: float, verdict: Verdict, *, low: float | None = None, high: float | None = None
) -> Measurement:
    limit = Limit(basis=Basis.PROPOSAL, unit="W", min=low, max=high)
    return Measurement(name="p", value=value, unit="W", limit=limit, verdict=verdict)


def spaced(shown: str) -> str:
    """Return a text with ordinary blanks."""
    return shown.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (19.5234, "19.52 V"),
        (0.0001234, "0.0001 V"),
        (7.1e-05, "0.0001 V"),
        (-7.1e-09, "-0.0000 V"),
        (12345.6, "12350 V"),
        (3, "3 V"),
        (True, "yes V"),
        ("iso-105", "iso-105 V"),
        (math.nan, "nan V"),
        (-math.inf, "-inf V"),
    ],
)
def test_values_are_short_and_have_their_unit(value: Value, shown: str) -> None:
    assert spaced(value_text(measurement("v", value, "V"), ENGLISH)) == shown


def test_a_value_is_never_rounded_onto_the_other_side_of_its_limit() -> None:
    assert spaced(value_text(judged(12.0004, Verdict.FAIL, high=12.0), ENGLISH)) == "12.0004 W"
    assert spaced(value_text(judged(11.99999, Verdict.PASS, high=12.0), ENGLISH)) == "12 W"
    assert spaced(value_text(judged(3.99996, Verdict.FAIL, low=4.0), ENGLISH)) == "3.99996 W"


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_what_is_shown_has_the_verdict_of_what_was_measured(value: float, bound: float) -> None:
    limit = Limit(basis=Basis.PROPOSAL, max=bound)
    verdict = limit.judge(value)
    shown = value_text(Measurement(name="p", value=value, limit=limit, verdict=verdict), ENGLISH)
    assert limit.judge(float(shown)) is verdict


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        (Limit(basis=Basis.PROPOSAL, min=18.5, max=20.5, unit="V"), "18.5 … 20.5"),
        (Limit(basis=Basis.PROPOSAL, max=0.1, unit="V"), "≤ 0.1"),
        (Limit(basis=Basis.PROPOSAL, min=4, unit="V"), "≥ 4"),
        (Limit(basis=Basis.PROPOSAL, min=4, unit="mV"), "≥ 4 mV"),
        (Limit(basis=Basis.PROPOSAL, equals=104), "104 needed"),
        (Limit(basis=Basis.PROPOSAL, equals=True), "yes needed"),
        (None, ""),
    ],
)
def test_limits_are_intervals(limit: Limit | None, shown: str) -> None:
    assert spaced(limit_text(limit, "V", ENGLISH)) == shown


def test_durations() -> None:
    shown = [duration_text(seconds) for seconds in (-1.0, 0.9, 61.0, 3725.0)]
    assert shown == ["0:00", "0:00", "1:01", "1:02:05"]


def test_what_a_device_calls_itself_does_not_steer_the_terminal() -> None:
    assert clean("ACME\x1b[2J\r\n\x07") == "ACME?[2J???"
    assert clean("right‮left") == "right?left"
    assert clean("[red]é[/]") == "[red]é[/]"


def written(row: Line) -> str:
    return "".join(segment.text for segment in row)


@given(st.text(), st.text(), st.integers(0, 60))
def test_a_line_is_exactly_as_wide_as_asked(left: str, right: str, width: int) -> None:
    row = line(width, [(left, PLAIN.plain)], PLAIN.plain, [(right, PLAIN.plain)])
    assert cell_len(written(row)) == width
    assert written(row).isprintable()


@given(st.text(), st.integers(1, 40))
def test_wrapped_lines_fit_and_lose_nothing(words: str, width: int) -> None:
    rows = wrapped(words, width)
    assert all(cell_len(row) <= width for row in rows)
    if width > 1:
        kept = clean("".join(words.split()))
        assert "".join("".join(rows).split()).replace("?", "") == kept.replace("?", "")


def test_wrapped_text_says_when_there_is_more() -> None:
    assert wrapped("one two three four", 9, 1) == ["one two …"]
    assert wrapped("one two", 9, 1) == ["one two"]


def test_shortened_names_keep_their_number() -> None:
    assert shortened("luminance zone 3", 12) == "luminance …3"
    assert shortened("voltage at full load", 12) == "voltage at …"
    assert shortened("current", 12) == "current"


GROUNDS = (Mood.PASS, Mood.FAIL, Mood.ERROR, Mood.MARGINAL, Mood.ASKING, Mood.WAITING)


def number(style: Style, *, ground: bool) -> int | None:
    color = style.bgcolor if ground else style.color
    assert color is not None
    return color.downgrade(ColorSystem.STANDARD).number


def test_sixteen_colours_keep_grounds_apart_and_text_legible() -> None:
    grounds = [number(LOOKS[mood].plain, ground=True) for mood in GROUNDS]
    assert len(set(grounds)) == len(grounds)
    for look in LOOKS.values():
        for style in look:
            ground = number(style, ground=True)
            assert ground is not None
            assert ground < 8
            assert number(style, ground=False) != ground


def test_bold_black_is_never_used_since_consoles_paint_it_grey() -> None:
    for look in LOOKS.values():
        for style in look:
            assert not (style.bold and number(style, ground=False) == 0)


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"TERM": "linux"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "tmux-256color", "XDG_SESSION_TYPE": "tty"}, True),
        ({"TERM": "tmux-256color", "XDG_SESSION_TYPE": "tty", "SSH_TTY": "/dev/pts/1"}, False),
        ({"TERM": "screen", "XDG_SESSION_TYPE": "x11"}, False),
        ({}, False),
    ],
)
def test_the_linux_console_gets_signs_that_its_font_has(
    environment: dict[str, str], plain: bool
) -> None:
    assert signs_for(environment) == (CONSOLE_SIGNS if plain else SIGNS)
    assert "".join(CONSOLE_SIGNS[:3]).isascii()
