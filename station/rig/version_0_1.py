"""Tells what to write instead of the keys of a version 0.1 `station.toml` that named plan files."""

from collections.abc import Iterator, Mapping
from typing import Any

SHIPPED = {
    "laptop-adapter-45w": (
        "laptop-adapter",
        'nameplate = { output_v = 19.5, output_a = 2.31, efficiency_mark = "VI" }',
    ),
    "laptop-adapter-65w": (
        "laptop-adapter",
        'nameplate = { output_v = 19.5, output_a = 3.33, efficiency_mark = "VI" }',
    ),
    "laptop-adapter-90w": (
        "laptop-adapter",
        'nameplate = { output_v = 19.5, output_a = 4.62, efficiency_mark = "VI" }',
    ),
    "lcd-monitor": ("lcd-monitor", ""),
    "usb-keyboard": ("usb-keyboard", 'nameplate = { layout = "iso-105" }'),
    "usb-keyboard-by-hand": (
        "usb-keyboard",
        'nameplate = { layout = "iso-105" } and without = ["actuator", "light"]',
    ),
}
"""The plans that came with version 0.1: the equipment of each, and the lines of its label."""

PAGE = "docs/how-to/write-a-plan.md"


def in_station(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to write instead of the old keys of the whole file."""
    if "plan_folders" in raw:
        yield (
            "plan_folders: there are no plan files any more: write library_folders, for folders"
            f" with equipment, profiles and sites of your own ({PAGE})"
        )


def in_slot(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to write instead of the old keys of a slot, each after its key."""
    for key in ("plan", "plans"):
        if key in raw:
            named = raw[key] if isinstance(raw[key], list) else [raw[key]]
            for plan in named or [""]:
                yield f"{key}: {_instead_of(plan)}"
    if "kind" in raw:
        yield "kind: leave it out: `equipment` says what the slot is for"


OF_STATION = ("plan_folders",)
OF_SLOT = ("plan", "plans", "kind")
"""The old keys, of the whole file and of a slot."""


def without(raw: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return a table without its old keys."""
    return {key: value for key, value in raw.items() if key not in keys}


def _instead_of(plan: object) -> str:
    equipment, label = SHIPPED.get(plan, ("", "")) if isinstance(plan, str) else ("", "")
    if not equipment:
        return (
            f"{plan!r} named a plan file of version 0.1: write equipment and profile, such as"
            f' equipment = ["laptop-adapter"] and profile = "pace-key" ({PAGE})'
        )
    said = f'{plan!r} was a plan file of version 0.1: write equipment = ["{equipment}"]'
    if label:
        said += f', and in [labels.{plan}] equipment = "{equipment}" and {label}'
    return said
