"""Accuracy as `station.toml` states it: what no data sheet knows, and certificates.

    [slots.left.roles.probe.accuracy.x]          # figures from the user's own sheet
    offset = 0.004
    source = "compared with a colorimeter, 2026-10"

    [slots.left.roles.meter.certificate]
    number = "C-2026-114"
    date = 2026-05-04
    [slots.left.roles.meter.certificate.figures.voltage_v]
    value = 20.0
    uncertainty = 0.004
    drift = 0.006

A certificate with its drift stands in place of the data sheet, never beside it.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

import msgspec

from drivers.capabilities import Instrument
from drivers.uncertain import CERTIFICATE, DRIFT, LIMIT, Accuracy, Ranges, Term, range_of
from records.toml.tables import inside, suggest

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class AccuracyTable(_Table, frozen=True, kw_only=True):
    """The limits of one quantity: within ± (`gain_percent` of the reading + `offset`)."""

    source: Text
    gain_percent: NotNegative = 0.0
    offset: NotNegative = 0.0
    resolution: NotNegative = 0.0
    noise: NotNegative = 0.0
    up_to: Positive | None = None

    def __post_init__(self) -> None:
        if not (self.gain_percent or self.offset):
            raise ValueError("an accuracy has `gain_percent` or `offset`, or both")

    def ranges(self) -> Ranges:
        """Return the limits as one range; "% of reading + counts" is one limit."""
        whole = Term(LIMIT, gain=self.gain_percent / 100, offset=self.offset)
        found = Accuracy(self.source, (whole,), self.resolution, self.noise)
        return (found if self.up_to is None else found._replace(up_to=self.up_to),)


class FigureTable(_Table, frozen=True, kw_only=True):
    """One line of a certificate: at `value` the error is known within `uncertainty` (with `k`).

    `drift` is how far it may have moved until the next calibration. Above `value` both grow with
    the reading; below, they stay as they are. `resolution` and `noise` of one reading are the data
    sheet's, unless they stand here.
    """

    value: Positive
    uncertainty: Positive
    drift: NotNegative
    k: Positive = 2.0
    resolution: NotNegative = 0.0
    noise: NotNegative = 0.0

    def ranges(self, certificate: str, sheet: Ranges) -> Ranges:
        """Return what the certificate says, with the resolution of the data sheet."""
        before = range_of(sheet, self.value) or Accuracy("")
        below = (
            Term(CERTIFICATE, offset=self.uncertainty, coverage=self.k),
            Term(DRIFT, offset=self.drift),
        )
        above = (
            Term(CERTIFICATE, gain=self.uncertainty / self.value, coverage=self.k),
            Term(DRIFT, gain=self.drift / self.value),
        )
        up_to = sheet[-1].up_to if sheet else Accuracy("").up_to
        step = self.resolution or before.resolution, self.noise or before.noise
        return (
            Accuracy(certificate, _some(below), *step, self.value),
            Accuracy(certificate, _some(above), *step, up_to),
        )


def _some(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(one for one in terms if one.gain or one.offset)


class CertificateTable(_Table, frozen=True, kw_only=True):
    """A certificate: its number and date, and its figures by quantity."""

    number: Text
    date: date
    figures: dict[str, FigureTable] = {}

    def __str__(self) -> str:
        return f"{self.number}, {self.date.isoformat()}"


def accuracies(kind: type[Instrument], values: Mapping[str, Any]) -> Mapping[str, Ranges]:
    """Return what is known of each quantity: the data sheet's, the file's, the certificate's."""
    found = dict(kind.accuracies(values))
    stated: Mapping[str, AccuracyTable] = values.get("accuracy") or {}
    found |= {name: table.ranges() for name, table in stated.items()}
    certificate: CertificateTable | None = values.get("certificate")
    if certificate is not None:
        for name, figure in certificate.figures.items():
            found[name] = figure.ranges(str(certificate), found.get(name, ()))
    return found


def _without_a_step(kind: type[Instrument], figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield the quantities whose readings would be known exactly against each other."""
    sheet = kind.accuracies({})
    for name, figure in figures.items():
        if isinstance(figure, Mapping) and not figure.get("resolution"):
            ranges = sheet.get(name)
            if name != "illuminance_lux" and not (ranges and ranges[0].resolution):
                yield name


def accuracy_mistakes(kind: type, raw: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield what is said of quantities that an instrument does not measure."""
    known = kind.quantities if issubclass(kind, Instrument) else ()
    certificate = raw.get("certificate")
    figures = certificate.get("figures") if isinstance(certificate, Mapping) else None
    for key, table in (("accuracy", raw.get("accuracy")), ("certificate.figures", figures)):
        for name in table if isinstance(table, Mapping) else ():
            if name not in known:
                where = inside(place, f"{key}.{name}")
                yield f"{where}: it measures no {name}; " + (
                    suggest(name, known) if known else "nothing that it tells is a measurement"
                )
    if known and isinstance(figures, Mapping):
        for name in _without_a_step(kind, figures):
            where = inside(place, f"certificate.figures.{name}")
            yield f"{where}: `resolution` is needed: the width of a step of its reading"
