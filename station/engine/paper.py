"""Find out on paper how uncertain a measurement will be, before the device is touched.

A step may say how its measurements come from readings of a device that lies on its limits:

    @no_load.on_paper
    def _no_load(told: Paper, *, rated_voltage_v: float, **others: Any) -> Expected:
        voltage_v = told("meter", "voltage_v", rated_voltage_v)
        return {"no_load_deviation": 100 * (voltage_v - rated_voltage_v) / rated_voltage_v}

With the accuracies of a bench this is the part of the uncertainty that data sheets and certificates
know. What a device adds, such as an output that jumps about, shows only when it is measured.
"""

from collections.abc import Mapping
from typing import NamedTuple

from drivers.uncertain import Channel, Ranges, standard_uncertainty, unknown
from records import Limit
from records.rules import COVERAGE_FACTOR, Rule, undecidable
from station.engine.plan import PlannedStep
from station.engine.uncertainty import owners_of

Accuracies = Mapping[str, Mapping[str, Ranges]]
"""By role, and by quantity."""


class Role:
    """Stands for the instrument of a role."""

    def __init__(self, name: str) -> None:
        self.name = name


class Paper:
    """Instruments that read what they are told to, with the accuracy that they have."""

    def __init__(self, accuracies: Accuracies, limits: Mapping[str, Limit]) -> None:
        self._accuracies = accuracies
        self._limits = limits
        self._channels: dict[tuple[str, str, int], Channel] = {}
        self._roles: dict[str, Role] = {}

    def __call__(
        self, role: str, quantity: str, value: float, *, part: int = 0, resolution: float = 0.0
    ) -> float:
        """Return a reading; parts of one instrument have errors of their own."""
        ranges = self._accuracies.get(role, {}).get(quantity)
        if not ranges:
            return unknown(value, quantity)
        key = (role, quantity, part)
        if key not in self._channels:
            owner = self._roles.setdefault(role, Role(role))
            self._channels[key] = Channel(quantity, ranges, owner)
        return self._channels[key].lift(value, resolution=resolution or None)

    def edge(self, name: str, usual: float) -> float:
        """Return the figure that a measurement is judged by, or the usual value without a limit."""
        limit = self._limits.get(name)
        if limit is None:
            return usual
        bound = limit.min if limit.max is None else limit.max
        return usual if bound is None else bound

    @property
    def roles(self) -> Mapping[int, str]:
        """Return the names of the roles that were asked."""
        return {id(role): name for name, role in self._roles.items()}


class Outlook(NamedTuple):
    """The outlook on one measurement beforehand; `expanded` is None where nothing is known.

    `value` lies on the limit. `roles` are those that the value comes from. `why` says why its limit
    is not decided on this bench; empty, it is.
    """

    value: float
    expanded: float | None
    roles: frozenset[str]
    why: str


def outlook(planned: PlannedStep, accuracies: Accuracies, rule: Rule) -> dict[str, Outlook]:
    """Return the outlook on the measurements of a step that can be told on paper."""
    if planned.step.paper is None:
        return {}
    paper = Paper(accuracies, planned.limits)
    found: dict[str, Outlook] = {}
    for name, value in planned.step.paper(paper, **planned.settings).items():
        standard = standard_uncertainty(value)
        expanded = None if standard is None else COVERAGE_FACTOR * standard
        limit = planned.limits.get(name)
        why = undecidable(limit, expanded, rule) if limit is not None else ""
        found[name] = Outlook(float(value), expanded, owners_of(value, paper.roles), why)
    return found
