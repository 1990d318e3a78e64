"""A slot of a simulated rig: its time, the place of a device, and what happens there over time.

The world knows no device: a device says itself how it is plugged in (`drivers.sim.place`).
"""

import heapq
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol, TypeVar, runtime_checkable

from drivers.sim.faulty_wires import FaultyUsb
from drivers.sim.languages.usb_hub import SimulatedHub, SimulatedVbus
from drivers.sim.lead import Fault, Lead
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.linux.usb_device import SimulatedUsbDevice
from drivers.sim.mains import MainsLine
from drivers.sim.onset import Onset
from drivers.sim.place import Device, Place
from drivers.sim.world import Circuit, SimulatedTime

Kind = TypeVar("Kind")

MAINS_V, MAINS_HZ = 230.0, 50.0
FORESEEN_S = 7200.0
"""Faults that come again and again are foreseen so far."""


class HandTime(SimulatedTime):
    """Simulated time in which things happen: a sleep past their moment lets them happen then.

    After each piece of a sleep, and after each event, `after` is called.
    """

    def __init__(self, speed: float = math.inf) -> None:
        super().__init__(speed)
        self.after: Callable[[], None] = lambda: None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._hand_s = -math.inf

    def at(self, at_s: float, act: Callable[[], None]) -> None:
        """Let `act` happen at a time of this clock, or at the next sleep when that has passed."""
        heapq.heappush(self._due, (at_s, next(self._order), act))

    def then(self, delay_s: float, act: Callable[[], None]) -> None:
        """Let a hand act `delay_s` after now, or after its last movement that is still due."""
        self._hand_s = max(self._hand_s, self.monotonic()) + delay_s
        self.at(self._hand_s, act)

    def forget(self) -> None:
        """Forget all that is still to happen."""
        self._due.clear()
        self._hand_s = -math.inf

    def sleep(self, seconds: float, /) -> None:
        end_s = self.monotonic() + seconds
        while self._due and self._due[0][0] <= end_s:
            at_s, _, act = heapq.heappop(self._due)
            super().sleep(max(0.0, at_s - self.monotonic()))
            act()
            self.after()
        super().sleep(max(0.0, end_s - self.monotonic()))
        self.after()


@dataclass(frozen=True)
class Change:
    """A change of some attributes, of the device or of the mains, while its onset lasts.

    A number grows from its former value to that one as the onset does; others change at once.
    """

    onset: Onset
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Happening:
    """All that happens at a slot, from the moment when a device is brought.

    `faults` are those of the bench, by role. `instead` says when other devices are in its place, or
    none; `pressed` when a hand or a book lies on keys. `away` is the device of another slot.
    """

    faults: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    mains: tuple[Change, ...] = ()
    instead: tuple[tuple[Onset, Device | None], ...] = ()
    pressed: tuple[tuple[Onset, Collection[int]], ...] = ()
    away: Device | None = None

    def onsets(self) -> Iterable[Onset]:
        """Yield the onset of each thing that happens."""
        yield from (fault.onset for faults in self.faults.values() for fault in faults)
        yield from (change.onset for change in (*self.changes, *self.mains))
        yield from (onset for onset, _ in (*self.instead, *self.pressed))


NOTHING = Happening()


class World:
    """The world at one slot: the wires, the light, and the device that is plugged in, if any.

    `leads` are the connections of its instruments, by role. `cables` are told when time has passed.
    `held` are keys on which a hand or a book lies.
    """

    def __init__(self, speed: float = math.inf) -> None:
        self.time = HandTime(speed)
        self.time.after = self._refresh
        self.place = Place(self.time)
        self.place.wrap_usb = self._wrap_usb
        self.leads: dict[str, Lead] = {}
        self.usb_role = ""
        self.device_roles: list[str] = []
        self.vbus: SimulatedVbus | None = None
        self.hubs: list[SimulatedHub] = []
        self.cables: list[Callable[[], None]] = []
        self.began_s = 0.0
        self.device: Device | None = None
        self.away: Place | None = None
        self._happening = NOTHING
        self._before: dict[tuple[int, str], Any] = {}
        self.held: set[int] = set()
        self._is_usb_in = True
        self._refreshing = False

    @property
    def circuit(self) -> Circuit:
        """Return the DC circuit of the slot."""
        return self.place.circuit

    @property
    def mains(self) -> MainsLine:
        """Return the mains of the slot."""
        return self.place.mains

    @property
    def usb(self) -> SimulatedUsbBackend:
        """Return the USB ports of the slot's computer."""
        return self.place.usb

    @property
    def usb_port(self) -> str:
        """Return the USB port for the device; empty where there is none."""
        return self.place.usb_port

    @usb_port.setter
    def usb_port(self, port: str) -> None:
        self.place.usb_port = port

    @property
    def now_s(self) -> float:
        """Return the time since the device was brought."""
        return self.time.monotonic() - self.began_s

    def plugged(self, kind: type[Kind]) -> Kind | None:
        """Return the device if one of this kind is plugged in."""
        return self.device if isinstance(self.device, kind) else None

    def lead(self, role: str) -> Lead:
        """Return the connection of a role, which is made when it is first asked for."""
        if role not in self.leads:
            self.leads[role] = Lead(home=lambda: self.place, now_s=lambda: self.now_s)
        return self.leads[role]

    @property
    def is_plugged(self) -> bool:
        """Tell whether a device is there, and all of its cables are in."""
        out = any(self.lead(role).has("unplugged") for role in self.device_roles)
        return self.place.device is not None and not out

    @property
    def is_held(self) -> bool:
        """Tell whether a hand, a book or a broken finger holds keys of the device."""
        fingers = (f for lead in self.leads.values() for f, _ in lead.active("finger"))
        return bool(self.held) or any(finger.does == "holds" for finger in fingers)

    def note(self, twin: object) -> None:
        """Remember the socket that an instrument's twin switches."""
        if isinstance(twin, SwitchedSocket):
            self.vbus = twin.vbus
            self.hubs += twin.hubs

    # Devices

    def plug(self, device: Device) -> None:
        """Plug a device in on a good bench, instead of what is there."""
        self.bring(device, NOTHING, Random(0))

    def unplug(self) -> None:
        """Take the device away and mend the bench."""
        self.time.forget()
        self._restore()
        self._happening = NOTHING
        for lead in self.leads.values():
            lead.set((), Random(0), None)
        self._refresh()
        self.place.take_out()
        self.device = None
        self.mains.voltage_v, self.mains.frequency_hz = MAINS_V, MAINS_HZ

    def bring(self, device: Device | None, happening: Happening, chance: Random) -> None:
        """Plug a device in, and let happen what is to happen from now on."""
        self.unplug()
        self.began_s = self.time.monotonic()
        self.device, self._happening = device, happening
        self.away = None
        if happening.away is not None:
            self.away = Place(self.time)
            self.away.put_in(happening.away)
        for role, faults in happening.faults.items():
            self.lead(role).set(faults, Random(f"{chance.random()}/{role}"), self.away)
        if device is not None:
            self.place.put_in(device)
        for onset in happening.onsets():
            for edge_s in onset.edges(FORESEEN_S):
                self.time.at(self.began_s + edge_s, lambda: None)
        self._refresh()

    def pull_out(self) -> None:
        """Take the device out of its place, for the rest of the run."""
        gone = (Onset(from_s=self.now_s), None)
        self._happening = replace(self._happening, instead=(*self._happening.instead, gone))
        self._refresh()

    def add(self, fault: Fault, *roles: str) -> None:
        """Add a fault at these roles, or at all of them, until the device is taken away."""
        for role in roles or tuple(self.leads):
            lead = self.lead(role)
            lead.faults = (*lead.faults, fault)

    # Time

    def _refresh(self) -> None:
        """Let everything be as it is to be at this time."""
        if self._refreshing:
            return
        self._refreshing = True
        try:
            self._change_devices()
            self._change_cables()
            for object_, changes in (
                (self.place.device, self._happening.changes),
                (self.place.mains, self._happening.mains),
            ):
                if object_ is not None and changes:
                    self._change(object_, changes)
            self._press()
        finally:
            self._refreshing = False

    def _change_devices(self) -> None:
        wanted = self.device
        for onset, other in self._happening.instead:
            if onset.level(self.now_s) > 0:
                wanted = other
        if wanted is not self.place.device:
            self.place.take_out()
            if wanted is not None:
                self.place.put_in(wanted)

    def _change_cables(self) -> None:
        lead = self.leads.get(self.usb_role)
        is_in = lead is None or not lead.has("unplugged")
        if is_in is not self._is_usb_in:
            self._is_usb_in = is_in
            (self.place.push_usb if is_in else self.place.pull_usb)()
        for cable in self.cables:
            cable()

    def _change(self, changed: object, changes: Iterable[Change]) -> None:
        wanted: dict[str, Any] = {}
        for change in changes:
            level = change.onset.level(self.now_s)
            for name, value in change.values.items():
                before = self._before.setdefault((id(changed), name), getattr(changed, name))
                start = wanted.setdefault(name, before)
                if level > 0:
                    wanted[name] = grown(start, value, level)
        for name, value in wanted.items():
            if getattr(changed, name) != value:
                setattr(changed, name, value)

    def _restore(self) -> None:
        for changed in (self.place.device, self.place.mains):
            for (whose, name), value in self._before.items():
                if whose == id(changed):
                    setattr(changed, name, value)
        self._before.clear()

    def _press(self) -> None:
        wanted = {
            key
            for onset, keys in self._happening.pressed
            if onset.level(self.now_s) > 0
            for key in keys
        }
        keys = self.place.keys
        if keys is None or wanted == self.held:
            return
        for key in wanted - self.held & keys.keys:
            keys.press(key)
        for key in self.held - wanted & keys.keys:
            keys.release(key)
        self.held = wanted

    def _wrap_usb(self, device: SimulatedUsbDevice) -> SimulatedUsbDevice:
        return FaultyUsb(device, self.lead(self.usb_role), self.time)


def grown(start: Any, end: Any, level: float) -> Any:
    """Return a value on its way from one to another: a number in between, others at once."""
    numbers = all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in (start, end)
    )
    if numbers and level < 1 and math.isfinite(start) and math.isfinite(end):
        return start + (end - start) * level
    return end


@runtime_checkable
class SwitchedSocket(Protocol):
    """A twin that switches the power of the socket that the device is plugged into."""

    vbus: SimulatedVbus
    hubs: list[SimulatedHub]


class Probe:
    """The place under an instrument that is carried from one slot to another."""

    def __init__(self) -> None:
        self.over: World | None = None

    def place(self) -> Place | None:
        """Return the place that it is over."""
        return self.over.place if self.over is not None else None

    def now_s(self) -> float:
        """Return the time of the slot that it is over."""
        return self.over.now_s if self.over is not None else 0.0
