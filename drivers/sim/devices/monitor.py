"""A monitor under test: its DDC/CI controls, its light, and the power it takes.

After VESA DDC/CI 1.1 and MCCS 2.2a; its EDID is in `edid_memory`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi

from drivers.buses import Time
from drivers.sim.colour import D65, Xy, direction, primaries
from drivers.sim.devices.edid_memory import EDID_ADDRESS, SEGMENT_ADDRESS, Eeprom, SegmentPointer
from drivers.sim.hardware import I2cDevice, Nak
from drivers.sim.mains import MainsLoad

DDC_CI_ADDRESS = 0x37

ZONES = 9
UNIFORMITY = (0.90, 0.95, 0.91, 0.94, 1.00, 0.95, 0.88, 0.93, 0.89)
"""Luminance of nine zones over that of the middle; left to right, top to bottom."""

YELLOWED = (0.365, 0.385)
"""The white of a panel whose lamps and diffusers have aged."""


@dataclass
class Control:
    """One VCP feature. The monitor ignores a value above its maximum."""

    value: int
    maximum: int
    settable: bool = True


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
        edid: bytes,
        *,
        time: Time,
        capabilities: str = (
            "(prot(monitor)type(LCD)model(SIM24)cmds(01 02 03 07 0C E3 F3)"
            "vcp(02 04 10 12 16 18 1A 60(01 03 11) AC AE B6 C0 C6 C8 D6(01 04 05) DF)"
            "mccs_ver(2.1))"
        ),
        peak_luminance_cd_m2: float = 250.0,
        contrast_ratio: float = 1000.0,
        usage_hours: int = 8760,
        rated_voltage_v: float = 230.0,
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
    ) -> None:
        """`edid_bit_flip` is the number of the bit, from bit 0 of byte 0.

        `ddc_null_responses`: so many requests are answered with a null message, then it is well.
        `dim_zone`: which zone, and by which factor. Pixel counts are for an operator's eyes.
        `segment_survives_stop`: whether EDID blocks after the second can be read at all here.
        """
        memory = bytearray(edid)
        if edid_bit_flip is not None:
            memory[edid_bit_flip // 8] ^= 1 << edid_bit_flip % 8
        self.time = time
        self.capabilities = capabilities
        self.peak_luminance_cd_m2 = peak_luminance_cd_m2
        self.contrast_ratio = 120.0 if low_contrast else contrast_ratio
        self.white_xy = YELLOWED if yellow_white else D65
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
        zones = list(UNIFORMITY)
        if dim_zone is not None:
            zones[dim_zone[0]] *= dim_zone[1]
        self._zones = tuple(zones)
        self._drive: tuple[float, float, float] | None = (0.0, 0.0, 0.0)
        self._changing_until_s = 0.0
        self.controls = _factory_settings(usage_hours)
        eeprom = Eeprom(bytes(memory))
        self.edid_device: I2cDevice = eeprom
        self.segment_device: I2cDevice = SegmentPointer(eeprom, segment_survives_stop)
        self.ddc_device: I2cDevice = _DdcCi(self)

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
        self._drive = None

    @property
    def is_lit(self) -> bool:
        return self.mains_on and self._drive is not None and self.controls[0xD6].value == 1

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
        return 0.2 + 0.8 * setting / 100

    def _xyz(self, zone: int) -> tuple[float, float, float]:
        """Return the tristimulus values of a zone; Y is its luminance in cd/m²."""
        if not 0 <= zone < ZONES:
            raise ValueError(f"zone {zone}: there are {ZONES}")
        lamp = self.peak_luminance_cd_m2 * self._backlight() * self._zones[zone]
        contrast = min(1.0, self.controls[0x12].value / 75)
        gains = [self.controls[code].value / 100 for code in (0x16, 0x18, 0x1A)]
        drive = self._drive or (0.0, 0.0, 0.0)
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
        if not self.is_lit and code != 0xD6:
            return None  # asleep: only the power mode is served
        control = self.controls.get(code)
        if control is None:
            return bytes([0x02, 0x01, code, 0, 0, 0, 0, 0])
        levels = control.maximum.to_bytes(2, "big") + control.value.to_bytes(2, "big")
        return bytes([0x02, 0x00, code, 0x00]) + levels

    def _set(self, code: int, value: int) -> None:
        if self.first_write_ignored:
            self.first_write_ignored = False
            return
        if not self.is_lit and code != 0xD6:
            return
        if code == 0x04 and value:  # write-only: restore factory defaults
            self.controls = _factory_settings(self.controls[0xC0].value)
        control = self.controls.get(code)
        if control is None or not control.settable or value > control.maximum:
            return
        if code == 0xD6 and value != control.value:
            self._changing_until_s = self.time.monotonic() + self.TRANSITION_S
        # 5 is its power button; what can be read afterwards is 4, off.
        control.value = 4 if code == 0xD6 and value == 5 else value


def _factory_settings(usage_hours: int) -> dict[int, Control]:
    """Features by MCCS 2.2a code. 0xB6 3 is an active matrix LCD, 0xDF the version, 2.1."""
    return {
        0x02: Control(1, 2),
        0x10: Control(75, 100),
        0x12: Control(75, 100),
        0x16: Control(100, 100),
        0x18: Control(100, 100),
        0x1A: Control(100, 100),
        0x60: Control(0x03, 0x11),
        0xAC: Control(67500 & 0xFFFF, 67500 >> 16, settable=False),  # Hz, in three bytes
        0xAE: Control(6000, 0xFFFF, settable=False),
        0xB6: Control(3, 5, settable=False),
        0xC0: Control(usage_hours, 0xFFFF, settable=False),
        0xC6: Control(0x45, 0xFFFF, settable=False),
        0xC8: Control(0x09, 0xFFFF, settable=False),
        0xD6: Control(1, 5),
        0xDF: Control(0x0201, 0xFFFF, settable=False),
    }


class _DdcCi:
    """The frames of DDC/CI 1.1: checked when they come, ready to be fetched 40 ms later."""

    NULL = bytes.fromhex("6e 80 be")
    READY_S = 0.040
    BUSY_AFTER_SET_S = 0.050

    def __init__(self, monitor: SimulatedMonitor) -> None:
        self._monitor = monitor
        self._reply: bytes | None = None
        self._ready_at_s = 0.0
        self._busy_until_s = 0.0

    def transfer(self, write: bytes, read_size: int) -> bytes:
        if self._monitor.ddc_mute or not self._monitor.mains_on:
            raise Nak
        if write:
            self._receive(write)
        if not read_size:
            return b""
        # Asked too early, it has nothing to say and forgets what it was asked.
        early = self._monitor.time.monotonic() < self._ready_at_s
        frame = self.NULL if early or self._reply is None else self._reply
        self._reply = None
        return frame[:read_size].ljust(read_size, b"\0")

    def _receive(self, frame: bytes) -> None:
        self._reply = None
        now_s = self._monitor.time.monotonic()
        message = self._unframed(frame)
        if message is None or now_s < self._busy_until_s:
            return
        reply = self._monitor.answer(message)
        if message[:1] == b"\x03":
            self._busy_until_s = now_s + self.BUSY_AFTER_SET_S
        if reply is not None:
            head = bytes([0x6E, 0x80 | len(reply)]) + reply
            self._reply = head + bytes([_xor(0x50, head)])
            self._ready_at_s = now_s + self.READY_S

    @staticmethod
    def _unframed(frame: bytes) -> bytes | None:
        if len(frame) < 3 or frame[0] != 0x51 or frame[1] != 0x80 | len(frame) - 3:
            return None
        return frame[2:-1] if _xor(0x6E, frame) == 0 else None


def _xor(start: int, data: bytes) -> int:
    for byte in data:
        start ^= byte
    return start
