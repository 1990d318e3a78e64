"""Readings with a known accuracy: the part of every instrument that makes numbers uncertain."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drivers.uncertain import Channel, Ranges, unknown


class Rated:
    """Anything that reads quantities of known accuracy, or of an unknown one."""

    quantities: ClassVar[tuple[str, ...]] = ()
    """The names of what it reads, each with its unit."""

    _lifts: Mapping[str, Channel] | None = None

    @property
    def parts(self) -> "tuple[Rated, ...]":
        """Return what it is made of."""
        return ()

    @classmethod
    def accuracies(cls, settings: Mapping[str, Any]) -> Mapping[str, Ranges]:
        """Return what the data sheet promises of each quantity, with these settings of its table.

        A quantity that is missing is of unknown accuracy.
        """
        return {}

    def rate(self, accuracies: Mapping[str, Ranges]) -> None:
        """Let readings carry these accuracies from now on, in place of the data sheet's."""
        self._lifts = {
            name: Channel(name, ranges, self) for name, ranges in accuracies.items() if ranges
        }

    def lift(self, quantity: str, value: float, *, resolution: float | None = None) -> float:
        """Return a reading with its causes of error; an unknown one where no accuracy is stated.

        `resolution` is that of this reading, where it depends on more than the value.
        """
        if self._lifts is None:
            self.rate(self.accuracies({}))
        channel = (self._lifts or {}).get(quantity)
        if channel is None:
            return unknown(value, quantity, self)
        return channel.lift(value, resolution=resolution)
