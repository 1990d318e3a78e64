"""Pictures of the guest's screen, and a monitor that shows them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.devices.edid_memory import build_edid
from drivers.sim.devices.monitor import SimulatedMonitor
from drivers.sim.world import SimulatedTime
from virtual_rig.far_ends.eye import Eye, Picture, Watched, on_the_glass, parse_ppm


class Painted(Eye):
    """An eye before a picture that does not change."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def look(self) -> Picture:
        return self.picture

    def level(self, zone: int) -> tuple[float, float, float]:
        return self.picture.level(zone)


class Looking:
    """Far ends with an eye on the guest's screen, or without."""

    def __init__(self, eye: Eye | None) -> None:
        self.eye = eye


def watched(eye: Eye) -> Watched:
    monitor = SimulatedMonitor(build_edid(), time=SimulatedTime())
    return Watched(Looking(eye), monitor, monitor)


def plain(red: int, green: int, blue: int) -> Picture:
    return Picture(36, 36, bytes([red, green, blue]) * 36 * 36)


def test_a_pixmap_is_read() -> None:
    picture = parse_ppm(b"P6\n2 1\n255\n" + b"\x01\x02\x03\n\r\x20")
    assert picture.pixel(0, 0) == (1, 2, 3)
    assert picture.pixel(1, 0) == (10, 13, 32)


@pytest.mark.parametrize(
    "data", [b"", b"P5\n1 1\n255\nx", b"P6\n2 2\n255\nxyz", b"P6\n1 1\n65535\n"]
)
def test_what_is_no_pixmap_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="pixmap"):
        parse_ppm(data)


@given(st.tuples(*[st.integers(0, 255)] * 3), st.integers(0, 8))
def test_a_plain_colour_has_its_own_level_in_every_zone(
    colour: tuple[int, int, int], zone: int
) -> None:
    assert plain(*colour).level(zone) == pytest.approx([part / 255 for part in colour], abs=1e-9)


def test_zones_are_told_apart() -> None:
    row = b"\xff" * 3 * 12 + bytes(3 * 24)
    picture = Picture(36, 36, row * 36)
    levels = [picture.level(zone)[0] for zone in range(9)]
    assert levels == pytest.approx([1, 0, 0] * 3)


def test_there_are_nine_zones() -> None:
    with pytest.raises(ValueError, match="zone 9"):
        plain(0, 0, 0).level(9)


def test_a_watched_monitor_is_as_bright_as_what_it_is_sent() -> None:
    seen = [watched(Painted(plain(v, v, v))).illuminance_lux(4) for v in (0, 64, 128, 255)]
    assert all(darker < brighter for darker, brighter in pairwise(seen))


def test_a_monitor_without_an_eye_shows_what_it_was_told() -> None:
    monitor = SimulatedMonitor(build_edid(), time=SimulatedTime())
    monitor.show_level(1.0, 0.0, 0.0)
    x, y = Watched(Looking(None), monitor, monitor).chromaticity(4)
    assert x > y


@pytest.mark.parametrize(("bright", "dark"), [(0, 0), (3, 0), (0, 5), (1, 1)])
def test_faulty_pixels_are_counted_on_a_screen_that_shows_them(bright: int, dark: int) -> None:
    def seen(*colour: int) -> tuple[int, int]:
        eye = Painted(plain(*colour))
        shown = on_the_glass(eye, bright_pixels=bright, dark_pixels=dark)
        return shown.dots(bright=True), shown.dots(bright=False)

    assert seen(0, 0, 0) == (bright, 0)
    assert seen(255, 255, 255) == (0, dark)
    assert seen(255, 0, 0) == (bright, dark)


def test_a_gradient_that_nobody_sees_is_no_dot() -> None:
    row = b"".join(bytes([100 + x]) * 3 for x in range(36))
    picture = Picture(36, 36, row * 36)
    assert (picture.dots(bright=True), picture.dots(bright=False)) == (0, 0)
