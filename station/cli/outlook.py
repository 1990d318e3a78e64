"""Tell before any run what a rig cannot decide, and which of its instruments are no witness."""

from collections.abc import Iterator, Mapping

from drivers.capabilities import PowerMeter
from drivers.uncertain import Ranges, range_of
from records import Phrase
from records.rules import rule
from station.engine.paper import outlook
from station.engine.plan import Plan
from station.rig.slots import StationConfig

PART = 3.0
"""A witness's sum is at most this part of the tolerance that it watches over."""


def accuracies_of(config: StationConfig, slot: str) -> dict[str, Mapping[str, Ranges]]:
    """Return the accuracies of the roles of a slot."""
    its = config.slots[slot]
    return {role: config.instrument(slot, role).accuracies() for role in (*its.roles, *its.shared)}


def undecided(config: StationConfig, slot: str, plan: Plan) -> Iterator[Phrase]:
    """Yield why limits of a plan are not decided in a slot, each with its measurements."""
    accuracies = accuracies_of(config, slot)
    for planned in plan.steps:
        whys: dict[str, list[str]] = {}
        for name, told in outlook(planned, accuracies, rule(plan.rule)).items():
            if name in planned.limits and told.why:
                whys.setdefault(told.why, []).append(f"{planned.test or planned.use}.{name}")
        for why, names in whys.items():
            yield Phrase(why, {"measurements": ", ".join(names)})


def uncalibrated(config: StationConfig, slot: str) -> Iterator[str]:
    """Yield the roles that measure and have no certificate: they judge by their data sheet."""
    its = config.slots[slot]
    for role in (*its.roles, *its.shared):
        table = config.instrument(slot, role)
        measures = bool(getattr(table.kind, "quantities", ()))
        if measures and not (table.certificate or table.calibrated_until):
            yield role


def no_witness(config: StationConfig, slot: str, plan: Plan) -> Iterator[str]:
    """Yield why the second meter at an output is no witness of the first one's voltage.

    The sum of both limits has to be known, and no more than a third of the tolerance.
    """
    its = config.slots[slot]
    for planned in plan.steps:
        limit = planned.limits.get("deviation_100")
        rated_v = planned.settings.get("rated_voltage_v")
        if limit is None or limit.min is None or limit.max is None or not rated_v:
            continue
        load = config.instrument(slot, "load") if "load" in its.roles else None
        if load is None or not issubclass(load.kind, PowerMeter):
            yield "the load does not measure"
            continue
        tolerance_v = (limit.max - limit.min) / 100 * rated_v
        sums = [_limit(accuracies_of(config, slot)[role], rated_v) for role in ("meter", "load")]
        known = [one for one in sums if one is not None]
        if len(known) < len(sums):
            yield "the accuracy of the load or the meter is not known"
        elif sum(known) > tolerance_v / PART:
            yield (
                f"load and meter may be {sum(known):.3g} V apart, and a third of the tolerance is"
                f" {tolerance_v / PART:.3g} V"
            )


def _limit(accuracies: Mapping[str, Ranges], voltage_v: float) -> float | None:
    found = range_of(accuracies.get("voltage_v", ()), voltage_v)
    return None if found is None else found.limit(voltage_v)
