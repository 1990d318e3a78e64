"""`pace rig scan` tells what hubs say of their power switches, and asks them only when told to."""

import functools

import pytest

from drivers.linux.discovery import UsbPeripheral
from drivers.linux.usb import open_port
from drivers.sim.hardware import SimulatedHardware
from drivers.sim.languages.usb_hub import SimulatedHub
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.world import SimulatedTime
from station.rig.scan import describe

HUB = UsbPeripheral("1-1", 0x1209, 0x7004, "", "ACME", "Four sockets", ((9, 0, 0),))
TITLE = "# Other USB devices\n"


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("individual", "switches the power of each by itself"),
        ("ganged", "switches their power only together"),
        ("none", "cannot switch their power"),
    ],
)
def test_a_hub_is_asked_how_it_switches(mode: str, says: str) -> None:
    time = SimulatedTime()
    usb = SimulatedUsbBackend(time)
    usb.plug("1-1", SimulatedHub(time, usb, "1-1", mode=mode))
    hardware = SimulatedHardware(time=time, usb={"1-1": functools.partial(open_port, "1-1", usb)})
    told = describe([HUB], hardware).partition(TITLE)[2]
    assert told == f"# 1-1  (1209:7004 ACME Four sockets; a hub of 4 ports, says that it {says})"


def test_a_hub_that_may_not_be_opened_is_listed_with_the_reason() -> None:
    told = describe([HUB], SimulatedHardware(time=SimulatedTime())).partition(TITLE)[2]
    assert told == (
        "# 1-1  (1209:7004 ACME Four sockets; a hub that does not tell:"
        " USB port 1-1: nothing is plugged in)"
    )


def test_without_being_asked_to_a_scan_only_looks() -> None:
    told = describe([HUB]).partition(TITLE)[2]
    assert told == "# 1-1  (1209:7004 ACME Four sockets; a hub)"
