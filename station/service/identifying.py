"""Identify the devices of a station: their labels are asked for, and kept beside the outbox."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from drivers.buses import Hardware
from drivers.capabilities import Monitor
from drivers.errors import DriverError
from drivers.formats import edid
from records import Asked, Device, Phrase
from station.console import PluggedDevice
from station.engine.clock import Clock
from station.engine.labels import memory as memories
from station.engine.labels.asking import Identified, Seen, identify
from station.engine.labels.memory import Memory
from station.engine.plan import Plan
from station.engine.prompts import Heard, Prompter
from station.rig.offers import Ask
from station.rig.slots import SlotConfig

log = logging.getLogger(__name__)

FILE = "nameplates.json"


class Known(NamedTuple):
    """A device whose label is known, its plan, and what the operator was asked for it."""

    device: Device
    plan: Plan
    asked: tuple[Asked, ...]


class NotToBeTested(Exception):
    """A device that is not tested. `reason` is why; None when the operator said so."""

    def __init__(self, reason: Phrase | None = None) -> None:
        self.reason = reason
        super().__init__(str(reason))


class Labels:
    """The labels that a station remembers, in a file of its data; without one they are forgotten.

    A file that cannot be read is set aside under a dated name, and its labels are asked for again.
    """

    def __init__(
        self, path: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self.memory = self._load()

    def identify(
        self, device: Device, ask: Ask, told_by: str, seen: Seen | None, clock: Clock,
        prompter: Prompter,
    ) -> Known:  # fmt: skip
        """Ask for what is not known of a device's label, and return its plan.

        Raises `NotToBeTested`, and `Cancelled` when the operator stops it.
        """
        asked: list[Asked] = []
        operator = Heard(prompter, clock, asked)
        seen = Seen("", ask.label) if ask.label else seen
        found, memory = identify(
            ask.kind, operator, self.memory, told_by, self._now, seen, ask.told
        )
        self._keep(ask.kind.id, found, memory)
        plan = ask.resolve(found.nameplate)
        if not plan.steps:
            raise NotToBeTested(Phrase("identify.nothing_possible"))
        if plan.unproved and not operator.confirm("identify.cannot_pass", count=len(plan.unproved)):
            raise NotToBeTested
        named = None if ask.label else found  # the name of a label is no model
        return Known(labelled(device, plan, named), plan, tuple(asked))

    def _keep(self, equipment: str, found: Identified, memory: Memory) -> None:
        told = memory.find(equipment, found.maker, found.model)
        if told is None:
            return
        with self._lock:  # another slot may have learned of another model meanwhile
            before, self.memory = self.memory, self.memory.remember(told, confirmed=True)
            if self.memory is before or self._path is None:
                return
            try:
                half = self._path.with_suffix(".half")
                with half.open("wb") as file:
                    file.write(memories.encode(self.memory))
                    file.flush()
                    os.fsync(file.fileno())
                half.replace(self._path)
            except OSError as error:
                log.warning("the label of %s is forgotten at the next start: %s", told.model, error)

    def _load(self) -> Memory:
        if self._path is None:
            return Memory()
        try:
            return memories.decode(self._path.read_bytes())
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError) as error:
            aside = self._path.with_name(f"{self._path.name}.{self._now():%Y%m%dT%H%M%S}")
            log.warning("%s cannot be read, and labels are asked again: %s", self._path, error)
            try:
                self._path.replace(aside)
            except OSError as why:
                log.warning("%s cannot be set aside: %s", self._path, why)
            return Memory()


def labelled(device: Device, plan: Plan, found: Identified | None = None) -> Device:
    """Return a device with what its label says, as its record holds it."""
    return Device(
        asset_tag=device.asset_tag,
        kind=device.kind,
        maker=found.maker if found else "",
        model=found.model if found else "",
        nameplate=dict(plan.nameplate),
    )


def said_by_usb(device: PluggedDevice | None) -> Seen | None:
    """Return what the USB descriptors of a plugged-in device say, if they name a product."""
    if device is None or not device.product.strip():
        return None
    return Seen(device.maker.strip(), device.product.strip())


def said_by_display(slot: SlotConfig, hardware: Hardware) -> Seen | None:
    """Return what the EDID of a slot's display says, if it answers and names a model."""
    for table in slot.roles.values():
        if not issubclass(table.kind, Monitor):
            continue
        try:
            with ExitStack() as closing:
                said = edid.parse(table.open(hardware, closing).read_edid())
        except (DriverError, ValueError) as error:
            log.info("slot %s: its display does not say what it is: %s", slot.name, error)
            continue
        if said.checksum_ok and said.name:
            return Seen(said.manufacturer or "", said.name)
    return None
