"""The screen where there is little room: what goes first, and what stays."""

import pytest

from records.words import Value, language
from records.words.language import NO_BREAK
from station.ui.big import big_word
from tests.station.ui.scenes import SCENES, SLOTS, paint

SCENE = {scene.name: scene for scene in SCENES}
TINY = (40, 15)


def rows(name: str, size: tuple[int, int] = TINY, code: str = "en") -> list[str]:
    return [strip.text for strip in paint(SCENE[name], language(code), *size)]


def flat(name: str, size: tuple[int, int] = TINY, code: str = "en") -> str:
    """Return the screen as one line, without the bar at the side of the selected slot."""
    return " ".join(" ".join(rows(name, size, code)).replace("█", " ").split())


@pytest.mark.parametrize("code", ["en", "fr"])
@pytest.mark.parametrize("name", ["fail", "silent key"])
def test_a_failure_says_figure_and_next_action_on_a_tiny_terminal(name: str, code: str) -> None:
    seen, words = flat(name, code=code), language(code)
    told: dict[str, Value] = {"missing": "Space", "taps_heard": 0, "taps_made": 2, "count": 1}
    silent = words.text("fail.missing_keys", **told).replace(NO_BREAK, " ")
    assert words.text("next.fail") in seen
    assert ("285" if name == "fail" else silent) in seen
    assert "…" not in seen


@pytest.mark.parametrize("code", ["en", "fr"])
def test_where_slots_have_no_room_side_by_side_the_others_are_words(code: str) -> None:
    words = language(code)
    tabs = rows("fail", code=code)[2]
    assert tabs.split()[:2] == ["F1", words.text("verdict.fail")]
    for number in range(2, len(SLOTS) + 1):
        assert f"F{number} {words.text('screen.tab_idle')}" in tabs
    assert "MO-7" in rows("fail", code=code)[3]


@pytest.mark.parametrize("name", [scene.name for scene in SCENES])
def test_the_time_of_day_is_whole_or_not_there(name: str) -> None:
    assert rows(name)[0].rstrip().endswith("14:15")


def test_the_list_has_room_on_a_tiny_terminal_and_opens_at_the_step_that_failed() -> None:
    listed = rows("list")
    words = language()
    assert any(words.text("title.display.contrast") in row for row in listed)
    assert any(words.text("measured.contrast") in row and "285" in row for row in listed)


@pytest.mark.parametrize("size", [TINY, (80, 24), (120, 40)], ids=str)
def test_a_partial_opens_at_what_was_not_tested_and_says_why(size: tuple[int, int]) -> None:
    words = language()
    roles = words.names("role", "load, mains_meter")
    assert words.text("untested.lacks_role", roles=roles) in flat("incomplete list", size).replace(
        "░ ", ""
    )


def test_a_danger_has_the_lines_that_it_needs() -> None:
    shout = language().text("screen.unsafe_banner", slots="adapter-1")
    assert shout in flat("danger")
    assert " ".join("".join(rows("danger")[1:3]).split()) == shout


def test_the_smallest_drawing_is_as_wide_as_it_can_be() -> None:
    narrow, wide = big_word("FAIL", 30, 3), big_word("FAIL", 40, 3)
    assert (len(narrow), len(wide)) == (3, 3)
    assert len(wide[0]) == 2 * len(narrow[0])
