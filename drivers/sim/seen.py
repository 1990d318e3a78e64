"""The parts of a slot's world as one instrument sees them, through its `Lead`."""

from collections.abc import Iterator
from typing import SupportsIndex

from drivers.sim.colour import D65, Xy, direction
from drivers.sim.lead import Fault, Lead, SinkEnd, SourceEnd
from drivers.sim.light import Scene
from drivers.sim.mains import MainsLine, MainsLoad
from drivers.sim.place import Place, PluggedKeys
from drivers.sim.world import Circuit, Sink, Source


class _Sinks(list[Sink]):
    """The sinks of a circuit as one instrument sees them: its own is itself."""

    def __init__(self, lead: Lead, place: Place) -> None:
        super().__init__(
            one.sink if isinstance(one, SinkEnd) and one.lead is lead else one
            for one in place.circuit.sinks
        )
        self._lead = lead
        self._place = place

    def append(self, sink: Sink, /) -> None:
        end = SinkEnd(self._lead, self._place, sink)
        self._place.circuit.sinks.append(end)
        self._lead.add(end)

    def insert(self, index: SupportsIndex, sink: Sink, /) -> None:
        raise NotImplementedError

    def remove(self, sink: Sink, /) -> None:
        for end in self._place.circuit.sinks:
            if end is sink or (isinstance(end, SinkEnd) and end.sink is sink):
                self._place.circuit.sinks.remove(end)
                return
        raise ValueError("no such sink")


class SeenCircuit(Circuit):
    """The slot's circuit as one instrument is connected to it."""

    def __init__(self, lead: Lead, home: Place) -> None:
        super().__init__()
        self._lead = lead
        self._home = home

    @property
    def source(self) -> Source | None:
        source = self._home.circuit.source
        own = isinstance(source, SourceEnd) and source.lead is self._lead
        return source.source if own and isinstance(source, SourceEnd) else source

    @source.setter
    def source(self, source: Source | None) -> None:
        if source is not None:
            end = SourceEnd(self._lead, self._home, source)
            self._lead.add(end)
            self._home.circuit.source = end
        else:
            self._home.circuit.source = None

    @property
    def sinks(self) -> list[Sink]:
        return _Sinks(self._lead, self._home)

    @sinks.setter
    def sinks(self, sinks: list[Sink]) -> None:
        self._home.circuit.sinks = sinks

    def solve(self) -> tuple[float, float]:
        lead = self._lead
        place = lead.place
        connected = place is not None and not lead.has("open_lead")
        voltage_v, current_a = place.circuit.solve() if place and connected else (0.0, 0.0)
        return max(0.0, lead.told("voltage", voltage_v)), lead.told("current", current_a)


class SeenMains(MainsLine):
    """The slot's mains as a meter sees it."""

    def __init__(self, lead: Lead) -> None:
        super().__init__()
        self._lead = lead

    @property
    def _line(self) -> MainsLine | None:
        place = self._lead.place
        return place.mains if place is not None else None

    @property  # type: ignore[misc]  # no instrument sets it
    def voltage_v(self) -> float:
        line = self._line
        there = line is not None and not self._lead.has("open_lead")
        return max(0.0, self._lead.told("voltage", line.voltage_v if line and there else 0.0))

    @property  # type: ignore[misc]
    def frequency_hz(self) -> float:
        return self._line.frequency_hz if self._line is not None else 0.0

    def load(self) -> MainsLoad:
        if self._line is None or self._lead.has("open_lead"):
            return MainsLoad(self._lead.told("power", 0.0))
        load = self._line.load()
        return load._replace(power_w=max(0.0, self._lead.told("power", load.power_w)))


class SeenLight(Scene):
    """The light that falls on the sensors of a role."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def _scene(self) -> Scene | None:
        place = self._lead.place
        return place.light if place is not None else None

    def _lights(self, zone: int) -> tuple[float, float]:
        """Return the illuminance from the device and from elsewhere."""
        scene = self._scene()
        device_lux, stray_lux = (scene.illuminance_lux(zone) if scene is not None else 0.0), 0.0
        if self._lead.has("open_lead"):
            return 0.0, 0.0
        for fault, level in self._lead.active("hand", "stray_light"):
            if fault.zones and zone not in fault.zones:
                continue
            if fault.kind == "hand":
                share = 1.0 - (1.0 - fault.by) * level
                device_lux, stray_lux = device_lux * share, stray_lux * share
            else:
                stray_lux += fault.by * level
        return device_lux, stray_lux

    def illuminance_lux(self, zone: int) -> float:
        return max(0.0, self._lead.told("light", sum(self._lights(zone)), zone))

    def chromaticity(self, zone: int) -> Xy:
        scene = self._scene()
        device_lux, stray_lux = self._lights(zone)
        own = scene.chromaticity(zone) if scene is not None else D65
        if not stray_lux:
            return own
        parts = ((device_lux, direction(own)), (stray_lux, direction(D65)))
        x, y, z = (sum(lux * colour[axis] for lux, colour in parts) for axis in range(3))
        return x / (x + y + z), y / (x + y + z)


class SeenKeys:
    """The keys under a role's fingers. A finger over no key presses without effect.

    A fault `finger` does `nothing`, or `holds` its key once it is down, or hits the `neighbour`.
    """

    def __init__(self, lead: Lead) -> None:
        self._lead = lead

    def press(self, usage: int) -> None:
        """Press a key, by its usage."""
        if (hit := self._hit(usage)) is not None and (keys := self._under(hit)):
            keys.press(hit)

    def release(self, usage: int) -> None:
        """Let go of a key."""
        if any(self._concerns(fault, usage, "holds") for fault, _ in self._fingers()):
            return
        if (hit := self._hit(usage)) is not None and (keys := self._under(hit)):
            keys.release(hit)

    def _under(self, usage: int) -> PluggedKeys | None:
        """Return the keys of the slot where it has this one."""
        place = self._lead.place
        keys = place.keys if place is not None else None
        return keys if keys is not None and usage in keys.keys else None

    def _fingers(self) -> Iterator[tuple[Fault, float]]:
        return self._lead.active("finger")

    def _hit(self, usage: int) -> int | None:
        for fault, _ in self._fingers():
            if self._concerns(fault, usage, "nothing"):
                return None
            if self._concerns(fault, usage, "neighbour"):
                return usage + 1
        return usage

    @staticmethod
    def _concerns(fault: Fault, usage: int, does: str) -> bool:
        return fault.does == does and (not fault.keys or usage in fault.keys)
