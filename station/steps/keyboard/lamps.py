"""The lamps of a keyboard's locks, under a sensor or before a pair of eyes."""

from typing import Any

from drivers.capabilities import KeySource, LightMeter
from drivers.extremes import lowest
from records import Phrase, Proof, Reading
from station.engine.clock import Clock
from station.engine.events import Choice
from station.engine.paper import Paper
from station.engine.prompts import NO, YES, Operator
from station.engine.step import Count, NotApplicable, NotNegative, Positive, Yields, step
from station.engine.witness import Doubt, Witness, must_deny
from station.steps.keyboard.listening import still_there

LIT = Doubt("keyboard.lamp_lit", "keyboard.lamp_unseen", {"light"})
LAMPS = {
    "num": "keyboard.led.num",
    "caps": "keyboard.led.caps",
    "scroll": "keyboard.led.scroll",
}
"""The question for each lamp."""
LEGENDS = {"num": "Num Lock", "caps": "Caps Lock", "scroll": "Scroll Lock"}
ABSENT = Choice("a", "answer.no_such_lamp")


@step(caps_led="lx")
def leds(
    keyboard: KeySource,
    light: LightMeter,
    operator: Operator,
    clock: Clock,
    *,
    blinks: Count = 3,
    settle_s: NotNegative = 0.2,
    least_lux: Positive = 1.0,
) -> Yields:
    """Caps Lock on and off under a light sensor: the smallest rise of all blinks.

    Where the sensor sees nothing, the operator looks: a lamp that is lit is the sensor's fault. A
    keyboard that declares no Caps Lock lamp has none to be judged.
    """
    if "caps" not in keyboard.leds:
        raise NotApplicable("keyboard.no_lamps")
    rises = []
    for _ in range(blinks):
        keyboard.set_leds()
        clock.sleep(settle_s)
        dark_lux = light.read_illuminance_lux()
        keyboard.set_leds(caps=True)
        clock.sleep(settle_s)
        rises.append(light.read_illuminance_lux() - dark_lux)
    if min(rises) < least_lux:
        must_deny(operator, LIT)
    keyboard.set_leds()
    yield Reading("caps_led", lowest(rises))


@leds.on_paper
def _leds(told: Paper, *, blinks: int, **others: Any) -> dict[str, float]:
    """Take a lamp in a dark room: each of the two readings adds its error."""
    rise_lux = told.edge("caps_led", 1.0)
    rises = [
        told("light", "illuminance_lux", rise_lux) - told("light", "illuminance_lux", 0.0)
        for _ in range(blinks)
    ]
    return {"caps_led": lowest(rises)}


@step(proves=Proof.LOOK, num_led="", caps_led="", scroll_led="", dark_lamps="", dark="")
def leds_by_eye(keyboard: KeySource, operator: Operator, clock: Clock) -> Yields:
    """Light each lock lamp alone that the keyboard declares; the operator says which is lit.

    A firmware declares lamps that its case does not have: a lamp that is not there is no dark one.
    `dark` names the lamps that stay dark.
    """
    witness = Witness(operator, lambda: still_there(keyboard, clock))
    lit: dict[str, bool] = {}
    for name, about in LAMPS.items():
        if name in keyboard.leds:
            keyboard.set_leds(num=name == "num", caps=name == "caps", scroll=name == "scroll")
            answer = witness.ask(Phrase(about), YES, NO, ABSENT)
            if answer != ABSENT.key:
                lit[name] = answer == YES.key
                yield Reading(f"{name}_led", lit[name])
    if not lit:
        raise NotApplicable("keyboard.no_lamps")
    dark = [LEGENDS[name] for name, is_lit in lit.items() if not is_lit]
    yield Reading("dark_lamps", len(dark))
    yield Reading("dark", ", ".join(dark))
