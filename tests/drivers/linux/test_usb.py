"""The real pyusb runs here, on a simulated bus."""

import errno
from array import array
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import usb.core

from drivers.buses import UsbDescriptor
from drivers.errors import (
    BadReply,
    DriverError,
    HubMissing,
    NoReply,
    NotConnected,
    NotPermitted,
    Refused,
)
from drivers.linux.usb import CATCH_UP_S, open_port
from drivers.linux.usb_device import PyusbDevice
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.linux.usb_bus import Handle
from drivers.sim.linux.usb_device import Setup, Silence, Stall, Unplugged, UsbFunction
from drivers.sim.world import SimulatedTime

HID_DESCRIPTOR = "09 21 11 01 00 01 22 3f 00"


class Composite(UsbFunction):
    """A HID interface whose descriptor follows its endpoint, a printer, an unclaimed vendor's."""

    CONFIGURATION = bytes.fromhex(
        "09 02 55 00 03 01 00 80 32"
        "09 04 00 00 01 03 01 01 00" + "07 05 81 03 08 00 0a" + HID_DESCRIPTOR +
        "09 04 01 00 02 07 01 02 00" + "07 05 02 02 40 00 00" + "07 05 83 02 40 00 00"
        "09 04 02 00 00 ff 00 00 00"
        "09 04 02 01 01 ff 00 00 00" + "07 05 84 03 08 00 01"
    )  # fmt: skip
    DEVICE = bytes.fromhex("12 01 00 02 00 00 00 08 09 12 03 70 07 02 01 02 03 01")

    def __init__(
        self, *strings: str, configuration: bytes = CONFIGURATION, device: bytes = DEVICE
    ) -> None:
        super().__init__(device, configuration, *(strings or ("ACME", "Thing", "SN 7")))
        self.said: dict[int, deque[bytes]] = {0x81: deque(), 0x83: deque()}
        self.heard: list[bytes] = []
        self.asked: list[tuple[Setup, bytes]] = []
        self.halted = False

    def control(self, setup: Setup, data: bytes) -> bytes:
        self.asked.append((setup, data))
        if setup == Setup(0x02, 0x01, 0, 0x81, 0):
            self.halted = False
        return super().control(setup, data)

    def function_control(self, setup: Setup, data: bytes) -> bytes:
        match setup:
            case Setup(0xA1, 0x00):
                return b"\x00\x0aMFG:ACME"
            case Setup(0xC0, 0x01) | Setup(0x40, 0x01):
                return b"pong"
            case Setup(0xC0, 0x02):
                raise Silence
            case Setup(0xC0, 0x03):
                raise Unplugged
        raise Stall

    def transfer_in(self, endpoint: int) -> bytes | None:
        if self.halted:
            raise Stall
        return self.said[endpoint].popleft() if self.said[endpoint] else None

    def transfer_out(self, endpoint: int, data: bytes) -> None:
        if self.halted:
            raise Stall
        self.heard.append(data)


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


@pytest.fixture
def backend(time: SimulatedTime) -> SimulatedUsbBackend:
    return SimulatedUsbBackend(time)


@pytest.fixture
def thing(backend: SimulatedUsbBackend) -> Composite:
    thing = Composite()
    backend.plug("1-1.4", thing)
    return thing


@pytest.fixture
def device(backend: SimulatedUsbBackend, thing: Composite) -> PyusbDevice:
    return open_port("1-1.4", backend)


# Finding and opening


def test_a_device_is_found_by_where_it_is_plugged_in(
    backend: SimulatedUsbBackend, thing: Composite
) -> None:
    for port in ("1-1", "2-1.4", "1-1.4.1", "1-4.1"):
        backend.plug(port, Composite("ACME", f"Thing at {port}"))
    device = open_port("1-1.4", backend)
    assert device.port == "1-1.4"
    assert device.descriptor == UsbDescriptor(0x1209, 0x7003, 0x0207, "ACME", "Thing", "SN 7")
    assert open_port("1-4.1", backend).descriptor.product == "Thing at 1-4.1"


def test_an_empty_port_is_not_connected(backend: SimulatedUsbBackend, thing: Composite) -> None:
    with pytest.raises(NotConnected, match=r"USB port 1-1\.3: nothing is plugged in"):
        open_port("1-1.3", backend)


def test_without_a_backend_the_real_bus_is_asked() -> None:
    with pytest.raises(NotConnected, match="USB port 250-250"):
        open_port("250-250")


@pytest.mark.parametrize(
    "port", ["", "1", "1-", "1-1.", "usb:1-1", "1-1.4\n", "0-1", "1-1.0", "1-0.1"]
)
def test_what_is_no_port_path_is_the_caller_s_mistake(
    backend: SimulatedUsbBackend, port: str
) -> None:
    with pytest.raises(ValueError, match="is no USB port; one looks like"):
        open_port(port, backend)


def test_a_device_that_does_not_enumerate_is_not_connected(backend: SimulatedUsbBackend) -> None:
    thing = Composite()
    thing.enumerates = False
    backend.plug("1-1", thing)
    with pytest.raises(NotConnected, match="does not enumerate"):
        open_port("1-1", backend)


class Kernel:
    """The devices that sysfs says are plugged in; `later` is done as soon as a driver waits."""

    def __init__(self, folder: Path, time: SimulatedTime) -> None:
        self.folder = folder
        self.time = time
        self.later: list[Callable[[], None]] = []

    def has(self, port: str, address: int) -> None:
        (self.folder / port).mkdir(exist_ok=True)
        (self.folder / port / "devnum").write_text(f"{address}\n")

    def has_hub(self, port: str, ports: int = 4) -> None:
        self.has(port, 1)
        (self.folder / port / "maxchild").write_text(f"{ports}\n")

    def has_nothing(self, port: str) -> None:
        (self.folder / port / "devnum").unlink()
        (self.folder / port).rmdir()

    def monotonic(self) -> float:
        return self.time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        self.time.sleep(seconds)
        while self.later:
            self.later.pop()()


@pytest.fixture
def kernel(tmp_path: Path, time: SimulatedTime) -> Kernel:
    return Kernel(tmp_path, time)


def test_a_root_hub_is_at_port_0_of_its_bus(
    backend: SimulatedUsbBackend, thing: Composite, kernel: Kernel
) -> None:
    kernel.has("usb2", 2)
    kernel.later.append(lambda: backend.plug("2-0", Composite("Linux", "Root hub")))
    device = open_port("2-0", backend, sysfs=kernel.folder, time=kernel)
    assert (device.port, device.descriptor.product) == ("2-0", "Root hub")
    assert 0 < kernel.monotonic() < 0.2, "it was waited for"
    assert device.is_there()
    kernel.has_nothing("usb2")
    assert not device.is_there()
    with pytest.raises(HubMissing, match="USB port 1-0: the hub at usb1 is not there"):
        open_port("1-0", backend, sysfs=kernel.folder, time=kernel)
    backend.forbidden.add("2-0")
    with pytest.raises(NotPermitted, match='KERNEL=="usb2", GROUP'):
        open_port("2-0", backend)


def test_a_device_that_libusb_does_not_have_yet_is_waited_for(
    backend: SimulatedUsbBackend, kernel: Kernel
) -> None:
    kernel.has("1-1.4", 1)
    kernel.later.append(lambda: backend.plug("1-1.4", Composite()))
    device = open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert device.descriptor.product == "Thing"
    assert kernel.monotonic() < 0.2


def test_a_device_that_the_kernel_has_and_libusb_never_gets_is_not_missing(
    backend: SimulatedUsbBackend, kernel: Kernel
) -> None:
    """udev has died, say: no device is to blame for that."""
    kernel.has("1-1.4", 7)
    said = r"USB port 1-1\.4: the kernel has .*number 7.*libusb.* /dev/bus/usb/001/007 "
    with pytest.raises(NotPermitted, match=said):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert kernel.monotonic() == pytest.approx(CATCH_UP_S, abs=0.1)


def test_a_device_that_comes_anew_and_that_libusb_never_gets_is_not_connected(
    backend: SimulatedUsbBackend, kernel: Kernel
) -> None:
    """It falls off all the time: only the device is to blame for that."""
    kernel.has("1-1.4", 7)
    kernel.later.append(lambda: kernel.has("1-1.4", 8))
    with pytest.raises(NotConnected, match=r"the kernel has a device there \(number 8\)"):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert kernel.monotonic() == pytest.approx(CATCH_UP_S, abs=0.1)


class Shut(SimulatedUsbBackend):
    """A device that we cannot open, say because too many files are open: it is never asked."""

    error = errno.EIO

    def _refuse(self) -> None:
        raise usb.core.USBError("as libusb says", -1, self.error)

    def open_device(self, dev: Any) -> Handle:
        self._refuse()
        return super().open_device(dev)


class ShutSysfs(Shut):
    def open_device(self, dev: Any) -> Handle:
        return SimulatedUsbBackend.open_device(self, dev)

    def get_configuration(self, dev_handle: Handle) -> int:
        self._refuse()
        return super().get_configuration(dev_handle)


@pytest.mark.parametrize("shut", [Shut, ShutSysfs])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENODEV, errno.ENOENT])
def test_a_device_that_the_kernel_has_and_we_cannot_open_is_not_missing(
    thing: Composite, kernel: Kernel, shut: type[Shut], error: int
) -> None:
    backend = shut(kernel.time)
    backend.error = error
    backend.plug("1-1.4", thing)
    kernel.has("1-1.4", 1)
    with pytest.raises(NotPermitted, match=r"at 1-1\.4: open → as libusb says.*too many files"):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert kernel.monotonic() == pytest.approx(CATCH_UP_S, abs=0.1)


def test_a_device_that_goes_while_it_is_opened_is_not_connected(
    thing: Composite, kernel: Kernel
) -> None:
    backend = Shut(kernel.time)
    backend.plug("1-1.4", thing)
    kernel.has_hub("1-1")
    kernel.has("1-1.4", 1)
    kernel.later.append(lambda: kernel.has_nothing("1-1.4"))
    with pytest.raises(NotConnected, match=r"at 1-1\.4: open → as libusb says$"):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)


def test_a_device_that_dies_while_it_is_set_up_is_not_connected(
    thing: Composite, kernel: Kernel
) -> None:
    class Dying(SimulatedUsbBackend):
        def get_configuration(self, dev_handle: Handle) -> int:
            return 0

        def set_configuration(self, dev_handle: Handle, config_value: int) -> None:
            raise usb.core.USBError("as libusb says", -1, errno.EIO)

    backend = Dying(kernel.time)
    backend.plug("1-1.4", thing)
    kernel.has("1-1.4", 1)
    with pytest.raises(NotConnected, match=r"at 1-1\.4: open → as libusb says$"):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)


def test_where_the_kernel_cannot_be_asked_nobody_says_that_the_port_is_empty(
    backend: SimulatedUsbBackend, kernel: Kernel
) -> None:
    kernel.has_hub("1-1")
    (kernel.folder / "1-1.4" / "devnum").mkdir(parents=True)  # EISDIR in the place of EMFILE
    with pytest.raises(NotPermitted, match=r"USB port 1-1\.4: reading .*devnum → Is a directory"):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)


def test_a_port_that_is_empty_for_the_kernel_costs_no_time(
    backend: SimulatedUsbBackend, kernel: Kernel
) -> None:
    for hub, port in (("1-1", "1-1.4"), ("1-1.3", "1-1.3.1"), ("usb1", "1-4")):
        kernel.has_hub(hub)
        with pytest.raises(NotConnected, match="nothing is plugged in") as raised:
            open_port(port, backend, sysfs=kernel.folder, time=kernel)
        assert raised.type is NotConnected
    assert kernel.monotonic() == 0


@pytest.mark.parametrize(
    ("port", "hub"), [("1-1.4", "1-1"), ("1-1.4.2", "1-1.4"), ("1-4", "usb1"), ("1-0", "usb1")]
)
def test_without_its_hub_nobody_can_say_what_is_plugged_in(
    backend: SimulatedUsbBackend, kernel: Kernel, port: str, hub: str
) -> None:
    with pytest.raises(HubMissing, match=f"USB port {port}: the hub at {hub} is not there"):
        open_port(port, backend, sysfs=kernel.folder, time=kernel)


@pytest.mark.parametrize("ports", [0, 3])
def test_what_has_no_such_port_is_not_the_hub(
    backend: SimulatedUsbBackend, kernel: Kernel, ports: int
) -> None:
    """A keyboard in the hub's place has none at all."""
    kernel.has_hub("1-1", ports)
    with pytest.raises(HubMissing, match=f"what is at 1-1 has {ports} ports, and no 4"):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)


def test_where_there_is_no_sysfs_a_missing_hub_is_an_empty_port(
    backend: SimulatedUsbBackend, kernel: Kernel
) -> None:
    with pytest.raises(NotConnected, match="nothing is plugged in"):
        open_port("1-1.4", backend, sysfs=kernel.folder / "nowhere", time=kernel)


def test_the_predecessor_that_libusb_still_lists_is_not_opened(
    backend: SimulatedUsbBackend, thing: Composite, kernel: Kernel
) -> None:
    def catch_up() -> None:
        backend.unplug("1-1.4")
        backend.plug("1-1.4", Composite("ACME", "Successor"))

    kernel.has("1-1.4", 2)
    kernel.later.append(catch_up)
    device = open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert device.descriptor.product == "Successor"


class Stale(SimulatedUsbBackend):
    """Lists devices that are gone: opening them is all that tells."""

    openings = 0

    def open_device(self, dev: Any) -> Handle:
        self.openings += 1
        if self.openings == 1:
            raise usb.core.USBError("No such device", -4, errno.ENODEV)
        return super().open_device(dev)


def test_a_device_that_is_replaced_while_it_is_opened_is_tried_again(
    thing: Composite, kernel: Kernel
) -> None:
    backend = Stale(kernel.time)
    backend.plug("1-1.4", thing)
    kernel.has("1-1.4", 1)
    device = open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert device.descriptor.product == "Thing"


def test_a_device_that_libusb_lists_and_nobody_else_has_is_not_connected_at_once(
    thing: Composite, kernel: Kernel
) -> None:
    backend = Stale(kernel.time)
    backend.plug("1-1.4", thing)
    with pytest.raises(NotConnected, match=r"at 1-1\.4: open → No such device"):
        open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert kernel.monotonic() == 0


def test_a_device_that_hangs_while_it_is_opened_is_let_go(
    thing: Composite, time: SimulatedTime
) -> None:
    class Hung(SimulatedUsbBackend):
        closed = 0

        def get_configuration(self, dev_handle: Handle) -> int:
            raise usb.core.USBTimeoutError("Operation timed out", -7, errno.ETIMEDOUT)

        def close_device(self, dev_handle: Handle) -> None:
            self.closed += 1
            super().close_device(dev_handle)

    backend = Hung(time)
    backend.plug("1-1", thing)
    with pytest.raises(NoReply, match="open → Operation timed out"):
        open_port("1-1", backend)
    assert backend.closed == 1


def test_it_is_there_until_the_kernel_has_another_or_none_at_its_port(
    backend: SimulatedUsbBackend, thing: Composite, kernel: Kernel
) -> None:
    kernel.has("1-1.4", 1)
    device = open_port("1-1.4", backend, sysfs=kernel.folder, time=kernel)
    assert device.is_there()
    kernel.has("1-1.4", 2)
    assert not device.is_there()
    kernel.has_nothing("1-1.4")
    assert not device.is_there()


def test_it_is_there_until_it_says_that_it_is_gone(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    assert device.is_there()
    backend.unplug("1-1.4")
    with pytest.raises(NotConnected):
        device.claim(0)
    assert not device.is_there()


def test_a_device_that_is_not_ours_to_open_names_the_rule_that_is_missing(
    backend: SimulatedUsbBackend, thing: Composite
) -> None:
    backend.forbidden.add("1-1.4")
    with pytest.raises(NotPermitted, match=r'KERNEL=="1-1\.4", GROUP="plugdev"'):
        open_port("1-1.4", backend)


def test_interfaces_are_those_of_the_first_setting(device: PyusbDevice) -> None:
    keyboard, printer, vendor = device.interfaces
    assert (keyboard.number, keyboard.usb_class, keyboard.usb_subclass, keyboard.usb_protocol) == (
        0,
        3,
        1,
        1,
    )
    assert (printer.endpoints_in, printer.endpoints_out) == ((0x83,), (0x02,))
    assert (vendor.usb_class, vendor.endpoints_in) == (0xFF, ())


def test_class_descriptors_are_kept_even_behind_an_endpoint(device: PyusbDevice) -> None:
    assert device.interfaces[0].extra == bytes.fromhex(HID_DESCRIPTOR)


def test_an_unconfigured_device_is_given_its_configuration(backend: SimulatedUsbBackend) -> None:
    thing = Composite()
    backend.plug("1-1", thing, configured=False)
    assert thing.configuration == 0
    assert open_port("1-1", backend).interfaces[0].usb_class == 3
    assert thing.configuration == 1


def test_a_configured_device_is_left_as_it_is(
    backend: SimulatedUsbBackend, thing: Composite
) -> None:
    thing.asked.clear()
    open_port("1-1.4", backend)
    assert not [setup for setup, _ in thing.asked if (setup.request_type, setup.request) == (0, 9)]


def test_a_name_cannot_write_to_our_terminal(backend: SimulatedUsbBackend) -> None:
    backend.plug("1-1", Composite(" \x1b[2JACME\r\n", "Thing\x00\x00", "\ud800"))
    descriptor = open_port("1-1", backend).descriptor
    assert descriptor[3:] == ("[2JACME", "Thing", "")


def test_a_string_that_it_refuses_is_empty(backend: SimulatedUsbBackend) -> None:
    backend.plug("1-1", Composite("ACME"))
    assert open_port("1-1", backend).descriptor[3:] == ("ACME", "", "")


# Who holds the interface


def test_claiming_takes_the_interface_from_the_kernel_and_releasing_gives_it_back(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    assert backend.held_by_kernel("1-1.4") == {0, 1}
    device.claim(0)
    device.claim(0)
    assert backend.held_by_kernel("1-1.4") == {1}
    device.release(0)
    device.release(0)
    assert backend.held_by_kernel("1-1.4") == {0, 1}


def test_an_interface_that_the_kernel_never_had_is_not_given_to_it(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    device.claim(2)
    device.release(2)
    assert backend.held_by_kernel("1-1.4") == {0, 1}


def test_a_kernel_that_has_lost_its_driver_takes_nothing_back(
    thing: Composite, time: SimulatedTime
) -> None:
    class Driverless(SimulatedUsbBackend):
        def attach_kernel_driver(self, dev_handle: Handle, intf: int) -> None:
            raise usb.core.USBError("Entity not found", -5, errno.ENOENT)

    backend = Driverless(time)
    backend.plug("1-1", thing)
    device = open_port("1-1", backend)
    device.claim(0)
    device.release(0)
    assert backend.claimed("1-1") == frozenset()


def test_an_interface_that_another_program_holds_is_not_permitted(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    device.claim(0)
    with pytest.raises(
        NotPermitted, match=r"claim interface 0 → Resource busy.*fuser -v /dev/bus/usb/001/001"
    ):
        open_port("1-1.4", backend).claim(0)


def test_a_claim_that_fails_half_way_leaves_the_kernel_its_interface(
    thing: Composite, time: SimulatedTime
) -> None:
    class Raced(SimulatedUsbBackend):
        def claim_interface(self, dev_handle: Handle, intf: int) -> None:
            raise usb.core.USBError("Resource busy", -6, errno.EBUSY)

    backend = Raced(time)
    backend.plug("1-1", thing)
    with pytest.raises(NotPermitted, match="claim interface 0"):
        open_port("1-1", backend).claim(0)
    assert backend.held_by_kernel("1-1") == {0, 1}


def test_an_interface_that_does_not_exist_is_the_caller_s_mistake(device: PyusbDevice) -> None:
    with pytest.raises(ValueError, match="no interface 3"):
        device.claim(3)
    with pytest.raises(ValueError, match="no interface 3"):
        device.release(3)


def test_a_system_that_cannot_detach_says_so(thing: Composite, time: SimulatedTime) -> None:
    class Other(SimulatedUsbBackend):
        def is_kernel_driver_active(self, dev_handle: Handle, intf: int) -> bool:
            raise NotImplementedError("is_kernel_driver_active")

    backend = Other(time)
    backend.plug("1-1", thing)
    with pytest.raises(NotPermitted, match="claim interface 0 → not supported"):
        open_port("1-1", backend).claim(0)


def test_closing_gives_everything_back_once(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    device.claim(0)
    device.claim(1)
    device.close()
    device.close()
    assert backend.held_by_kernel("1-1.4") == {0, 1}
    assert backend.claimed("1-1.4") == frozenset()
    with pytest.raises(NotConnected, match="closed"):
        device.claim(0)
    with pytest.raises(NotConnected, match="closed"):
        device.control_in(0xC0, 1, 0, 0, 4)
    with pytest.raises(NotConnected, match="closed"):
        device.read(0x81, 8, 0.1)


def test_closing_what_was_unplugged_is_quiet(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    device.claim(0)
    backend.unplug("1-1.4")
    with pytest.raises(NotConnected, match="release interface 0 → No such device"):
        device.release(0)
    device.close()


def test_closing_gives_back_the_rest_before_it_complains(
    thing: Composite, time: SimulatedTime
) -> None:
    class Grudging(SimulatedUsbBackend):
        def attach_kernel_driver(self, dev_handle: Handle, intf: int) -> None:
            if intf == 0:
                raise usb.core.USBError("Resource busy", -6, errno.EBUSY)
            super().attach_kernel_driver(dev_handle, intf)

    backend = Grudging(time)
    backend.plug("1-1", thing)
    device = open_port("1-1", backend)
    device.claim(0)
    device.claim(1)
    with pytest.raises(NotPermitted, match="release interface 0"):
        device.close()
    assert backend.held_by_kernel("1-1") == {1}
    assert backend.claimed("1-1") == frozenset()


class Probing(SimulatedUsbBackend):
    """Its kernel asks a device that it is given, and waits for one that hangs (usbhid)."""

    def attach_kernel_driver(self, dev_handle: Handle, intf: int) -> None:
        device = dev_handle.plugged.device
        if isinstance(device, Hanging) and device.hung:
            self._time.sleep(35.0)
        super().attach_kernel_driver(dev_handle, intf)


class Hanging(Composite):
    """`hung` it answers nothing; `stalls` it knows no GET_STATUS."""

    hung = stalls = False

    def control(self, setup: Setup, data: bytes) -> bytes:
        if self.hung:
            raise Silence
        if self.stalls and setup == Setup(0x80, 0x00, 0, 0, 2):
            raise Stall
        return super().control(setup, data)


@pytest.fixture
def hanging(time: SimulatedTime) -> tuple[Probing, Hanging, PyusbDevice]:
    backend, thing = Probing(time), Hanging()
    backend.plug("1-1", thing)
    device = open_port("1-1", backend)
    device.claim(0)
    device.claim(1)
    return backend, thing, device


Hung = tuple[Probing, Hanging, PyusbDevice]


def test_a_device_that_hangs_is_not_given_back_to_a_kernel_that_would_wait_for_it(
    hanging: Hung, time: SimulatedTime, caplog: pytest.LogCaptureFixture
) -> None:
    backend, thing, device = hanging
    thing.hung = True
    before_s = time.monotonic()
    device.close()
    assert time.monotonic() - before_s == pytest.approx(1.0)
    assert backend.claimed("1-1") == frozenset()
    assert backend.held_by_kernel("1-1") == frozenset()
    assert "1209:7003 at 1-1: does not answer: interface 0 is not given back" in caplog.text
    assert "plug the device in again" in caplog.text


def test_a_device_that_hung_and_answers_again_is_given_back(
    hanging: Hung, caplog: pytest.LogCaptureFixture
) -> None:
    backend, thing, device = hanging
    thing.hung = True
    device.release(0)
    assert backend.held_by_kernel("1-1") == frozenset()
    thing.hung = False
    assert device.control_in(0xC0, 1, 0, 0, 4) == b"pong"
    device.release(1)
    assert backend.held_by_kernel("1-1") == {1}
    assert caplog.text.count("does not answer") == 1


def test_a_device_that_refuses_has_answered(hanging: Hung) -> None:
    backend, thing, device = hanging
    thing.stalls = True
    device.close()
    assert backend.held_by_kernel("1-1") == {0, 1}


def test_a_device_that_is_broken_on_the_wire_is_not_given_back(
    hanging: Hung, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> int:
        raise usb.core.USBError("Input/Output Error", -1, errno.EIO)

    backend, _, device = hanging
    monkeypatch.setattr(backend, "ctrl_transfer", fail)
    device.close()
    assert backend.held_by_kernel("1-1") == frozenset()
    assert backend.claimed("1-1") == frozenset()


# Control transfers


def test_control_transfers_go_both_ways(device: PyusbDevice, thing: Composite) -> None:
    assert device.control_in(0xC0, 1, 0x0203, 4, 64) == b"pong"
    assert device.control_in(0xC0, 1, 0, 0, 2) == b"po"
    device.control_out(0x40, 1, 0x0203, 4, b"\x01\x02")
    device.control_out(0x40, 1, 0, 0)
    assert thing.asked[-4:] == [
        (Setup(0xC0, 1, 0x0203, 4, 64), b""),
        (Setup(0xC0, 1, 0, 0, 2), b""),
        (Setup(0x40, 1, 0x0203, 4, 2), b"\x01\x02"),
        (Setup(0x40, 1, 0, 0, 0), b""),
    ]


def test_a_stall_is_a_refusal_that_quotes_the_request(device: PyusbDevice) -> None:
    with pytest.raises(
        Refused,
        match=r"USB 1209:7003 at 1-1\.4: request 0xc0 0x09, value 0x0102, index 0x0003, 5 bytes"
        r" → Pipe error \(STALL\)",
    ):
        device.control_in(0xC0, 9, 0x0102, 3, 5)
    with pytest.raises(Refused, match="request 0x40 0x09, value 0x0102, index 0x0003, aa bb →"):
        device.control_out(0x40, 9, 0x0102, 3, b"\xaa\xbb")


def test_a_request_that_is_never_answered_is_no_reply(
    device: PyusbDevice, time: SimulatedTime
) -> None:
    before_s = time.monotonic()
    with pytest.raises(NoReply, match=r"request 0xc0 0x02.*timed out"):
        device.control_in(0xC0, 2, 0, 0, 4)
    assert time.monotonic() - before_s == pytest.approx(1.0)


def test_a_device_that_falls_off_is_not_connected(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    with pytest.raises(NotConnected, match=r"request 0xc0 0x03.*No such device"):
        device.control_in(0xC0, 3, 0, 0, 4)
    with pytest.raises(NotConnected, match="nothing is plugged in"):
        open_port("1-1.4", backend)


def test_asking_a_printer_for_its_name_takes_no_interface(
    device: PyusbDevice, backend: SimulatedUsbBackend
) -> None:
    """Its index is interface << 8: pyusb itself would claim interface 0 for that."""
    assert device.control_in(0xA1, 0, 0, 1 << 8, 64) == b"\x00\x0aMFG:ACME"
    assert backend.held_by_kernel("1-1.4") == {0, 1}
    raw = next(iter(usb.core.find(find_all=True, backend=backend)))
    with pytest.raises(usb.core.USBError, match="Resource busy"):
        raw.ctrl_transfer(0xA1, 0, 0, 1 << 8, 64)


def test_a_request_to_an_interface_that_the_kernel_holds_is_not_permitted(
    device: PyusbDevice,
) -> None:
    with pytest.raises(NotPermitted, match=r"request 0x81 0x06, value 0x2200.*Resource busy"):
        device.control_in(0x81, 6, 0x2200, 0, 63)
    device.claim(0)
    with pytest.raises(Refused):
        device.control_in(0x81, 6, 0x2200, 0, 63)


@pytest.mark.parametrize(
    ("request_type", "request_code", "value", "index", "size"),
    [
        (0x40, 1, 0, 0, 4),
        (0x1C0, 1, 0, 0, 4),
        (0xC0, 256, 0, 0, 4),
        (0xC0, 1, 0x10000, 0, 4),
        (0xC0, 1, 0, -1, 4),
        (0xC0, 1, 0, 0, -1),
        (0xC0, 1, 0, 0, 0x10000),
    ],
)
def test_an_impossible_request_is_never_sent(
    device: PyusbDevice,
    thing: Composite,
    request_type: int,
    request_code: int,
    value: int,
    index: int,
    size: int,
) -> None:
    thing.asked.clear()
    with pytest.raises(ValueError, match=r"out|outside|cannot carry"):
        device.control_in(request_type, request_code, value, index, size)
    assert thing.asked == []


def test_an_outgoing_request_must_go_out_and_fit(device: PyusbDevice, thing: Composite) -> None:
    thing.asked.clear()
    with pytest.raises(ValueError, match="goes in, not out"):
        device.control_out(0xC0, 1, 0, 0)
    with pytest.raises(ValueError, match="cannot carry 65536 bytes"):
        device.control_out(0x40, 1, 0, 0, bytes(0x10000))
    assert thing.asked == []


def test_a_request_of_which_only_a_part_was_taken_is_a_bad_reply(
    thing: Composite, time: SimulatedTime
) -> None:
    class Short(SimulatedUsbBackend):
        def ctrl_transfer(self, *arguments: Any) -> int:
            return int(super().ctrl_transfer(*arguments) - (arguments[1] == 0x40))

    backend = Short(time)
    backend.plug("1-1", thing)
    with pytest.raises(BadReply, match="aa bb → took 1 of 2 bytes"):
        open_port("1-1", backend).control_out(0x40, 1, 0, 0, b"\xaa\xbb")


# Bulk and interrupt transfers


def test_reports_come_one_by_one(device: PyusbDevice, thing: Composite) -> None:
    """A transfer of full packets does not end by itself: asked for more, two would be joined."""
    device.claim(0)
    first, second = bytes(range(8)), bytes(range(8, 16))
    thing.said[0x81] += [first, second]
    assert device.read(0x81, 8, 0.1) == first
    assert device.read(0x81, 5, 0.1) == second
    thing.said[0x81] += [first, second]
    assert device.read(0x81, 64, 0.1) == first + second


def test_a_report_longer_than_a_packet_arrives_whole(device: PyusbDevice, thing: Composite) -> None:
    device.claim(0)
    thing.said[0x81].append(bytes(range(13)))
    assert device.read(0x81, 13, 0.1) == bytes(range(13))


def test_nothing_in_time_is_nothing_and_takes_the_time_it_takes(
    device: PyusbDevice, time: SimulatedTime
) -> None:
    device.claim(0)
    before_s = time.monotonic()
    assert device.read(0x81, 8, 0.25) == b""
    assert time.monotonic() - before_s == pytest.approx(0.25)


def test_a_timeout_of_zero_is_not_for_ever(device: PyusbDevice, time: SimulatedTime) -> None:
    device.claim(0)
    before_s = time.monotonic()
    assert device.read(0x81, 8, 0.0) == b""
    assert time.monotonic() - before_s == pytest.approx(0.001)


def test_a_keyboard_is_asked_once_in_its_interval(
    device: PyusbDevice, thing: Composite, time: SimulatedTime
) -> None:
    device.claim(0)
    thing.said[0x81] += [bytes(8)] * 3
    device.read(0x81, 8, 0.1)
    before_s = time.monotonic()
    device.read(0x81, 8, 0.1)
    device.read(0x81, 8, 0.1)
    assert time.monotonic() - before_s == pytest.approx(0.02)


def test_bulk_data_goes_both_ways(device: PyusbDevice, thing: Composite) -> None:
    device.claim(1)
    assert device.write(0x02, b"^XA^XZ", 1.0) == 6
    assert thing.heard == [b"^XA^XZ"]
    thing.said[0x83].append(b"ok")
    assert device.read(0x83, 64, 1.0) == b"ok"


def test_a_halted_endpoint_refuses_and_is_told_to_go_on(
    device: PyusbDevice, thing: Composite
) -> None:
    device.claim(0)
    thing.said[0x81].append(bytes(8))
    thing.halted = True
    with pytest.raises(Refused, match=r"read endpoint 0x81 → Pipe error \(STALL\)"):
        device.read(0x81, 8, 0.1)
    assert device.read(0x81, 8, 0.1) == bytes(8)


def test_a_halted_printer_refuses_what_it_is_sent(device: PyusbDevice, thing: Composite) -> None:
    device.claim(1)
    thing.halted = True
    with pytest.raises(Refused, match="write 5e 58 41 to endpoint 0x02"):
        device.write(0x02, b"^XA", 0.1)
    assert thing.asked[-1][0] == Setup(0x02, 0x01, 0, 0x02, 0)


def test_unplugging_ends_reading(device: PyusbDevice, backend: SimulatedUsbBackend) -> None:
    device.claim(0)
    device.claim(1)
    backend.unplug("1-1.4")
    with pytest.raises(NotConnected, match="read endpoint 0x81 → No such device"):
        device.read(0x81, 8, 0.1)
    with pytest.raises(NotConnected, match="to endpoint 0x02"):
        device.write(0x02, b"x", 0.1)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EIO, NotConnected),
        (errno.ENODEV, NotConnected),
        (errno.ENOENT, NotConnected),
        (errno.EPIPE, Refused),
        (errno.EOVERFLOW, BadReply),
        (errno.EBUSY, NotPermitted),
        (errno.EACCES, NotPermitted),
        (errno.ETIMEDOUT, NoReply),
        (errno.EINVAL, DriverError),
        (None, DriverError),
    ],
)
def test_every_library_error_becomes_ours(
    thing: Composite, time: SimulatedTime, number: int | None, error: type[DriverError]
) -> None:
    class Failing(SimulatedUsbBackend):
        def intr_read(self, *arguments: Any) -> int:
            raise usb.core.USBError("as libusb says", -1, number)

    backend = Failing(time)
    backend.plug("1-1", thing)
    device = open_port("1-1", backend)
    device.claim(0)
    with pytest.raises(DriverError, match="read endpoint 0x81 → as libusb says") as raised:
        device.read(0x81, 8, 0.1)
    assert type(raised.value) is error


@pytest.mark.parametrize("timeout_s", [-0.1, float("nan"), float("inf"), 3601.0])
def test_an_impossible_timeout_is_the_caller_s_mistake(
    device: PyusbDevice, timeout_s: float
) -> None:
    device.claim(0)
    device.claim(1)
    with pytest.raises(ValueError, match="timeout"):
        device.read(0x81, 8, timeout_s)
    with pytest.raises(ValueError, match="timeout"):
        device.write(0x02, b"x", timeout_s)


def test_an_endpoint_must_exist_and_be_claimed(device: PyusbDevice) -> None:
    with pytest.raises(ValueError, match="no endpoint 0x85"):
        device.read(0x85, 8, 0.1)
    with pytest.raises(ValueError, match="claim interface 0 before"):
        device.read(0x81, 8, 0.1)
    device.claim(0)
    with pytest.raises(ValueError, match="cannot read 0 bytes"):
        device.read(0x81, 0, 0.1)


# The twin is honest too


def test_the_bus_loses_a_report_that_its_reader_left_no_room_for(
    backend: SimulatedUsbBackend, thing: Composite
) -> None:
    raw = next(iter(usb.core.find(find_all=True, backend=backend)))
    raw.detach_kernel_driver(0)
    thing.said[0x81].append(bytes(8))
    with pytest.raises(usb.core.USBError, match="Overflow"):
        raw.read(0x81, array("B", bytes(4)), 100)


def test_a_taken_port_takes_no_second_device(
    backend: SimulatedUsbBackend, thing: Composite
) -> None:
    with pytest.raises(ValueError, match=r"port 1-1\.4 is taken"):
        backend.plug("1-1.4", Composite())
    backend.unplug("1-1.4")
    with pytest.raises(ValueError, match="nothing is plugged"):
        backend.unplug("1-1.4")


def test_a_bus_reset_leaves_it_configured(backend: SimulatedUsbBackend, thing: Composite) -> None:
    next(iter(usb.core.find(find_all=True, backend=backend))).reset()
    assert thing.configuration == 1
