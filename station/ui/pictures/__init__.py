"""Live drawings of what is tested: one module each, found by the name that a step gives.

    station/ui/pictures/keyboard.py     Shown("keyboard", …)
    acme/lamps.py, installed beside     Shown("acme.lamps", …)

A picture is a function `draw(data, width, height, look, words)`. It returns at most `height` lines
of `width` cells, and raises what it likes for data that it cannot draw.
"""

import importlib
import logging
import re
from collections.abc import Mapping
from functools import cache
from typing import Protocol

from records.words import Language
from station.engine.events import Drawn, Shown
from station.ui.look import Line, Look

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")


class Draw(Protocol):
    """The function `draw` of a picture's module."""

    def __call__(
        self, data: Mapping[str, Drawn], width: int, height: int, look: Look, words: Language, /
    ) -> list[Line]: ...


def draw(shown: Shown, width: int, height: int, look: Look, words: Language) -> list[Line]:
    """Draw what a step shows. A picture that is unknown or fails has no lines, and is logged."""
    if height < 1 or width < 1:
        return []
    picture = _find(shown.picture)
    if picture is None:
        return []
    try:
        return picture(shown.data, width, height, look, words)[:height]
    except Exception as error:  # the screen must stay while devices are under power
        _complain(shown.picture, repr(error))
        return []


@cache
def _find(name: str) -> Draw | None:
    if _NAME.fullmatch(name) is None:
        log.warning("%r is no name of a picture", name)
        return None
    module = name if "." in name else f"{__name__}.{name}"
    try:
        found: Draw = importlib.import_module(module).draw
    except Exception as error:
        log.warning("no picture %r: %r", name, error)
        return None
    return found


@cache
def _complain(name: str, error: str) -> None:
    """Log once that a picture cannot draw its data."""
    log.warning("picture %r draws nothing: %s", name, error)
