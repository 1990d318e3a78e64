"""Each instrument states its accuracy beside its constants, or is of unknown accuracy."""

import pytest

from drivers import find
from drivers.capabilities import Instrument
from drivers.instruments.light.screen_zones import ScreenZones
from drivers.instruments.light.veml7700 import Veml7700
from drivers.instruments.mains.pzem004t import Pzem004t
from drivers.instruments.power.ina219 import Ina219
from drivers.instruments.power.ina226 import Ina226
from drivers.instruments.power.ina228 import Ina228
from drivers.instruments.power.ina260 import Ina260
from drivers.uncertain import Channel, Ranges, Uncertain, standard_uncertainty

KINDS = [find.find(name) for name in find.names()]
SHUNT = {"shunt_ohm": 0.01, "shunt_tolerance_percent": 1.0, "shunt_ppm_per_k": 50.0}


def u(kind: type[Instrument], quantity: str, value: float, **settings: object) -> float:
    """Return the standard uncertainty of one reading."""
    found = standard_uncertainty(channel(kind.accuracies(settings)[quantity]).lift(value))
    assert found is not None
    return found


def channel(ranges: Ranges) -> Channel:
    return Channel("x", ranges)


def test_the_ina226_of_the_facts_page() -> None:
    assert 1000 * u(Ina226, "current_a", 2.5, **SHUNT) == pytest.approx(14.553, abs=5e-4)
    exact = SHUNT | {"shunt_tolerance_percent": 0.0}
    assert 1000 * u(Ina226, "current_a", 2.5, **exact) == pytest.approx(1.862, abs=5e-4)
    assert 1000 * u(Ina226, "current_a", 0.02, **SHUNT | {"shunt_ppm_per_k": 0.0}) == pytest.approx(
        0.596, abs=5e-4
    )


@pytest.mark.parametrize("kind", [Ina219, Ina226, Ina228])
def test_a_current_is_unknown_until_the_tolerance_of_the_shunt_is_told(
    kind: type[Instrument],
) -> None:
    assert "current_a" not in kind.accuracies({"shunt_ohm": 0.01})
    assert "current_a" in kind.accuracies(SHUNT)


def test_a_shunt_inside_needs_no_word_about_it() -> None:
    driver = Ina260.accuracies({"shunt_ohm": 0.002, "shunt_tolerance_percent": 0.0})
    (amperes,) = driver["current_a"]
    assert amperes.limit(10.0) == pytest.approx(0.015 + 0.005 + 0.001 + 0.0005 + 0.000625)


@pytest.mark.parametrize(
    ("kind", "quantity"), [(Ina228, "voltage_v"), (Ina260, "voltage_v")], ids=["ina228", "ina260"]
)
def test_a_figure_that_was_not_found_is_not_invented(kind: type[Instrument], quantity: str) -> None:
    assert quantity not in kind.accuracies(SHUNT)


@pytest.mark.parametrize(
    "name",
    ["kel103", "it8500", "rd60xx", "tcs34725", "tsl2591", "ka3000", "scpi_load", "scpi_supply"],
)
def test_a_part_without_figures_is_unknown(name: str) -> None:
    """The KA3005P returns its set point as measured within 0.2 V: that is no measurement."""
    assert find.find(name).accuracies({}) == {}


@pytest.mark.parametrize("kind", KINDS, ids=find.name_of)
def test_each_statement_has_its_place_and_is_of_something_that_is_read(
    kind: type[Instrument],
) -> None:
    for quantity, ranges in kind.accuracies(SHUNT).items():
        assert quantity in kind.quantities
        assert [one.up_to for one in ranges] == sorted(one.up_to for one in ranges)
        for one in ranges:
            assert one.source
            assert one.terms
            assert all(term.gain >= 0 and term.offset >= 0 for term in one.terms)
            assert all(term.gain or term.offset for term in one.terms)


@pytest.mark.parametrize("kind", [one for one in KINDS if one.accuracies(SHUNT)], ids=find.name_of)
def test_one_instruments_errors_are_shared_by_its_readings(kind: type[Instrument]) -> None:
    for ranges in kind.accuracies(SHUNT).values():
        meter = channel(ranges)
        a, b = meter.lift(60.0), meter.lift(60.0)
        assert isinstance(a, Uncertain)
        assert isinstance(b, Uncertain)
        assert (a - b).standard < a.standard
        assert (a - channel(ranges).lift(60.0)).standard > a.standard


def test_zones_as_sold_differ_and_zones_with_factors_share_their_gain() -> None:
    sold = ScreenZones.accuracies({})["illuminance_lux"]
    assert sold == Veml7700.accuracies({})["illuminance_lux"]
    a, b = channel(sold).lift(500.0), channel(sold).lift(500.0)
    assert standard_uncertainty(a / b) == pytest.approx(0.1 * (2 / 3) ** 0.5)
    told = {"factors": (1.0,) * 9, "factor_uncertainty_percent": 0.5}
    alike = ScreenZones.accuracies(told)["illuminance_lux"]
    a, b = channel(alike).lift(500.0), channel(alike).lift(500.0)
    assert standard_uncertainty(a / b) == pytest.approx(0.0025 * 2**0.5)
    assert standard_uncertainty(a) == pytest.approx(500 * (0.01 / 3 + 0.0025**2) ** 0.5)


def test_the_mains_meter_resolves_a_tenth_of_a_watt() -> None:
    power = Pzem004t.accuracies({})["power_w"]
    assert standard_uncertainty(channel(power).lift(18.0)) == pytest.approx(
        ((18 * 0.005) ** 2 / 3 + 0.1**2 / 12) ** 0.5
    )
