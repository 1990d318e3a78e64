"""The kernel's knowledge of USB ports, from sysfs: the device at a port, and the port's hub.

Sources: Linux Documentation/ABI (sysfs-bus-usb); drivers/usb/core/sysfs.c and hub.c.
"""

import errno
from pathlib import Path

from drivers.errors import HubMissing, NotPermitted
from drivers.formats.usb_ports import UsbPort

DEVICES = Path("/sys/bus/usb/devices")

# What files of a device that is gone give: those of sysfs, while it goes, too.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ENODEV)


def address_at(port: UsbPort, sysfs: Path | None) -> int | None:
    """Return the number, on its bus, of the device that the kernel has at `port` now.

    None without `sysfs`, and where the port is empty. Raises `NotPermitted` when this process may
    not read the file, or has too many files open.
    """
    if sysfs is None:
        return None
    path = sysfs / port.sysfs_name / "devnum"
    try:
        return int(path.read_text())
    except ValueError:
        return None
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise NotPermitted(f"USB port {port}: reading {path} → {error.strerror}") from error


def check_hub(port: UsbPort, sysfs: Path | None) -> None:
    """Raise `HubMissing` where the kernel has no hub with this port.

    `maxchild` is how many ports a hub has, and 0 for what is none.
    """
    if sysfs is None or not sysfs.is_dir():
        return
    name = (port if port.is_root_hub else port.hub).sysfs_name
    try:
        ports = int((sysfs / name / "maxchild").read_text())
    except (OSError, ValueError):
        raise HubMissing(
            f"USB port {port}: the hub at {name} is not there: look at its cable and its supply"
        ) from None
    if not port.is_root_hub and port.number > ports:
        raise HubMissing(
            f"USB port {port}: what is at {name} has {ports} ports, and no {port.number}"
        )


def device_node(bus: int, address: int) -> str:
    """Return the path of the device node of a USB device, by its bus and its number there."""
    return f"/dev/bus/usb/{bus:03}/{address:03}"
