"""The operator's screen at its main moments, in each size and language."""

from collections.abc import Iterator
from functools import partial

from records.words import language
from tests.pictures.picture import Picture
from tests.pictures.svg import svg
from tests.station.ui.scenes import SCENES, Scene, paint

SIZES = ((80, 24), (120, 40), (40, 15))
LANGUAGES = ("en", "fr")


def pictures() -> Iterator[Picture]:
    """Yield each scene in each size and language: `screen-fail-80x24-fr.svg`."""
    for scene in SCENES:
        for size in SIZES:
            for code in LANGUAGES:
                width, height = size
                name = f"screen-{scene.name.replace(' ', '-')}-{width}x{height}-{code}.svg"
                yield Picture(name, partial(draw, scene, size, code))


def draw(scene: Scene, size: tuple[int, int], code: str, *, colours: bool = True) -> bytes:
    """Return a scene as SVG."""
    strips = paint(scene, language(code), *size, colours=colours)
    return svg(strips, f"The operator's screen: {scene.name}")
