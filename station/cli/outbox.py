"""`pace outbox`: the records at this station, read from the file itself, damaged or not.

The file is only read, page by page: the station may be running meanwhile.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.cli.arguments import add_verb, add_verbs, complain

if TYPE_CHECKING:
    from station.delivery.repair.salvage import Read


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    listed = add_verb(
        verbs, "list", "what waits, was delivered, is rejected or damaged, with its place", _list
    )
    listed.add_argument("--json", action="store_true", help="all of it as one JSON object")
    export = add_verb(verbs, "export", "print the messages as they are sent", _export)
    export.epilog = (
        "Each message is two lines, its signature and its record: `pace record verify` reads them."
    )
    export.add_argument("--waiting", action="store_true", help="without the delivered ones")
    for verb in (listed, export):
        verb.add_argument(
            "--data",
            type=Path,
            default=Path("/var/lib/pace-station"),
            metavar="DIR",
            help="folder of outbox.db",
        )
    salvage = add_verb(
        verbs, "salvage", "print what can be read of a damaged file, as `export` does", _salvage
    )
    salvage.epilog = "Exit code: 0 everything was read, 1 something could not be."
    salvage.add_argument("file", type=Path, metavar="FILE", help="such as outbox.damaged-DATE.db")


def _list(chosen: argparse.Namespace) -> int:
    from station.delivery import intact
    from station.delivery.repair import salvage

    path = chosen.data / "outbox.db"
    if not path.is_file():
        return complain(f"{path}: no such file")
    found = salvage.read(path)
    whole = {one.row.id for one in salvage.messages(path, found)}
    records = [_record(row, whole) for _, row in sorted(found.rows.items())]
    states = [one["state"] for one in records]
    counts = {name: states.count(name) for name in ("waiting", "delivered", "rejected", "damaged")}
    if chosen.json:
        head = {"chain": found.head.chain, "position": found.head.position}
        troubles = [
            {"at_s": at_s, "told": intact.read_trouble(told).words} for at_s, told in found.troubles
        ]
        print(json.dumps({**counts, "head": head, "records": records, "troubles": troubles}))
        return 0
    for one in records:
        place = f"{one['chain']}:{one['position']}" if one["chain"] else "unsigned"
        reason = f"  {one['reason']}" if one["reason"] else ""
        print(f"{one['state']:9}  {one['kind']:5}  {one['record_id']}  {place}{reason}")
    for _, told in found.troubles:
        print(intact.read_trouble(told).words)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return 0


def _record(row: tuple[Any, ...], whole: set[int]) -> dict[str, Any]:
    row_id, record_id, kind, station, _, size_bytes, chain, position, rejected, at_s, why = row
    state, reason = "waiting", ""
    if at_s is not None:
        state = "delivered"
    elif why or row_id not in whole:
        state, reason = "damaged", why or "its message and its digest do not fit"
    elif rejected is not None:
        state, reason = "rejected", rejected
    return {
        "record_id": record_id,
        "kind": kind,
        "station": station,
        "chain": chain,
        "position": position,
        "state": state,
        "reason": reason,
        "size_bytes": size_bytes,
        "delivered_at_s": at_s,
    }


def _export(chosen: argparse.Namespace) -> int:
    from station.delivery.repair import salvage

    path = chosen.data / "outbox.db"
    if not path.is_file():
        return complain(f"{path}: no such file")
    _print(path, salvage.read(path), waiting=chosen.waiting)
    return 0


def _salvage(chosen: argparse.Namespace) -> int:
    from station.delivery.repair import salvage

    if not chosen.file.is_file():
        return complain(f"{chosen.file}: no such file")
    found = salvage.read(chosen.file)
    ids = _print(chosen.file, found, waiting=False)
    lost = len(found.rows.keys() - ids)
    print(f"{chosen.file}: {len(ids)} messages were read", file=sys.stderr)
    return complain(f"{lost} of which there is a row were not") if lost else 0


def _print(path: Path, found: "Read", *, waiting: bool) -> set[int]:
    """Print messages, and return the numbers of their rows."""
    from station.delivery.repair import salvage

    ids: set[int] = set()
    for one in salvage.messages(path, found):
        if waiting and one.delivered_at is not None:
            continue
        ids.add(one.row.id)
        sys.stdout.buffer.write(one.row.body + b"\n")
    sys.stdout.buffer.flush()
    return ids
