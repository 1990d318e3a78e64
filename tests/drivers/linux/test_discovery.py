"""Discovery, on recorded devices in memory, and on libudev itself in an umockdev testbed."""

import ctypes.util
import errno
import logging
import os
import queue
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from drivers.errors import NotConnected
from drivers.linux.discovery import (
    Connector,
    Device,
    Hotplug,
    I2cAdapter,
    SerialPort,
    UsbPeripheral,
    Watch,
    resolve_serial,
    scan,
    watch,
)


@dataclass(frozen=True)
class Recorded:
    """A device as udev shows it."""

    subsystem: str
    sys_path: str
    device_type: str | None = None
    device_node: str | None = None
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    parent: "Recorded | None" = None
    action: str | None = None

    @property
    def sys_name(self) -> str:
        return self.sys_path.rpartition("/")[2]

    def find_parent(self, subsystem: str, device_type: str | None = None, /) -> "Recorded | None":
        above = self.parent
        while above is not None and (
            above.subsystem != subsystem or device_type not in (None, above.device_type)
        ):
            above = above.parent
        return above


class RecordedMonitor:
    """Events wait in it until somebody takes them; an exception in it is raised."""

    def __init__(self) -> None:
        self._waiting = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
        self._events: queue.SimpleQueue[Recorded | Exception] = queue.SimpleQueue()

    def send(self, event: Recorded | Exception) -> None:
        self._events.put(event)
        os.eventfd_write(self._waiting, 1)

    def fileno(self) -> int:
        return self._waiting

    def poll(self, timeout: float, /) -> Device | None:
        assert timeout == 0
        try:
            os.eventfd_read(self._waiting)
        except BlockingIOError:
            return None
        event = self._events.get()
        if isinstance(event, Exception):
            raise event
        return event

    def close(self) -> None:
        os.close(self._waiting)


class RecordedUdev:
    """A computer whose plugs are in the test's hands."""

    def __init__(self, *devices: Recorded) -> None:
        self.plugged = list(devices)
        self.monitors: list[RecordedMonitor] = []
        self.fails = 0

    def devices(self, subsystem: str, *, below: str = "") -> Iterable[Device]:
        if self.fails:
            self.fails -= 1
            raise OSError(errno.EIO, "Input/output error")
        return [
            device
            for device in self.plugged
            if device.subsystem == subsystem and below in device.sys_path
        ]

    def monitor(self) -> RecordedMonitor:
        self.monitors.append(RecordedMonitor())
        return self.monitors[-1]

    def plug(self, device: Recorded) -> None:
        self.plugged.append(device)
        self.monitors[-1].send(replace(device, action="add"))

    def pull(self, device: Recorded) -> None:
        self.plugged.remove(device)
        # The kernel has taken sysfs away by the time anybody hears of it.
        self.monitors[-1].send(replace(device, attributes={}, properties={}, action="remove"))

    def change(self, before: Recorded, after: Recorded, announced_by: Recorded) -> None:
        self.plugged[self.plugged.index(before)] = after
        self.monitors[-1].send(replace(announced_by, action="change"))


HUB = "/sys/devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0/usb1/1-1"


def usb(port: str, ids: str, *, interfaces: str = "", **strings: bytes) -> Recorded:
    vendor, _, product = ids.partition(":")
    attributes = {"idVendor": vendor.encode(), "idProduct": product.encode()} | strings
    return Recorded(
        "usb",
        f"{HUB}/{port}",
        device_type="usb_device",
        attributes=attributes,
        properties={"ID_USB_INTERFACES": interfaces},
    )


def tty(name: str, device: Recorded, interface: str = "1.0", *, by_id: str = "") -> Recorded:
    above = Recorded(
        "usb",
        f"{device.sys_path}/{device.sys_name}:{interface}",
        device_type="usb_interface",
        parent=device,
    )
    links = f"/dev/serial/by-path/{name} /dev/serial/by-id/{by_id}" if by_id else ""
    return Recorded(
        "tty",
        f"{above.sys_path}/{name}/tty/{name}",
        device_node=f"/dev/{name}",
        properties={"DEVLINKS": links},
        parent=Recorded("usb-serial", f"{above.sys_path}/{name}", parent=above),
    )


FTDI = usb(
    "1-1.2",
    "0403:6001",
    interfaces=":ffffff:",
    serial=b"A50285BI",
    manufacturer=b"FTDI",
    product=b"FT232R USB UART",
)
FTDI_TTY = tty("ttyUSB0", FTDI, by_id="usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0")
CH340 = usb("1-1.3", "1a86:7523", interfaces=":ff0102:", product=b"USB Serial")
CH340_TTY = tty("ttyUSB1", CH340)
TWO_PORTS = usb("1-1.4.1", "0403:6010", serial=b"FT7X", interfaces=":ffffff:")
FIRST, SECOND = tty("ttyUSB2", TWO_PORTS, "1.0"), tty("ttyUSB3", TWO_PORTS, "1.1")
KEYBOARD = usb(
    "1-1.10",
    "046d:c31c",
    interfaces=":030101:030000:",
    manufacturer=b"Logitech",
    product=b"USB Keyboard",
)
ROOT_HUB = Recorded("usb", f"{HUB.removesuffix('/1-1')}", device_type="usb_device")
UART = Recorded(
    "tty",
    "/sys/devices/platform/soc/fe201000.serial/tty/ttyAMA0",
    device_node="/dev/ttyAMA0",
    attributes={"type": b"32"},
    parent=Recorded("amba", "/sys/devices/platform/soc/fe201000.serial"),
)
NO_UART = Recorded(
    "tty",
    "/sys/devices/platform/serial8250/tty/ttyS1",
    device_node="/dev/ttyS1",
    attributes={"type": b"0"},
    parent=Recorded("platform", "/sys/devices/platform/serial8250"),
)
CONSOLE = Recorded("tty", "/sys/devices/virtual/tty/tty1", device_node="/dev/tty1")

FTDI_PORT = SerialPort(
    path="/dev/ttyUSB0",
    by_id="/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0",
    port="usb:1-1.2",
    exact="usb:1-1.2:1.0",
    serial_number="A50285BI",
    maker="FTDI",
    product="FT232R USB UART",
    vendor_id=0x0403,
    product_id=0x6001,
)
FTDI_ITSELF = UsbPeripheral(
    port="1-1.2",
    vendor_id=0x0403,
    product_id=0x6001,
    serial_number="A50285BI",
    maker="FTDI",
    product="FT232R USB UART",
    interfaces=((255, 255, 255),),
)


def test_a_serial_adapter_is_found_with_its_port_and_its_number() -> None:
    assert scan(RecordedUdev(FTDI, FTDI_TTY)) == (FTDI_PORT, FTDI_ITSELF)


def test_a_keyboard_shows_its_interfaces_and_a_root_hub_is_nothing_to_test() -> None:
    (found,) = scan(RecordedUdev(ROOT_HUB, KEYBOARD))
    assert isinstance(found, UsbPeripheral)
    assert found.interfaces == ((3, 0, 0), (3, 1, 1))
    assert (found.port, found.vendor_id, found.product_id) == ("1-1.10", 0x046D, 0xC31C)


def test_ports_are_in_the_order_people_count_in() -> None:
    found = scan(RecordedUdev(KEYBOARD, CH340, FTDI))
    assert [one.port for one in found if isinstance(one, UsbPeripheral)] == [
        "1-1.2",
        "1-1.3",
        "1-1.10",
    ]


def test_the_computers_own_uart_counts_and_consoles_and_missing_uarts_do_not() -> None:
    assert scan(RecordedUdev(UART, NO_UART, CONSOLE)) == (SerialPort("/dev/ttyAMA0", ""),)


def test_what_a_device_calls_itself_cannot_write_on_the_operators_screen() -> None:
    hostile = usb("1-1.2", "1209:0001", product=b"\x1b[2Jnice\x07 \xff\xfe", serial=b" 1\n")
    (found,) = scan(RecordedUdev(hostile))
    assert isinstance(found, UsbPeripheral)
    assert found.product == "[2Jnice \ufffd\ufffd"
    assert found.serial_number == "1"


def test_a_device_pulled_while_it_is_looked_at_is_left_out() -> None:
    assert scan(RecordedUdev(replace(FTDI, attributes={}))) == ()


@pytest.fixture
def graphics(tmp_path: Path) -> dict[str, Recorded]:
    """A Pi's card with two HDMI outputs, the first of which says where its DDC is."""
    card = Recorded("drm", f"{tmp_path}/card1", device_type="drm_minor")
    outputs = {}
    for name, status in (("HDMI-A-1", b"connected\n"), ("HDMI-A-2", b"disconnected\n")):
        path = tmp_path / f"card1-{name}"
        path.mkdir()
        outputs[name] = Recorded(
            "drm",
            str(path),
            device_type="drm_connector",
            attributes={"status": status},
            parent=card,
        )
    (tmp_path / "card1-HDMI-A-1" / "ddc").symlink_to("../../../fef04500.i2c/i2c-20")
    return outputs | {"card": card, "render": Recorded("drm", f"{tmp_path}/renderD128")}


def adapter(bus: int, name: bytes, parent: Recorded | None = None) -> Recorded:
    return Recorded(
        "i2c-dev",
        f"/sys/devices/platform/soc/i2c-{bus}/i2c-dev/i2c-{bus}",
        attributes={"name": name},
        parent=parent,
    )


def test_a_bus_says_whether_it_is_a_displays_ddc(graphics: dict[str, Recorded]) -> None:
    aux = adapter(21, b"AUX HDMI-A-2", parent=graphics["HDMI-A-2"])
    writeback = replace(graphics["HDMI-A-2"], sys_path="/sys/class/drm/card1-Writeback-1")
    udev = RecordedUdev(
        writeback,
        *graphics.values(),
        adapter(20, b"fef04500.i2c\n"),
        aux,
        adapter(1, b"bcm2835 (i2c@7e80)"),
    )
    assert scan(udev) == (
        I2cAdapter(1, "bcm2835 (i2c@7e80)", ""),
        I2cAdapter(20, "fef04500.i2c", "HDMI-A-1"),
        I2cAdapter(21, "AUX HDMI-A-2", "HDMI-A-2"),
        Connector("card1", "HDMI-A-1", "connected"),
        Connector("card1", "HDMI-A-2", "disconnected"),
    )


@pytest.mark.parametrize(
    ("port", "path"),
    [
        ("usb:1-1.2", "/dev/ttyUSB0"),
        ("usb:1-1.2:1.0", "/dev/ttyUSB0"),
        ("usb:1-1.3", "/dev/ttyUSB1"),
        ("usb:1-1.4.1:1.1", "/dev/ttyUSB3"),
        ("serial:A50285BI", "/dev/ttyUSB0"),
        ("/dev/ttyAMA0", "/dev/ttyAMA0"),
        ("/dev/serial/by-id/whatever", "/dev/serial/by-id/whatever"),
    ],
)
def test_a_port_is_resolved_to_the_path_it_has_now(port: str, path: str) -> None:
    udev = RecordedUdev(FTDI, FTDI_TTY, CH340, CH340_TTY, TWO_PORTS, FIRST, SECOND, UART)
    assert resolve_serial(port, udev) == path


@pytest.mark.parametrize("port", ["usb:1-1.5", "usb:1-1", "serial:A5028", "serial:usb"])
def test_a_port_with_nothing_on_it_lists_what_could_be_meant(port: str) -> None:
    with pytest.raises(
        NotConnected,
        match=rf"^{port}: no such serial port .* there is /dev/ttyAMA0, usb:1-1.2:1.0 \(FTDI"
        r" FT232R USB UART, serial:A50285BI\), usb:1-1.3:1.0 \(USB Serial\)$",
    ):
        resolve_serial(port, RecordedUdev(FTDI_TTY, CH340_TTY, UART))


def test_nothing_plugged_in_at_all_is_said_too() -> None:
    with pytest.raises(NotConnected, match="none at all"):
        resolve_serial("usb:1-1.2", RecordedUdev())


@pytest.mark.parametrize("port", ["usb:1-1.4.1", "serial:FT7X"])
def test_a_name_that_fits_two_ports_is_not_guessed(port: str) -> None:
    with pytest.raises(NotConnected, match=r"more than one .* usb:1-1.4.1:1.0 .* usb:1-1.4.1:1.1"):
        resolve_serial(port, RecordedUdev(FIRST, SECOND))


@pytest.mark.parametrize("port", ["", "COM3", "ttyUSB0", "usb:", "serial:", "1-1.2"])
def test_what_is_no_name_of_a_port_is_the_callers_mistake(port: str) -> None:
    with pytest.raises(ValueError, match="is no serial port"):
        resolve_serial(port, RecordedUdev(FTDI_TTY))


class Listener:
    """Collects events; taking one waits for it."""

    def __init__(self) -> None:
        self.events: queue.Queue[Hotplug] = queue.Queue()

    def __call__(self, event: Hotplug) -> None:
        self.events.put(event)

    def take(self) -> Hotplug:
        return self.events.get(timeout=10)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def udev() -> Iterator[RecordedUdev]:
    udev = RecordedUdev(CH340, CH340_TTY)
    yield udev
    for monitor in udev.monitors:
        monitor.close()


def test_a_watch_begins_with_what_is_there_and_tells_what_comes_and_goes(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev) as watching:
        assert watching.present == scan(RecordedUdev(CH340, CH340_TTY))
        udev.plug(FTDI)
        assert listener.take() == Hotplug("add", "1-1.2", FTDI_ITSELF)
        udev.plug(FTDI_TTY)
        assert listener.take() == Hotplug("add", "1-1.2", FTDI_PORT)
        udev.pull(FTDI_TTY)
        assert listener.take() == Hotplug("remove", "1-1.2", FTDI_PORT)
        udev.pull(FTDI)
        assert listener.take() == Hotplug("remove", "1-1.2", FTDI_ITSELF)
    assert listener.events.empty()


def test_what_came_while_the_watch_began_is_not_told_twice(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev):
        udev.monitors[-1].send(replace(CH340, action="add"))
        udev.plug(KEYBOARD)
        assert listener.take().port == "1-1.10"


def test_another_device_in_the_same_place_is_a_removal_and_an_addition(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev):
        udev.plug(FTDI)
        udev.plug(replace(FTDI, attributes={**FTDI.attributes, "serial": b"OTHER"}))
        told = [listener.take() for _ in range(3)]
    assert [event.kind for event in told] == ["add", "remove", "add"]
    assert isinstance(told[2].what, UsbPeripheral)
    assert told[2].what.serial_number == "OTHER"


def test_what_is_of_no_use_to_a_station_is_not_told(udev: RecordedUdev, listener: Listener) -> None:
    with watch(listener, udev):
        for device in (CONSOLE, NO_UART, ROOT_HUB):
            udev.plug(device)
            udev.pull(device)
        udev.monitors[-1].send(replace(CH340, action="bind"))
        udev.plug(UART)
        assert listener.take() == Hotplug("add", "/dev/ttyAMA0", SerialPort("/dev/ttyAMA0", ""))


def test_a_display_that_is_plugged_in_is_a_change_of_its_output(
    udev: RecordedUdev, listener: Listener, graphics: dict[str, Recorded]
) -> None:
    udev.plugged += graphics.values()
    second = graphics["HDMI-A-2"]
    with watch(listener, udev):
        udev.change(second, replace(second, attributes={"status": b"connected"}), graphics["card"])
        assert listener.take() == Hotplug(
            "change", "HDMI-A-2", Connector("card1", "HDMI-A-2", "connected")
        )
        udev.plug(adapter(1, b"tiny"))
        assert listener.take() == Hotplug("add", "i2c-1", I2cAdapter(1, "tiny", ""))


def test_events_that_were_lost_are_told_after_the_error(
    udev: RecordedUdev, listener: Listener
) -> None:
    with watch(listener, udev):
        udev.plugged.remove(CH340_TTY)
        udev.plugged.append(FTDI)
        udev.monitors[-1].send(OSError(errno.ENOBUFS, "No buffer space available"))
        told = [listener.take() for _ in range(3)]
        assert told[0].kind == "error"
        assert "No buffer space available" in told[0].reason
        assert {(event.kind, event.port) for event in told[1:]} == {
            ("remove", "1-1.3"),
            ("add", "1-1.2"),
        }
        udev.plug(KEYBOARD)
        assert listener.take().port == "1-1.10"
    assert len(udev.monitors) == 2


def test_a_watch_outlives_an_udev_that_does_not_answer(
    udev: RecordedUdev,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drivers.linux.discovery._RETRY_S", 0.001)
    with watch(listener, udev):
        udev.plugged.append(FTDI)
        udev.fails = 3
        udev.monitors[-1].send(OSError(errno.EIO, "Input/output error"))
        assert [listener.take().kind for _ in range(2)] == ["error", "add"]
    assert caplog.text.count("udev does not answer") == 3


def test_a_callback_that_fails_is_logged_and_hears_the_next_event(
    udev: RecordedUdev, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    def fragile(event: Hotplug) -> None:
        listener(event)
        raise RuntimeError("no plan for this")

    with caplog.at_level(logging.ERROR), watch(fragile, udev):
        udev.plug(FTDI)
        udev.plug(KEYBOARD)
        assert [listener.take().port for _ in range(2)] == ["1-1.2", "1-1.10"]
    assert [record.message.split()[:3] for record in caplog.records] == [
        ["the", "callback", "failed"]
    ] * 2


def test_a_watch_can_be_closed_from_its_callback_and_then_is_silent(
    udev: RecordedUdev, listener: Listener
) -> None:
    watches: list[Watch] = []

    def once(event: Hotplug) -> None:
        watches[0].close()
        listener(event)

    watches.append(Watch(once, udev))
    udev.monitors[-1].send(replace(FTDI, action="add"))
    udev.monitors[-1].send(replace(KEYBOARD, action="add"))
    assert listener.take().port == "1-1.2"
    watches[0].close()
    watches[0].close()
    assert listener.events.empty()


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
from drivers.linux.discovery import resolve_serial, scan, watch

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
