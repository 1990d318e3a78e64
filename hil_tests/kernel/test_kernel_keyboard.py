"""Keyboards under test behind the real usbhid, evdev and console of the kernel."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.capabilities import KeySource
from drivers.errors import DriverError, NotConnected
from drivers.linux.local import LocalHardware

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.console import FREE_PORT, Console
from virtual_rig.guest.hands import Hands, wait_for
from virtual_rig.guest.instruments import keyboard_at, opened

pytest_plugins = ["virtual_rig.guest.fixtures"]

A, SPACE = 0x04, 0x2C
SECRET = [0x16, 0x08, 0x06, 0x15, 0x08, 0x17, 0x28]  # s e c r e t Enter, as HID usages
TYPED = b"secret\r"


def inputs_of(port: str) -> list[Path]:
    """Return the kernel's input devices that the device at `port` has."""
    return list(Path("/sys/bus/usb/devices").glob(f"{port}:*/*/input/input*"))


def opened_keyboard(hardware: LocalHardware, port: str) -> Any:
    """libusb learns of what came and went from udev, a little after the kernel knows."""

    def look() -> tuple[Any, ...]:
        try:
            return (opened(hardware, keyboard_at(port)),)
        except NotConnected:
            return ()

    (keyboard,) = wait_for(look, f"libusb to know what is in {port}")
    return keyboard


def listen(hands: Hands, port: str, console: Console) -> None:
    """Come back when keys of the keyboard arrive: usbhid drops what comes in its first 50 ms."""

    def heard() -> bytes:
        hands.ask("type", port=port, usages=[SPACE])
        return console.read(until=b" ", within_s=0.2)

    wait_for(heard, "the console to hear the keyboard")
    console.read(within_s=0.3)


@pytest.fixture
def plugged(hands: Hands) -> str:
    """Plug a keyboard into a port that no slot owns: the kernel takes it, as on any computer."""
    hands.plug_keyboard(FREE_PORT, serial_number="KB1")
    wait_for(lambda: inputs_of(FREE_PORT), "the kernel to take the keyboard")
    return FREE_PORT


@pytest.fixture
def keyboard(plugged: str, hardware: LocalHardware) -> Iterator[KeySource]:
    keyboard = opened_keyboard(hardware, plugged)
    yield keyboard
    keyboard.close()


def test_what_nobody_claims_is_typed_into_the_console(
    hands: Hands, plugged: str, console: Console
) -> None:
    """A keyboard must get through here, or the tests below would show nothing."""
    listen(hands, plugged, console)
    hands.ask("type", port=plugged, usages=SECRET)
    assert console.read(until=TYPED, within_s=5.0) == TYPED


def test_a_claimed_keyboard_types_nothing_into_the_console(
    hands: Hands, console: Console, keyboard: KeySource
) -> None:
    assert not inputs_of(FREE_PORT)
    hands.ask("type", port=FREE_PORT, usages=SECRET)
    heard: list[int] = []
    give_up_s = time.monotonic() + 10.0
    while len(heard) < len(SECRET) and time.monotonic() < give_up_s:
        heard += [event.usage for event in keyboard.read_events(0.5) if event.down]
    assert heard == SECRET, "we hear what nobody else does"
    assert console.read(within_s=0.5) == b""


def test_a_keyboard_that_was_closed_belongs_to_the_console_again(
    hands: Hands, plugged: str, hardware: LocalHardware, console: Console
) -> None:
    opened_keyboard(hardware, plugged).close()
    wait_for(lambda: inputs_of(plugged), "the kernel to have the keyboard back")
    listen(hands, plugged, console)
    hands.ask("type", port=plugged, usages=SECRET)
    assert console.read(until=TYPED, within_s=5.0) == TYPED


def test_another_program_that_holds_the_keyboard_is_said_to(
    plugged: str, keyboard: KeySource
) -> None:
    with LocalHardware() as another, pytest.raises(DriverError, match=r"(?i)busy|held"):
        opened_keyboard(another, plugged)


def test_leds_go_on_and_off(hands: Hands, keyboard: KeySource) -> None:
    keyboard.set_leds(caps=True)
    assert hands.ask("leds", port=FREE_PORT) == ["caps"]
    keyboard.set_leds()
    assert hands.ask("leds", port=FREE_PORT) == []


def test_it_says_who_it_is(keyboard: KeySource) -> None:
    assert keyboard.identity == ("ACME", "Keyboard", "KB1", "1.10")


def test_unplugging_in_the_middle_of_a_read_is_said_at_once(
    hands: Hands, keyboard: KeySource
) -> None:
    start_s = time.monotonic()
    pulling = threading.Timer(0.3, hands.pull, [FREE_PORT])
    pulling.start()
    with pytest.raises(NotConnected):
        keyboard.read_events(10.0)
    pulling.join()
    assert time.monotonic() - start_s < 5.0


def test_a_keyboard_that_hangs_is_an_error_and_does_not_hang_us(
    hands: Hands, keyboard: KeySource
) -> None:
    hands.ask("freeze", port=FREE_PORT, frozen=True)
    start_s = time.monotonic()
    with pytest.raises(DriverError):
        keyboard.set_leds(caps=True)
    took_s = time.monotonic() - start_s
    hands.pull(FREE_PORT)  # the kernel would try for half a minute to have it back
    assert took_s < 5.0


def test_nkro_keyboards_speak_their_own_report(hands: Hands, hardware: LocalHardware) -> None:
    hands.plug_keyboard(FREE_PORT, nkro=True)
    wait_for(lambda: len(inputs_of(FREE_PORT)) >= 2, "both interfaces")
    keyboard = opened_keyboard(hardware, FREE_PORT)
    down: set[int] = set()
    eight = set(range(A, A + 8))
    for usage in sorted(eight):
        hands.ask("press", port=FREE_PORT, usage=usage)
    give_up_s = time.monotonic() + 5.0
    while down != eight and time.monotonic() < give_up_s:
        for event in keyboard.read_events(0.5):
            (down.add if event.down else down.discard)(event.usage)
    assert down == eight, "more keys at once than the boot report has room for"


def test_a_device_that_never_enumerates_is_not_connected(
    hands: Hands, hardware: LocalHardware
) -> None:
    hands.plug_keyboard(FREE_PORT, does_not_enumerate=True)

    def trouble() -> str:
        try:
            hardware.usb(FREE_PORT)
        except NotConnected as error:
            return str(error)
        return ""

    wait_for(lambda: "does not enumerate" in trouble(), "libusb to forget what was there before")
    assert not Path(f"/sys/bus/usb/devices/{FREE_PORT}").exists()
