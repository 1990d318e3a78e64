"""Pictures on a video output of the kernel's, and what light sensors on the glass then see."""

import hashlib

import pytest

from drivers.errors import NotConnected, NotPermitted
from drivers.linux.discovery import Connector, scan
from drivers.linux.local import LocalHardware

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.hands import Hands
from virtual_rig.guest.instruments import opened, table_of

pytest_plugins = ["virtual_rig.guest.fixtures"]

OUTPUT = "Virtual-1"


def seen(hands: Hands) -> str:
    digest: str = hands.ask("picture_sha256")
    return digest


def test_the_output_is_found(hands: Hands) -> None:
    (output,) = [one for one in scan() if isinstance(one, Connector)]
    assert (output.name, output.status) == (OUTPUT, "connected")


@pytest.mark.parametrize(
    "level", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.2, 0.6, 0.8)]
)
def test_a_colour_is_shown_on_every_pixel(
    hands: Hands, hardware: LocalHardware, level: tuple[float, float, float]
) -> None:
    screen = opened(hardware, table_of("display", "screen"))
    screen.show_level(*level)
    pixel = bytes(round(255 * part) for part in level)
    expected = pixel * (screen.width_px * screen.height_px)
    assert seen(hands) == hashlib.sha256(expected).hexdigest()


def test_a_checker_of_single_pixels_is_shown_exactly(hands: Hands, hardware: LocalHardware) -> None:
    screen = hardware.screen(OUTPUT)
    row = (bytes(3) + b"\xff\xff\xff") * (screen.width_px // 2)
    frame = (row + row[3:] + row[:3]) * (screen.height_px // 2)
    screen.show(frame)
    assert seen(hands) == hashlib.sha256(frame).hexdigest()


def test_every_grey_is_shown_as_itself(hands: Hands, hardware: LocalHardware) -> None:
    screen = hardware.screen(OUTPUT)
    row = b"".join(bytes([x * 256 // screen.width_px]) * 3 for x in range(screen.width_px))
    screen.show(row * screen.height_px)
    assert seen(hands) == hashlib.sha256(row * screen.height_px).hexdigest()


def test_an_output_has_one_owner(hands: Hands, hardware: LocalHardware) -> None:
    hardware.screen(OUTPUT)
    with LocalHardware() as another, pytest.raises(NotPermitted, match="master"):
        another.screen(OUTPUT)


def test_an_output_that_is_not_there_is_said_to_be(hands: Hands, hardware: LocalHardware) -> None:
    with pytest.raises(NotConnected, match=f"there is {OUTPUT}"):
        hardware.screen("HDMI-A-1")


def test_sensors_on_the_glass_see_what_is_shown_below_them(
    hands: Hands, hardware: LocalHardware
) -> None:
    screen = hardware.screen(OUTPUT)
    third = screen.width_px // 3
    row = b"\xff" * 3 * third + bytes(3 * (screen.width_px - third))
    screen.show(row * screen.height_px)
    sensors = table_of("display", "zones").parts
    left, middle = (opened(hardware, one).read_illuminance_lux() for one in sensors[3:5])
    assert left > 100 * max(1.0, middle), (left, middle)
