"""A hub's sockets switched by request, under the kernel's own hub driver."""

import time
from collections.abc import Callable

import pytest

from drivers.capabilities import PortPower
from drivers.errors import NotConnected, Refused
from drivers.languages.usb_hub import UsbHub
from drivers.linux.local import LocalHardware

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.console import FREE_PORT
from virtual_rig.guest.hands import Hands, wait_for
from virtual_rig.guest.instruments import opened, port_power_at

pytest_plugins = ["virtual_rig.guest.fixtures"]

SOCKET = 3
GONE_V, THERE_V = 0.8, 4.75
KERNEL_WOULD_BY_NOW_S = 1.0  # it switches a port on again after 0.15 s if it is let


def plugged_in(hands: Hands, hardware: LocalHardware, **settings: object) -> UsbHub:
    hands.ask("offer_hub", port=FREE_PORT, **settings)
    hands.attach(FREE_PORT)

    def look() -> tuple[UsbHub, ...]:
        try:
            return (UsbHub(hardware.usb(FREE_PORT), FREE_PORT),)
        except NotConnected:
            return ()

    (hub,) = wait_for(look, "the hub")
    # The kernel switches its ports on, one after the other; a welded one has its 5 V before.
    wait_for(lambda: hub.is_powered(hub.read_status(hub.ports).status), "the kernel")
    return hub


def at_the_socket(hands: Hands, hardware: LocalHardware, **settings: object) -> PortPower:
    """Plug a hub in, and return what switches the power of one of its sockets."""
    plugged_in(hands, hardware, **settings)
    power: PortPower = opened(hardware, port_power_at(f"{FREE_PORT}.{SOCKET}"))
    return power


@pytest.fixture
def socket_v(hands: Hands) -> Callable[[int], float]:
    return lambda number: float(hands.ask("socket_v", port=FREE_PORT, number=number))


def test_a_socket_goes_off_stays_off_and_comes_back(
    hands: Hands, hardware: LocalHardware, socket_v: Callable[[int], float]
) -> None:
    power = at_the_socket(hands, hardware)
    power.switch(on=False)
    wait_for(lambda: socket_v(SOCKET) < GONE_V, "VBUS to fall", 2.0)
    time.sleep(KERNEL_WOULD_BY_NOW_S)
    assert socket_v(SOCKET) < GONE_V
    assert not power.read_state().powered
    assert socket_v(SOCKET + 1) > THERE_V, "its neighbour's stays on"
    power.switch(on=True)
    wait_for(lambda: socket_v(SOCKET) > THERE_V, "VBUS to be back", 2.0)


def test_a_hub_that_lies_is_believed_by_the_driver_and_by_no_meter(
    hands: Hands, hardware: LocalHardware, socket_v: Callable[[int], float]
) -> None:
    power = at_the_socket(hands, hardware, welded=True)
    power.switch(on=False)
    assert not power.read_state().powered
    assert socket_v(SOCKET) > THERE_V


def test_a_hub_that_would_switch_the_neighbours_too_is_refused(
    hands: Hands, hardware: LocalHardware
) -> None:
    with pytest.raises(Refused):
        at_the_socket(hands, hardware, mode="ganged")
