"""The cables and the kernel of a simulated USB: devices come and go, and drivers take them.

After how Linux binds its drivers to interfaces and hears what no program has claimed.
"""

import threading
from collections import deque
from types import SimpleNamespace

from drivers.buses import Time
from drivers.formats import usb_ports
from drivers.sim.linux.usb_descriptors import read_configuration, read_device
from drivers.sim.linux.usb_device import Setup, SimulatedUsbDevice, Stall, Unplugged

HID, PRINTER, MASS_STORAGE = 3, 7, 8  # the classes that our kernel has drivers for
KERNEL_READS = 200  # at a time: a device may talk without end


class Plugged:
    """A device at a port, with the owners of its interfaces. To pyusb it is a device."""

    def __init__(self, port: str, address: int, device: SimulatedUsbDevice) -> None:
        self.port = port
        self.place = usb_ports.parse(port, root_hub=True)
        self.address = address
        self.device = device
        self.present = True
        self.kernel: set[int] = set()
        self.claims: dict[int, Handle] = {}
        self.packets: dict[int, deque[bytes]] = {}
        self.next_poll_s: dict[int, float] = {}
        self.down: dict[int, frozenset[int]] = {}
        self.descriptor = SimpleNamespace()
        self.configurations: list[SimpleNamespace] = []


class Handle:
    """A device that one program has opened. To pyusb it is a handle."""

    def __init__(self, plugged: Plugged) -> None:
        self.plugged = plugged


class SimulatedUsb:
    """The ports of a computer: devices come and go by `plug` and `unplug`.

    As on Linux, a kernel driver takes each interface it knows at once; what it hears from keyboards
    is in `console`.
    """

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time
        self._plugged: dict[str, Plugged] = {}
        self._addresses = 0
        self._console: list[int] = []
        self._lock = threading.RLock()

    def plug(self, port: str, device: SimulatedUsbDevice, *, configured: bool = True) -> None:
        """Put a device into a free port, such as `1-1.4`; the kernel enumerates and binds it.

        `1-0` is where the root hub of bus 1 is: libusb knows it as a device without ports.

        It leaves a device unconfigured that wants more current than its hub has.
        """
        with self._lock:
            if port in self._plugged:
                raise ValueError(f"port {port} is taken")
            self._addresses += 1
            plugged = Plugged(port, self._addresses, device)
            device.reset()
            self._plugged[port] = plugged
            if device.enumerates:
                self._enumerate(plugged)
                if configured:
                    self._configure(plugged, plugged.configurations[0].bConfigurationValue)

    def unplug(self, port: str) -> None:
        with self._lock:
            self._kernel_listens()
            if port not in self._plugged:
                raise ValueError(f"nothing is plugged into port {port}")
            self._gone(self._plugged[port])

    def device_at(self, port: str) -> SimulatedUsbDevice | None:
        """Return the device at a port; None where the port is empty."""
        plugged = self._plugged.get(port)
        return plugged.device if plugged is not None else None

    def held_by_kernel(self, port: str) -> frozenset[int]:
        """Return the interfaces there that a kernel driver listens to."""
        return frozenset(self._plugged[port].kernel)

    def claimed(self, port: str) -> frozenset[int]:
        """Return the interfaces there that some program has claimed."""
        return frozenset(self._plugged[port].claims)

    @property
    def console(self) -> list[int]:
        """The keys that went down for everybody to hear, since the beginning."""
        with self._lock:
            self._kernel_listens()
            return list(self._console)

    def _enumerate(self, plugged: Plugged) -> None:
        device = plugged.device
        plugged.descriptor = read_device(device.control(Setup(0x80, 0x06, 0x0100, 0, 18), b""))
        vars(plugged.descriptor).update(  # what libusb knows of the place
            bus=plugged.place.bus,
            address=plugged.address,
            port_number=plugged.place.way[-1] if plugged.place.way else 0,
            port_numbers=plugged.place.way or None,
            speed=device.speed,
        )
        for index in range(plugged.descriptor.bNumConfigurations):
            data = device.control(Setup(0x80, 0x06, 0x0200 | index, 0, 0xFFFF), b"")
            plugged.configurations.append(read_configuration(data))

    def _configure(self, plugged: Plugged, value: int) -> None:
        plugged.device.control(Setup(0x00, 0x09, value, 0, 0), b"")
        if value:
            for alternates in interfaces_of(plugged):
                self._bind(plugged, alternates[0].bInterfaceNumber)

    def _bind(self, plugged: Plugged, interface: int) -> bool:
        """Bind the kernel's driver to the interface; return whether the kernel has one."""
        for alternates in interfaces_of(plugged):
            first = alternates[0]
            if first.bInterfaceNumber == interface and first.bInterfaceClass in (
                HID,
                PRINTER,
                MASS_STORAGE,
            ):
                plugged.kernel.add(interface)
                return True
        return False

    def _kernel_listens(self) -> None:
        """usbhid has been reading all the while; write down what it heard."""
        for plugged in list(self._plugged.values()):
            for alternates in interfaces_of(plugged):
                first = alternates[0]
                if first.bInterfaceNumber in plugged.kernel and first.bInterfaceClass == HID:
                    for endpoint in first.endpoints:
                        self._kernel_reads(plugged, endpoint.bEndpointAddress)

    def _kernel_reads(self, plugged: Plugged, endpoint: int) -> None:
        for _ in range(KERNEL_READS if endpoint & 0x80 else 0):
            try:
                report = plugged.device.transfer_in(endpoint)
            except Stall:
                return
            except Unplugged:
                self._gone(plugged)
                return
            if report is None:
                return
            down = plugged.device.keys_in(endpoint, report)
            self._console += sorted(down - plugged.down.get(endpoint, frozenset()))
            plugged.down[endpoint] = down

    def _gone(self, plugged: Plugged) -> None:
        plugged.present = False
        self._plugged.pop(plugged.port, None)
        plugged.device.reset()


def interfaces_of(plugged: Plugged) -> list[list[SimpleNamespace]]:
    """Return the alternate settings of each interface of the first configuration, by index."""
    if not plugged.configurations:
        return []
    interfaces: list[list[SimpleNamespace]] = plugged.configurations[0].interfaces
    return interfaces
