"""Displays: what they say of themselves, what they show, and what they draw."""

from station.steps.display.colorimetry import colour
from station.steps.display.flicker import flicker
from station.steps.display.identity import edid
from station.steps.display.lasting import last_look
from station.steps.display.light import (
    backlight,
    brightness_sweep,
    contrast,
    luminance,
    uniformity,
)
from station.steps.display.pixels import pixel_faults
from station.steps.display.standby import standby_power

__all__ = [
    "backlight",
    "brightness_sweep",
    "colour",
    "contrast",
    "edid",
    "flicker",
    "last_look",
    "luminance",
    "pixel_faults",
    "standby_power",
    "uniformity",
]
