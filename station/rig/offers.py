"""The plans of a slot that names equipment: one for each label that is known, or without one.

[slots.left]                          [labels.laptop-adapter-65w]
equipment = ["laptop-adapter"]        equipment = "laptop-adapter"
profile = "pace-key"                  nameplate = { output_v = 19.5, output_a = 3.33 }
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from records.toml.tables import inside, suggest
from station.engine import step as steps
from station.engine.library import SHIPPED, Library, LibraryError
from station.engine.plan import Plan
from station.engine.resolve import OF_EVERY_SLOT, resolve

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
    ) -> tuple[Plan, ...]:
        """Return what a slot offers, in the order of its equipment and then of the labels."""
        if self._library is None:
            return ()
        for kind in equipment:
            if self._library.kinds[kind].is_part:
                self._say(f"{place}: {kind} is only a part of something: name what it is a part of")
                return ()
        self.wrong += self._misspelt(place, equipment, roles)
        found = []
        for kind in equipment:
            labels = {key: one for key, one in self._labels.items() if one.equipment == kind}
            for plan_id, label in (labels or {kind: LabelTable(equipment=kind)}).items():
                for role in label.without:
                    if role not in roles:
                        said = f"{place} has no {role}; {suggest(role, roles)}"
                        self._say(f"{inside('labels', plan_id)}.without: {said}")
                try:
                    plan = resolve(
                        self._library,
                        kind,
                        profile,
                        nameplate=label.nameplate,
                        roles={key: one for key, one in roles.items() if key not in label.without},
                        site=self._site,
                    )
                except ValueError as error:
                    self._say(f"{inside('labels', plan_id)}.nameplate.{error}")
                except LookupError as error:
                    self._say(f"{place}: {error.args[0]}")
                else:
                    found.append(plan.runnable(plan_id))
                    if not found[-1].steps:
                        why = found[-1].untested[0].reason.text
                        self._say(f"{place}: nothing of {kind} can be tested: {why}")
        return tuple(found)

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
