"""Find all mistakes of all files of a library, before anything is resolved from them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from records import Proof
from records.toml.lines import Document
from records.toml.tables import TableError, suggest
from station.engine import step as steps
from station.engine.curves import CURVES, ratings_of
from station.engine.library import kinds
from station.engine.library.files import File, Files
from station.engine.library.kinds import Place
from station.engine.library.limits import LimitChecks, when_mistakes
from station.engine.library.tables import Entry, Equipment, Profile

LANGUAGE = "en"
"""The language in which every equipment file says its titles."""


def check(files: Files) -> list[str]:
    """Return the mistakes of all files, in their order; none when everything can be resolved.

    Where a file cannot be read, only what does not depend on it is checked.
    """
    found = list(files.mistakes)
    for file in files.equipment.values():
        found += _Equipment(files, file).mistakes()
    if files.lost or found:
        return found
    for file in files.equipment.values():
        found += _Ratings(files, file).mistakes()
    places = {key: tuple(kinds.places_of(files, key)) for key in files.equipment}
    limits = LimitChecks(files, places)
    for among in (files.profiles, files.sites):
        for profile in among.values():
            found += _profile(files, profile, limits, is_site=among is files.sites)
    if not found:
        found += _idle(files)
    return found


class _Equipment:
    """The mistakes of one equipment file by itself, and in what it names."""

    def __init__(self, files: Files, file: File[Equipment]) -> None:
        self._files = files
        self._document, self._table = file

    def mistakes(self) -> Iterator[str]:
        says = self._document.says
        seen = set[str]()
        for index, entry in enumerate(self._table.test):
            if entry.id in seen:
                yield says(f"there are two tests {entry.id!r}", "test", index, "id")
            seen.add(entry.id)
            if entry.part:
                yield from self._part(entry, index)
            else:
                for position, use in enumerate(entry.use):
                    try:
                        steps.find(use)
                    except LookupError as error:
                        yield says(str(error.args[0]), "test", index, "use", position)
        for name, rating in self._table.nameplate.items():
            for factor in rating.product:
                other = self._table.nameplate.get(factor)
                if other is None or not other.is_number or other.product:
                    numbers = [
                        key
                        for key, one in self._table.nameplate.items()
                        if one.is_number and not one.product
                    ]
                    said = f"no number {factor!r} to multiply; {suggest(factor, numbers)}"
                    yield says(said, "nameplate", name, "product")
        yield from self._words(seen)

    def _part(self, entry: Entry, index: int) -> Iterator[str]:
        says, known = self._document.says, self._files.equipment
        if entry.part not in known:
            if not self._files.lost:
                said = f"no equipment {entry.part!r}; {suggest(entry.part, known)}"
                yield says(said, "test", index, "part")
        elif self._contains(entry.part, self._table.id, set()):
            said = f"{entry.part} is a part of {self._table.id}, which is a part of it"
            yield says(said, "test", index, "part")

    def _contains(self, equipment: str, wanted: str, seen: set[str]) -> bool:
        if equipment == wanted:
            return True
        if equipment in seen or equipment not in self._files.equipment:
            return False
        seen.add(equipment)
        table = self._files.equipment[equipment].table
        parts = (entry.part for entry in table.test if entry.part)
        return any(self._contains(part, wanted, seen) for part in parts)

    def _words(self, tests: Iterable[str]) -> Iterator[str]:
        says = self._document.says
        needed = {"title", *(test for test in tests if test)}
        known = needed | set(self._table.nameplate)
        for language, texts in self._table.words.items():
            for key, text in texts.items():
                if key not in known:
                    said = f"no test or rating {key!r}; {suggest(key, known)}"
                    yield says(said, "words", language, key)
                elif not text.strip():
                    yield says(f"the words for {key} are empty", "words", language, key)
        if missing := needed - self._table.words.get(LANGUAGE, {}).keys():
            names = ", ".join(sorted(missing))
            yield says(f"[words.{LANGUAGE}] lacks {names}", "words", LANGUAGE)


class _Ratings:
    """The mistakes of an equipment's references: settings, `for_each` and `when`."""

    def __init__(self, files: Files, file: File[Equipment]) -> None:
        self._files = files
        self._document, self._table = file
        self._ratings = kinds.ratings_of(files, self._table.id)
        self._read = set[str]()

    def mistakes(self) -> Iterator[str]:
        for index, entry in enumerate(self._table.test):
            yield from self._when(entry, index)
            if entry.for_each:
                yield from self._reference(entry.for_each, index, "for_each")
                rating = self._ratings.get(entry.for_each)
                if rating is not None and not rating.names:
                    said = f"{entry.for_each} is no list of `names`"
                    yield self._document.says(said, "test", index, "for_each")
            if entry.use:
                yield from self._settings(entry, index)
        self._read |= _read_by_profiles(self._files)
        for rating in self._table.nameplate.values():
            self._read.update(rating.product)
        for name in self._table.nameplate:
            if name not in self._read:
                yield self._document.says(f"nothing reads the rating {name!r}", "nameplate", name)

    def _reference(self, name: str, index: int, *key: str) -> Iterator[str]:
        self._read.add(name)
        if name not in self._ratings:
            said = f"no rating {name!r}; {suggest(name, self._ratings)}"
            yield self._document.says(said, "test", index, *key)

    def _when(self, entry: Entry, index: int) -> Iterator[str]:
        for name, values in entry.when.items():
            self._read.add(name)
            for said in when_mistakes(name, values, self._ratings):
                yield self._document.says(said, "test", index, "when", name)

    def _settings(self, entry: Entry, index: int) -> Iterator[str]:
        methods = [steps.find(use) for use in entry.use]
        known = {name for step in methods for name in step.settings.__struct_fields__}
        says = self._document.says
        for name, raw in entry.settings.items():
            if name not in known:
                said = f"no method of {entry.id} has the setting {name!r}; {suggest(name, known)}"
                yield says(said, "test", index, "settings", name)
            elif raw == "@each" and not entry.for_each:
                yield says("`@each` needs `for_each`", "test", index, "settings", name)
            elif is_reference(raw) and raw != "@each":
                yield from self._reference(raw[1:], index, "settings", name)
        for step in methods:
            for values in self._examples(entry):
                try:
                    step.check({k: v for k, v in values.items()
                                if k in step.settings.__struct_fields__})  # fmt: skip
                except TableError as error:
                    for said in error.mistakes:
                        name = said.partition(":")[0].rpartition(".")[2]
                        yield says(f"{step.name}: {said}", "test", index, "settings", name)
                    break

    def _examples(self, entry: Entry) -> list[dict[str, Any]]:
        """Return settings with what the ratings can be: least and most, and every choice."""
        columns = {name: self._possible(raw) for name, raw in entry.settings.items()}
        longest = max((len(column) for column in columns.values()), default=1)
        return [
            {name: column[min(row, len(column) - 1)] for name, column in columns.items() if column}
            for row in range(longest)
        ]

    def _possible(self, raw: Any) -> list[Any]:
        if not is_reference(raw):
            return [raw]
        if raw == "@each":
            return ["left-1"]
        rating = self._ratings.get(raw[1:])
        if rating is None:
            return []
        if rating.product:
            return [1.0]
        return list(rating.choice) or ([["left-1"]] if rating.names else [rating.min, rating.max])


def is_reference(raw: object) -> bool:
    """Return whether a setting refers to a rating, as `@output_v` does."""
    return isinstance(raw, str) and raw.startswith("@")


def _read_by_profiles(files: Files) -> set[str]:
    """Return the names of ratings that a limit depends on."""
    read = set[str]()
    for file in (*files.profiles.values(), *files.sites.values()):
        for limit in file.table.limit:
            read |= {limit.by, *limit.when}
            if limit.curve and limit.curve.name in CURVES:
                read.update(ratings_of(CURVES[limit.curve.name]))
    return read


def _profile(
    files: Files, file: File[Profile], limits: LimitChecks, *, is_site: bool
) -> Iterator[str]:
    document, table = file
    if table.based_on:
        if is_site:
            yield document.says("a site is based on no profile: the slot names it", "based_on")
        elif table.based_on not in files.profiles:
            said = f"no profile {table.based_on!r}; {suggest(table.based_on, files.profiles)}"
            yield document.says(said, "based_on")
        elif files.profiles[table.based_on].table.based_on:
            yield document.says(f"{table.based_on} has a parent: only one is allowed", "based_on")
    if is_site and (table.decision_rule or table.clause):
        key = "decision_rule" if table.decision_rule else "clause"
        yield document.says(f"`{key}` is the profile's: a site has none", key)
    if not is_site and not table.based_on and table.decision_rule is None:
        yield document.says('`decision_rule` is missing, such as decision_rule = "simple"')
    for what in ("require", "depth", "clause"):
        for equipment, tests in getattr(table, what).items():
            for test, value in tests.items():
                for said in _addressed(limits, what, f"{equipment}.{test}", value):
                    yield document.says(said, what, equipment, test)
    if is_site:
        yield from _lowered(files, document, table)
    yield from limits.mistakes(file, is_site=is_site)


def _addressed(limits: LimitChecks, what: str, address: str, value: str) -> Iterator[str]:
    places: Sequence[Place] = limits.at(address)
    if not places:
        yield f"no test {address!r}; {suggest(address, limits.addresses)}"
    elif what == "require":
        best = max((steps.find(use).proves for use in places[0].entry.use), key=lambda p: p.rank)
        if Proof(value).rank > best.rank:
            yield f"no method of {address} proves {value}: the best proves {best.value}"


def _lowered(files: Files, document: Document, site: Profile) -> Iterator[str]:
    """Yield where a site asks for less proof than a profile; it may only ask for more."""
    for equipment, tests in site.require.items():
        for test, value in tests.items():
            for profile in files.profiles.values():
                asked = profile.table.require.get(equipment, {}).get(test, "")
                if Proof(value).rank < Proof(asked).rank:
                    said = f"{profile.table.id} requires {asked} of {equipment}.{test}"
                    said += ": a site asks for more, never for less"
                    yield document.says(said, "require", equipment, test)


def _idle(files: Files) -> Iterator[str]:
    """Yield the sources that no limit cites."""
    profiles = (*files.profiles.values(), *files.sites.values())
    cited = {limit.source for file in profiles for limit in file.table.limit}
    for key, file in files.sources.items():
        if key not in cited:
            yield file.document.says(f"no limit cites the source {key}", key)
