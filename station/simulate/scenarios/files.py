"""World files as they are used: each case of a file, with all that it takes over, checked.

A file takes over what it does not say from the world that it is `based_on`: another file, or the
shipped world of its equipment.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from records.toml.lines import Document, read
from records.toml.tables import MistakesInFile, suggest
from station.simulate.scenarios.device import TwinClass, find_device
from station.simulate.scenarios.tables import (
    KINDS,
    Answer,
    AnyFault,
    Operator,
    Truth,
    WorldFile,
    kind_of,
)

SHIPPED = Path(__file__).parents[1] / "worlds"
MOST_PARENTS = 8
NO_SUCH_KIND = "a table is not a table"
"""The complaint about a fault of an unknown kind, which `_wrong_kinds` says better."""


class WorldError(MistakesInFile):
    """The mistakes of world files, one line each: file, line, and what would be right."""


class Origin(msgspec.Struct, frozen=True):
    """The place of a value: its file, and the keys that lead to it."""

    document: Document
    key: tuple[str | int, ...]

    def says(self, sentence: str) -> str:
        """Return a sentence with file and line before it."""
        return self.document.says(sentence, *self.key)

    def at(self, *key: str | int) -> "Origin":
        """Return the place of a value below."""
        return Origin(self.document, (*self.key, *key))


@dataclass(frozen=True)
class Placed:
    """A value of a file, and its place."""

    value: Any
    origin: Origin


@dataclass(frozen=True)
class Scenario:
    """One case: a device, what happens to it and to the bench, and what the operator does.

    `base_answers` are those of the world that this one is based on, as a truthful person gives
    them; those that the case says otherwise come first in `answers`.
    """

    file: str
    name: str
    equipment: str
    weight: float
    source: str
    twin: TwinClass
    origin: Origin
    given: Mapping[str, Any]
    nameplate: Mapping[str, Any]
    label: Mapping[str, str]
    parameters: Mapping[str, Placed]
    faults: tuple[Placed, ...]
    truth: Mapping[str, Truth]
    operator: Operator
    base_answers: Mapping[str, Answer] = field(default_factory=dict)


def shipped_worlds(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Return the world of each equipment that has one, those of `folders` first."""
    found: dict[str, Path] = {}
    for folder in (*(one / "worlds" for one in folders), SHIPPED):
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def world_of(equipment: str, folders: Sequence[Path] = ()) -> Path:
    """Return the world of a kind of equipment. Raises `LookupError` where there is none."""
    known = shipped_worlds(folders)
    if equipment not in known:
        raise LookupError(
            f"{equipment} has no world, so it cannot be simulated; write worlds/{equipment}.toml"
            f" or name one with --world. There are worlds of {', '.join(sorted(known))}"
        )
    return known[equipment]


def load(path: Path, folders: Sequence[Path] = (), *, equipment: str = "") -> tuple[Scenario, ...]:
    """Return the cases of a world file. Raises `WorldError` with every mistake.

    `equipment` is that of a file which does not say it.
    """
    chain = _chain(path, folders, equipment)
    return tuple(_scenarios(chain, folders))


@dataclass(frozen=True)
class _File:
    document: Document
    table: WorldFile


def _chain(path: Path, folders: Sequence[Path], equipment: str) -> list[_File]:
    """Return a file, and those that it is based on: the farthest first."""
    chain = [_read(path)]
    while True:
        file = chain[0]
        table = file.table
        if table.based_on:
            parent = _parent(file, folders)
        elif not table.device.twin and len(chain) == 1:
            kind = table.equipment or equipment
            if not kind:
                said = "the key `equipment` is missing, or `based_on` with another world"
                raise WorldError(file.document.says(said))
            try:
                parent = world_of(kind, folders)
            except LookupError as error:
                raise WorldError(file.document.says(str(error.args[0]), "equipment")) from error
        else:
            return chain
        if len(chain) > MOST_PARENTS or parent.resolve() == path.resolve():
            raise WorldError(file.document.says("this world is based on itself", "based_on"))
        chain.insert(0, _read(parent))


def _parent(file: _File, folders: Sequence[Path]) -> Path:
    named = file.table.based_on
    if named.endswith(".toml"):
        return Path(file.document.name).parent / named
    known = shipped_worlds(folders)
    if named not in known:
        said = f"no world {named!r}; {suggest(named, known)}"
        raise WorldError(file.document.says(said, "based_on"))
    return known[named]


def _read(path: Path) -> _File:
    try:
        document = read(path)
        wrong = list(_wrong_kinds(document))
        try:
            table = document.convert(WorldFile)
        except MistakesInFile as error:
            wrong += [one for one in error.mistakes if not one.endswith(NO_SUCH_KIND)]
        if wrong:
            raise WorldError(*wrong)
        return _File(document, table)
    except MistakesInFile as error:
        raise WorldError(*error.mistakes) from error


def _wrong_kinds(document: Document) -> Iterator[str]:
    """Yield what is wrong with the kind of each fault: it says which keys there are."""
    known = [kind_of(kind) for kind in KINDS]
    for key, raw in _faults(document.data, ()):
        kind = raw.get("kind")
        if kind is None:
            yield document.says(f"a fault has a `kind`: one of {', '.join(known)}", *key)
        elif kind not in known:
            near = suggest(str(kind), known)
            yield document.says(f"no kind of fault is called {kind!r}; {near}", *key, "kind")


def _faults(data: Any, key: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    faults = data.get("fault", []) if isinstance(data, dict) else []
    for number, raw in enumerate(faults if isinstance(faults, list) else []):
        if isinstance(raw, dict):
            yield (*key, "fault", number), raw
    cases = data.get("case", []) if isinstance(data, dict) and not key else []
    for number, raw in enumerate(cases if isinstance(cases, list) else []):
        yield from _faults(raw, ("case", number))


def _scenarios(chain: list[_File], folders: Sequence[Path]) -> Iterator[Scenario]:
    own = chain[-1]
    root = Origin(own.document, ())
    named = (
        next(one for one in reversed(chain) if one.table.device.twin)
        if any(one.table.device.twin for one in chain)
        else None
    )
    if named is None:
        raise WorldError(root.says("no world that this is based on names a `twin` of the device"))
    beside = [Path(one.document.name).parent.parent for one in chain]
    try:
        twin = find_device(named.table.device.twin, [*folders, *beside])
    except LookupError as error:
        raise WorldError(named.document.says(str(error.args[0]), "device", "twin")) from error
    equipment = next((one.table.equipment for one in reversed(chain) if one.table.equipment), "")
    nameplate: dict[str, Any] = {}
    label: dict[str, str] = {}
    given: dict[str, Any] = {}
    truth: dict[str, Truth] = {}
    parameters: dict[str, Placed] = {}
    operator = Operator()
    faults: list[Placed] = []
    for file in chain:
        table, origin = file.table, Origin(file.document, ())
        nameplate |= table.nameplate
        label |= table.label
        given |= table.device.given
        truth |= table.truth
        operator = _together(operator, table.operator)
        parameters |= _placed(table.device.parameters, origin.at("device", "parameters"))
        faults += _placed_faults(table.fault, origin)
    base_answers = chain[0].table.operator.answers
    for number, case in enumerate(own.table.case or (None,)):
        origin = root if case is None else root.at("case", number)
        yield Scenario(
            file=own.document.name,
            name=Path(own.document.name).stem if case is None else case.name,
            equipment=equipment,
            weight=1.0 if case is None else case.weight,
            source="" if case is None else case.source,
            twin=twin,
            origin=origin,
            given=given,
            label=label | (case.label if case else {}),
            nameplate=nameplate | (case.nameplate if case else {}),
            parameters=parameters
            | (_placed(case.parameters, origin.at("parameters")) if case else {}),
            faults=(*faults, *(_placed_faults(case.fault, origin) if case else ())),
            truth=truth,
            operator=_together(operator, case.operator) if case else operator,
            base_answers=base_answers,
        )


def _placed(values: Mapping[str, Any], origin: Origin) -> dict[str, Placed]:
    return {name: Placed(value, origin.at(name)) for name, value in values.items()}


def _placed_faults(faults: Sequence[AnyFault], origin: Origin) -> list[Placed]:
    return [Placed(one, origin.at("fault", number)) for number, one in enumerate(faults)]


def _together(before: Operator, own: Operator) -> Operator:
    """Return a person who does what the nearer world says, and else what the other one does."""
    return Operator(
        answers={
            **own.answers,
            **{k: v for k, v in before.answers.items() if k not in own.answers},
        },
        does={**own.does, **{k: v for k, v in before.does.items() if k not in own.does}},
        thinks_s=own.thinks_s or before.thinks_s,
        stops_at=own.stops_at or before.stops_at,
    )
