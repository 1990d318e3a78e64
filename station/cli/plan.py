"""`pace plan`: list, check, show and explain what is tested.

Until the slots of a station name equipment, its plans of version 0.1 are listed and shown, too.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from station.cli import library
from station.cli.arguments import add_verb, add_verbs, complain


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    listing = add_verb(verbs, "list", "equipment, profiles and plans that there are", _list)
    listing.add_argument("--json", action="store_true", help="as one JSON object")
    check = add_verb(verbs, "check", "check every file of the library, or plan files", _check)
    check.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="folders, files of a library, or plans of 0.1; default: what is shipped",
    )
    show = add_verb(verbs, "show", "what is tested on a kind and how, or one plan", _show)
    show.add_argument("plan", help="a kind, a plan's id, or a plan's file")
    show.add_argument("--json", action="store_true", help="a plan, as one JSON object")
    explain = add_verb(verbs, "explain", "a plan, with the origin of each value", library.explain)
    library.add_explain(explain)
    for verb in (listing, check, show, explain):
        verb.add_argument("--folder", type=Path, action="append", default=[], help="look here, too")


def _list(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans
    from station.engine.library import LibraryError

    found, wrong = [], []
    for folder in (*chosen.folder, plans.SHIPPED):
        if not folder.is_dir():
            wrong.append(f"{folder}: not a folder")
        for path in sorted(folder.glob("*.toml")):
            try:
                found.append(plans.load(path))
            except plans.PlanError as error:
                wrong.append(str(error))
    data: dict[str, Any] = {"equipment": [], "profiles": [], "sites": []}
    try:
        data = library.kinds_as_data(library.read([one for one in chosen.folder if one.is_dir()]))
    except LibraryError as error:
        wrong += error.mistakes
    data["plans"] = [
        {"id": p.id, "title": p.title, "kind": p.kind, "steps": len(p.steps)} for p in found
    ]
    if chosen.json:
        print(json.dumps(data))
    else:
        print("\n".join(_listed(data)))
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return 1 if wrong else 0


def _listed(data: dict[str, Any]) -> list[str]:
    lines = ["equipment"]
    for one in data["equipment"]:
        asks = f"  (asks {', '.join(one['asks'])})" if one["asks"] else ""
        lines.append(f"  {one['id']:22} {one['tests']:2} tests  {one['title']['en']}{asks}")
    for what in ("profiles", "sites"):
        if data[what]:
            lines += [what, *(f"  {one['id']:22} {one['title']}" for one in data[what])]
    lines.append("plans of version 0.1")
    for one in data["plans"]:
        lines.append(f"  {one['id']:22} {one['kind']:16} {one['steps']:2} steps  {one['title']}")
    return lines


def _check(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans
    from station.engine.library import LibraryError

    result = 0
    folders = list(chosen.folder)
    for path in chosen.files:
        if path.is_dir() or path.parent.name in ("equipment", "profiles", "sites"):
            folders.append(path if path.is_dir() else path.parent.parent)
            continue
        try:
            loaded = plans.load(path)
        except plans.PlanError as error:
            result = complain(str(error))
        else:
            print(f"{path}: {len(loaded.steps)} steps, good")
    if chosen.files and not folders:
        return result
    try:
        data = library.kinds_as_data(library.read(folders))
    except LibraryError as error:
        return complain(str(error))
    counts = [f"{len(data[what])} {what}" for what in ("equipment", "profiles", "sites")]
    print(f"{', '.join(counts)}: good")
    return result


def _show(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans
    from station.engine.library import LibraryError

    folders = (*chosen.folder, plans.SHIPPED)
    if not any((folder / f"{chosen.plan}.toml").is_file() for folder in folders):
        try:
            kinds = library.read(chosen.folder).kinds
        except LibraryError as error:
            return complain(str(error))
        if chosen.plan in kinds:
            print("\n".join(library.show(kinds[chosen.plan])))
            return 0
    try:
        if Path(chosen.plan).suffix == ".toml":
            loaded = plans.load(Path(chosen.plan))
        else:
            loaded = plans.find(chosen.plan, folders)
    except plans.PlanError as error:
        return complain(str(error))
    if chosen.json:
        import msgspec

        print(msgspec.json.encode(_as_data(loaded)).decode())
        return 0
    print(f"{loaded.id}: {loaded.title}\n  for: {loaded.kind}\n  guideline: {loaded.guideline}")
    print(f"  sha256: {loaded.sha256}")
    for number, planned in enumerate(loaded.steps, start=1):
        print(f"\n{number}. {planned.name.words}  ({planned.use})")
        if planned.clause:
            print(f"   clause: {planned.clause}")
        for name, value in planned.settings.items():
            print(f"   {name} = {value!r}")
        for name, limit in planned.limits.items():
            print(f"   {name} {limit}   [{limit.basis}: {limit.source}]")
        if planned.stop_on_fail:
            print("   stops the run when it fails")
    return 0


def _as_data(loaded: Any) -> dict[str, Any]:
    return {
        "id": loaded.id,
        "title": loaded.title,
        "kind": loaded.kind,
        "guideline": loaded.guideline,
        "sha256": loaded.sha256,
        "steps": [
            {
                "use": planned.use,
                "title": planned.name.words,
                "clause": planned.clause,
                "roles": sorted(planned.step.roles),
                "measures": dict(planned.step.units),
                "settings": dict(planned.settings),
                "limits": dict(planned.limits),
                "stop_on_fail": planned.stop_on_fail,
            }
            for planned in loaded.steps
        ],
    }
