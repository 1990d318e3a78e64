"""The plans of a slot: one for each label that is known, and one for a label that is asked for.

[slots.left]                          [labels.laptop-adapter-65w]
equipment = ["laptop-adapter"]        equipment = "laptop-adapter"
profile = "pace-key"                  nameplate = { output_v = 19.5, output_a = 3.33 }
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from records.toml.tables import inside, suggest
from station.engine import step as steps
from station.engine.library import SHIPPED, Kind, Library, LibraryError
from station.engine.library.tables import Told
from station.engine.plan import Plan
from station.engine.resolve import OF_EVERY_SLOT, resolve
from station.engine.resolved import Plan as Resolved

ReadLibrary = Callable[[Sequence[str], Sequence[Path]], Library]
"""Returns the kinds that are wanted from folders. Raises `LibraryError` and `LookupError`."""


class LabelTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label that is known. Its key is the id of the plan for a device that has it.

    `without` are roles of the slot that this plan leaves aside: keys are pressed by hand although
    there is an actuator.
    """

    equipment: str
    nameplate: dict[str, Any] = {}
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A plan on offer that is resolved when the label of a device is known.

    `resolve` returns the plan for a nameplate. Raises `ValueError` for what cannot be. `told` are
    the values of the label `label` of the station's file; the others are asked for.
    """

    kind: Kind
    resolve: Callable[[Mapping[str, Told]], Plan]
    label: str = ""
    told: Mapping[str, Told] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, dict[str, str]]:
        """Return what the ratings are called, by language and id."""
        said: dict[str, dict[str, str]] = {}
        for name, texts in self.kind.rating_titles.items():
            for language, text in texts.items():
                said.setdefault(language, {})[f"rating.{name}"] = text
        return said


class Offered(NamedTuple):
    """The plans of a slot, the first being the default, and which of them ask for the label."""

    plans: tuple[Plan, ...] = ()
    asks: Mapping[str, Ask] = {}


class Offers:
    """Resolves the plans of slots. `wrong` are the mistakes, each with its place in the file."""

    def __init__(
        self,
        labels: Mapping[str, LabelTable],
        site: str,
        folders: Sequence[Path],
        wanted: Sequence[str],
        read: ReadLibrary,
    ) -> None:
        self.wrong: list[str] = []
        self._labels = labels
        self._site = site
        self._library: Library | None = None
        kinds = dict.fromkeys((*wanted, *(one.equipment for one in labels.values())))
        if not kinds:
            return
        try:
            self._library = read(tuple(kinds), (SHIPPED, *folders))
        except LibraryError as error:
            self.wrong += [f"library_folders: {mistake}" for mistake in error.mistakes]
        except LookupError as error:
            self.wrong.append(f"equipment: {error.args[0]}")
        else:
            self.wrong += self._wrong_labels(wanted)

    def _wrong_labels(self, wanted: Sequence[str]) -> Iterator[str]:
        for key, label in self._labels.items():
            if label.equipment not in wanted:
                said = f"no slot is for {label.equipment}; {suggest(label.equipment, wanted)}"
                yield f"{inside('labels', key)}.equipment: {said}"

    def plans(
        self,
        place: str,
        equipment: Sequence[str],
        profile: str,
        roles: Mapping[str, type[object]],
    ) -> Offered:
        """Return what a slot offers, in the order of its equipment and then of the labels."""
        if self._library is None:
            return Offered()
        for kind in equipment:
            if self._library.kinds[kind].is_part:
                self._say(f"{place}: {kind} is only a part of something: name what it is a part of")
                return Offered()
        self.wrong += self._misspelt(place, equipment, roles)
        plans: dict[str, Plan] = {}
        asks: dict[str, Ask] = {}
        for kind in equipment:
            for key, label in self._labels.items():
                if label.equipment == kind:
                    self._labelled(place, key, label, profile, roles, plans, asks)
            if (bare := self._resolved(place, kind, profile, {}, roles)) is None:
                continue
            plan_id = f"{kind}-asked" if kind in plans else kind
            if bare.asks:
                resolve_it = partial(self._asked, plan_id, kind, profile, roles)
                asks[plan_id] = Ask(self._library.kinds[kind], resolve_it)
                plans[plan_id] = bare.runnable(plan_id, values_are_asked=True)
            elif kind not in (label.equipment for label in self._labels.values()):
                plans[plan_id] = bare.runnable(plan_id)
                if not plans[plan_id].steps:
                    self._say_nothing(place, kind, plans[plan_id])
        return Offered(tuple(plans.values()), asks)

    def _labelled(
        self,
        place: str,
        key: str,
        label: LabelTable,
        profile: str,
        roles: Mapping[str, type[object]],
        plans: dict[str, Plan],
        asks: dict[str, Ask],
    ) -> None:
        """Add the plan of a label; it asks for the values that decide something and lack."""
        assert self._library is not None
        kind = label.equipment
        for role in label.without:
            if role not in roles:
                said = f"{place} has no {role}; {suggest(role, roles)}"
                self._say(f"{inside('labels', key)}.without: {said}")
        left = {name: one for name, one in roles.items() if name not in label.without}
        try:
            found = self._resolved(place, kind, profile, label.nameplate, left)
        except ValueError as error:
            self._say(f"{inside('labels', key)}.nameplate.{error}")
            return
        if found is None:
            return
        plans[key] = found.runnable(key, values_are_asked=bool(found.asks))
        if found.asks:
            told = {k: v for k, v in found.nameplate.items() if k not in found.products}
            resolve_it = partial(self._asked, key, kind, profile, left)
            asks[key] = Ask(self._library.kinds[kind], resolve_it, key, told)
        elif not plans[key].steps:
            self._say_nothing(place, kind, plans[key])

    def _resolved(
        self,
        place: str,
        kind: str,
        profile: str,
        nameplate: Mapping[str, Any],
        roles: Mapping[str, type[object]],
    ) -> Resolved | None:
        assert self._library is not None
        try:
            return resolve(
                self._library, kind, profile, nameplate=nameplate, roles=roles, site=self._site
            )
        except LookupError as error:
            self._say(f"{place}: {error.args[0]}")
            return None

    def _asked(
        self,
        plan_id: str,
        kind: str,
        profile: str,
        roles: Mapping[str, type[object]],
        nameplate: Mapping[str, Told],
    ) -> Plan:
        assert self._library is not None
        found = resolve(
            self._library, kind, profile, nameplate=nameplate, roles=roles, site=self._site
        )
        return found.runnable(plan_id)

    def _say_nothing(self, place: str, kind: str, plan: Plan) -> None:
        why = plan.untested[0].reason.text
        self._say(f"{place}: nothing of {kind} can be tested: {why}")

    def _say(self, mistake: str) -> None:
        if mistake not in self.wrong:
            self.wrong.append(mistake)

    def _misspelt(
        self, place: str, equipment: Sequence[str], roles: Mapping[str, type[object]]
    ) -> Iterator[str]:
        """Yield the roles that no test needs and that read like one: its test would disappear."""
        assert self._library is not None
        needed = {
            role
            for kind in equipment
            for test in self._library.kinds[kind].places
            for use in test.entry.use
            for role in steps.find(use).roles
        }
        lacking = needed - roles.keys() - set(OF_EVERY_SLOT)
        for role in sorted(roles.keys() - needed):
            if get_close_matches(role, lacking, n=1):
                said = f"no test of {', '.join(equipment)} needs it; {suggest(role, lacking)}"
                yield f"{inside(f'{place}.roles', role)}: {said}"
