"""Live drawings: found by name, of a keyboard, and none that harms the screen."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from records.words import ENGLISH as CODE
from records.words import language
from station.engine.events import Shown
from station.ui import pictures
from station.ui.look import LOOKS, Line
from station.ui.slot import Mood
from tests.station.ui.fake_console import keys_shown

ENGLISH = language(CODE)
PLAIN = LOOKS[Mood.RUNNING]


def written(row: Line) -> str:
    return "".join(segment.text for segment in row)


def drawn(shown: Shown, width: int = 75, height: int = 8) -> list[Line]:
    return pictures.draw(shown, width, height, PLAIN, ENGLISH)


def cap(strips: list[Line], legend: str) -> str | None:
    """Return the colour of the cap with this legend."""
    for row in strips[:-1]:
        for segment in row:
            if segment.text.strip(" []!") == legend and segment.style and segment.style.bgcolor:
                return segment.style.bgcolor.name
    return None


def test_keys_light_up_where_they_lie() -> None:
    dark = drawn(keys_shown("ansi-104", (), ()), 140)
    lit = drawn(keys_shown("ansi-104", (), (0x14,)), 140)
    assert written(dark[2]).split()[:3] == ["`", "1", "2"]
    assert written(dark[3]).split()[:4] == ["Tab", "Q", "W", "E"]
    assert cap(dark, "Q") != cap(lit, "Q")
    assert cap(dark, "W") == cap(lit, "W")
    assert "1 of 104 keys seen" in written(lit[-1])


def test_a_key_held_down_and_a_suspicious_one_have_shapes_of_their_own() -> None:
    strips = drawn(keys_shown("ansi-104", (0x14,), (0x14,), (0x1A,)), 140)
    assert "[Q ]" in written(strips[3]) or "[ Q ]" in written(strips[3])
    assert "!W" in written(strips[3]) or "! W" in written(strips[3])
    assert "suspicious: W" in written(strips[-1])


def test_the_layout_decides_where_enter_and_umlauts_are() -> None:
    ansi = drawn(keys_shown("ansi-104", (), ()), 140)
    german = drawn(keys_shown("iso-105/de", (), ()), 140)
    assert "Enter" in written(ansi[4])
    assert "Enter" in written(german[3])
    assert "Ü" in written(german[3])
    assert "0 of 105" in written(german[-1])


def test_the_last_missing_keys_are_named() -> None:
    most = tuple(range(0x04, 0x66))
    almost_all = (*most, *range(0xE2, 0xE8))
    assert "missing" not in written(drawn(keys_shown("ansi-104", (), most), 140)[-1])
    assert "missing: Shift Ctrl" in written(drawn(keys_shown("ansi-104", (), almost_all), 140)[-1])


def test_a_board_that_nobody_drew_is_counted() -> None:
    assert [written(row).strip() for row in drawn(keys_shown("split-42", (4,), (4, 5)))] == [
        "2 keys seen"
    ]


@given(
    st.sampled_from(["ansi-104", "iso-105/fr", "jis-109", "iso-88", "jis-109/de", "/", "none"]),
    st.lists(st.integers(0, 300)),
    st.integers(-1, 150),
    st.integers(-1, 20),
)
def test_a_keyboard_fits_whatever_its_room(
    layout: str, usages: list[int], width: int, height: int
) -> None:
    strips = drawn(
        keys_shown(layout, tuple(usages[:1]), tuple(usages), tuple(usages[:2])), width, height
    )
    assert len(strips) <= max(height, 0)
    assert all(cell_len(written(row)) == width for row in strips)


@pytest.mark.parametrize(
    "data",
    [{}, {"layout": 7}, {"layout": "iso-105", "seen": ("A",)}, {"layout": "iso-105", "keys": (4,)}],
)
def test_data_that_a_picture_cannot_draw_have_no_lines(
    data: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    shown = Shown("keyboard", data)  # type: ignore[arg-type]  # as it may come from elsewhere
    assert drawn(shown) == []
    assert caplog.text.count("picture 'keyboard' draws nothing") <= 1


@pytest.mark.parametrize(
    "name", ["", "no_such_picture", "../keyboard", "no.such.module", "station.ui.look", ".", "a..b"]
)
def test_an_unknown_picture_draws_nothing(name: str) -> None:
    assert drawn(Shown(name, {})) == []


def test_a_picture_may_come_from_outside_and_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_pictures.py").write_text("class Lamp: pass\n")
    folder = tmp_path / "acme_lamps"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "lamp.py").write_text(
        "from station.ui.look import line\n"
        "def draw(data, width, height, look, words):\n"
        "    lit = '*' * data['lit']\n"
        "    return [line(width, [(lit, look.strong)], look.plain)] * 100\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    rows = drawn(Shown("acme_lamps.lamp", {"lit": 3}))
    assert [written(row).rstrip() for row in rows] == ["***"] * 8
    assert drawn(Shown("acme_lamps.lamp", {"lit": "three"})) == []
    assert drawn(Shown("acme_pictures", {})) == []
    sys.modules.pop("acme_lamps.lamp", None)
