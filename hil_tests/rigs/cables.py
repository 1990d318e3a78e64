"""Cables that a test may pull, and what is then asked over them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drivers.capabilities import (
    Actuator,
    ColourMeter,
    Instrument,
    KeySource,
    LightArray,
    LightMeter,
    MainsMeter,
    Monitor,
    PowerMeter,
)


class Cables(ABC):
    """The cables of one slot, by the role of the instrument at their end."""

    @contextmanager
    def pulled(self, role: str) -> Iterator[None]:
        """Pull the cable now, and plug it back in at the end whatever happened."""
        try:
            self._pull(role)
        except Exception:
            self._plug(role)  # it may be half out
            raise
        try:
            yield
        finally:
            self._plug(role)

    @abstractmethod
    def _pull(self, role: str) -> None: ...

    @abstractmethod
    def _plug(self, role: str) -> None: ...


class CablesByHand(Cables):
    """Cables that a person at the rig pulls. `whereabouts` says where the instrument is."""

    def __init__(self, whereabouts: Callable[[str], str], ask: Callable[[str], None]) -> None:
        self._whereabouts = whereabouts
        self._ask = ask

    def _pull(self, role: str) -> None:
        self._ask(f"Pull the data cable of the {self._whereabouts(role)}.")

    def _plug(self, role: str) -> None:
        self._ask(f"Plug the data cable of the {self._whereabouts(role)} in again.")


def exchange(instrument: Instrument) -> None:
    """Exchange one question and one answer, of the kind that does nothing to a device."""
    match instrument:
        case PowerMeter():  # bench supplies and loads, too
            instrument.read()
        case MainsMeter():
            instrument.read_mains()
        case LightMeter():
            instrument.read_illuminance_lux()
        case LightArray():
            instrument.read_illuminances_lux()
        case ColourMeter():
            instrument.read_colour()
        case Monitor():
            instrument.read_edid()
        case KeySource():
            instrument.read_events(0.0)
        case Actuator():
            instrument.make_safe()
        case _:
            raise TypeError(f"nobody knows what to ask a {type(instrument).__name__}")
