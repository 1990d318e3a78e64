"""`pace plan`: list, check, show and explain what is tested."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from station.cli import library
from station.cli.arguments import add_verb, add_verbs, complain


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    listing = add_verb(verbs, "list", "equipment, profiles and sites that there are", _list)
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    check = add_verb(verbs, "check", "check every file of the library", _check)
    check.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="folders, or files of a library, besides what is shipped",
    )
    show = add_verb(verbs, "show", "what is tested on a kind of equipment, and how", _show)
    show.add_argument("equipment", help="a kind; `pace plan list` shows them")
    show.add_argument("--json", action="store_true", help="as one JSON object")
    explain = add_verb(verbs, "explain", "a plan, with the origin of each value", library.explain)
    library.add_explain(explain)
    for verb in (listing, check, show, explain):
        verb.add_argument("--folder", type=Path, action="append", default=[], help="look here, too")


def _list(chosen: argparse.Namespace) -> int:
    from station.engine.library import LibraryError

    data: dict[str, Any] = {"equipment": [], "profiles": [], "sites": []}
    wrong: tuple[str, ...] = ()
    try:
        data = library.kinds_as_data(library.read(chosen.folder))
    except LibraryError as error:
        wrong = error.mistakes
    if chosen.json:
        print(json.dumps(data))
    elif not wrong:
        print("\n".join(_listed(data)))
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return 1 if wrong else 0


def _listed(data: dict[str, Any]) -> Iterator[str]:
    yield "equipment"
    for one in data["equipment"]:
        asks = f"  (asks {', '.join(one['asks'])})" if one["asks"] else ""
        yield f"  {one['id']:22} {one['tests']:2} tests  {one['title']['en']}{asks}"
    for what in ("profiles", "sites"):
        if data[what]:
            yield what
            yield from (f"  {one['id']:22} {one['title']}" for one in data[what])


def _check(chosen: argparse.Namespace) -> int:
    from station.engine.library import LibraryError

    folders, wrong = list(chosen.folder), list[str]()
    for path in chosen.files:
        if path.is_dir():
            folders.append(path)
        elif mistakes := library.strays(path):
            wrong += mistakes
        else:
            folders.append(path.parent.parent)
    if not wrong:
        try:
            data = library.kinds_as_data(library.read(folders))
        except LibraryError as error:
            wrong += error.mistakes
    if wrong:
        return complain("\n".join(wrong))
    counts = [f"{len(data[what])} {what}" for what in ("equipment", "profiles", "sites")]
    print(f"{', '.join(counts)}: good")
    return 0


def _show(chosen: argparse.Namespace) -> int:
    from station.engine.library import LibraryError

    try:
        kind = library.read(chosen.folder).kind(chosen.equipment)
    except LibraryError as error:
        return complain(str(error))
    except LookupError as error:
        return complain(str(error.args[0]))
    if chosen.json:
        print(json.dumps(library.kind_as_data(kind)))
    else:
        print("\n".join(library.show(kind)))
    return 0
