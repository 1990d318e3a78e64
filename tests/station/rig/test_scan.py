"""`pace rig scan` tells what hubs say of their power switches, and asks them only when told to."""

import functools

import pytest

from drivers.instruments.power.scpi_dialects import LOADS, SUPPLIES, spoken_to_alike
from drivers.linux.discovery import UsbPeripheral
from drivers.linux.usb import open_port
from drivers.sim.hardware import SimulatedHardware
from drivers.sim.languages.usb_hub import SimulatedHub
from drivers.sim.linux.usb import SimulatedUsbBackend
from drivers.sim.world import SimulatedTime
from station.rig.identify import answers
from station.rig.scan import describe
from station.rig.wires import SERIAL

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


class MuteLine:
    """A serial line with nothing at its end; counts the questions asked in vain."""

    def __init__(self) -> None:
        self.asked = 0

    def receive(self, data: bytes) -> bytes:
        self.asked += data.count(b"*IDN?")
        return b""


def test_a_port_that_is_silent_to_one_dialect_is_not_asked_again_in_the_like() -> None:
    mute = MuteLine()
    hardware = SimulatedHardware(time=SimulatedTime(), serial={"/dev/ttyUSB0": mute})
    assert list(answers(hardware, SERIAL, {"port": "/dev/ttyUSB0"})) == []
    ways = {spoken_to_alike(one) for known in (SUPPLIES, LOADS) for one in known.values()}
    drivers, attempts = 2, 3
    assert 0 < mute.asked <= drivers * len(ways) * attempts
    assert len(ways) < len(SUPPLIES)
