"""A monitor under test: its DDC/CI controls, its light, and the power it takes.

After VESA DDC/CI 1.1 and MCCS 2.2a; its EDID is in `edid_memory`.
"""

import math
from collections.abc import Mapping
from math import exp, pi
from typing import Annotated

from drivers.buses import Time
from drivers.sim.colour import D65, Xy, direction, primaries
from drivers.sim.devices.edid_memory import (
    EDID_ADDRESS,
    SEGMENT_ADDRESS,
    Edid,
    Eeprom,
    SegmentPointer,
)
from drivers.sim.devices.monitor_channel import DDC_CI_ADDRESS, DdcCi, factory_settings
from drivers.sim.devices.monitor_truth import truth_of
from drivers.sim.hardware import I2cDevice
from drivers.sim.mains import MainsLoad
from drivers.sim.place import Place
from drivers.wiring import Between

ZONES = 9
WATCHED_S = 30.0
"""For so long a person watches who is asked whether its picture goes out."""

UNIFORMITY = (0.90, 0.95, 0.91, 0.94, 1.00, 0.95, 0.88, 0.93, 0.89)
"""Luminance of nine zones over that of the middle; left to right, top to bottom."""

YELLOWED = (0.365, 0.385)
"""The white of a panel whose lamps and diffusers have aged."""


class SimulatedMonitor:
    """A monitor on the bench: an LCD with nine zones, as instruments see it.

    Its far ends on the I²C bus are `i2c_devices()`. It hangs on the mains (`load_at`) or on a DC
    circuit (`current_at`), and is the scene for light sensors on its glass (`illuminance_lux`,
    `chromaticity`). Defects are keyword arguments, off by default, and combine.
    """

    TRANSITION_S = 2.0
    """Duration of waking and of going to sleep; meanwhile the monitor answers nothing."""

    def __init__(
        self,
        edid: Edid,
        *,
        time: Time,
        capabilities: str = (
            "(prot(monitor)type(LCD)model(SIM24)cmds(01 02 03 07 0C E3 F3)"
            "vcp(02 04 10 12 16 18 1A 60(01 03 11) AC AE B6 C0 C6 C8 D6(01 04 05) DF)"
            "mccs_ver(2.1))"
        ),
        peak_luminance_cd_m2: float = 250.0,
        contrast_ratio: Annotated[float, Between(1, 1e9)] = 1000.0,
        usage_hours: int = 8760,
        rated_voltage_v: Annotated[float, Between(0.1, 1000)] = 230.0,
        on_power_w: float = 22.0,
        standby_power_w: float = 0.3,
        edid_bit_flip: int | None = None,
        ddc_mute: bool = False,
        ddc_null_responses: int = 0,
        first_write_ignored: bool = False,
        segment_survives_stop: bool = True,
        brightness_stuck: bool = False,
        brightness_non_monotonic: bool = False,
        dim_zone: tuple[int, float] | None = None,
        backlight_dead: bool = False,
        low_contrast: bool = False,
        yellow_white: bool = False,
        high_standby: bool = False,
        bright_pixels: int = 0,
        dark_pixels: int = 0,
        picture_faults: bool = False,
        white_xy: Xy | None = None,
        backlight: float = 1.0,
        picture_out: bool = False,
        starts_after_s: float = 0.0,
        fed_by_bench: bool = False,
        zero_controls: tuple[int, ...] = (),
        null_controls: tuple[int, ...] = (),
        unsupported_controls: tuple[int, ...] = (),
        brightness_told: int | None = None,
        brightness_floor: int = 0,
        reading_power_wakes: bool = False,
        picture_wakes_s: float | None = None,
        mute_once_asleep: bool = False,
        notice_s: float = 0.0,
        cold_share: float = 1.0,
        warms_up_s: float = 120.0,
    ) -> None:
        """`edid_bit_flip` is the number of the bit, from bit 0 of byte 0.

        `white_xy` is the colour of its white; `backlight` the share of its light that is left;
        `picture_out` a panel that passes no light; `picture_faults` are lines, clusters and spots.
        It stays dark for `starts_after_s` after it was plugged in. One that is `fed_by_bench` needs
        three quarters of its rated voltage to be lit.
        `ddc_null_responses`: so many requests are answered with a null message, then it is well.
        `dim_zone`: which zone, and by which factor. Pixel counts are for an operator's eyes.
        `segment_survives_stop`: whether EDID blocks after the second can be read at all here.

        `zero_controls` are answered with zeros, `null_controls` with the null message;
        `brightness_told` is what it says of its brightness whatever that is; below
        `brightness_floor` it keeps that. Told to sleep by its power mode, it wakes when that is
        read (`reading_power_wakes`), when there has been a picture for `picture_wakes_s`, or, with
        `mute_once_asleep`, by its button alone. Without a picture it says so for `notice_s`, on its
        middle. Cold it has `cold_share` of its light, and it warms up with the time constant
        `warms_up_s`: a tube.
        """
        memory = bytearray(edid)
        if edid_bit_flip is not None:
            if not 0 <= edid_bit_flip < 8 * len(memory):
                raise ValueError(f"edid_bit_flip: {edid_bit_flip} is no bit of {len(memory)} bytes")
            memory[edid_bit_flip // 8] ^= 1 << edid_bit_flip % 8
        self.time = time
        self.capabilities = capabilities
        self.peak_luminance_cd_m2 = peak_luminance_cd_m2
        self.contrast_ratio = 120.0 if low_contrast else contrast_ratio
        self.white_xy = white_xy or (YELLOWED if yellow_white else D65)
        self.rated_voltage_v = rated_voltage_v
        self.on_power_w = on_power_w
        self.standby_power_w = 3.5 if high_standby else standby_power_w
        self.mains_on = True
        self.ddc_mute = ddc_mute
        self.ddc_null_responses = ddc_null_responses
        self.first_write_ignored = first_write_ignored
        self.brightness_stuck = brightness_stuck
        self.brightness_non_monotonic = brightness_non_monotonic
        self.backlight_dead = backlight_dead
        self.bright_pixels = bright_pixels
        self.dark_pixels = dark_pixels
        self.picture_faults = picture_faults
        self.backlight = backlight
        self._out_s = -math.inf
        self.picture_out = picture_out
        self.starts_after_s = starts_after_s
        self.fed_by_bench = fed_by_bench
        self.zero_controls = zero_controls
        self.null_controls = null_controls
        self.unsupported_controls = unsupported_controls
        self.brightness_told = brightness_told
        self.brightness_floor = brightness_floor
        self.reading_power_wakes = reading_power_wakes
        self.picture_wakes_s = picture_wakes_s
        self.mute_once_asleep = mute_once_asleep
        self.notice_s = notice_s
        self.cold_share = cold_share
        self.warms_up_s = warms_up_s
        self._slept_s = self._lost_s = -math.inf
        self._place: Place | None = None
        self._plugged_s = 0.0
        self.dim_zone = dim_zone
        self._drive: tuple[float, float, float] | None = (0.0, 0.0, 0.0)
        self._changing_until_s = 0.0
        self.controls = factory_settings(usage_hours)
        self.memory = bytes(memory)
        eeprom = Eeprom(self.memory)
        self.edid_device: I2cDevice = eeprom
        self.segment_device: I2cDevice = SegmentPointer(eeprom, segment_survives_stop)
        self.ddc_device: I2cDevice = DdcCi(self)

    def i2c_devices(self) -> Mapping[int, I2cDevice]:
        """Return the far ends on the I²C bus, by address; `SimulatedI2cBus` takes them."""
        return {
            SEGMENT_ADDRESS: self.segment_device,
            DDC_CI_ADDRESS: self.ddc_device,
            EDID_ADDRESS: self.edid_device,
        }

    def show_level(self, red: float, green: float, blue: float) -> None:
        """Show one colour on the whole screen; 0.0 to 1.0 of full drive."""
        if not all(0 <= level <= 1 for level in (red, green, blue)):
            raise ValueError(f"drive {red}, {green}, {blue} is outside 0 to 1")
        self._drive = (red, green, blue)

    def lose_signal(self) -> None:
        """Take the picture away: the monitor goes to standby until it is shown one."""
        if self._drive is not None:
            self._lost_s = self.time.monotonic()
        self._drive = None

    def press_power_button(self) -> None:
        """Press its button while it sleeps: it is on again."""
        self.controls[0xD6].value = 1

    @property
    def picture_out(self) -> bool:
        """Tell whether no light passes its panel."""
        return self._picture_out

    @picture_out.setter
    def picture_out(self, out: bool) -> None:
        self._picture_out = out
        if out:
            self._out_s = self.time.monotonic()

    @property
    def is_asleep(self) -> bool:
        """Tell whether its power mode has it sleep. With a picture it may have woken by itself."""
        mode = self.controls[0xD6]
        woken_s = math.inf if self.picture_wakes_s is None else self.picture_wakes_s
        since_s = self.time.monotonic() - self._slept_s
        if mode.value != 1 and self._drive is not None and since_s >= woken_s:
            mode.value = 1
        return mode.value != 1

    @property
    def is_deaf(self) -> bool:
        """Tell whether it acknowledges no command."""
        return self.ddc_mute or not self.mains_on or (self.mute_once_asleep and self.is_asleep)

    @property
    def _shows_notice(self) -> bool:
        lost_s = self.time.monotonic() - self._lost_s
        return self._drive is None and lost_s < self.notice_s

    @property
    def is_lit(self) -> bool:
        shows = self._drive is not None or self._shows_notice
        return self.mains_on and shows and not self.is_asleep and self._has_started()

    def _has_started(self) -> bool:
        if self._place is None:
            return True
        source = self._place.circuit.source
        fed = source is not None and source.voltage_at(0.0) >= 0.75 * self.rated_voltage_v
        started = self.time.monotonic() - self._plugged_s >= self.starts_after_s
        return started and (fed or not self.fed_by_bench)

    @property
    def power_w(self) -> float:
        """The power that it takes at its rated voltage."""
        if not self.mains_on:
            return 0.0
        if not self.is_lit:
            return self.standby_power_w
        return self.on_power_w * (0.25 + 0.75 * self._backlight())

    def load_at(self, voltage_v: float) -> MainsLoad:
        """Return the load on the mains: its converter takes the same power at any voltage."""
        return MainsLoad(self.power_w, power_factor=0.6)

    def current_at(self, voltage_v: float) -> float:
        """Return the load on DC: as at the rated voltage, but it fades below three quarters."""
        rated_a = self.power_w / self.rated_voltage_v
        return rated_a * min(1.0, max(0.0, voltage_v) / (0.75 * self.rated_voltage_v))

    def luminance_cd_m2(self, zone: int) -> float:
        return self._xyz(zone)[1]

    def illuminance_lux(self, zone: int) -> float:
        """Return the illuminance on the glass: a Lambertian emitter gives π lux per cd/m²."""
        return pi * self.luminance_cd_m2(zone)

    def chromaticity(self, zone: int) -> Xy:
        """Return CIE 1931 x, y; equal-energy white where there is no light at all."""
        x, y, z = self._xyz(zone)
        total = x + y + z
        return (x / total, y / total) if total else (1 / 3, 1 / 3)

    def _backlight(self) -> float:
        """Return the brightness of the lamps, 0 to 1; the lowest setting does not put them out."""
        if self.backlight_dead or not self.is_lit:
            return 0.0
        setting = 75 if self.brightness_stuck else self.controls[0x10].value
        if self.brightness_non_monotonic and 50 <= setting < 80:
            setting = 100 - setting
        return self.backlight * self._warmth() * (0.2 + 0.8 * setting / 100)

    def _warmth(self) -> float:
        """Return the share of its light that it has reached since it was plugged in."""
        on_s = self.time.monotonic() - self._plugged_s - self.starts_after_s
        return 1.0 - (1.0 - self.cold_share) * exp(-max(0.0, on_s) / self.warms_up_s)

    def _xyz(self, zone: int) -> tuple[float, float, float]:
        """Return the tristimulus values of a zone; Y is its luminance in cd/m²."""
        if not 0 <= zone < ZONES:
            raise ValueError(f"zone {zone}: there are {ZONES}")
        lamp = self.peak_luminance_cd_m2 * self._backlight() * self.share(zone)
        contrast = min(1.0, self.controls[0x12].value / 75)
        gains = [self.controls[code].value / 100 for code in (0x16, 0x18, 0x1A)]
        drive = (0.0, 0.0, 0.0) if self.picture_out or not self._drive else self._drive
        if self._shows_notice and zone == ZONES // 2:
            drive = (0.5, 0.5, 0.5)
        passed = [
            gain * (level * contrast) ** 2.2 for gain, level in zip(gains, drive, strict=True)
        ]
        leak = 1 / self.contrast_ratio
        parts = list(zip(passed, primaries(self.white_xy), strict=True))
        white = direction(self.white_xy)
        x, y, z = (
            lamp * (leak * white[axis] + (1 - leak) * sum(p * c[axis] for p, c in parts))
            for axis in range(3)
        )
        return x, y, z

    def share(self, zone: int) -> float:
        dim = self.dim_zone[1] if self.dim_zone is not None and self.dim_zone[0] == zone else 1.0
        return UNIFORMITY[zone] * dim

    def answer(self, message: bytes) -> bytes | None:
        """Return the reply to a DDC/CI message, both without frames; None is a null message."""
        if self.time.monotonic() < self._changing_until_s:
            return None
        if self.ddc_null_responses and message[:1] != b"\x03":
            self.ddc_null_responses -= 1
            return None
        match tuple(message):
            case (0x01, code):
                return self._get(code)
            case (0x03, code, high, low):
                self._set(code, high << 8 | low)
            case (0xF3, high, low) if self.is_lit:
                offset = high << 8 | low
                part = self.capabilities.encode("latin-1")[offset : offset + 32]
                return bytes([0xE3, high, low]) + part
        return None

    def _get(self, code: int) -> bytes | None:
        if self.is_asleep and code == 0xD6 and self.reading_power_wakes:
            self.press_power_button()
        if code in self.null_controls or (not self.is_lit and code != 0xD6):
            return None  # asleep: only the power mode is served
        if code in self.zero_controls:
            return bytes([0x02, 0x00, code, 0, 0, 0, 0, 0])
        control = self.controls.get(code)
        if control is None or code in self.unsupported_controls:
            return bytes([0x02, 0x01, code, 0, 0, 0, 0, 0])
        told = self.brightness_told if code == 0x10 else None
        value = control.value if told is None else told
        levels = control.maximum.to_bytes(2, "big") + value.to_bytes(2, "big")
        return bytes([0x02, 0x00, code, 0x00]) + levels

    def _set(self, code: int, value: int) -> None:
        if self.first_write_ignored:
            self.first_write_ignored = False
            return
        if not self.is_lit and code != 0xD6:
            return
        if code == 0x04 and value:  # write-only: restore factory defaults
            self.controls = factory_settings(self.controls[0xC0].value)
        control = self.controls.get(code)
        if control is None or not control.settable or value > control.maximum:
            return
        if code in (*self.null_controls, *self.zero_controls, *self.unsupported_controls):
            return
        if code == 0x10:
            value = max(value, self.brightness_floor)
        if code == 0xD6 and value != control.value:
            self._slept_s = self.time.monotonic()
            self._changing_until_s = self.time.monotonic() + self.TRANSITION_S
        # 5 is its power button; what can be read afterwards is 4, off.
        control.value = 4 if code == 0xD6 and value == 5 else value

    # A device under test

    def plug(self, place: Place) -> None:
        """Put in the video cable, and the supply's plug; sensors look at its glass."""
        place.circuit.sinks.append(self)
        place.display = self
        place.light = self
        self._place = place
        self._plugged_s = self.time.monotonic()

    @property
    def seen(self) -> Mapping[str, bool | int]:
        """Return what a person sees on the glass."""
        return {
            "lit": self._backlight() > 0 and not self.picture_out,
            "goes_out": self.time.monotonic() - self._out_s < WATCHED_S,
            "bright_pixels": self.bright_pixels,
            "dark_pixels": self.dark_pixels,
            "picture_faults": self.picture_faults,
            "dark_zone": self.dim_zone is not None and self.dim_zone[1] < 0.6,
        }

    def truth(self) -> Mapping[str, float | bool]:
        """Return its figures in the dark, on white at full brightness but where said.

        `highest_…` and `lowest_cd_m2` are those at the ends of the brightness control. The
        chromaticities are CIE 1976 u', v', as distances from D65, from white, and from sRGB's.
        """
        return truth_of(self)
