"""Remember what the labels of models say, so that each is asked for once on a station.

A remembered label is shown at each run. One that is to be changed takes a second confirmation: two
devices of one model do not differ in what is printed on them, so one of the two was mistyped.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from station.engine.library.tables import Told

Teller = Literal["operator", "edid", "usb", "scan"]
"""The origin of a label: a person, or the device itself."""


class Remembered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The label of a model, who told it, and when."""

    equipment: str
    maker: str
    model: str
    nameplate: dict[str, Told]
    told_by: str
    told_at: datetime
    teller: Teller = "operator"

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what is the same for all devices of the model, however it is spelt."""
        return self.equipment, _plain(self.maker), _plain(self.model)


class Changed(Exception):
    """A remembered label would change. `changes` has what was known and what is told now."""

    def __init__(self, changes: Mapping[str, tuple[Told, Told]]) -> None:
        self.changes = dict(changes)
        said = "; ".join(f"{name}: {old}, and now {new}" for name, (old, new) in changes.items())
        super().__init__(f"this model is known: {said}")


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="file",
             tag="pace.nameplates/1"):  # fmt: skip
    """Every label that a station remembers. Frozen: what is remembered makes another memory."""

    models: tuple[Remembered, ...] = ()

    def find(self, equipment: str, maker: str, model: str) -> Remembered | None:
        """Return the label of a model; None when it has not been told, or no model is named."""
        key = (equipment, _plain(maker), _plain(model))
        return next((one for one in self.models if one.key == key), None) if key[2] else None

    def remember(self, told: Remembered, *, confirmed: bool = False) -> "Memory":
        """Return a memory that has this label, with what was known of it and is not told now.

        Raises `Changed` when a value differs from what is known, unless that was `confirmed` a
        second time, and `ValueError` for a label without a model.
        """
        if not _plain(told.model):
            raise ValueError("a label is remembered by its model, and none is named")
        known = self.find(told.equipment, told.maker, told.model)
        before = known.nameplate if known else {}
        changes = {
            name: (before[name], value)
            for name, value in told.nameplate.items()
            if name in before and before[name] != value
        }
        if changes and not confirmed:
            raise Changed(changes)
        if known and before | told.nameplate == before:
            return self
        whole = msgspec.structs.replace(told, nameplate=before | told.nameplate)
        others = [one for one in self.models if one.key != told.key]
        return Memory(tuple(sorted([*others, whole], key=lambda one: one.key)))

    def forget(self, equipment: str, maker: str, model: str) -> "Memory":
        """Return a memory without this model."""
        key = (equipment, _plain(maker), _plain(model))
        return Memory(tuple(one for one in self.models if one.key != key))


def encode(memory: Memory) -> bytes:
    """Return the memory's file: JSON, one model after the other, the same bytes for the same."""
    return msgspec.json.format(msgspec.json.encode(memory, order="sorted"), indent=1) + b"\n"


def decode(content: bytes) -> Memory:
    """Return the memory in a file. Raises `ValueError` for a damaged file or a later version."""
    try:
        raw: Any = msgspec.json.decode(content, type=Memory)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"this is no file of labels: {error}") from error
    memory: Memory = raw
    if len({one.key for one in memory.models}) != len(memory.models):
        raise ValueError("this is no file of labels: a model stands in it twice")
    return memory


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
