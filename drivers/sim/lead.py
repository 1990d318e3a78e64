"""The faults of an instrument, between its twin and all that it is connected to.

A `Lead` belongs to one role of a slot. A twin sees its parts of the world through it
(`drivers.sim.seen`), and its bus is led through `drivers.sim.faulty_wires`. Without faults all
passes unchanged.
"""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from random import Random

from drivers.sim.onset import Onset
from drivers.sim.place import Place
from drivers.sim.world import Sink, Source

SCALE = 1e-12  # of the least gain: an instrument that tells nothing is not divided by


@dataclass(frozen=True)
class Fault:
    """A fault of a bench at the instrument of a role.

    `kind` says what happens, `quantity` to which figure: `voltage`, `current`, `power` or `light`.
    `by` is its size where it has one: a factor, a step in the quantity's unit, a share, seconds.
    `zones` and `keys` are those that it concerns; none are all of them.
    """

    kind: str
    onset: Onset
    quantity: str = ""
    by: float = 0.0
    zones: AbstractSet[int] = frozenset()
    keys: AbstractSet[int] = frozenset()
    does: str = ""


@dataclass
class Lead:
    """One role's connection to a slot, and its faults now.

    `home` is the slot's place, and `away` another's, which it is connected to while it is swapped.
    `now_s` is the time since the device was plugged in.
    """

    home: Callable[[], Place | None]
    now_s: Callable[[], float]
    chance: Random = field(default_factory=lambda: Random(0))
    away: Place | None = None
    faults: tuple[Fault, ...] = ()
    _held: dict[tuple[int, object], float] = field(default_factory=dict)
    _ends: "list[End]" = field(default_factory=list)

    def set(self, faults: Iterable[Fault], chance: Random, away: Place | None) -> None:
        """Take these faults from now on, and forget those before."""
        for end in self._ends:
            end.disconnect(self.away)
        self.faults, self.chance, self.away = tuple(faults), chance, away
        self._held.clear()
        for end in self._ends:
            end.connect(away)

    def active(self, *kinds: str) -> Iterator[tuple[Fault, float]]:
        """Yield the faults of these kinds that are there now, and how far each has grown."""
        for fault in self.faults:
            if fault.kind in kinds and (level := fault.onset.level(self.now_s())) > 0:
                yield fault, level

    def has(self, *kinds: str) -> bool:
        """Tell whether a fault of one of these kinds is there now."""
        return bool(self.faults) and any(True for _ in self.active(*kinds))

    @property
    def place(self) -> Place | None:
        """Return the place that the instrument is connected to now."""
        return self.away if self.has("swapped") else self.home()

    def told(self, quantity: str, value: float, zone: int | None = None) -> float:
        """Return what the instrument finds for a true figure."""
        if not self.faults:
            return value
        for fault, level in self.active("gain", "offset", "noise", "stuck_range"):
            if fault.quantity != quantity or (fault.zones and zone not in fault.zones):
                continue
            match fault.kind:
                case "gain":
                    value *= 1.0 + (fault.by - 1.0) * level
                case "offset":
                    value += fault.by * level
                case "noise":
                    value += self.chance.gauss(0.0, fault.by * level)
                case _:
                    value = min(value, fault.by)
        return self._frozen(quantity, value, zone)

    def _frozen(self, quantity: str, value: float, zone: int | None) -> float:
        for number, fault in enumerate(self.faults):
            if fault.kind == "frozen":
                key = (number, (quantity, zone))
                if fault.onset.level(self.now_s()) > 0:
                    return self._held.setdefault(key, value)
                self._held.pop(key, None)
        return value

    def scale(self, quantity: str) -> tuple[float, float]:
        """Return gain and offset with which the instrument sees a figure: also what it sets."""
        gain, offset = 1.0, 0.0
        for fault, level in self.active("gain", "offset"):
            if fault.quantity == quantity:
                gain, offset = (
                    (gain * (1.0 + (fault.by - 1.0) * level), offset)
                    if fault.kind == "gain"
                    else (gain, offset + fault.by * level)
                )
        return gain if abs(gain) > SCALE else SCALE, offset

    def add(self, end: "End") -> None:
        """Connect an end that gives or takes current to the slot's circuit."""
        self._ends.append(end)


class End:
    """An end of an instrument in a circuit: its own scale lies between it and the circuit."""

    def __init__(self, lead: Lead, place: Place) -> None:
        self.lead = lead
        self.place = place

    def connect(self, away: Place | None) -> None:
        """Appear in another slot's circuit, too."""

    def disconnect(self, away: Place | None) -> None:
        """Leave the other slot's circuit."""

    @property
    def _is_here(self) -> bool:
        return self.lead.place is self.place and not self.lead.has("open_lead")


class SourceEnd(End):
    def __init__(self, lead: Lead, place: Place, source: Source) -> None:
        super().__init__(lead, place)
        self.source = source

    def voltage_at(self, current_a: float) -> float:
        if not self.lead.faults:
            return self.source.voltage_at(current_a)
        if not self._is_here:
            return 0.0
        gain, offset_v = self.lead.scale("voltage")
        gain_i, offset_a = self.lead.scale("current")
        return (self.source.voltage_at(current_a * gain_i + offset_a) - offset_v) / gain

    def connect(self, away: Place | None) -> None:
        if away is not None:
            away.circuit.source = SourceEnd(self.lead, away, self.source)


class SinkEnd(End):
    def __init__(self, lead: Lead, place: Place, sink: Sink) -> None:
        super().__init__(lead, place)
        self.sink = sink

    def current_at(self, voltage_v: float) -> float:
        if not self.lead.faults:
            return self.sink.current_at(voltage_v)
        if not self._is_here:
            return 0.0
        gain, offset_v = self.lead.scale("voltage")
        gain_i, offset_a = self.lead.scale("current")
        indicated_a = self.sink.current_at(voltage_v * gain + offset_v)
        return max(0.0, (indicated_a - offset_a) / gain_i) if indicated_a > 0 else 0.0

    def connect(self, away: Place | None) -> None:
        if away is not None:
            away.circuit.sinks.append(SinkEnd(self.lead, away, self.sink))
