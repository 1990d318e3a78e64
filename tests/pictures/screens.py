"""The operator's screen at its main moments, in each size and language."""

from collections.abc import Iterator
from functools import partial

from records.words import language
from station.ui.controls import Controls
from station.ui.look import SIGNS
from station.ui.screen import ScreenPainter
from tests.pictures.picture import Picture
from tests.pictures.svg import svg
from tests.station.ui.fake_console import FakeConsole
from tests.station.ui.scenes import SCENES, Scene

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
    console = FakeConsole(scene.slots, simulated=scene.simulated)
    controls = Controls(console, language(code))
    now_s = 1000.0
    console.listen(lambda notice: controls.hear(notice, now_s))
    painter = ScreenPainter(controls, SIGNS, colours=colours)
    scene.tell(console)
    now_s += scene.after_s
    for key in scene.keys:
        now_s += 1.0
        controls.press(key, key if len(key) == 1 else None, now_s)
    width, height = size
    title = f"The operator's screen: {scene.name}"
    return svg(painter.paint(width, height, now_s, "14:15"), title)
