"""`pace record`: verify records offline, with public keys alone."""

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from records.messages import Head
from station.cli.arguments import add_verb, add_verbs, complain

if TYPE_CHECKING:
    from records.messages import KeySet
    from records.verifying import Report, Source

CANNOT = 2


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    verify = add_verb(verbs, "verify", "check signatures and chains of records", _verify)
    verify.epilog = (
        "Exit code: 0 nothing is wrong, 1 something is, 2 it cannot be checked. A file holds"
        " messages as they were sent: the line of the signature, then the line of the record."
    )
    verify.add_argument("files", type=Path, nargs="*", metavar="FILE", help="exported messages")
    verify.add_argument("--database", metavar="URL", help="a host's database, as in host.toml")
    verify.add_argument("--outbox", type=Path, metavar="FILE", help="a station's outbox.db")
    verify.add_argument("--keys", type=Path, metavar="FILE", help="public keys, a JWK Set")
    verify.add_argument(
        "--head", metavar="CHAIN:POSITION", help="how far the station says that it has come"
    )
    verify.add_argument("--json", action="store_true", help="the report as one JSON object")


class Unusable(Exception):
    """A place cannot be read, or there is nothing to verify with. Says which, and what to do."""


def _verify(chosen: argparse.Namespace) -> int:
    from records import keys as keys_of
    from records import verifying

    try:
        stated = _stated_head(chosen.head)
        with_keys = _keys(chosen)
        usable = keys_of.verify_keys(with_keys)
        reports = [
            (source.name, verifying.check(source, usable, with_keys))
            for source in _sources(chosen, stated)
        ]
    except (Unusable, keys_of.KeyTrouble, sqlite3.Error, OSError) as error:
        complain(str(error))
        return CANNOT
    if chosen.json:
        print(json.dumps({name: _as_json(report) for name, report in reports}))
    else:
        for name, report in reports:
            _print(name, report)
    lost = [head for head in stated if reports and all(head in one.elsewhere for _, one in reports)]
    for head in lost:
        complain(
            f"MISSING: nothing of chain {head.chain} is here, which has come to {head.position}"
        )
    return 1 if lost or any(report.troubles for _, report in reports) else 0


def _keys(chosen: argparse.Namespace) -> "KeySet":
    from records import keys as keys_of

    if chosen.keys is not None:
        return keys_of.read_key_set(chosen.keys)
    if chosen.outbox is not None:
        return keys_of.known(chosen.outbox.parent)
    raise Unusable("--keys FILE is missing: `pace key show` at the station prints its public keys")


def _sources(chosen: argparse.Namespace, heads: "tuple[Head, ...]") -> "Iterator[Source]":
    from records.verifying import Source

    if not (chosen.files or chosen.database or chosen.outbox):
        raise Unusable("nothing to verify: give FILE, --database or --outbox")
    for path in chosen.files:
        with path.open("rb") as lines:
            yield Source(str(path), messages(lines), ordered=True, heads=heads)
    if chosen.outbox is not None:
        yield _outbox(chosen.outbox, heads)
    if chosen.database:
        yield Source(_shown(chosen.database), _database(chosen.database), heads=heads)


def messages(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the messages of an exported file: a record, mostly after the line of its signature."""
    signature = b""
    for ended in lines:
        line = ended.removesuffix(b"\n")
        if not line.strip():
            continue
        if line.startswith(b"{"):
            yield b"\n".join((signature, line)) if signature else line
            signature = b""
        else:
            if signature:
                yield signature + b"\n"
            signature = line
    if signature:
        yield signature + b"\n"


def _outbox(path: Path, stated: tuple[Head, ...]) -> "Source":
    """Read a file that a station may be writing: its log is read, too, and nothing is written."""
    from records.verifying import Source

    db = _read_only(path)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            rows = db.execute("SELECT body FROM outbox ORDER BY sequence").fetchall()
            return Source(str(path), [body for (body,) in rows], heads=stated)
        rows = db.execute("SELECT body FROM message ORDER BY id").fetchall()
        heads = [Head(*row) for row in db.execute("SELECT chain, position, digest FROM head")]
    finally:
        db.close()
    return Source(
        str(path),
        [body for (body,) in rows],
        complete=False,
        ordered=True,
        heads=(*heads, *stated),
    )


def _read_only(path: Path) -> sqlite3.Connection:
    """Open a file so that nothing is written beside it, either. Raises `sqlite3.Error`."""
    if not path.is_file():
        raise Unusable(f"{path}: no such file")
    closed = not path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"file:{path}?mode=ro{'&immutable=1' if closed else ''}", uri=True)


_UNSIGNED = "SELECT NULL, record FROM runs"
"""Selects the records of a host of version 0.1, which has no column for signatures."""

_HAS_SIGNATURES = (
    "SELECT 1 FROM information_schema.columns WHERE table_schema = current_schema()"
    " AND table_name = 'runs' AND column_name = 'signature'"
)


def _database(url: str) -> list[bytes]:
    """Return the messages that a host holds, in the order in which they came."""
    query = "SELECT signature, record FROM runs UNION ALL SELECT signature, record FROM others"
    if url.startswith("sqlite:///"):
        db = _read_only(Path(url.removeprefix("sqlite:///")))
        try:
            columns = {row[1] for row in db.execute("PRAGMA table_info(runs)")}
            if "signature" not in columns:
                query = _UNSIGNED
            rows = db.execute(query).fetchall()
        finally:
            db.close()
    elif url.startswith(("postgresql:", "postgresql+psycopg:")):
        try:
            import psycopg
        except ModuleNotFoundError as error:
            raise Unusable("PostgreSQL takes the package psycopg: pip install psycopg") from error
        try:
            with psycopg.connect(url.replace("+psycopg", "", 1)) as server:
                is_signed = server.execute(_HAS_SIGNATURES).fetchone() is not None
                rows = server.execute(query if is_signed else _UNSIGNED).fetchall()
        except psycopg.Error as error:
            raise Unusable(f"{_shown(url)}: {error}") from error
    else:
        raise Unusable(f"{_shown(url)}: a sqlite:/// or postgresql:// URL is needed")
    return [
        b"\n".join((bytes(signature), bytes(record))) if signature else bytes(record)
        for signature, record in rows
    ]


def _shown(url: str) -> str:
    """Return a URL without its password."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _stated_head(text: str | None) -> tuple[Head, ...]:
    if not text:
        return ()
    chain, _, position = text.rpartition(":")
    if not chain or not position.isdecimal():
        raise Unusable(f"--head {text!r} is not CHAIN:POSITION")
    return (Head(chain, int(position), ""),)


def _print(name: str, report: "Report") -> None:
    print(
        f"{name}: {report.messages} messages, {report.verified} verified,"
        f" {report.unsigned} unsigned, in {report.chains} chains"
    )
    for trouble in report.troubles:
        place = f" {trouble.record_id}" if trouble.record_id else ""
        link = f" (chain {trouble.chain}, position {trouble.position})" if trouble.chain else ""
        print(f"{trouble.what.upper()}{place}{link}: {trouble.text}")
    for note in report.cannot_know:
        print(f"cannot know: {note}", file=sys.stderr)


def _as_json(report: "Report") -> dict[str, object]:
    return {
        "messages": report.messages,
        "verified": report.verified,
        "unsigned": report.unsigned,
        "chains": report.chains,
        "troubles": [trouble._asdict() for trouble in report.troubles],
        "cannot_know": list(report.cannot_know),
    }
