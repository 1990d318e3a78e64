"""libudev itself, in an umockdev testbed: enumeration and hotplug as the system gives them."""

import ctypes.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.linux.discovery import (
    Connector,
    I2cAdapter,
    SerialPort,
    UsbPeripheral,
)
from drivers.linux.hotplug import Hotplug

# Recorded with umockdev-record from a guest of QEMU's, and shortened.
TESTBED = r"""
P: /devices/pci0000:00/0000:00:04.0/usb1/1-3
N: bus/usb/001/004
E: DEVTYPE=usb_device
E: ID_USB_INTERFACES=:ffffff:
E: SUBSYSTEM=usb
A: idProduct=6001\n
A: idVendor=0403\n
A: manufacturer=QEMU\n
A: product=QEMU USB SERIAL\n
A: serial=RIG0001\n

P: /devices/pci0000:00/0000:00:04.0/usb1/1-3/1-3:1.0
E: DEVTYPE=usb_interface
E: SUBSYSTEM=usb

P: /devices/pci0000:00/0000:00:04.0/usb1/1-3/1-3:1.0/ttyUSB0
E: SUBSYSTEM=usb-serial

P: /devices/pci0000:00/0000:00:04.0/usb1/1-3/1-3:1.0/ttyUSB0/tty/ttyUSB0
N: ttyUSB0
S: serial/by-path/pci-0000:00:04.0-usb-0:3:1.0-port0
S: serial/by-id/usb-QEMU_QEMU_USB_SERIAL_RIG0001-if00-port0
E: DEVLINKS=/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_RIG0001-if00-port0
E: DEVNAME=/dev/ttyUSB0
E: SUBSYSTEM=tty
A: dev=188:0\n

P: /devices/pci0000:00/0000:00:05.0/drm/card0
N: dri/card0
E: DEVNAME=/dev/dri/card0
E: DEVTYPE=drm_minor
E: SUBSYSTEM=drm
A: dev=226:0\n

P: /devices/pci0000:00/0000:00:05.0/drm/card0/card0-Virtual-1
E: DEVTYPE=drm_connector
E: SUBSYSTEM=drm
L: ddc=../../../i2c-2
A: status=connected\n

P: /devices/pci0000:00/0000:00:05.0/i2c-2/i2c-dev/i2c-2
N: i2c-2
E: DEVNAME=/dev/i2c-2
E: SUBSYSTEM=i2c-dev
A: dev=89:2\n
A: name=i2c-tiny-usb at bus 003 device 002\n
"""

KEYBOARD_BED = r"""
P: /devices/pci0000:00/0000:00:04.0/usb1/1-2
N: bus/usb/001/003
E: DEVTYPE=usb_device
E: ID_USB_INTERFACES=:030101:
E: SUBSYSTEM=usb
A: idProduct=0001\n
A: idVendor=0627\n
A: manufacturer=QEMU\n
A: product=QEMU USB Keyboard\n
A: serial=68284-0000:00:04.0-2\n
"""

IN_TESTBED = """
import ctypes, queue, sys
from drivers.linux.discovery import resolve_serial, scan
from drivers.linux.hotplug import watch

bed, keyboard_bed = sys.argv[1:]
library = ctypes.CDLL("libumockdev.so.0")
library.umockdev_testbed_new.restype = ctypes.c_void_p
testbed = ctypes.c_void_p(library.umockdev_testbed_new())

class Error(ctypes.Structure):
    _fields_ = [("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p)]

def add(text):
    error = ctypes.POINTER(Error)()
    text = text.lstrip().encode()
    if not library.umockdev_testbed_add_from_string(testbed, text, ctypes.byref(error)):
        sys.exit(error.contents.message.decode())

add(bed)
for found in scan():
    print(found)
print(resolve_serial("serial:RIG0001"), resolve_serial("usb:1-3"))
events = queue.Queue()
keyboard = b"/sys/devices/pci0000:00/0000:00:04.0/usb1/1-2"
with watch(events.put):
    add(keyboard_bed)
    library.umockdev_testbed_uevent(testbed, keyboard, b"add")
    print(events.get(timeout=20))
    library.umockdev_testbed_uevent(testbed, keyboard, b"remove")
    library.umockdev_testbed_remove_device(testbed, keyboard)
    print(events.get(timeout=20))
"""


def test_the_real_libudev_is_understood() -> None:
    """Enumeration and hotplug through pyudev, with sysfs and netlink made up by umockdev."""
    wrapper = shutil.which("umockdev-wrapper")
    if wrapper is None or ctypes.util.find_library("umockdev") is None:
        pytest.skip("umockdev is missing: apt install umockdev")
    done = subprocess.run(
        [wrapper, sys.executable, "-c", IN_TESTBED, TESTBED, KEYBOARD_BED],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    keyboard = UsbPeripheral(
        port="1-2",
        vendor_id=0x0627,
        product_id=1,
        serial_number="68284-0000:00:04.0-2",
        maker="QEMU",
        product="QEMU USB Keyboard",
        interfaces=((3, 1, 1),),
    )
    serial = SerialPort(
        path="/dev/ttyUSB0",
        by_id="/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_RIG0001-if00-port0",
        port="usb:1-3",
        exact="usb:1-3:1.0",
        serial_number="RIG0001",
        maker="QEMU",
        product="QEMU USB SERIAL",
        vendor_id=0x0403,
        product_id=0x6001,
    )
    assert done.stdout.splitlines() == [
        str(serial),
        str(
            UsbPeripheral(
                port="1-3",
                vendor_id=0x0403,
                product_id=0x6001,
                serial_number="RIG0001",
                maker="QEMU",
                product="QEMU USB SERIAL",
                interfaces=((255, 255, 255),),
            )
        ),
        str(I2cAdapter(2, "i2c-tiny-usb at bus 003 device 002", "Virtual-1")),
        str(Connector("card0", "Virtual-1", "connected")),
        "/dev/ttyUSB0 /dev/ttyUSB0",
        str(Hotplug("add", "1-2", keyboard)),
        str(Hotplug("remove", "1-2", keyboard)),
    ]
