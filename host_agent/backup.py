"""Copies a host's records and attachments while it runs, verifies such a copy, and restores it.

A backup is a folder: `host.db`, `attachments/`, and `manifest.json` with the SHA-256 of each file.
It is made under another name, and gets its own when all of it is on the disk.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from host_agent.store import Store
from host_agent.text import now_text

MANIFEST, DATABASE, ATTACHMENTS = "manifest.json", "host.db", "attachments"
_CHUNK_BYTES = 1024 * 1024


class BackupError(Exception):
    """A backup cannot be made, or cannot be used, and why."""


class BackedUp(msgspec.Struct, frozen=True):
    """A file of a backup: its size and the SHA-256 of its bytes."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, tag_field="schema", tag="pace.backup/1"):
    """The files of a backup by their names from its folder, and when it was made, in UTC."""

    made_at: str
    files: dict[str, BackedUp]


class Made(NamedTuple):
    """The result of a backup. `damaged` attachments had another SHA-256, and are not in it."""

    folder: Path
    size_bytes: int
    attachments: int
    damaged: list[str]


def check_sqlite(store: Store, folder: Path) -> Path:
    """Return the file of a store on SQLite.

    Raises `BackupError` for PostgreSQL, with the commands that back that up.
    """
    if store.file is None:
        raise BackupError(
            "the records are in PostgreSQL, which has tools of its own; records first, so that no"
            " attachment of theirs is missing:\n"
            f"  pg_dump --format=custom --file={folder}/host.dump DATABASE\n"
            f"  cp -a {store.attachments_folder} {folder}/\n"
            "and back, while the host stands still:\n"
            f"  pg_restore --clean --if-exists --dbname=DATABASE {folder}/host.dump"
        )
    return store.file


def make(store: Store, folder: Path) -> Made:
    """Make a backup in a new folder, while the host runs. Raises `BackupError` or `OSError`.

    The database is copied as it is at one moment. Attachments are copied after it: a file never
    changes once it has its name, so that all those are there which the records name.
    """
    file = check_sqlite(store, folder)
    if not file.exists():
        raise BackupError(f"{file} does not exist: `pace-host run` makes it")
    if folder.exists():
        raise BackupError(f"{folder} is there already: a backup needs a name of its own")
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    try:
        made = _fill(store, file, part)
        os.replace(part, folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return made._replace(folder=folder)


def _attachments(database: sqlite3.Connection, file: Path) -> list[str]:
    """Return the names of whole attachments; a database before version 6 has none.

    Raises `BackupError` for a database without any table.
    """
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not tables:
        raise BackupError(f"{file} is empty: it is no host's database")
    if "attachments" not in tables:
        return []
    query = "SELECT sha256 FROM attachments WHERE whole ORDER BY sha256"
    return [name for (name,) in database.execute(query)]


def _fill(store: Store, file: Path, part: Path) -> Made:
    copy = part / DATABASE
    try:
        with (
            closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            names = _attachments(target, file)
    except sqlite3.Error as error:
        raise BackupError(f"{file}: {error}") from error
    files = {DATABASE: _described(copy)}
    _sync(copy)
    (part / ATTACHMENTS).mkdir(mode=0o700)
    damaged = []
    for name in names:
        source_file = store.attachments_folder / name
        if not source_file.is_file():
            damaged.append(name)
            continue
        target_file = part / ATTACHMENTS / name
        described = _copy(source_file, target_file)
        if described.sha256 != name:
            damaged.append(name)
            target_file.unlink()
        else:
            files[f"{ATTACHMENTS}/{name}"] = described
    _sync(part / ATTACHMENTS)
    manifest = msgspec.json.encode(Manifest(now_text(), files))
    (part / MANIFEST).write_bytes(msgspec.json.format(manifest) + b"\n")
    _sync(part / MANIFEST)
    _sync(part)
    size_bytes = sum(one.size_bytes for one in files.values())
    return Made(part, size_bytes, len(files) - 1, damaged)


def manifest_of(folder: Path) -> Manifest:
    """Return the manifest of a backup. Raises `BackupError` where that is none."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise BackupError(f"{folder} is no backup: {MANIFEST}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(f"{folder / MANIFEST} is damaged: {error}") from error


def mistakes(folder: Path) -> Iterator[str]:
    """Yield in what a backup differs from its manifest. Raises `BackupError` where it has none."""
    manifest = manifest_of(folder)
    if DATABASE not in manifest.files:
        yield f"{MANIFEST}: it names no {DATABASE}"
    for name, true in manifest.files.items():
        if name != DATABASE and name != f"{ATTACHMENTS}/{true.sha256}":
            yield f"{MANIFEST}: {name!r} is no name of a file of a backup"
            continue
        path = folder / name
        if not path.is_file():
            yield f"{name}: it is gone"
        elif (there := _described(path)) != true:
            what = "size" if there.size_bytes != true.size_bytes else "SHA-256"
            yield f"{name}: it has another {what} than when it was made"


def restore(store: Store, folder: Path, *, force: bool = False) -> list[Path]:
    """Put a backup in the place of a host's data. Return the files that were set aside.

    Nothing is touched before all of the backup is verified. Raises `BackupError`; `StoreError`
    while a host works with the data.
    """
    file = check_sqlite(store, folder)
    if found := list(mistakes(folder)):
        raise BackupError("\n".join([f"{folder} is damaged, and nothing is restored:", *found]))
    there = [path for path in _files_of(file) if path.exists()]
    if there and not force:
        raise BackupError(
            f"{file} is there already: --force sets it aside, and restores the backup"
        )
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    store.lock()
    part = file.with_name(f"{file.name}.part")
    _copy(folder / DATABASE, part)
    _restore_attachments(store, folder)
    stamp = now_text()[:19].replace(":", "").replace("-", "")
    aside = [path.with_name(f"{path.name}.before-{stamp}Z") for path in there]
    for path, new in zip(there, aside, strict=True):
        os.replace(path, new)
    os.replace(part, file)
    _sync(file.parent)
    return aside


def _restore_attachments(store: Store, folder: Path) -> None:
    """Copy the attachments that are not there, or are damaged."""
    kept = store.attachments_folder
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, true in manifest_of(folder).files.items():
        if name == DATABASE:
            continue
        path = kept / true.sha256
        if not path.is_file() or _described(path) != true:
            part = path.with_name(f"{path.name}.restored")
            _copy(folder / name, part)
            os.replace(part, path)
    _sync(kept)


def _files_of(file: Path) -> list[Path]:
    """Return a database's file and those that SQLite keeps beside it."""
    return [file, *(file.with_name(file.name + ending) for ending in ("-wal", "-shm"))]


def _copy(source: Path, target: Path) -> BackedUp:
    """Copy a file to the disk; return what was read."""
    digest, size_bytes = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("wb") as writing:
        os.fchmod(writing.fileno(), 0o600)
        while chunk := reading.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return BackedUp(size_bytes, digest.hexdigest())


def _described(path: Path) -> BackedUp:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return BackedUp(path.stat().st_size, digest)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
