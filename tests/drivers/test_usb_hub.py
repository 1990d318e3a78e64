"""Golden requests, hubs that cannot or will not, and the twin's own physics."""

from collections.abc import Callable

import pytest

from drivers.buses import UsbDescriptor, UsbInterface
from drivers.capabilities import PortState
from drivers.errors import (
    BadReply,
    NotConnected,
    NotPermitted,
    Refused,
    WrongDevice,
)
from drivers.sim.hid_keyboard import SimulatedKeyboard
from drivers.sim.usb import SimulatedUsbBackend
from drivers.sim.usb_hub import SimulatedHub, SimulatedVbus
from drivers.sim.world import Circuit, SimulatedTime
from drivers.usb import open_port
from drivers.usb_hub import HubPort, UsbHub, UsbPortPower, hub_of

DEVICE = "12 01 00 02 09 00 01 40 09 12 04 70 03 01 01 02 03 01"
SUPERSPEED_DEVICE = "12 01 00 03 09 00 03 09 09 12 04 70 03 01 01 02 03 01"
HUB = "09 29 04 09 00 32 64 00 ff"
SUPERSPEED_HUB = "0c 2a 04 09 00 32 64 00 00 00 00 00"

GET_DEVICE = "80 06 00 01 00 00 12 00"
GET_HUB = "a0 06 00 29 00 00 0f 00"
GET_SUPERSPEED_HUB = "a0 06 00 2a 00 00 0c 00"
STATUS_OF_4 = "a3 00 00 00 04 00 04 00"
ON_4 = "23 03 08 00 04 00 00 00"
OFF_4 = "23 01 08 00 04 00 00 00"
CLEAR_C_CONNECTION_4 = "23 01 10 00 04 00 00 00"
CLEAR_C_ENABLE_4 = "23 01 11 00 04 00 00 00"


class Wire:
    """A hub of which every request and every answer is written down: eight bytes of setup each."""

    def __init__(self, *dialogue: tuple[str, str]) -> None:
        self.descriptor = UsbDescriptor(0x1209, 0x7004, 0x0103, "ACME", "Four sockets", "H-1")
        self.interfaces: tuple[UsbInterface, ...] = ()
        self._dialogue = list(dialogue)

    def then(self, *dialogue: tuple[str, str]) -> None:
        self._dialogue += dialogue

    @property
    def done(self) -> bool:
        return not self._dialogue

    def control_in(
        self, request_type: int, request: int, value: int, index: int, size: int
    ) -> bytes:
        return self._ask(request_type, request, value, index, size)[:size]

    def control_out(
        self, request_type: int, request: int, value: int, index: int, data: bytes = b""
    ) -> None:
        self._ask(request_type, request, value, index, len(data))

    def _ask(self, request_type: int, request: int, *words: int) -> bytes:
        setup = bytes([request_type, request]) + b"".join(w.to_bytes(2, "little") for w in words)
        expected, answer = self._dialogue.pop(0)
        assert setup.hex(" ") == expected
        return bytes.fromhex(answer)

    def claim(self, interface: int) -> None:
        raise AssertionError("the kernel's hub driver keeps its interface")

    def release(self, interface: int) -> None:
        raise AssertionError("the kernel's hub driver keeps its interface")

    def read(self, endpoint: int, size: int, timeout_s: float) -> bytes:
        raise AssertionError("the kernel reads the hub's endpoint")

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> int:
        raise AssertionError("a hub takes nothing there")

    def close(self) -> None: ...


@pytest.fixture
def time() -> SimulatedTime:
    return SimulatedTime()


def on_wire(time: SimulatedTime, port: int = 4, hub: str = HUB) -> tuple[UsbPortPower, Wire]:
    wire = Wire((GET_DEVICE, DEVICE), (GET_HUB, hub))
    return UsbPortPower(HubPort(UsbHub(wire, "1-1"), port), time=time), wire


# What goes over the wire


def test_a_hub_is_asked_what_it_is(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    assert wire.done
    assert port.identity == ("ACME", "Four sockets", "H-1", "1.03")
    assert port.name == "port 4 of the hub at 1-1"


def test_a_hub_without_names_goes_by_its_numbers() -> None:
    wire = Wire((GET_DEVICE, DEVICE), (GET_HUB, HUB))
    wire.descriptor = UsbDescriptor(0x2109, 0x2811, 0x9021, "", "", "")
    assert UsbHub(wire, "1-1").identity == ("2109", "hub 2811", "", "90.21")


def test_switching_off_leaves_nothing_for_the_kernel_to_react_to(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    wire.then(
        (OFF_4, ""),
        (STATUS_OF_4, "00 00 03 00"),
        (CLEAR_C_CONNECTION_4, ""),
        (CLEAR_C_ENABLE_4, ""),
        (STATUS_OF_4, "00 00 00 00"),
    )
    port.switch(on=False)
    assert wire.done


def test_a_kernel_that_was_quicker_is_overruled(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    wire.then((OFF_4, ""), (STATUS_OF_4, "00 01 00 00"), (STATUS_OF_4, "00 01 00 00"))
    wire.then((OFF_4, ""), (STATUS_OF_4, "00 00 00 00"), (STATUS_OF_4, "00 00 00 00"))
    port.switch(on=False)
    assert wire.done


def test_switching_on_waits_until_power_is_good(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    wire.then((ON_4, ""), (STATUS_OF_4, "00 01 00 00"))
    port.switch(on=True)
    assert wire.done
    assert time.monotonic() == pytest.approx(0x32 * 0.002)


def test_an_actuator_that_lets_go_leaves_the_port_on(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    wire.then((ON_4, ""), (STATUS_OF_4, "03 01 00 00"))
    port.make_safe()
    assert wire.done


def test_both_speeds_of_a_blue_socket_are_switched(time: SimulatedTime) -> None:
    slow = Wire((GET_DEVICE, DEVICE), (GET_HUB, HUB))
    fast = Wire((GET_DEVICE, SUPERSPEED_DEVICE), (GET_SUPERSPEED_HUB, SUPERSPEED_HUB))
    port = UsbPortPower(HubPort(UsbHub(slow, "1-1"), 4), HubPort(UsbHub(fast, "2-1"), 4), time=time)
    off = (OFF_4, ""), (STATUS_OF_4, "00 00 00 00"), (STATUS_OF_4, "00 00 00 00")
    slow.then(*off)
    fast.then(*off)
    port.switch(on=False)
    slow.then((ON_4, ""), (STATUS_OF_4, "00 01 00 00"))
    fast.then((ON_4, ""), (STATUS_OF_4, "a0 02 00 00"))
    port.switch(on=True)
    assert slow.done
    assert fast.done


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("00 00 00 00", PortState(powered=False, device=False)),
        ("00 01 00 00", PortState(powered=True, device=False)),
        ("01 01 01 00", PortState(powered=True, device=False)),
        ("03 05 00 00", PortState(powered=True, device=True)),
    ],
)
def test_a_device_that_was_found_is_one_whose_port_is_enabled(
    time: SimulatedTime, status: str, state: PortState
) -> None:
    port, wire = on_wire(time)
    wire.then((STATUS_OF_4, status))
    assert port.read_state() == state


def test_a_port_that_is_enabled_for_a_device_that_does_not_enumerate_has_none(
    time: SimulatedTime,
) -> None:
    """SuperSpeed enables it when the link is trained, and high speed when it has been reset."""
    wire = Wire((GET_DEVICE, DEVICE), (GET_HUB, HUB))
    there = False
    port = UsbPortPower(HubPort(UsbHub(wire, "1-1"), 4), time=time, enumerated=lambda: there)
    wire.then((STATUS_OF_4, "03 05 00 00"), (STATUS_OF_4, "03 05 00 00"))
    assert port.read_state() == PortState(powered=True, device=False)
    there = True
    assert port.read_state() == PortState(powered=True, device=True)


# Hubs that are none, or cannot, or do not


def test_what_is_no_hub_is_the_wrong_device() -> None:
    keyboard = Wire((GET_DEVICE, "12 01 00 02 00" + DEVICE[14:]))
    with pytest.raises(WrongDevice, match=r"USB 1209:7004 at 1-1: device class 0x00, and a hub's"):
        UsbHub(keyboard, "1-1")
    assert keyboard.done, "nothing else was asked of it"


@pytest.mark.parametrize("told", ["", "09", "09 2a 04 09 00 32 64", "09 29 00 09 00 32 64 00 ff"])
def test_a_hub_descriptor_that_is_none_is_a_bad_reply(told: str) -> None:
    with pytest.raises(BadReply, match="the hub at 1-1: hub descriptor"):
        UsbHub(Wire((GET_DEVICE, DEVICE), (GET_HUB, told)), "1-1")


def test_a_short_device_descriptor_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="device descriptor 12 01"):
        UsbHub(Wire((GET_DEVICE, "12 01")), "1-1")


def test_a_short_port_status_is_a_bad_reply(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    wire.then((STATUS_OF_4, "00 01"))
    with pytest.raises(BadReply, match="status of port 4 is 00 01"):
        port.read_state()


def test_a_port_that_the_hub_has_not_is_named_with_those_it_has(time: SimulatedTime) -> None:
    with pytest.raises(WrongDevice, match="the hub at 1-1 has 4 ports, and no port 5"):
        on_wire(time, port=5)


def test_ports_are_counted_from_1(time: SimulatedTime) -> None:
    with pytest.raises(ValueError, match="ports are counted from 1"):
        on_wire(time, port=0)


def test_a_hub_without_switches_is_refused_and_says_what_to_take(time: SimulatedTime) -> None:
    for reserved in ("0a", "0b"):
        with pytest.raises(Refused, match=r"cannot switch the power of its ports: take a hub that"):
            on_wire(time, hub=f"09 29 04 {reserved} 00 32 64 00 ff")


def test_a_hub_that_would_switch_the_neighbours_off_is_refused(time: SimulatedTime) -> None:
    with pytest.raises(Refused, match="switches its 4 ports only together, and what is plugged in"):
        on_wire(time, hub="09 29 04 08 00 32 64 00 ff")


def test_a_gang_of_one_has_no_neighbours(time: SimulatedTime) -> None:
    port, wire = on_wire(time, port=1, hub="09 29 01 08 00 32 64 00 ff")
    wire.then(("23 03 08 00 01 00 00 00", ""), ("a3 00 00 00 01 00 04 00", "00 01 00 00"))
    port.switch(on=True)
    assert wire.done


@pytest.mark.parametrize("speed", ["slow", "super"])
def test_the_halves_of_a_socket_are_of_two_speeds(time: SimulatedTime, speed: str) -> None:
    asked = (
        [(GET_DEVICE, DEVICE), (GET_HUB, HUB)]
        if speed == "slow"
        else [(GET_DEVICE, SUPERSPEED_DEVICE), (GET_SUPERSPEED_HUB, SUPERSPEED_HUB)]
    )
    one, other = (HubPort(UsbHub(Wire(*asked), where), 4) for where in ("1-1", "1-2"))
    with pytest.raises(
        WrongDevice, match="the hub at 1-1 and the hub at 1-2 are of the same speed"
    ):
        UsbPortPower(one, other, time=time)


def test_a_port_that_stays_as_it_was_is_refused_with_its_status(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    once = (OFF_4, ""), (STATUS_OF_4, "03 01 00 00")
    wire.then(*once, *[(STATUS_OF_4, "03 01 00 00"), *once] * 5)
    with pytest.raises(Refused, match="port 4 was switched off and its status stays 0x0103"):
        port.switch(on=False)
    assert wire.done


def test_a_port_in_over_current_says_so(time: SimulatedTime) -> None:
    port, wire = on_wire(time)
    wire.then((ON_4, ""), *[(STATUS_OF_4, "08 00 08 00")] * 5)
    with pytest.raises(Refused, match="over-current, so look for a short"):
        port.switch(on=True)


# On the simulated bus, with the real pyusb


class Rig:
    """A hub at 1-1, a keyboard behind its port 4, and the VBUS of that port."""

    def __init__(self, time: SimulatedTime, **properties: object) -> None:
        self.time = time
        self.usb = SimulatedUsbBackend(time)
        make: Callable[..., SimulatedHub] = SimulatedHub
        self.hub = make(time, self.usb, "1-1", **properties)
        self.usb.plug("1-1", self.hub)
        self.keyboard = SimulatedKeyboard(time)
        self.usb.plug("1-1.4", self.keyboard)
        self.circuit = Circuit(self.hub.vbus[3], self.keyboard)

    def open(self, port: int = 4) -> UsbPortPower:
        device = open_port("1-1", self.usb)
        return UsbPortPower(HubPort(UsbHub(device, "1-1"), port), time=self.time)


def test_the_kernel_keeps_the_hub_while_we_switch(time: SimulatedTime) -> None:
    rig = Rig(time)
    port = rig.open()
    port.switch(on=False)
    assert not rig.usb.claimed("1-1")


def test_a_device_goes_with_its_power_and_comes_back_with_it(time: SimulatedTime) -> None:
    rig = Rig(time)
    port = rig.open()
    assert port.read_state() == PortState(powered=True, device=True)
    port.switch(on=False)
    time.sleep(0.65)
    assert rig.circuit.voltage_v < 0.8
    assert port.read_state() == PortState(powered=False, device=False)
    with pytest.raises(NotConnected):
        open_port("1-1.4", rig.usb)
    port.switch(on=True)
    assert rig.circuit.voltage_v == pytest.approx(5.05, abs=0.05)
    assert port.read_state() == PortState(powered=True, device=False), "not found yet"
    time.sleep(0.5)
    assert port.read_state() == PortState(powered=True, device=True)
    assert open_port("1-1.4", rig.usb).descriptor.maker == "ACME"


@pytest.mark.parametrize(
    ("port", "hub"),
    [
        ("1-1.4", ("1-1", 4)),
        ("2-3.12.1", ("2-3.12", 1)),
        ("2-3", ("2-0", 3)),
        ("10-10", ("10-0", 10)),
    ],
)
def test_a_port_is_of_the_hub_above_it(port: str, hub: tuple[str, int]) -> None:
    assert hub_of(port) == hub


def test_a_socket_of_the_computer_itself_is_switched_by_its_root_hub(time: SimulatedTime) -> None:
    backend = SimulatedUsbBackend(time)
    backend.plug("2-0", SimulatedHub(time, backend, "2-0"))
    for port in ("2-3", "2-4"):
        backend.plug(port, SimulatedKeyboard(time))
    where, number = hub_of("2-3")
    power = UsbPortPower(HubPort(UsbHub(open_port(where, backend), where), number), time=time)
    assert power.name == "port 3 of the hub at 2-0"
    power.switch(on=False)
    with pytest.raises(NotConnected):
        open_port("2-3", backend)
    open_port("2-4", backend).close()


def test_a_hub_reports_a_lost_connection_until_it_is_told_that_this_was_heard(
    time: SimulatedTime,
) -> None:
    rig = Rig(time)
    device = open_port("1-1", rig.usb)
    assert rig.hub.transfer_in(0x81) is None
    device.control_out(0x23, 0x01, 8, 4)
    assert rig.hub.transfer_in(0x81) == b"\x10"
    device.control_out(0x23, 0x03, 8, 4)
    assert rig.hub.transfer_in(0x81) == b"\x10"
    rig.open().switch(on=False)
    assert rig.hub.transfer_in(0x81) is None, "nothing is left for the kernel to react to"


def test_a_neighbour_keeps_its_power(time: SimulatedTime) -> None:
    rig = Rig(time)
    rig.open(port=2).switch(on=False)
    time.sleep(1.0)
    assert rig.circuit.voltage_v > 4.9
    assert rig.hub.vbus[1].voltage_at(0.0) < 0.1


def test_a_hub_that_acknowledges_and_does_nothing_is_refused(time: SimulatedTime) -> None:
    rig = Rig(time)
    rig.hub.deaf.add(4)
    with pytest.raises(Refused, match="its status stays 0x0103"):
        rig.open().switch(on=False)


def test_a_port_that_a_hub_stalls_on_is_refused(time: SimulatedTime) -> None:
    rig = Rig(time)
    device = open_port("1-1", rig.usb)
    hub = UsbHub(device, "1-1")
    hub.ports = 7
    with pytest.raises(Refused, match=r"request 0x23 0x01, value 0x0008, index 0x0007.*STALL"):
        UsbPortPower(HubPort(hub, 7), time=time).switch(on=False)


def test_a_hub_that_is_not_ours_names_the_rule_that_is_missing(time: SimulatedTime) -> None:
    rig = Rig(time)
    rig.usb.forbidden.add("1-1")
    with pytest.raises(NotPermitted, match=r'KERNEL=="1-1", GROUP="plugdev"'):
        rig.open()


def test_a_hub_that_is_pulled_is_not_connected(time: SimulatedTime) -> None:
    rig = Rig(time)
    port = rig.open()
    rig.usb.unplug("1-1")
    with pytest.raises(NotConnected):
        port.switch(on=True)
    with pytest.raises(NotConnected):
        open_port("1-1.4", rig.usb)


def test_a_keyboard_is_no_hub(time: SimulatedTime) -> None:
    rig = Rig(time)
    with pytest.raises(WrongDevice, match=r"USB 1209:7002 at 1-1\.4"):
        UsbHub(open_port("1-1.4", rig.usb), "1-1.4")


# The twin's physics


@pytest.mark.parametrize("mode", ["individual", "ganged", "none"])
def test_a_twin_says_how_it_switches(time: SimulatedTime, mode: str) -> None:
    rig = Rig(time, mode=mode, ports=7)
    hub = UsbHub(open_port("1-1", rig.usb), "1-1")
    assert hub.switching == mode
    assert hub.ports == 7


def test_a_gang_has_power_until_its_last_port_is_off(time: SimulatedTime) -> None:
    rig = Rig(time, mode="ganged")
    hub = UsbHub(open_port("1-1", rig.usb), "1-1")
    for port in (4, 1, 2):
        hub.set_power(port, on=False)
    time.sleep(1.0)
    assert rig.circuit.voltage_v > 4.9
    hub.set_power(3, on=False)
    time.sleep(1.0)
    assert rig.circuit.voltage_v < 0.1


def test_a_hub_without_switches_reports_off_and_stays_on(time: SimulatedTime) -> None:
    rig = Rig(time, mode="none")
    hub = UsbHub(open_port("1-1", rig.usb), "1-1")
    hub.set_power(4, on=False)
    time.sleep(1.0)
    assert not hub.is_powered(hub.read_status(4).status)
    assert rig.circuit.voltage_v > 4.9


def test_a_blue_socket_has_power_while_either_half_wants_it(time: SimulatedTime) -> None:
    usb = SimulatedUsbBackend(time)
    sockets = [SimulatedVbus(time) for _ in range(4)]
    for where, fast in (("1-1", False), ("2-1", True)):
        usb.plug(where, SimulatedHub(time, usb, where, superspeed=fast, vbus=sockets))
    slow, fast_hub = (UsbHub(open_port(where, usb), where) for where in ("1-1", "2-1"))
    assert (slow.superspeed, fast_hub.superspeed) == (False, True)
    UsbPortPower(HubPort(slow, 4), time=time).switch(on=False)
    time.sleep(1.0)
    assert sockets[3].voltage_at(0.0) > 4.9
    UsbPortPower(HubPort(slow, 4), HubPort(fast_hub, 4), time=time).switch(on=False)
    time.sleep(1.0)
    assert sockets[3].voltage_at(0.0) < 0.1
