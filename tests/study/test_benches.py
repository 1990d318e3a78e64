"""The study of many benches: its page is held to its bounds, and a small one is run."""

import re

import pytest

from drivers.uncertain import Accuracy, Term
from records import Basis, Limit
from station.engine.plan import PlannedStep
from station.steps.display import uniformity
from station.steps.power import powers_up
from tests.study.benches import EXACT_BOUND_PERCENT, MOST_TIMES, PAGE, study

ROW = re.compile(r"\| `([\w.]+)` \| `(\w+)` \| ([\d.]+) % \| .* \| ([\d.]+) \| (.*) \|$", re.M)


def test_the_page_shows_that_each_interval_holds_the_truth_and_is_small() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 20
    for step, name, held, times, reason in rows:
        assert float(held) >= EXACT_BOUND_PERCENT, (step, name)
        assert float(times) <= MOST_TIMES or reason, (step, name)


def held_of(planned: PlannedStep, accuracies: object, benches: int = 300) -> dict[str, float]:
    found = study(planned, accuracies, benches, seed=7)  # type: ignore[arg-type]
    return {one.measurement: one.held_percent for one in found}


def planned(one: object, name: str, settings: dict[str, float], **figures: float) -> PlannedStep:
    limit = Limit(basis=Basis.PROPOSAL, **figures)  # type: ignore[arg-type]
    return PlannedStep("x", "", "", one, settings, {name: limit})  # type: ignore[arg-type]


POWER = planned(powers_up, "supply_voltage", {"voltage_v": 12.0, "current_limit_a": 1.0}, max=12.5)


@pytest.mark.parametrize("gain", [0.001, 0.05])
def test_a_statement_that_is_true_holds(gain: float) -> None:
    sheet = {"meter": {"voltage_v": (Accuracy("x", (Term("gain", gain=gain),), 0.001),)}}
    assert held_of(POWER, sheet)["supply_voltage"] >= 93


def test_errors_beyond_what_is_stated_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study would notice: errors three times as large as the interval is made for."""
    sheet = {"meter": {"voltage_v": (Accuracy("x", (Term("gain", gain=0.001),)),)}}
    usual = Term.limit
    from tests.study import benches

    def larger(self: object, term: Term, key: object, value: float) -> float:
        share = self._once(key, lambda: self._chance.uniform(-3, 3))  # type: ignore[attr-defined]
        return float(share * usual(term, value))

    monkeypatch.setattr(benches.DrawnBench, "_error", larger)
    assert held_of(POWER, sheet)["supply_voltage"] < 60


def test_nine_sensors_of_an_even_screen_hold_the_truth_in_spite_of_their_bias() -> None:
    zones = {"illuminance_lux": (Accuracy("x", (Term("zone", gain=0.02, coverage=2.0),)),)}
    even = planned(uniformity, "uniformity", {}, min=75.0)
    assert held_of(even, {"zones": zones})["uniformity"] >= 93
