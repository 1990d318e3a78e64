"""The errors of libusb 1.0 in our words, with what to do about them."""

import errno

import usb.core

from drivers.errors import (
    BadReply,
    DriverError,
    NoReply,
    NotConnected,
    NotPermitted,
    Refused,
)
from drivers.formats.usb_ports import UsbPort


def fault(
    asked: str, error: usb.core.USBError | NotImplementedError, node: str, place: UsbPort
) -> DriverError:
    """Return our error for the library's; `asked` is the device and the question it was asked.

    `node` is the path of the device's node, for advice about permissions.
    """
    if isinstance(error, NotImplementedError):
        return NotPermitted(f"{asked} → not supported by the USB library on this system")
    said = f"{asked} → {error.strerror}"
    match error.errno:
        case errno.ENODEV | errno.EIO | errno.ENOENT:
            return NotConnected(said)
        case errno.EPIPE:
            return Refused(f"{said} (STALL)")
        case errno.ETIMEDOUT:
            return NoReply(said)
        case errno.EOVERFLOW:
            return BadReply(f"{said}: it sent more than it may")
        case errno.EBUSY:
            return NotPermitted(
                f"{said}: held by another program or driver; `fuser -v {node}` names it"
            )
        case errno.EACCES | errno.EPERM:
            return NotPermitted(
                f"{said}: add this user to the group plugdev (sudo adduser $USER plugdev, then"
                f" log in again) and give it {node} by a udev rule, such as"
                f' SUBSYSTEM=="usb", KERNEL=="{place.sysfs_name}", GROUP="plugdev",'
                f' MODE="0660"'
            )
    return DriverError(said)
