"""Looks at the guest's screen, so that light sensors see what was really shown."""

import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from drivers.sim.light import Scene
from drivers.sim.place import Display
from virtual_rig.qemu.qmp import Qmp

GAMMA = 2.2
SAMPLES = 12  # in each direction, in each zone
STALE_S = 0.02
VISIBLE = 64  # of 255: a smaller difference cannot be seen from a chair

_PPM = re.compile(rb"P6\s(\d{1,5})\s(\d{1,5})\s255\s")

Level = tuple[float, float, float]


class Picture(NamedTuple):
    """Pixels in rows, three bytes each: R, G, B."""

    width_px: int
    height_px: int
    rgb_rows: bytes

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        at = 3 * (y * self.width_px + x)
        red, green, blue = self.rgb_rows[at : at + 3]
        return red, green, blue

    def dots(self, *, bright: bool) -> int:
        """Count the pixels that are brighter, or darker, than nearly all the others."""
        row_bytes = 3 * self.width_px
        rows = [
            self.rgb_rows[at : at + row_bytes] for at in range(0, len(self.rgb_rows), row_bytes)
        ]
        usual_row, _ = Counter(rows).most_common(1)[0]
        usual, _ = Counter(_pixels(usual_row)).most_common(1)[0]
        return sum(
            _stands_out(*((pixel, usual) if bright else (usual, pixel)))
            for row in rows
            if row != usual * self.width_px
            for pixel in _pixels(row)
        )

    def level(self, zone: int) -> Level:
        """Return the drive level that gives as much light as the zone, of three by three, has."""
        if not 0 <= zone < 9:
            raise ValueError(f"zone {zone}: there are 9")
        row, column = divmod(zone, 3)
        seen = [
            self.pixel(
                (column * SAMPLES + i) * self.width_px // (3 * SAMPLES),
                (row * SAMPLES + j) * self.height_px // (3 * SAMPLES),
            )
            for i in range(SAMPLES)
            for j in range(SAMPLES)
        ]
        red, green, blue = (_drive([pixel[part] for pixel in seen]) for part in range(3))
        return red, green, blue


def _pixels(row: bytes) -> list[bytes]:
    return [row[at : at + 3] for at in range(0, len(row), 3)]


def _stands_out(brighter: bytes, darker: bytes) -> bool:
    return any(more - less > VISIBLE for more, less in zip(brighter, darker, strict=True))


def _drive(values: Sequence[int]) -> float:
    light = sum((value / 255) ** GAMMA for value in values) / len(values)
    return min(1.0, float(light ** (1 / GAMMA)))


def parse_ppm(data: bytes) -> Picture:
    """Read a portable pixmap as QEMU writes it: P6, no comments, 255. Raises `ValueError`."""
    if (head := _PPM.match(data)) is None:
        raise ValueError(f"no pixmap: {data[:16]!r}")
    width_px, height_px = int(head[1]), int(head[2])
    pixels = data[head.end() :]
    if len(pixels) != 3 * width_px * height_px:
        raise ValueError(f"a pixmap of {width_px}x{height_px} with {len(pixels)} bytes of pixels")
    return Picture(width_px, height_px, pixels)


class Eye:
    """Takes a picture of QEMU's first display whenever the last one is stale."""

    def __init__(self, qmp: Qmp, folder: Path) -> None:
        self._qmp = qmp
        self._file = folder / "screen.ppm"
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._looked_s = 0.0

    def look(self) -> Picture:
        """Return the picture that is on the screen now."""
        with self._lock:
            self._qmp.ask("screendump", filename=str(self._file))
            return parse_ppm(self._file.read_bytes())

    def level(self, zone: int) -> Level:
        """Return the level of one zone, as it was at most 20 ms ago."""
        if self._picture is None or time.monotonic() - self._looked_s > STALE_S:
            self._picture = self.look()
            self._looked_s = time.monotonic()
        return self._picture.level(zone)


class Eyed(Protocol):
    """Has an eye on the guest's screen, or none yet."""

    eye: Eye | None


class Watched:
    """The light of a display that shows, zone by zone, what the guest really puts out."""

    def __init__(self, ends: Eyed, light: Scene, display: Display) -> None:
        self._ends = ends
        self._light = light
        self._display = display

    def illuminance_lux(self, zone: int) -> float:
        self._look(zone)
        return self._light.illuminance_lux(zone)

    def chromaticity(self, zone: int) -> tuple[float, float]:
        self._look(zone)
        return self._light.chromaticity(zone)

    def _look(self, zone: int) -> None:
        if self._ends.eye is not None:
            self._display.show_level(*self._ends.eye.level(zone))


def on_the_glass(eye: Eye, *, bright_pixels: int, dark_pixels: int) -> Picture:
    """Return the guest's screen as a display shows it with pixels that are always on, or off."""
    sent = eye.look()
    shown = bytearray(sent.rgb_rows)
    faulty = [b"\xff\xff\xff"] * bright_pixels + [bytes(3)] * dark_pixels
    for number, colour in enumerate(faulty, start=1):
        row = number * sent.height_px // (len(faulty) + 1)
        at = 3 * (row * sent.width_px + row)  # along the diagonal, no two in one row
        shown[at : at + 3] = colour
    return sent._replace(rgb_rows=bytes(shown))
