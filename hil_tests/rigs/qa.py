"""QA's statements about a rig, in `<rig>.qa.toml` beside it: how far to go, what is near enough.

    [slots.left]
    max_voltage_v = 20.0            harmless on these leads and to this device
    max_current_a = 3.0

    [slots.left.golden]
    unit = "adapter G-0007"
    [slots.left.golden.values.no_load_voltage]
    value = 19.52
    tolerance = 0.05
    unit = "V"

What is not stated is not done: a supply without `max_voltage_v` is never swept.
"""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec

from records.toml.tables import MistakesInFile, TableError, convert, read, suggest

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


GOLDEN_VALUES = (
    *("feed_current", "no_load_voltage", "loaded_voltage", "mains_power"),
    *("white", "uniformity", "contrast", "white_x", "white_y", "keys_offered", "caps_lamp"),
)
"""The values that the suites measure of golden units: test_golden_unit.py."""


class QaError(MistakesInFile):
    """Tells the mistakes of a `.qa.toml`, one line each: file, place, and what would be right."""


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value that the golden unit measured when it was last known to be right."""

    value: float
    tolerance: Positive
    unit: str = ""


class Golden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that is known, kept for nothing but checking this bench.

    It is fed with `feed_voltage_v` and at most `feed_current_a` where the slot has a supply, and
    loaded with `load_current_a` where it has a load instead.
    """

    unit: str
    measured_on: date | None = None
    feed_voltage_v: Positive = 5.0
    feed_current_a: Positive = 0.5
    load_current_a: Positive = 1.0
    values: dict[str, Reference] = {}


class SlotQa(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """QA's statements about a slot. By default nothing is swept, and what is near enough is modest.

    Two instruments agree within the sum of their resolutions, plus `budget_percent` of the value,
    plus `budget_v` or `budget_a`: what calibration, leads and drift may cost. A display that was
    without a picture is asleep; after `wake_s` at most it shows one.
    """

    max_voltage_v: Positive | None = None
    max_current_a: Positive | None = None
    budget_percent: NotNegative = 0.5
    budget_v: NotNegative = 0.02
    budget_a: NotNegative = 0.01
    settle_s: NotNegative = 0.5
    wake_s: NotNegative = 5.0
    off_v: Positive = 0.5
    off_within_s: Positive = 2.0
    make_safe_within_s: Positive = 3.0
    readings: Annotated[int, msgspec.Meta(ge=2)] = 10
    golden: Golden | None = None


NOT_BY_DEFAULT = tuple(
    field.name for field in msgspec.structs.fields(SlotQa) if field.default is None
)
"""The statements without a default: QA must make them before a test depends on them."""


class Qa(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    slots: dict[str, SlotQa] = {}

    def of(self, slot: str) -> SlotQa:
        return self.slots.get(slot, SlotQa())


def path_beside(rig: Path) -> Path:
    """Return `station.qa.toml` for `station.toml`."""
    return rig.with_suffix(".qa.toml")


def load(path: Path, slots: Collection[str]) -> Qa:
    """Return what the file states of each slot. Raises `QaError` with its mistakes."""
    try:
        qa = convert(read(path), Qa)
    except TableError as error:
        raise QaError(*error.after(path)) from error
    if strangers := sorted(qa.slots.keys() - set(slots)):
        known = ", ".join(sorted(slots))
        raise QaError(f"{path}: slots.{strangers[0]}: the rig has no such slot, but {known}")
    for slot, stated in qa.slots.items():
        for name in stated.golden.values if stated.golden else ():
            if name not in GOLDEN_VALUES:  # it would be compared with nothing
                raise QaError(
                    f"{path}: slots.{slot}.golden.values: nothing measures {name!r},"
                    f" {suggest(name, GOLDEN_VALUES)}"
                )
    return qa
