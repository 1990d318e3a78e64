"""The library: what can be tested and how good it has to be, as files say it.

tables.py   what files may say        files.py     read them, with lines
check.py    all mistakes of all files (limits.py: those of limits)
kinds.py    one kind of equipment with all that its plans are resolved from

A library is read and checked whole when its files are installed, edited or checked. A start loads
the compiled form of the kinds that its slots need, which is kept under the hash of the files.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

from records.toml.tables import suggest
from station.engine.library.files import SHIPPED, Files, LibraryError, hash_of
from station.engine.library.kinds import Kind, Layer, Origin, compile_kind

__all__ = ["SHIPPED", "Kind", "Layer", "Library", "LibraryError", "Origin", "load", "read"]

_KEPT = re.compile(r"[0-9].*-[0-9a-f]{32}")
_PACKED = msgspec.msgpack.Encoder()
_UNPACKED = msgspec.msgpack.Decoder(Kind)


class Library(NamedTuple):
    """The kinds of equipment that were asked for. `sha256` is that of all files."""

    sha256: str
    kinds: Mapping[str, Kind]

    def kind(self, equipment: str) -> Kind:
        """Return a kind. Raises `LookupError` that says what would be right."""
        if equipment not in self.kinds:
            raise LookupError(f"no equipment {equipment!r}; {suggest(equipment, self.kinds)}")
        return self.kinds[equipment]


def read(folders: Sequence[Path] = (SHIPPED,)) -> Library:
    """Read and check every file. Raises `LibraryError` with all mistakes."""
    from station.engine.library.check import check

    files = Files(folders)
    if mistakes := check(files):
        raise LibraryError(*mistakes)
    return Library(hash_of(folders), {key: compile_kind(files, key) for key in files.equipment})


def load(wanted: Iterable[str], folders: Sequence[Path], kept_in: Path) -> Library:
    """Return only the kinds that are `wanted`, in their compiled form if that is of these files.

    `kept_in` is a folder of the station's own; when it cannot be written, the files are read again
    at the next start. Raises `LibraryError`, and `LookupError` for a kind that there is not.
    """
    try:
        sha256 = hash_of(folders)
    except OSError as error:
        raise LibraryError(f"{error.filename}: {error.strerror}") from error
    folder = kept_in / f"{version('pace-station')}-{sha256[:32]}"
    wanted = tuple(wanted)
    try:
        kinds = {key: _UNPACKED.decode((folder / key).read_bytes()) for key in wanted}
    except (OSError, msgspec.MsgspecError, ValueError):
        library = read(folders)
        _keep(library, folder)
        kinds = {key: library.kind(key) for key in wanted}
    return Library(sha256, kinds)


def _keep(library: Library, folder: Path) -> None:
    """Write the compiled form of every kind beside each other, and forget those of other files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for key, kind in library.kinds.items():
            half = folder / f".{key}.{os.getpid()}"
            half.write_bytes(_PACKED.encode(kind))
            half.replace(folder / key)
        for other in folder.parent.iterdir():
            if other != folder and _KEPT.fullmatch(other.name):
                for path in other.iterdir():
                    path.unlink()
                other.rmdir()
    except OSError:
        pass
