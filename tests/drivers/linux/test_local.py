"""This computer's buses. Serial lines are ptys; for the rest something stands in."""

import ctypes
import errno
import os
import pty
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from smbus2 import I2cFunc

from drivers.buses import Hardware
from drivers.errors import NotConnected, NotPermitted
from drivers.languages.usb_hub import UsbHub
from drivers.linux import discovery, drm_card, i2c_dev, kms, usb
from drivers.linux.i2c_dev import I2cDev
from drivers.linux.local import LocalHardware
from drivers.linux.udev import SystemUdev
from drivers.linux.usb_device import PyusbDevice
from drivers.sim.languages.usb_hub import SimulatedHub
from drivers.sim.linux.pty import PtyHost
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.linux.usb_device import UsbFunction
from drivers.sim.world import SimulatedTime


class Echo:
    def receive(self, data: bytes) -> bytes:
        return data


class Cable:
    """A pty: an instrument that can be unplugged by closing `far`."""

    def __init__(self) -> None:
        self.far, self.near = pty.openpty()
        tty.setraw(self.near)
        self.path = os.ttyname(self.near)


@pytest.fixture
def hardware() -> Iterator[LocalHardware]:
    with LocalHardware() as hardware:
        yield hardware


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    os.close(cable.near)
    os.close(cable.far)


def test_it_hands_out_serial_lines(hardware: LocalHardware) -> None:
    any_hardware: Hardware = hardware
    with PtyHost(Echo()) as path:
        line = any_hardware.serial(path, baudrate=115200)
        line.write(b"*IDN?\n")
        assert line.read_until(b"\n") == b"*IDN?\n"
        line.close()


def test_time_is_the_real_one(hardware: LocalHardware) -> None:
    assert hardware.time is time


def test_the_timeout_reaches_the_line(hardware: LocalHardware, cable: Cable) -> None:
    line = hardware.serial(cable.path, baudrate=9600, timeout_s=0.0)
    assert line.read_until(b"\n") == b""


def test_a_port_is_resolved_where_udev_says_it_is(
    hardware: LocalHardware, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "resolve_serial", lambda *_: cable.path)
    hardware.serial("usb:1-1.2", baudrate=9600).write(b"VSET1?")
    assert os.read(cable.far, 6) == b"VSET1?"


def test_libudev_is_loaded_once_for_all_ports(
    hardware: LocalHardware, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def resolve(port: str, udev: object) -> str:
        asked.append(udev)
        return cable.path

    monkeypatch.setattr(discovery, "resolve_serial", resolve)
    for port in ("usb:1-1.2", "usb:1-1.3"):
        hardware.serial(port, baudrate=9600).close()
    assert isinstance(asked[0], SystemUdev)
    assert asked[0] is asked[1]


def test_a_complaint_names_the_port_as_configured_and_as_it_is(
    hardware: LocalHardware, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "resolve_serial", lambda *_: cable.path)
    line = hardware.serial("usb:1-1.2", baudrate=9600)
    line.close()
    with pytest.raises(NotConnected, match=rf"^usb:1-1\.2 \({cable.path}\): closed"):
        line.read(1)


def test_the_same_port_under_another_name_has_an_owner_already(
    hardware: LocalHardware, cable: Cable, tmp_path: Path
) -> None:
    by_id = tmp_path / "usb-FTDI_FT232R-if00-port0"
    by_id.symlink_to(cable.path)
    owner = hardware.serial(str(by_id), baudrate=9600)
    with pytest.raises(NotPermitted, match=rf"already open in this program, as {by_id}"):
        hardware.serial(cable.path, baudrate=9600)
    owner.write(b"still mine")
    assert os.read(cable.far, 10) == b"still mine"
    owner.close()
    hardware.serial(cable.path, baudrate=9600).write(b"mine")
    assert os.read(cable.far, 4) == b"mine"


def test_a_port_that_did_not_open_has_no_owner(hardware: LocalHardware, tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB0"
    with pytest.raises(NotConnected, match="no such serial port"):
        hardware.serial(str(path), baudrate=9600)
    with PtyHost(Echo()) as pseudo:
        path.symlink_to(pseudo)
        hardware.serial(str(path), baudrate=9600).close()


def test_closing_closes_every_line_and_gives_the_ports_back(cable: Cable) -> None:
    other = Cable()
    hardware = LocalHardware()
    lines = [hardware.serial(one.path, baudrate=9600) for one in (cable, other)]
    hardware.close()
    hardware.close()
    for line in lines:
        with pytest.raises(NotConnected, match="closed"):
            line.write(b"x")
    with LocalHardware() as next_one:
        next_one.serial(cable.path, baudrate=9600).write(b"x")
    os.close(other.near)
    os.close(other.far)


def test_what_is_not_there_is_not_connected(hardware: LocalHardware) -> None:
    with pytest.raises(NotConnected, match="usb:99-9"):
        hardware.serial("usb:99-9", baudrate=9600)
    with pytest.raises(NotConnected, match="/dev/i2c-4711: no such bus"):
        hardware.i2c(4711)
    with pytest.raises(NotConnected, match="99-9"):
        hardware.usb("99-9")
    with pytest.raises(NotConnected, match="HDMI-A-99: no such video output"):
        hardware.screen("HDMI-A-99")


class Adapter:
    """An I²C adapter on which everything acknowledges."""

    funcs = I2cFunc.I2C

    def __init__(self, path: str) -> None:
        self.path = path
        if not Path(path).exists():
            raise OSError(errno.ENOENT, "No such file or directory")

    def i2c_rdwr(self, *messages: ctypes.Structure) -> None:
        if not Path(self.path).exists():
            raise OSError(19, "No such device")

    def close(self) -> None: ...


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def open_adapter(path: str) -> Any:  # all of it that plain I²C needs
        return Adapter(path)

    opened = partial(I2cDev, folder=tmp_path, open_adapter=open_adapter)
    monkeypatch.setattr(i2c_dev, "I2cDev", opened)
    (tmp_path / "i2c-1").touch()
    return tmp_path


def test_everybody_gets_the_same_i2c_bus(hardware: LocalHardware, dev: Path) -> None:
    (dev / "i2c-2").touch()
    assert hardware.i2c(1) is hardware.i2c(1)
    assert hardware.i2c(1) is not hardware.i2c(2)


def test_a_bus_that_was_pulled_and_is_back_is_the_same(hardware: LocalHardware, dev: Path) -> None:
    bus = hardware.i2c(1)
    (dev / "i2c-1").unlink()
    with pytest.raises(NotConnected, match="the bus is gone"):
        bus.transfer(0x40, b"\x00", 2)
    with pytest.raises(NotConnected, match="i2c-1: no such bus"):
        hardware.i2c(1)
    (dev / "i2c-1").touch()
    assert bus.transfer(0x40, b"\x00", 2) == b"\x00\x00"
    assert hardware.i2c(1) is bus


def find_open(folder: Path) -> set[str]:
    """Return the names of this program's files there, and of its serial lines."""
    opened = [Path(os.path.realpath(link)) for link in Path("/proc/self/fd").iterdir()]
    return {path.name for path in opened if path.parent in (folder, Path("/dev/pts"))}


def test_no_file_is_open_when_everything_handed_out_is_closed(
    hardware: LocalHardware, cable: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Device(Adapter):
        def __init__(self, path: str) -> None:
            super().__init__(path)
            self.descriptor = os.open(path, os.O_RDWR)

        def close(self) -> None:
            os.close(self.descriptor)

    def open_device(path: str) -> Any:
        return Device(path)

    monkeypatch.setattr(
        i2c_dev, "I2cDev", partial(I2cDev, folder=tmp_path, open_adapter=open_device)
    )
    (tmp_path / "i2c-1").touch()
    before = find_open(tmp_path)
    bus, line = hardware.i2c(1), hardware.serial(cable.path, baudrate=9600)
    with bus.hold():
        bus.transfer(0x40)
        assert find_open(tmp_path) == before | {"i2c-1"}
    line.close()
    assert find_open(tmp_path) == before


class Opened:
    """A card or a screen, as far as its owner is concerned."""

    def __init__(self, *names: object, log: list[str]) -> None:
        self.closed = False
        self.name = " ".join(str(name) for name in names if isinstance(name, str))
        self._log = log
        log.append(f"open {self.name}")

    def close(self) -> None:
        self.closed = True
        self._log.append(f"close {self.name}")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a log of openings and closings, for two outputs of one card that is not here."""
    log: list[str] = []
    opened: Any = partial(Opened, log=log)
    monkeypatch.setattr(drm_card, "find_card", lambda connector: "/dev/dri/card1")
    monkeypatch.setattr(drm_card, "Card", opened)
    monkeypatch.setattr(kms, "KmsScreen", opened)
    return log


def test_the_screens_of_one_card_share_it(hardware: LocalHardware, log: list[str]) -> None:
    hardware.screen("HDMI-A-1")
    hardware.screen("HDMI-A-2").close()
    hardware.screen("HDMI-A-2")
    hardware.close()
    assert log == [
        "open /dev/dri/card1",
        "open HDMI-A-1",
        "open HDMI-A-2",
        "close HDMI-A-2",
        "open HDMI-A-2",
        "close HDMI-A-2",
        "close HDMI-A-1",
    ]


def test_a_screen_has_one_owner(hardware: LocalHardware, log: list[str]) -> None:
    hardware.screen("HDMI-A-1")
    with pytest.raises(NotPermitted, match="HDMI-A-1: already open in this program"):
        hardware.screen("HDMI-A-1")


class Port:
    """Port 1-1.4 of a simulated USB, as the kernel and libusb see it, and the hub it is of."""

    def __init__(self, folder: Path) -> None:
        self.backend = SimulatedUsbBackend(SimulatedTime())
        self._entry = folder / "1-1.4"

    def plug_hub(self) -> None:
        self.backend.plug("1-1", SimulatedHub(SimulatedTime(), self.backend, "1-1"))
        hub = self._entry.with_name("1-1")
        hub.mkdir()
        (hub / "devnum").write_text("2\n")
        (hub / "maxchild").write_text("4\n")

    def plug(self, address: int) -> None:
        self.backend.plug("1-1.4", UsbFunction(DEVICE, CONFIGURATION))
        self._entry.mkdir()
        (self._entry / "devnum").write_text(f"{address}\n")

    def unplug(self) -> None:
        self.backend.unplug("1-1.4")
        (self._entry / "devnum").unlink()
        self._entry.rmdir()


DEVICE = bytes.fromhex("12 01 00 02 00 00 00 08 09 12 03 70 07 02 00 00 00 01")
CONFIGURATION = bytes.fromhex("09 02 12 00 01 01 00 80 32 09 04 00 00 00 ff 00 00 00")


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Port:
    port = Port(tmp_path)
    time = SimulatedTime()
    opened = partial(usb.open_port, backend=port.backend, sysfs=tmp_path, time=time)
    monkeypatch.setattr(usb, "open_port", opened)
    port.plug(1)
    return port


def test_usb_devices_are_closed_with_the_rest(hardware: LocalHardware, port: Port) -> None:
    device = hardware.usb("1-1.4")
    hardware.close()
    with pytest.raises(NotConnected, match="closed"):
        device.claim(0)


def test_a_usb_port_has_one_owner(hardware: LocalHardware, port: Port) -> None:
    owner = hardware.usb("1-1.4")
    for _ in range(2):
        with pytest.raises(NotPermitted, match=r"USB port 1-1\.4: already open in this program"):
            hardware.usb("1-1.4")
    owner.claim(0)
    owner.close()
    hardware.usb("1-1.4").claim(0)


def test_a_usb_port_that_did_not_open_has_no_owner(hardware: LocalHardware, port: Port) -> None:
    port.backend.forbidden.add("1-1.4")
    for _ in range(2):
        with pytest.raises(NotPermitted, match="group plugdev"):
            hardware.usb("1-1.4")
    port.backend.forbidden.clear()
    hardware.usb("1-1.4").claim(0)


@pytest.mark.parametrize("noticed", [True, False])
def test_a_device_that_was_pulled_does_not_own_its_port(
    hardware: LocalHardware, port: Port, noticed: bool
) -> None:
    port.plug_hub()
    before = hardware.usb("1-1.4")
    port.unplug()
    if noticed:
        with pytest.raises(NotConnected, match="No such device"):
            before.claim(0)
    with pytest.raises(NotConnected, match="nothing is plugged in"):
        hardware.usb("1-1.4")
    port.plug(3)
    now = hardware.usb("1-1.4")
    now.claim(0)
    before.close()
    with pytest.raises(NotPermitted, match="already open"):
        hardware.usb("1-1.4")
    hardware.close()
    with pytest.raises(NotConnected, match="closed"):
        now.claim(0)


def test_of_two_that_open_a_usb_port_at_the_same_time_one_owns_it(
    hardware: LocalHardware, port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = usb.open_port
    opened: list[PyusbDevice] = []

    def open_slowly(name: str) -> PyusbDevice:
        monkeypatch.setattr(usb, "open_port", patient)
        hardware.usb(name).claim(0)  # the other, who is quicker
        opened.append(patient(name))
        return opened[0]

    monkeypatch.setattr(usb, "open_port", open_slowly)
    with pytest.raises(NotPermitted, match=r"USB port 1-1\.4: already open"):
        hardware.usb("1-1.4")
    assert opened[0].closed
    assert port.backend.claimed("1-1.4") == {0}, "the owner keeps it"


def test_two_slots_may_open_the_hub_that_their_sockets_hang_on(
    hardware: LocalHardware, port: Port
) -> None:
    port.plug_hub()
    left, right = (UsbHub(hardware.usb("1-1"), "1-1") for _ in range(2))
    assert left.read_status(4) == right.read_status(4)


def test_closing_a_hub_leaves_it_open_for_the_others(hardware: LocalHardware, port: Port) -> None:
    port.plug_hub()
    one, other = hardware.usb("1-1"), hardware.usb("1-1")
    one.close()
    with pytest.raises(NotConnected, match="closed"):
        UsbHub(one, "1-1")
    assert UsbHub(other, "1-1").ports == 4
    hardware.close()
    with pytest.raises(NotConnected, match="closed"):
        UsbHub(other, "1-1")


def test_everything_is_closed_even_when_something_does_not_let_itself(
    hardware: LocalHardware,
    log: list[str],
    port: Port,
    cable: Cable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: Opened) -> None:
        raise NotConnected("it was pulled")

    line = hardware.serial(cable.path, baudrate=9600)
    device = hardware.usb("1-1.4")
    hardware.screen("HDMI-A-1")
    monkeypatch.setattr(Opened, "close", fail)
    with pytest.raises(NotConnected, match="it was pulled"):
        hardware.close()
    with pytest.raises(NotConnected, match="closed"):
        line.read(1)
    with pytest.raises(NotConnected, match="closed"):
        device.claim(0)


def test_importing_it_imports_no_library_of_any_bus() -> None:
    """Each costs tens of milliseconds: `pace --help` and simulated rigs do without."""
    program = (
        "import sys, drivers.linux.local; drivers.linux.local.LocalHardware().close();"
        "print(sorted({'serial', 'smbus2', 'usb', 'pyudev'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout == "[]\n"
