"""Dots, lines and spots on a screen, counted by the operator."""

import math

from drivers.capabilities import Monitor, PatternSource
from records import Proof, Reading
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import NotNegative, Yields, step
from station.engine.witness import Witness
from station.steps.display.controls import full_brightness, still_there

PIXEL_CLASSES = {1: (0, 0), 2: (2, 2), 3: (5, 15), 4: (50, 150)}
"""ISO 13406-2: always bright and always dark pixels per million, as liquisearch.com reports it."""


@step(proves=Proof.LOOK, bright_pixels="", dark_pixels="", pixel_class="", picture_faults="")
def pixel_faults(
    monitor: Monitor,
    screen: PatternSource,
    operator: Operator,
    clock: Clock,
    *,
    settle_s: NotNegative = 0.5,
) -> Yields:
    """Have the operator look at plain screens and count. Nine stands for nine or more.

    `bright_pixels` shine on black, `dark_pixels` stay dark on white, red, green or blue (the
    largest count of the four); `pixel_class` is the ISO 13406-2 class that both fit into, 5 for
    none; `picture_faults` are lines, clusters, spots and burn-in.
    """
    full_brightness(monitor, screen, clock, settle_s)
    witness = Witness(operator, lambda: still_there(monitor))

    def look(about: str, *levels: float) -> int:
        screen.show_level(*levels)
        clock.sleep(settle_s)
        return witness.count(about)

    bright = look("display.bright_pixels.black", 0.0, 0.0, 0.0)
    dark = max(
        look("display.dark_pixels.white", 1.0, 1.0, 1.0),
        look("display.dark_pixels.red", 1.0, 0.0, 0.0),
        look("display.dark_pixels.green", 0.0, 1.0, 0.0),
        look("display.dark_pixels.blue", 0.0, 0.0, 1.0),
    )
    screen.show_level(0.5, 0.5, 0.5)
    clock.sleep(settle_s)
    faults = witness.confirm("display.picture_faults")
    yield Reading("bright_pixels", bright)
    yield Reading("dark_pixels", dark)
    yield Reading("pixel_class", pixel_class(bright, dark, screen.width_px * screen.height_px))
    yield Reading("picture_faults", faults)


def pixel_class(bright: int, dark: int, pixels: int) -> int:
    """Return the first of classes 1 to 4 that allows this many, scaled up to the screen; else 5.

    Nine or more of either cannot be told from any larger number, so they fit into no class.
    """
    if bright < 9 and dark < 9:
        for number, (most_bright, most_dark) in PIXEL_CLASSES.items():
            allowed = [math.ceil(most * pixels / 1e6) for most in (most_bright, most_dark)]
            if bright <= allowed[0] and dark <= allowed[1]:
                return number
    return 5
