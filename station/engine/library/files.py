"""Read the files of a library: equipment, profiles, sites and sources, each with its lines.

FOLDER/equipment/*.toml   FOLDER/profiles/*.toml   FOLDER/profiles/sources.toml
FOLDER/sites/*.toml
"""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec

from records.toml.lines import Document, read
from records.toml.tables import MistakesInFile, inside, mistakes
from station.engine.library.tables import Equipment, Profile, Source

SHIPPED = Path(__file__).parents[2]
"""The folder of what comes with the station."""

Table = TypeVar("Table")

OLD_PLAN = (
    "this is a plan file of version 0.1: what there is to test stands in an equipment file now, how"
    " good it has to be in a profile. Copy the limits into profiles/NAME.toml as [[limit]] with"
    ' `step`, `of` and `source`, and write equipment = [...] and profile = "NAME" in the slot'
    " (docs/how-to/write-a-plan.md)"
)
SORTS = ("equipment", "profiles", "sites")
"""The folders of a library, one for each sort of file."""


class LibraryError(MistakesInFile):
    """The mistakes of a library's files, one line each: file, line, and what would be right."""


class File(NamedTuple, Generic[Table]):
    """A file as it was read, and what it says."""

    document: Document
    table: Table


class Files:
    """The content of a library's files, and the mistakes of those that cannot be read."""

    def __init__(self, folders: Iterable[Path] = (SHIPPED,)) -> None:
        self.mistakes: list[str] = []
        self.equipment: dict[str, File[Equipment]] = {}
        self.profiles: dict[str, File[Profile]] = {}
        self.sites: dict[str, File[Profile]] = {}
        self.sources: dict[str, File[Source]] = {}
        self.sizes: dict[str, int] = {}
        self.lost = False
        """True while a file is missing from these tables, which others may name."""
        for folder in folders:
            self.mistakes += old_plans(folder)
            for name, path in _paths(folder):
                try:
                    self._add(name, read(path, name))
                except MistakesInFile as error:
                    self.mistakes += error.mistakes
                    self.lost = True

    def _add(self, name: str, document: Document) -> None:
        sort = name.rpartition("/")[0].rpartition("/")[2]
        if name.endswith("profiles/sources.toml"):
            self._add_sources(document)
        elif is_old_plan(document):
            self.mistakes.append(document.says(OLD_PLAN))
        elif sort == "equipment":
            self._keep(self.equipment, document, Equipment)
        else:
            self._keep(self.profiles if sort == "profiles" else self.sites, document, Profile)

    def _keep(self, kept: dict[str, File[Table]], document: Document, kind: type[Table]) -> None:
        table = document.convert(kind)
        stem = Path(document.name).stem
        if document.data["id"] != stem:
            said = f"id is {document.data['id']!r}, and the file's name says {stem!r}"
            self.mistakes.append(document.says(said, "id"))
        elif stem in kept:
            said = f"{stem} is in {kept[stem].document.name}, too; give one of them another id"
            self.mistakes.append(document.says(said, "id"))
        kept.setdefault(stem, File(document, table))

    def _add_sources(self, document: Document) -> None:
        for key, raw in document.data.items():
            if found := mistakes(raw, Source, inside("", key)):
                self.mistakes += (document.says(one, key) for one in found)
            elif key in self.sources:
                said = f"the source {key} is in {self.sources[key].document.name}, too"
                self.mistakes.append(document.says(said, key))
            else:
                self.sources[key] = File(document, msgspec.convert(raw, Source))


def is_old_plan(document: Document) -> bool:
    """Return whether a file is a plan of version 0.1, a list of steps."""
    return "step" in document.data and "test" not in document.data


def old_plans(folder: Path) -> Iterator[str]:
    """Yield what to write instead of each plan of version 0.1 that lies in a folder itself."""
    for path in sorted(folder.glob("*.toml")):
        with contextlib.suppress(MistakesInFile):  # another program's file, for all that is known
            if is_old_plan(document := read(path, str(path))):
                yield document.says(OLD_PLAN)


def hash_of(folders: Iterable[Path]) -> str:
    """Return the SHA-256 of all files of a library, with their names. Raises `OSError`."""
    digest = hashlib.sha256()
    for folder in folders:
        for name, path in _paths(folder):
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _paths(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file with what messages call it: shipped ones without the folder."""
    prefix = "" if folder in (SHIPPED, Path()) else f"{folder}/"
    for sort in SORTS:
        for path in sorted((folder / sort).glob("*.toml")):
            yield f"{prefix}{sort}/{path.name}", path
