"""The device at a USB port, found with pyusb, and compared with what the kernel has there."""

import time
from pathlib import Path

import usb.backend
import usb.core

from drivers.buses import Time
from drivers.errors import NotConnected, NotPermitted
from drivers.formats import usb_ports
from drivers.formats.usb_ports import UsbPort
from drivers.linux.usb_device import OutOfReach, PyusbDevice, port_of
from drivers.linux.usb_sysfs import DEVICES, address_at, check_hub, device_node

# libusb hears of a device when udev is done with it; the kernel knows it before.
CATCH_UP_S = 3.0
LOOK_AGAIN_S = 0.05


def open_port(
    port: str,
    backend: usb.backend.IBackend | None = None,
    *,
    sysfs: Path | None = None,
    time: Time = time,
) -> PyusbDevice:
    """Open the device at a physical port, such as `1-1.4`, or the root hub `1-0`.

    `backend` is the backend of pyusb; without one, pyusb takes libusb. `sysfs` is the folder where
    the kernel lists its USB devices; without one, that is the machine's own for libusb, and for
    other backends none. The kernel hears of a device before libusb does: as long as the two differ,
    libusb is asked again, for three seconds at most. An empty port costs no time.

    Raises `NotConnected` when the port is empty or its device does not enumerate, `HubMissing`
    when the kernel has no hub with such a port, `NotPermitted` when this user may not open the
    device, or when the kernel has it all the time and libusb never does.
    """
    place = usb_ports.parse(port, root_hub=True)
    if backend is None and sysfs is None:
        sysfs = DEVICES
    give_up_s = time.monotonic() + CATCH_UP_S
    address = address_at(place, sysfs)
    seen = {address}
    while True:
        try:
            return _open_now(place, backend, sysfs, address)
        except NotConnected as error:
            address = address_at(place, sysfs)
            seen.add(address)
            if address is None:
                raise
            if time.monotonic() >= give_up_s:
                if len(seen) == 1 and isinstance(error, OutOfReach):
                    raise _not_reached(error, place, address) from error
                raise
        time.sleep(LOOK_AGAIN_S)


def _not_reached(error: OutOfReach, port: UsbPort, address: int) -> NotPermitted:
    node = device_node(port.bus, address)
    return NotPermitted(
        f"{error}, while the kernel has had it for {CATCH_UP_S:g} s: look whether udev runs"
        f" (`systemctl status systemd-udevd`), whether the service may open {node} (its"
        " DeviceAllow), and whether it has too many files open; then test again"
    )


def _open_now(
    port: UsbPort, backend: usb.backend.IBackend | None, sysfs: Path | None, address: int | None
) -> PyusbDevice:
    try:
        for device in usb.core.find(find_all=True, backend=backend):
            if port_of(device) != port:
                continue
            if address in (None, device.address):  # else it was there before this one
                return PyusbDevice(device, sysfs)
    except usb.core.NoBackendError as error:
        raise NotPermitted(  # not an empty port: that cannot be seen
            f"USB port {port}: libusb is missing; `apt install libusb-1.0-0` brings it"
        ) from error
    except usb.core.USBError as error:
        raise NotPermitted(f"USB port {port}: looking for it → {error.strerror}") from error
    if address is not None:
        raise OutOfReach(
            f"USB port {port}: the kernel has a device there (number {address}), libusb has not"
        )
    check_hub(port, sysfs)
    raise NotConnected(f"USB port {port}: nothing is plugged in, or it does not enumerate")
