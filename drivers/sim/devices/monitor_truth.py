"""The true figures of a simulated monitor: what faultless instruments would find."""

from collections.abc import Mapping
from math import ceil, dist
from typing import Protocol

from drivers.sim.colour import Xy, direction, primaries
from drivers.sim.devices.monitor_channel import Control

ZONES = 9
MEGAPIXELS = 1920 * 1080 / 1e6

D65_UV = (0.1978, 0.4683)
SRGB_UV = {"red": (0.4507, 0.5229), "green": (0.1250, 0.5625), "blue": (0.1754, 0.1579)}
"""CIE 1976 u', v' of D65 and of the primaries of IEC 61966-2-1."""


class Panel(Protocol):
    """The parameters of a monitor that its figures follow from."""

    controls: dict[int, Control]
    peak_luminance_cd_m2: float
    contrast_ratio: float
    white_xy: Xy
    rated_voltage_v: float
    on_power_w: float
    standby_power_w: float
    ddc_mute: bool
    zero_controls: tuple[int, ...]
    null_controls: tuple[int, ...]
    unsupported_controls: tuple[int, ...]
    brightness_floor: int
    brightness_stuck: bool
    brightness_non_monotonic: bool
    backlight: float
    backlight_dead: bool
    picture_out: bool
    picture_faults: bool
    bright_pixels: int
    dark_pixels: int
    memory: bytes

    def share(self, zone: int) -> float:
        """Return the light of a zone over that of the middle of an even screen."""


def truth_of(panel: Panel) -> Mapping[str, float | bool]:
    """Return the figures of a warm monitor in the dark, on white at full brightness.

    `lowest_cd_m2` and `dimming_ratio` are those at the ends of the brightness control. The
    chromaticities are CIE 1976 u', v', as distances from D65, from white, and from sRGB's.
    """
    white = panel.peak_luminance_cd_m2 * panel.backlight * (not panel.picture_out)
    white *= not panel.backlight_dead
    without = (*panel.zero_controls, *panel.null_controls, *panel.unsupported_controls)
    takes = not panel.ddc_mute and 0x10 not in without
    highest = 0.8 if panel.brightness_stuck and takes else 1.0
    if not takes:
        highest = 0.2 + 0.8 * panel.controls[0x10].value / 100
    lowest = 0.2 + 0.8 * panel.brightness_floor / 100
    if panel.brightness_stuck or not takes:
        lowest = highest
    shares = [panel.share(zone) for zone in range(ZONES)]
    blocks = [panel.memory[at : at + 128] for at in range(0, len(panel.memory), 128)]
    colours = {
        "red": (1.0, 0.0, 0.0),
        "green": (0.0, 1.0, 0.0),
        "blue": (0.0, 0.0, 1.0),
        "grey": (0.5, 0.5, 0.5),
    }
    seen = {name: _uv(panel, drive) for name, drive in colours.items()}
    white_uv = _uv(panel, (1.0, 1.0, 1.0))
    wanted = {"grey": white_uv, **SRGB_UV}
    standby_w = panel.standby_power_w
    return {
        "takes_commands": takes,
        "white_cd_m2": white * highest,
        "lowest_cd_m2": white * lowest,
        "dimming_ratio": highest / lowest if white else 1.0,
        "dropouts": int(panel.picture_out),
        "dims_evenly": not panel.brightness_non_monotonic,
        "uniformity_percent": 100 * min(shares) / max(shares) if white else 0.0,
        "contrast": panel.contrast_ratio if white else 1.0,
        "white_distance_uv": dist(white_uv, D65_UV),
        **{f"{name}_distance_uv": dist(seen[name], wanted[name]) for name in wanted},
        "standby_w": standby_w,
        "supply_a": panel.on_power_w / panel.rated_voltage_v,
        "asleep_cd_m2": 0.0,
        "bright_pixels": panel.bright_pixels,
        "dark_pixels": panel.dark_pixels,
        "picture_faults": panel.picture_faults,
        "pixel_class": _pixel_class(panel.bright_pixels, panel.dark_pixels),
        "edid_answers": True,
        "edid_sound": all(sum(block) % 256 == 0 for block in blocks),
        "edid_year": 1990 + panel.memory[17],
    }


def _uv(panel: Panel, drive: tuple[float, float, float]) -> Xy:
    """Return CIE 1976 u', v' (CIE 15) of a drive, with the panel's leak and gamma."""
    leak = 1 / panel.contrast_ratio
    white = direction(panel.white_xy)
    parts = list(zip((level**2.2 for level in drive), primaries(panel.white_xy), strict=True))
    x, y, z = (
        leak * white[axis] + (1 - leak) * sum(p * c[axis] for p, c in parts) for axis in range(3)
    )
    scale = x + 15 * y + 3 * z
    return 4 * x / scale, 9 * y / scale


def _pixel_class(bright: int, dark: int) -> int:
    """Return the ISO 13406-2 class of a screen of 1920 × 1080, from faults of types 1 and 2."""
    allowed = {1: (0, 0), 2: (2, 2), 3: (5, 15), 4: (50, 150)}
    for number, most in allowed.items():
        if all(n <= ceil(m * MEGAPIXELS) for n, m in zip((bright, dark), most, strict=True)):
            return number
    return 5
