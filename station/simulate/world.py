"""A slot of a simulated rig: its wires, light, mains, and the device that is plugged in, if any."""

import contextlib
import math
from collections import deque
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from drivers.sim.devices.keyboard import SimulatedKeyboard
from drivers.sim.devices.laptop_adapter import AdapterCircuit, SimulatedAdapter
from drivers.sim.devices.monitor import SimulatedMonitor
from drivers.sim.languages.usb_hub import SimulatedHub, SimulatedVbus
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.mains import MainsLine
from drivers.sim.world import SimulatedTime

DARK = (0.3127, 0.3290)  # the chromaticity of nothing: D65, so that no sensor divides by zero


class HandTime(SimulatedTime):
    """Simulated time with hands in it: sleep past its moment sets a hand in motion."""

    def __init__(self, speed: float = math.inf) -> None:
        super().__init__(speed)
        self._due: deque[tuple[float, Callable[[], None]]] = deque()

    def then(self, delay_s: float, act: Callable[[], None]) -> None:
        """`act` comes `delay_s` after now, or after the hand's last movement that is still due."""
        after_s = self._due[-1][0] if self._due else self.monotonic()
        self._due.append((after_s + delay_s, act))

    def forget(self) -> None:
        self._due.clear()

    def sleep(self, seconds: float, /) -> None:
        end_s = self.monotonic() + seconds
        while self._due and self._due[0][0] <= end_s:
            at_s, act = self._due.popleft()
            super().sleep(max(0.0, at_s - self.monotonic()))
            act()
            seconds = end_s - self.monotonic()
        super().sleep(max(0.0, seconds))


class World:
    """The world at one slot: the wires, the light, and the device that is plugged in, if any."""

    def __init__(self, speed: float = math.inf) -> None:
        self.time = HandTime(speed)
        self.circuit = AdapterCircuit()
        self.mains = MainsLine()
        self.usb = SimulatedUsbBackend(self.time)
        self.usb_port = ""
        self.vbus: SimulatedVbus | None = None
        self.hubs: list[SimulatedHub] = []
        self.adapter: SimulatedAdapter | None = None
        self.monitor: SimulatedMonitor | None = None
        self.keyboard: SimulatedKeyboard | None = None
        self.meters: list[Meter] = []
        self.broken_fingers: set[int] = set()
        self.dead_sensors = False

    def unplug(self) -> None:
        """Take the device away and mend the bench."""
        self.time.forget()
        self.mains.consumer, self.mains.voltage_v = None, 230.0
        if self.adapter is not None:
            self.circuit.source = None
        for device in (self.monitor, self.keyboard):
            if device is not None and device in self.circuit.sinks:
                self.circuit.sinks.remove(device)
        if self.keyboard is not None:
            with contextlib.suppress(ValueError):  # some unplug themselves
                self.usb.unplug(self.usb_port)
        self.adapter = self.monitor = self.keyboard = None
        self.broken_fingers.clear()
        self.dead_sensors = False
        for meter in self.meters:
            meter.voltage_gain = 1.0

    def plug_adapter(self, adapter: SimulatedAdapter) -> None:
        self.adapter = adapter
        self.circuit.source = adapter
        self.mains.consumer = adapter

    def plug_monitor(self, monitor: SimulatedMonitor) -> None:
        self.monitor = monitor
        self.circuit.sinks.append(monitor)

    def plug_keyboard(self, keyboard: SimulatedKeyboard) -> None:
        self.keyboard = keyboard
        self.circuit.sinks.append(keyboard)
        self.usb.plug(self.usb_port, keyboard)

    def note(self, twin: object) -> None:
        """Remember of an instrument's twin what happens to it when the world changes."""
        if isinstance(twin, Meter):
            self.meters.append(twin)
        if isinstance(twin, SwitchedSocket):
            self.vbus = twin.vbus
            self.hubs += twin.hubs

    def loosen_lead(self) -> None:
        """Take a meter's sense lead off its terminal."""
        for meter in self.meters:
            meter.voltage_gain = 0.4

    # Implements drivers.sim.light.Scene: what a sensor over the device sees

    def illuminance_lux(self, zone: int) -> float:
        if self.dead_sensors:
            return 0.0
        if self.monitor is not None:
            return self.monitor.illuminance_lux(zone)
        return self.keyboard.caps_lock_illuminance_lux() if self.keyboard is not None else 0.0

    def chromaticity(self, zone: int) -> tuple[float, float]:
        return self.monitor.chromaticity(zone) if self.monitor is not None else DARK

    # Implements drivers.sim.keys.Keys: what fingers over the device can press

    def press(self, usage: int) -> None:
        if self.keyboard is not None and self._has_finger(usage):
            self.keyboard.press(usage)

    def release(self, usage: int) -> None:
        if self.keyboard is not None and self._has_finger(usage):
            self.keyboard.release(usage)

    def _has_finger(self, usage: int) -> bool:
        return usage not in self.broken_fingers and (
            self.keyboard is not None and usage in self.keyboard.keys
        )


@runtime_checkable
class Meter(Protocol):
    """A twin that measures DC volts over leads."""

    voltage_gain: float
    current_gain: float


@runtime_checkable
class SwitchedSocket(Protocol):
    """A twin that switches the power of the socket that the device is plugged into."""

    vbus: SimulatedVbus
    hubs: list[SimulatedHub]


class Probe:
    """A scene that can be carried from one screen to another."""

    CENTRE = 4

    def __init__(self) -> None:
        self.over: World | None = None

    def illuminance_lux(self, zone: int) -> float:
        return self.over.illuminance_lux(self.CENTRE) if self.over is not None else 0.0

    def chromaticity(self, zone: int) -> tuple[float, float]:
        return self.over.chromaticity(self.CENTRE) if self.over is not None else DARK
