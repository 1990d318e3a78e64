"""Keyboards: every key goes down and up once when it is pressed, and nothing else happens."""

from station.steps.keyboard.bounce import chatter
from station.steps.keyboard.identity import enumeration
from station.steps.keyboard.keys import every_key, every_key_by_hand, stuck_keys
from station.steps.keyboard.lamps import leds, leds_by_eye
from station.steps.keyboard.rollover import ghosting

__all__ = [
    "chatter",
    "enumeration",
    "every_key",
    "every_key_by_hand",
    "ghosting",
    "leds",
    "leds_by_eye",
    "stuck_keys",
]
