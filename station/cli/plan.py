"""`pace plan`: list, check and show plans."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from station.cli.arguments import add_verb, add_verbs, complain


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    listing = add_verb(verbs, "list", "the plans there are", _list)
    listing.add_argument("--json", action="store_true", help="as one JSON array")
    listing.add_argument("--folder", type=Path, action="append", default=[], help="look here, too")
    check = add_verb(verbs, "check", "check plan files", _check)
    check.add_argument("files", type=Path, nargs="+", metavar="FILE", help="TOML files")
    show = add_verb(verbs, "show", "one plan with its steps, limits and their basis", _show)
    show.add_argument("plan", help="an id, or a file")
    show.add_argument("--json", action="store_true", help="everything, as one JSON object")
    show.add_argument("--folder", type=Path, action="append", default=[], help="look here, too")


def _list(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans

    found, wrong = [], []
    for folder in (*chosen.folder, plans.SHIPPED):
        if not folder.is_dir():
            wrong.append(f"{folder}: not a folder")
        for path in sorted(folder.glob("*.toml")):
            try:
                found.append(plans.load(path))
            except plans.PlanError as error:
                wrong.append(str(error))
    if chosen.json:
        rows = [
            {"id": p.id, "title": p.title, "kind": p.kind, "steps": len(p.steps)} for p in found
        ]
        print(json.dumps(rows))
    else:
        for plan in found:
            print(f"{plan.id:24} {plan.kind:16} {len(plan.steps):2} steps  {plan.title}")
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return 1 if wrong else 0


def _check(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans

    result = 0
    for path in chosen.files:
        try:
            loaded = plans.load(path)
        except plans.PlanError as error:
            result = complain(str(error))
        else:
            print(f"{path}: {len(loaded.steps)} steps, good")
    return result


def _show(chosen: argparse.Namespace) -> int:
    from station.engine import plan as plans

    try:
        if Path(chosen.plan).suffix == ".toml":
            loaded = plans.load(Path(chosen.plan))
        else:
            loaded = plans.find(chosen.plan, (*chosen.folder, plans.SHIPPED))
    except plans.PlanError as error:
        return complain(str(error))
    if chosen.json:
        import msgspec

        print(msgspec.json.encode(_as_data(loaded)).decode())
        return 0
    print(f"{loaded.id}: {loaded.title}\n  for: {loaded.kind}\n  guideline: {loaded.guideline}")
    print(f"  sha256: {loaded.sha256}")
    for number, planned in enumerate(loaded.steps, start=1):
        print(f"\n{number}. {planned.title}  ({planned.use})")
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
                "title": planned.title,
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
