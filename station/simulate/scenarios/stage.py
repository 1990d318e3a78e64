"""A scenario with all its values drawn: one device, and what happens to it and to the bench."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from drivers.buses import Time
from drivers.sim.keys import key
from drivers.sim.lead import Fault
from drivers.sim.onset import Onset
from drivers.sim.place import Device
from drivers.sim.world import SimulatedTime
from records.toml.tables import suggest
from station.simulate.scenarios import tables
from station.simulate.scenarios.device import WrongParameter, build, read_changes, read_given
from station.simulate.scenarios.files import Origin, Scenario, WorldError
from station.simulate.scenarios.spread import Unresolved, drawn
from station.simulate.scenarios.tables import DEVICE, WHENS, AtRole, Exchanged, Swapped, kind_of
from station.simulate.world import Change, Happening

NEVER = "never"
"""A thing that is never true, for `when`: the measurement says nothing of the device."""

SIZES = ("delay_s", "share", "bytes", "by", "sd", "most", "lux", "passes")
"""The keys of faults that say how large one is; each kind has no more than one."""


@dataclass(frozen=True)
class Staged:
    """One run's device and happenings. `parameters` and `faults` are as a report says them."""

    scenario: Scenario
    nameplate: Mapping[str, Any]
    parameters: Mapping[str, Any]
    faults: tuple[Mapping[str, Any], ...]
    device: Device
    happening: Happening
    thinks_s: float
    given: Mapping[str, Any]

    @property
    def label(self) -> dict[str, str]:
        """Return what is printed on the device, by the name of the rating."""
        printed = {
            name: f"{value:g}" if isinstance(value, float | int) else str(value)
            for name, value in self.nameplate.items()
        }
        return printed | dict(self.scenario.label)

    def another(self) -> Device:
        """Return a new device with the same parameters, on which nothing has happened."""
        return build(self.scenario.twin, self.parameters, SimulatedTime())


def stage(
    scenario: Scenario,
    time: Time,
    chance: Random,
    *,
    roles: Collection[str] | None = None,
    told: Mapping[str, Any] | None = None,
) -> Staged:
    """Draw one run of a scenario. Raises `WorldError` with every mistake.

    `roles` are those of the bench; None when it is not known yet. `told` are ratings that stand on
    the nameplate instead of the scenario's.
    """
    return _Stage(scenario, time, chance, roles, told or {}).staged()


def check(
    scenarios: Iterable[Scenario],
    roles: Collection[str] | None = None,
    *,
    tests: Collection[str] | None = None,
    ratings: Collection[str] = (),
    actions: Collection[str] = (),
) -> None:
    """Draw each scenario once. Raises `WorldError` with every mistake of all.

    `tests` and `ratings` are those of the kind of equipment, which a scenario may name; None when
    these are not known yet. `actions` are what hands can do.
    """
    wrong: dict[str, None] = {}
    for scenario in scenarios:
        if tests is not None:
            wrong |= dict.fromkeys(_wrong_names(scenario, tests, ratings, actions))
        try:
            stage(scenario, SimulatedTime(), Random(0), roles=roles)
        except WorldError as error:
            wrong |= dict.fromkeys(error.mistakes)
    if wrong:
        raise WorldError(*wrong)


def _wrong_names(
    scenario: Scenario,
    tests: Collection[str],
    ratings: Collection[str],
    actions: Collection[str],
) -> Iterator[str]:
    """Yield the names in a scenario that are no test, no rating, or no action of hands."""
    for does in scenario.operator.does.values():
        if does not in actions:
            yield scenario.origin.says(
                f"operator.does: hands cannot {does!r}; {suggest(does, actions)}"
            )
    stops_at = scenario.operator.stops_at
    if stops_at and stops_at not in tests:
        said = f"operator.stops_at: no test {stops_at!r}; {suggest(stops_at, tests)}"
        yield scenario.origin.says(said)
    for name, truth in scenario.truth.items():
        test = name.partition("/")[0].rpartition(".")[0]
        if test not in tests:
            yield scenario.origin.says(f"truth {name!r}: no test {test!r}; {suggest(test, tests)}")
        for figure in (truth.percent_off, truth.percent_of):
            if isinstance(figure, str) and figure not in WHENS and figure[1:] not in ratings:
                said = f"truth {name!r}: no rating {figure[1:]!r}; {suggest(figure[1:], ratings)}"
                yield scenario.origin.says(said)


class _Stage:
    def __init__(
        self,
        scenario: Scenario,
        time: Time,
        chance: Random,
        roles: Collection[str] | None,
        told: Mapping[str, Any],
    ) -> None:
        self.wrong: list[str] = []
        self._scenario = scenario
        self._time = time
        self._given: Mapping[str, Any] = {}
        self._chance = chance
        self._roles = roles
        self._nameplate = {
            name: self._drawn(value, scenario.origin.at("nameplate", name))
            for name, value in {**scenario.nameplate, **told}.items()
        }

    def staged(self) -> Staged:
        scenario = self._scenario
        parameters = {
            name: self._drawn(one.value, one.origin) for name, one in scenario.parameters.items()
        }
        device = self._device = self._built(parameters)
        if device is not None:
            self._check_truth(device)
        self._by_role: dict[str, list[Fault]] = {}
        self._changes: list[Change] = []
        self._mains: list[Change] = []
        self._instead: list[tuple[Onset, Device | None]] = []
        self._pressed: list[tuple[Onset, frozenset[int]]] = []
        described = tuple(self._take(one.value, one.origin) for one in scenario.faults)
        swapped = any(
            isinstance(one.value, Swapped) and one.value.finds == "another"
            for one in scenario.faults
        )
        happening = Happening(
            faults={role: tuple(faults) for role, faults in self._by_role.items()},
            changes=tuple(self._changes),
            mains=tuple(self._mains),
            instead=tuple(self._instead),
            pressed=tuple(self._pressed),
            away=self._built(parameters) if swapped else None,
        )
        thinks_s = self._drawn(scenario.operator.thinks_s, scenario.origin)
        if thinks_s < 0:
            self.wrong.append(scenario.origin.says("operator.thinks_s: nobody thinks below 0 s"))
        if self.wrong or device is None:
            raise WorldError(*self.wrong)
        return Staged(
            scenario,
            self._nameplate,
            parameters,
            described,
            device,
            happening,
            thinks_s,
            self._given,
        )

    def _drawn(self, raw: Any, origin: Origin) -> Any:
        nameplate = getattr(self, "_nameplate", {})
        try:
            return drawn(raw, nameplate, self._chance)
        except (Unresolved, ValueError) as error:
            self.wrong.append(origin.says(str(error)))
        return 0.0

    def _built(self, parameters: Mapping[str, Any]) -> Device | None:
        scenario = self._scenario
        try:
            return build(scenario.twin, parameters, self._time)
        except WrongParameter as error:
            place = scenario.parameters[error.name].origin if error.name else scenario.origin
            self.wrong.append(place.says(str(error)))
        except (ValueError, TypeError) as error:
            self.wrong.append(scenario.origin.says(f"the twin refuses this: {error}"))
        return None

    def _check_truth(self, device: Device) -> None:
        try:
            self._given = read_given(self._scenario.twin, self._scenario.given)
        except WrongParameter as error:
            self.wrong.append(self._scenario.origin.says(f"device.given: {error}"))
            return
        try:
            known = device.truth(**self._given)
        except ArithmeticError as error:
            said = f"with these parameters the twin has no true figures: {error}"
            self.wrong.append(self._scenario.origin.says(said))
            return
        for name, truth in self._scenario.truth.items():
            for of in filter(None, (truth.of, truth.when)):
                if of not in known and of != NEVER:
                    said = f"truth {name!r}: the twin tells no {of!r}; {suggest(of, known)}"
                    self.wrong.append(self._scenario.origin.says(said))

    def _take(self, table: tables.Fault, origin: Origin) -> Mapping[str, Any]:
        """Take over one fault, and return it as a report says it."""
        values = {
            name: self._drawn(value, origin.at(name))
            for name, value in msgspec.structs.asdict(table).items()
            if value is not None
        }
        onset = Onset(
            from_s=values["from_s"],
            to_s=values.get("to_s", math.inf),
            every_s=values.get("every_s", 0.0),
            for_s=values.get("for_s", 0.0),
            ramp_s=values["ramp_s"],
        )
        self._check_onset(onset, origin)
        match table:
            case tables.Mains():
                names = ("voltage_v", "frequency_hz")
                said: dict[str, Any] = {name: values[name] for name in names if name in values}
                if not said:
                    self.wrong.append(origin.says("mains: name `voltage_v` or `frequency_hz`"))
                self._mains.append(Change(onset, said))
            case tables.Changed():
                self._change(onset, values["set"], origin)
            case tables.Exchanged():
                self._exchange(onset, table, origin)
            case tables.Pressed():
                self._pressed.append((onset, self._keys(values["keys"], origin)))
            case AtRole():
                self._fault(onset, table, values, origin)
        usual = {"from_s": 0.0, "ramp_s": 0.0}
        return {"kind": kind_of(type(table))} | {
            name: value
            for name, value in values.items()
            if value != usual.get(name, ()) and value != []
        }

    def _check_onset(self, onset: Onset, origin: Origin) -> None:
        if onset.from_s < 0 or onset.to_s < onset.from_s or onset.ramp_s < 0:
            self.wrong.append(origin.says("a fault is there from 0 s or later, until later"))
        if onset.every_s and not 0 < onset.for_s <= onset.every_s:
            self.wrong.append(origin.says("`for_s` is more than 0, and no more than `every_s`"))

    def _change(self, onset: Onset, values: Mapping[str, Any], origin: Origin) -> None:
        if self._device is None:
            return
        try:
            self._changes.append(Change(onset, read_changes(self._device, values)))
        except WrongParameter as error:
            self.wrong.append(origin.at("set", error.name).says(str(error)))

    def _exchange(self, onset: Onset, table: Exchanged, origin: Origin) -> None:
        own = {
            name: self._drawn(one.value, one.origin)
            for name, one in self._scenario.parameters.items()
        }
        others = {
            name: self._drawn(value, origin.at("parameters", name))
            for name, value in table.parameters.items()
        }
        try:
            other = build(self._scenario.twin, own | others, self._time)
        except (ValueError, TypeError) as error:
            self.wrong.append(origin.at("parameters").says(str(error)))
        else:
            self._instead.append((onset, other))

    def _fault(
        self, onset: Onset, table: AtRole, values: Mapping[str, Any], origin: Origin
    ) -> None:
        kind = kind_of(type(table))
        size = next((values[name] for name in SIZES if name in values), 0.0)
        if kind in ("garbled", "hand") and not 0 <= size <= 1:
            self.wrong.append(origin.says(f"{kind}: a share is from 0 to 1"))
        fault = Fault(
            kind=kind,
            onset=onset,
            quantity=values.get("quantity", ""),
            by=size,
            zones=frozenset(values.get("zones", ())),
            keys=self._keys(values.get("keys", ()), origin),
            does=values.get("does", ""),
        )
        for role in table.roles:
            if role == DEVICE and isinstance(table, tables.Unplugged):
                self._instead.append((onset, None))
            elif role == DEVICE:
                said = f"{kind} is a bench's fault; what a device does amiss is `changed`"
                self.wrong.append(origin.at("at").says(said))
            elif self._roles is not None and role not in self._roles:
                said = f"the bench has no {role}; {suggest(role, [*self._roles, DEVICE])}"
                self.wrong.append(origin.at("at").says(said))
            else:
                self._by_role.setdefault(role, []).append(fault)

    def _keys(self, raw: Iterable[Any], origin: Origin) -> frozenset[int]:
        try:
            return frozenset(key(one) for one in raw)
        except ValueError as error:
            self.wrong.append(origin.at("keys").says(str(error)))
        return frozenset()
