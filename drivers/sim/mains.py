"""The AC side of the simulated world: a mains line and its consumer."""

from typing import NamedTuple, Protocol


class MainsLoad(NamedTuple):
    """The load of a consumer: active power, and its ratio to the apparent power."""

    power_w: float
    power_factor: float = 1.0


class MainsConsumer(Protocol):
    """A consumer on the mains: an adapter, a monitor."""

    def load_at(self, voltage_v: float) -> MainsLoad:
        """Return the load at this RMS voltage."""


class MainsLine:
    """One outlet behind the meter. 0 V is switched off; `voltage_v` may be set at any time."""

    def __init__(
        self,
        consumer: MainsConsumer | None = None,
        *,
        voltage_v: float = 230.0,
        frequency_hz: float = 50.0,
    ) -> None:
        self.consumer = consumer
        self._voltage_v = voltage_v
        self._frequency_hz = frequency_hz

    @property
    def voltage_v(self) -> float:
        """Return the RMS voltage of the line."""
        return self._voltage_v

    @voltage_v.setter
    def voltage_v(self, voltage_v: float) -> None:
        self._voltage_v = voltage_v

    @property
    def frequency_hz(self) -> float:
        """Return the frequency of the line."""
        return self._frequency_hz

    @frequency_hz.setter
    def frequency_hz(self, frequency_hz: float) -> None:
        self._frequency_hz = frequency_hz

    def load(self) -> MainsLoad:
        """Return the load now; none without a consumer, or with the mains switched off."""
        if self.consumer is None or self.voltage_v <= 0:
            return MainsLoad(0.0)
        return self.consumer.load_at(self.voltage_v)


class SteadyConsumer:
    """A consumer with the same load at any voltage."""

    def __init__(self, power_w: float, power_factor: float = 1.0) -> None:
        self.power_w = power_w
        self.power_factor = power_factor

    def load_at(self, voltage_v: float) -> MainsLoad:
        return MainsLoad(self.power_w, self.power_factor)
