"""Light meters over the zones of a screen, such as nine VEML7700 behind two multiplexers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeVar

from drivers.buses import Time
from drivers.capabilities import Identity, LightArray
from drivers.errors import DriverError
from drivers.instruments.light.veml7700 import PLACE, TOLERANCE, Veml7700
from drivers.rated import Rated
from drivers.uncertain import Accuracy, Cause, Ranges, Term
from drivers.wiring import Between, Parts

Result = TypeVar("Result")

ZONES = 9  # three rows of three

ATTEMPTS = 3
"""To find each meter's range, before the light is measured in the range that was found."""


class ZoneMeter(Protocol):
    """A light meter that measures by itself after `begin`, so that many do at the same time."""

    identity: Identity

    def begin(self) -> float:
        """Start an integration, and return the seconds until `tell` may be asked."""

    def tell(self) -> float | None:
        """Return the lux, or None when the range did not fit: call `begin` again."""

    def tell_anyway(self) -> float:
        """Return the lux, as well as the range allows."""


class ScreenZones(LightArray):
    """Measures with one meter for each zone, left to right, top to bottom.

    Its maker is that of the meters; its model says how many there are. `factors` make the meters
    alike: each reading is multiplied by its own. They come from one flat field, or from one meter
    that was moved; `factor_uncertainty_percent` is what they leave of the differences (k = 2).

    Raises `ValueError` for no meters, and for another number of factors than of meters.
    """

    def __init__(
        self,
        meters: Annotated[
            Sequence[ZoneMeter], Parts(Veml7700, ZONES), "rows from the top, each row from the left"
        ],
        *,
        factors: Annotated[
            Sequence[float], "one for each meter, which make them alike; none leaves them as sold"
        ] = (),
        factor_uncertainty_percent: Annotated[
            float, Between(0.01, 20.0), "how far the meters still differ with their factors (k = 2)"
        ] = 1.0,
        time: Time,
    ) -> None:
        if not meters:
            raise ValueError("a screen without light meters has no zones")
        if factors and (len(factors) != len(meters) or not all(0.1 < f < 10 for f in factors)):
            raise ValueError(f"factors: {len(meters)} meters need as many factors near 1")
        self._meters = tuple(meters)
        self._factors = tuple(factors) or (1.0,) * len(self._meters)
        self._time = time
        self.zones = len(self._meters)
        first = self._meters[0].identity
        self.identity = Identity(first.maker, f"{self.zones} × {first.model}")
        told = {"factors": factors, "factor_uncertainty_percent": factor_uncertainty_percent}
        self.rate(self.accuracies(told))

    @property
    def parts(self) -> tuple[Rated, ...]:
        """Return the meters that are instruments."""
        return tuple(one for one in self._meters if isinstance(one, Rated))

    @classmethod
    def accuracies(cls, settings: Mapping[str, Any]) -> Mapping[str, Ranges]:
        """Return that of one meter: its own tolerance, or with factors one that all of them share.

        What the factors leave is each meter's own.
        """
        if not settings.get("factors"):
            return Veml7700.accuracies({})
        left = settings.get("factor_uncertainty_percent", 1.0) / 100
        shared = TOLERANCE._replace(shared=Cause("gain of all zones", rectangular=True))
        terms = (shared, Term("zone factor", gain=left, coverage=2.0))
        return {"illuminance_lux": (Accuracy(f"{PLACE}; zone factors", terms),)}

    def rate(self, accuracies: Mapping[str, Ranges]) -> None:
        """Let each meter carry these accuracies: errors of its own, unless they are shared."""
        for meter in self.parts:
            meter.rate(accuracies)

    def read_illuminances_lux(self) -> tuple[float, ...]:
        """Return the lux of all zones, measured at the same time: nine take no longer than one.

        An error says in which zone (from 1) it happened.
        """
        told: dict[int, float] = {}
        meters = dict(enumerate(self._meters, start=1))
        for _ in range(ATTEMPTS):
            self._time.sleep(max(_in(zone, meter.begin) for zone, meter in meters.items()))
            told |= {
                zone: lux
                for zone, meter in meters.items()
                if (lux := _in(zone, meter.tell)) is not None
            }
            meters = {zone: meter for zone, meter in meters.items() if zone not in told}
            if not meters:
                break
        else:
            self._time.sleep(max(_in(zone, meter.begin) for zone, meter in meters.items()))
            told |= {zone: _in(zone, meter.tell_anyway) for zone, meter in meters.items()}
        return self._alike(told)

    def glance_lux(self) -> tuple[float, ...]:
        """Return the lux of one integration, in the range that each meter begins with.

        Looking for a better range takes longer than a picture may be out.
        """
        meters = dict(enumerate(self._meters, start=1))
        self._time.sleep(max(_in(zone, meter.begin) for zone, meter in meters.items()))
        return self._alike({zone: _in(zone, meter.tell_anyway) for zone, meter in meters.items()})

    def _alike(self, told: Mapping[int, float]) -> tuple[float, ...]:
        return tuple(
            told[zone] * factor for zone, factor in zip(sorted(told), self._factors, strict=True)
        )


def _in(zone: int, question: Callable[[], Result]) -> Result:
    try:
        return question()
    except DriverError as error:
        raise type(error)(f"zone {zone}: {error}") from error
