"""Nothing on the screen is in no catalogue, and a language a third longer than English fits."""

import re

import pytest
from rich.cells import cell_len

from records.words import Language, language
from tests.station.ui.pseudo import CLOSE, OPEN, disguised, pseudo
from tests.station.ui.scenes import SCENES, SLOTS, Scene, paint

VALUES = re.compile(
    r"adapter-\d|display-1|keyboard-1|bench-7|LT-0041[78]|MO-7|KB-\d+|HP PPP009C|DELL U2412M"
    r"|Cherry G80|PPP009C|colour-probe|no answer|/var/lib/\S+|database or disk is full"
    r"|Ctrl\+\w|Esc|Tab|Enter|PgUp PgDn|F\d+|[A-Z]/\d|cd/m²|MiB|\b[a-z] or [a-z]\b"
)
LETTERS = re.compile(r"[A-Za-z]{2,}")
KEYBOARD = ("keys",)  # scenes that show what is printed on keys


def shown(scene: Scene, words: Language, width: int, height: int) -> list[str]:
    """Return the lines of a scene on a screen of that size."""
    return [strip.text for strip in paint(scene, words, width, height)]


@pytest.mark.parametrize("right_to_left", [False, True], ids=["ltr", "rtl"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_text_on_the_screen_is_in_a_catalogue(scene: Scene, right_to_left: bool) -> None:
    if scene.name in KEYBOARD:
        return
    for row in shown(scene, pseudo(right_to_left=right_to_left), 80, 24):
        assert not LETTERS.findall(VALUES.sub("", row)), row


@pytest.mark.parametrize("right_to_left", [False, True], ids=["ltr", "rtl"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_sentence_a_third_longer_is_not_cut(
    scene: Scene, size: tuple[int, int], right_to_left: bool
) -> None:
    seen = "\n".join(shown(scene, pseudo(right_to_left=right_to_left), *size))
    cut = [row for row in seen.splitlines() if "…" in row or row.count(OPEN) != row.count(CLOSE)]
    assert seen.count(OPEN) == seen.count(CLOSE), cut


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 15)], ids=str)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_line_fills_its_cells_in_either_direction(
    scene: Scene, size: tuple[int, int], direction: str
) -> None:
    rows = shown(scene, pseudo(right_to_left=direction == "rtl"), *size)
    assert [cell_len(row) for row in rows] == [size[0]] * size[1]
    assert not re.search("[\u2066-\u2069\xa0]", "".join(rows)), "a terminal shows these as it likes"


@pytest.mark.parametrize("code", ["en", "fr"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_tag_verdict_and_what_is_typed_are_seen_on_a_tiny_terminal(scene: Scene, code: str) -> None:
    words = language(code)
    rows = shown(scene, words, 40, 15)
    prompts = tuple(words.text("screen.prompt", slot=slot.name) for slot in SLOTS)
    (typed,) = [row for row in rows if row.lstrip().startswith(prompts)]
    assert typed.rstrip().endswith("LT-00418█" if scene.name == "typed" else "█")
    seen = "\n".join(rows)
    if scene.name in ("pass", "marginal", "fail", "error", "aborted", "incomplete"):
        verdict = words.text(f"verdict.{scene.name}")
        assert verdict in seen or " ".join(verdict) in seen or "█" in seen
        assert "LT-00417" in seen or "MO-7" in seen


def test_the_disguise_keeps_places_and_keys() -> None:
    assert disguised("{tag} not started. Ctrl+Q quits.").startswith("⟦{tag} ñöţ šţàŕţéđ. Ctrl+Q ")
