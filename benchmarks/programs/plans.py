"""Times a start with the compiled library, and one plan: 3 of 17 kinds × 4 profiles.

Prints `{"first_s": …, "start_s": …, "plan_s": …}`: reading and checking all files, the compiled
kinds of three slots, and the slowest of three plans; each the best of the rounds that it is told.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from station.engine import step as steps
from station.engine.library import SHIPPED, Library, load, read
from station.engine.resolve import OF_EVERY_SLOT, resolve

KINDS, PROFILES = 17, 4
USED: dict[str, dict[str, Any]] = {
    "laptop-adapter": {"output_v": 19.5, "output_a": 3.33, "efficiency_mark": "VI"},
    "lcd-monitor": {},
    "usb-keyboard": {"layout": "iso-105"},
}


def fill(folder: Path) -> None:
    """Write copies of a shipped kind and a shipped profile, until there are enough of both."""
    for sort, name, wanted in (
        ("equipment", "laptop-adapter", KINDS),
        ("profiles", "pace-key", PROFILES),
    ):
        (folder / sort).mkdir(parents=True, exist_ok=True)
        text = (SHIPPED / sort / f"{name}.toml").read_text()
        there = [path for path in (SHIPPED / sort).glob("*.toml") if path.stem != "sources"]
        for number in range(wanted - len(there)):
            copy = text.replace(f'id = "{name}"', f'id = "{name}-{number}"', 1)
            (folder / sort / f"{name}-{number}.toml").write_text(copy)


def best_s(rounds: int, work: Callable[[], object]) -> float:
    """Return the time of the quickest round."""
    taken_s = []
    for _ in range(rounds):
        start_s = time.perf_counter()
        work()
        taken_s.append(time.perf_counter() - start_s)
    return min(taken_s)


def plan_s(library: Library, equipment: str, rounds: int) -> float:
    """Return the time of one plan on a bench that has everything."""
    roles = {
        name: role.kind
        for place in library.kind(equipment).places
        for use in place.entry.use
        for name, role in steps.find(use).roles.items()
        if name not in OF_EVERY_SLOT
    }
    label = USED[equipment]
    return best_s(
        rounds,
        lambda: resolve(library, equipment, "pace-key", nameplate=label, roles=roles).sha256,
    )


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    fill(folder)
    folders, kept = (SHIPPED, folder), folder / "kept"
    whole = read(folders)
    profiles = {len(kind.profiles) for kind in whole.kinds.values()}
    if len(whole.kinds) != KINDS or profiles != {PROFILES}:
        raise SystemExit(f"{len(whole.kinds)} kinds with {profiles} profiles")
    library = load(USED, folders, kept)
    print(
        json.dumps(
            {
                "first_s": best_s(rounds, lambda: read(folders)),
                "start_s": best_s(rounds, lambda: load(USED, folders, kept)),
                "plan_s": max(plan_s(library, equipment, rounds) for equipment in USED),
            }
        )
    )


if __name__ == "__main__":
    main()
