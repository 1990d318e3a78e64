"""The place of a device under test: the sockets that a simulated device is plugged into.

A device says itself how it is plugged in: its `plug(place)` puts itself into the sockets that it
has a plug for. The place knows no device.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from drivers.buses import Time
from drivers.sim.hardware import I2cDevice
from drivers.sim.keys import Keys
from drivers.sim.light import Scene
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.linux.usb_device import SimulatedUsbDevice
from drivers.sim.mains import MainsLine
from drivers.sim.world import Circuit, Source


class Display(Protocol):
    """The far end of a video cable: a data channel, and a screen that shows one colour."""

    def i2c_devices(self) -> Mapping[int, I2cDevice]: ...

    def show_level(self, red: float, green: float, blue: float) -> None: ...

    def lose_signal(self) -> None: ...


class PluggedKeys(Keys, Protocol):
    """Keys under simulated fingers; `keys` are the usages that there are."""

    @property
    def keys(self) -> frozenset[int]: ...


class Device(Protocol):
    """A simulated device under test."""

    def plug(self, place: "Place") -> None:
        """Put the device's plugs into the sockets of a place."""

    @property
    def seen(self) -> Mapping[str, Any]:
        """Return what a person sees of the device now, by name."""

    def truth(self) -> Mapping[str, Any]:
        """Return the device's true figures now, by name: what faultless instruments would find.

        A figure that is not the same each time is a pair, its least and its most.
        """


class Place:
    """The sockets of one slot, and the device in them, if any.

    `usb_port` is the name of its USB socket; empty where it has none. `wrap_usb` puts a cable
    between the socket and a device.
    """

    def __init__(self, time: Time) -> None:
        self.time = time
        self.circuit = Circuit()
        self.mains = MainsLine()
        self.usb = SimulatedUsbBackend(time)
        self.usb_port = ""
        self.wrap_usb: Callable[[SimulatedUsbDevice], SimulatedUsbDevice] = lambda device: device
        self.display: Display | None = None
        self.light: Scene | None = None
        self.keys: PluggedKeys | None = None
        self.device: Device | None = None
        self._usb_device: SimulatedUsbDevice | None = None
        self._own_source: Source | None = None

    def put_in(self, device: Device) -> None:
        """Plug a device in, instead of what is there."""
        self.take_out()
        self._own_source = self.circuit.source
        self.device = device
        device.plug(self)

    def take_out(self) -> None:
        """Take the device away; what belongs to the bench stays."""
        device, self.device = self.device, None
        if device is None:
            return
        self.pull_usb()
        self._usb_device = None
        plugs: tuple[object, ...] = (device,)
        if self.circuit.source in plugs:
            self.circuit.source = self._own_source
        for sink in [sink for sink in self.circuit.sinks if sink in plugs]:
            self.circuit.sinks.remove(sink)
        self.mains.consumer = None
        self.display = self.light = self.keys = None

    def plug_usb(self, device: SimulatedUsbDevice) -> None:
        """Put a device's USB plug into the socket, where there is one."""
        self._usb_device = self.wrap_usb(device)
        self.push_usb()

    def push_usb(self) -> None:
        """Put the device's USB plug in again."""
        port, device = self.usb_port, self._usb_device
        if port and device is not None and self.usb.device_at(port) is None:
            self.usb.plug(port, device)

    def pull_usb(self) -> None:
        """Pull the device's USB plug; nothing happens where none is in."""
        if self.usb_port and self._usb_device is not None:
            with contextlib.suppress(ValueError):  # some unplug themselves
                self.usb.unplug(self.usb_port)
