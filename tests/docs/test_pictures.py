"""The documentation's pictures are there, are small, and show the screen as it is."""

import re

import pytest

from tests.pictures import named, pages, screens, tutorial
from tests.pictures.picture import COMMITTED

SVG = {one.name: one for one in (*screens.pictures(), *tutorial.pictures())}
KNOWN = {*SVG, *(one.name for one in pages.pictures())}
MOST_BYTES = 3_000_000


def committed() -> set[str]:
    return {path.name for path in COMMITTED.iterdir()}


def test_each_picture_that_a_page_shows_is_there_and_none_besides() -> None:
    assert len(named.in_docs()) > 40
    assert named.in_docs() == committed()


def test_the_script_knows_each_picture_that_a_page_shows() -> None:
    assert named.in_docs() - KNOWN == set()


def test_the_pictures_are_modest() -> None:
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", sorted(named.in_docs() & SVG.keys()))
def test_a_picture_of_the_screen_is_as_the_screen_is(name: str) -> None:
    drawn = SVG[name].draw()
    assert drawn == (COMMITTED / name).read_bytes(), "script/pictures --docs draws it again"
    assert set(re.findall(rb"https?://[^\"<]+", drawn)) <= {
        b"http://www.w3.org/2000/svg",
        b"http://127.0.0.1:47549/",
    }, "a picture fetches nothing"
