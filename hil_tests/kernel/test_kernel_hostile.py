"""A device under test is never trusted: what it tries in a slot's port changes nothing elsewhere.

The same device in a port that no slot owns gets what it wants, or these tests would show nothing.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import NotConnected
from drivers.linux.discovery import UsbPeripheral, scan
from drivers.linux.local import LocalHardware

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.console import FREE_PORT, Console
from virtual_rig.guest.hands import Hands, wait_for
from virtual_rig.guest.instruments import keyboard_at, opened

pytest_plugins = ["virtual_rig.guest.fixtures"]

DEVICES = Path("/sys/bus/usb/devices")
SYSRQ = Path("/proc/sys/kernel/sysrq")
SECRET = [0x16, 0x08, 0x06, 0x15, 0x08, 0x17, 0x28]  # s e c r e t Enter, as HID usages
LEFT_CTRL, LEFT_ALT, PRINT_SCREEN, DELETE, H = 0xE0, 0xE2, 0x46, 0x4C, 0x0B

# Boot keyboard, CDC Ethernet, CDC ACM and a disk in one, each with the endpoints it needs.
DEVICE = "12 01 00 02 ef 02 01 40 09 12 66 66 00 01 01 02 03 01"
FUNCTIONS = [
    "09 04 00 00 01 03 01 01 00  09 21 11 01 00 01 22 3f 00  07 05 81 03 08 00 0a",
    "08 0b 01 02 02 06 00 00"
    "09 04 01 00 01 02 06 00 00  05 24 00 10 01  05 24 06 01 02"
    "0d 24 0f 04 00 00 00 00 ea 05 00 00 00  07 05 82 03 10 00 08"
    "09 04 02 00 02 0a 00 00 00  07 05 83 02 40 00 00  07 05 03 02 40 00 00",
    "08 0b 03 02 02 02 01 00"
    "09 04 03 00 01 02 02 01 00  05 24 00 10 01  05 24 01 00 04  04 24 02 02  05 24 06 03 04"
    "07 05 84 03 08 00 10"
    "09 04 04 00 02 0a 00 00 00  07 05 85 02 40 00 00  07 05 05 02 40 00 00",
    "09 04 05 00 02 08 06 50 00  07 05 86 02 40 00 00  07 05 06 02 40 00 00",
]
INTERFACES = 6
DRIVERS = {"usbhid", "cdc_ether", "cdc_acm", "usb-storage"}
BOOT_KEYBOARD = (
    "05 01 09 06 a1 01 05 07 19 e0 29 e7 15 00 25 01 75 01 95 08 81 02 95 01 75 08 81 01 95 05"
    "75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 01 95 06 75 08 15 00 25 65 05 07 19 00 29 65"
    "81 00 c0"
)


def configuration() -> str:
    body = bytes.fromhex("".join(FUNCTIONS))
    head = bytes([9, 2, *(9 + len(body)).to_bytes(2, "little"), INTERFACES, 1, 0, 0x80, 50])
    return (head + body).hex()


def plug_composite(hands: Hands, port: str) -> None:
    hands.ask(
        "offer_scripted",
        port=port,
        device=DEVICE,
        configuration=configuration(),
        strings=["Free\x1b[2J Gifts", "Keyboard\nand more", "X1", "021122334455"],
        answers={"81060022": BOOT_KEYBOARD, "a1fe": "00", "a121": "80250000000008"},
    )
    hands.attach(port)
    wait_for((DEVICES / f"{port}:1.5").exists, "all its interfaces")


def drivers_of(port: str) -> set[str]:
    return {link.resolve().name for link in DEVICES.glob(f"{port}:*/driver")}


def machine() -> dict[str, set[str]]:
    """Return the names of all that a device could have added to the station."""
    return {
        kind: {entry.name for entry in Path(f"/sys/class/{kind}").iterdir()}
        for kind in ("net", "block", "tty", "input", "hidraw")
        if Path(f"/sys/class/{kind}").exists()
    }


def udev_is_done() -> None:
    subprocess.run(["udevadm", "settle", "--timeout=10"], check=True)


def kernel_says(what: str) -> int:
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout.count(what)


@pytest.fixture
def sysrq_on() -> Iterator[None]:
    before = SYSRQ.read_text()
    SYSRQ.write_text("1")
    yield
    SYSRQ.write_text(before)


def press_together(hands: Hands, port: str, usages: list[int]) -> None:
    for usage in usages:
        hands.ask("press", port=port, usage=usage)
        time.sleep(0.05)
    for usage in reversed(usages):
        hands.ask("release", port=port, usage=usage)


def test_a_keyboard_that_types_as_it_is_plugged_in_reaches_no_console(
    hands: Hands, slot_port: str, console: Console
) -> None:
    hands.ask("offer_keyboard", port=slot_port)
    hands.ask("keep_typing", port=slot_port, usages=SECRET, for_s=20.0)
    hands.attach(slot_port)
    wait_for((DEVICES / slot_port).exists, "the keyboard")
    udev_is_done()
    assert console.read(within_s=1.0) == b"", "typed since it was plugged in, and still typing"
    assert drivers_of(slot_port) == set(), "it is there, and the kernel has no driver for it"


def test_the_same_keyboard_elsewhere_is_heard(hands: Hands, console: Console) -> None:
    hands.ask("offer_keyboard", port=FREE_PORT)
    hands.ask("keep_typing", port=FREE_PORT, usages=SECRET, for_s=6.0)
    hands.attach(FREE_PORT)
    assert b"secret\r" in console.read(until=b"secret\r", within_s=8.0)


def test_the_station_hears_the_keyboard_in_its_slot(
    hands: Hands, slot_port: str, hardware: LocalHardware, console: Console
) -> None:
    hands.plug_keyboard(slot_port)
    keyboards: list[Any] = []

    def open_it() -> bool:
        try:
            keyboards.append(opened(hardware, keyboard_at(slot_port)))
        except NotConnected:  # libusb learns of it a little after the kernel
            return False
        return True

    wait_for(open_it, "the keyboard")
    hands.ask("type", port=slot_port, usages=SECRET[:1])
    heard = keyboards[0].read_events(5.0)
    keyboards[0].close()
    assert [event.usage for event in heard][:1] == SECRET[:1]
    udev_is_done()
    assert drivers_of(slot_port) == set(), "closed, it belongs to nobody"
    hands.ask("type", port=slot_port, usages=SECRET)
    assert console.read(within_s=0.5) == b""


def test_a_keyboard_in_a_slot_cannot_give_kernel_commands(
    hands: Hands, slot_port: str, sysrq_on: None
) -> None:
    """The commands stay out even where Magic SysRq has been left on by mistake."""
    said = kernel_says("sysrq: HELP")
    hands.plug_keyboard(slot_port)
    udev_is_done()
    press_together(hands, slot_port, [LEFT_ALT, PRINT_SCREEN, H])
    time.sleep(0.3)
    assert kernel_says("sysrq: HELP") == said


@pytest.mark.parametrize("on", [True, False], ids=["allowed", "as installed"])
def test_kernel_commands_elsewhere_depend_on_sysctl(
    hands: Hands, on: bool, request: pytest.FixtureRequest
) -> None:
    if on:
        request.getfixturevalue("sysrq_on")
    said = kernel_says("sysrq: HELP")
    hands.plug_keyboard(FREE_PORT)
    wait_for(lambda: drivers_of(FREE_PORT), "usbhid to take the keyboard")
    udev_is_done()
    time.sleep(0.2)  # usbhid drops what comes in its first 50 ms
    press_together(hands, FREE_PORT, [LEFT_ALT, PRINT_SCREEN, H])
    time.sleep(0.3)
    assert (kernel_says("sysrq: HELP") > said) == on


def test_ctrl_alt_del_in_a_slot_does_not_restart_the_station(hands: Hands, slot_port: str) -> None:
    hands.plug_keyboard(slot_port)
    udev_is_done()
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    press_together(hands, slot_port, [LEFT_CTRL, LEFT_ALT, DELETE])
    time.sleep(0.5)
    assert float(Path("/proc/uptime").read_text().split()[0]) > up_s, "and we are still here"


def test_a_composite_device_adds_no_network_disk_port_or_input(
    hands: Hands, slot_port: str
) -> None:
    before = machine()
    plug_composite(hands, slot_port)
    udev_is_done()
    time.sleep(0.5)
    assert drivers_of(slot_port) == set()
    assert machine() == before


def test_the_same_device_elsewhere_gets_all_its_drivers(hands: Hands) -> None:
    plug_composite(hands, FREE_PORT)
    wait_for(lambda: drivers_of(FREE_PORT) >= DRIVERS, "all four drivers")


def test_what_a_device_calls_itself_cannot_draw_on_the_screen(hands: Hands, slot_port: str) -> None:
    plug_composite(hands, slot_port)
    udev_is_done()
    (found,) = [one for one in scan() if isinstance(one, UsbPeripheral) and one.port == slot_port]
    assert found.maker.isprintable()
    assert found.product.isprintable()
    assert "Gifts" in found.maker
