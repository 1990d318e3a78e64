"""ams TCS34725, colour light sensor on I²C. Datasheet: ams TCS3472; note: ams DN40."""

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from drivers.buses import I2cBus, Time
from drivers.capabilities import Colour, ColourMeter, Identity
from drivers.errors import BadReply, NoReply, WrongDevice
from drivers.languages.registers import Chip, Register
from drivers.wiring import OneOf

COMMAND = 0xA0  # "Command Register": with auto-increment, without which a block repeats its byte
ENABLE = Register(0x00, size=1)
INTEGRATION = Register(0x01, size=1)  # ATIME: 256 - cycles
CONTROL = Register(0x0F, size=1)  # gain
DEVICE_ID = Register(0x12, size=1)
STATUS = Register(0x13, size=1)
CHANNELS = 0x14  # clear, red, green, blue, little-endian

ADDRESSES = (0x29, 0x39)
MODELS = {  # "Ordering Information" and "ID Register"; 0x4D has a bus of 1.8 V
    (0x29, 0x44): "TCS34725",
    (0x29, 0x10): "TCS34725",
    (0x29, 0x4D): "TCS34727",
    (0x39, 0x44): "TCS34721",
    (0x39, 0x4D): "TCS34723",
}
LIGHT_SENSOR = 0x50  # a TSL2591, which lives at the same address

POWER_ON = 0x01
SENSE = 0x03  # powered, and the RGBC converter enabled
VALID = 0x01

CYCLE_S = 0.0024
START_S = 0.0024  # "Enable Register": before AEN may follow PON
SLOWEST = 1.1
RIPPLE_S = 0.150  # DN40, 3.7: shorter integrations may clip the peaks of flickering light
TOO_DARK = 100  # clear counts below which quantising alone shifts a colour by a per cent


class Range(NamedTuple):
    control: int
    gain: int
    cycles: int

    @property
    def sensitivity(self) -> float:
        """Counts grow with gain × milliseconds."""
        return self.gain * self.cycles * CYCLE_S * 1000

    @property
    def saturation(self) -> float:
        """Digital (16 bits) or analogue (1024 counts a cycle), DN40, 3.5, less the ripple."""
        counts = min(65535, 1024 * self.cycles)
        return counts if self.cycles * CYCLE_S >= RIPPLE_S else 0.75 * counts


# The most sensitive first. Integrating for less than 154 ms would not stand more light: the
# converter clips at 1024 counts in each cycle.
RANGES = (
    Range(3, 60, 256),
    Range(3, 60, 64),
    Range(2, 16, 64),
    Range(1, 4, 64),
    Range(0, 1, 64),
)

# X, Y, Z in lux from red, green, blue in counts per (ms × gain). Basis: the middle of what the
# datasheet's "Optical Characteristics" allows each channel under LEDs of 465, 525 and 615 nm,
# solved for the CIE 1931 observer at those wavelengths: light mixed of three narrow bands, like a
# screen's. (DN40's lux equation lies within 12 % of its Y for whites. The matrix of TAOS' older
# DN25 is made for another sensor.) Parts differ by ±20 %: calibrate against a colorimeter.
DEFAULT_MATRIX = ((125.7, -23.2, 58.0), (56.6, 179.9, -48.3), (-55.7, -140.6, 432.9))


Matrix = Sequence[Sequence[float]]


class Tcs34725(ColourMeter):
    """Measures CIE 1931 x, y and illuminance; chooses gain and integration time by itself.

    `matrix` turns red, green and blue, in counts per (ms × gain), into X, Y and Z in lux, and is
    where a calibration goes. Each reading starts an integration of its own, so that it never
    tells of light that was there before.

    Raises `ValueError` for a matrix that is not three rows of three finite numbers, `WrongDevice`
    when something else answers, naming a TSL2591 as such.
    """

    def __init__(
        self,
        bus: I2cBus,
        address: Annotated[int, OneOf(ADDRESSES)] = 0x29,
        *,
        time: Time,
        matrix: Annotated[
            Sequence[Sequence[float]], "red, green and blue into X, Y and Z"
        ] = DEFAULT_MATRIX,
    ) -> None:
        if [len(row) for row in matrix] != [3, 3, 3]:
            raise ValueError(f"TCS34725: the matrix {matrix} has not three rows of three")
        if not all(math.isfinite(number) for row in matrix for number in row):
            raise ValueError(f"TCS34725: the matrix {matrix} is not all numbers")
        self._matrix = tuple(tuple(row) for row in matrix)
        self._time = time
        self._chip = Chip(bus, address, "TCS34725", addresses=ADDRESSES, command=COMMAND)
        found = self._chip.read(DEVICE_ID)
        if (address, found) not in MODELS:
            hint = ", looks like a TSL2591" if found == LIGHT_SENSOR else ""
            known = ", ".join(f"{number:#04x}" for at, number in MODELS if at == address)
            raise WrongDevice(f"{self._chip.where}: id {found:#04x}, not {known}{hint}")
        self._range = len(RANGES) - 1
        self.identity = Identity("ams", MODELS[address, found])

    def read_colour(self) -> Colour:
        """Return the chromaticity, and the illuminance in lux.

        Raises `BadReply` when saturated at the least sensitive setting, when it is too dark to
        tell a colour (about 0.2 lx), or when the counts are no colour at all.
        """
        for _ in RANGES:
            used = self._range
            clear, *rgb = self._integrate(RANGES[used])
            brightest = max(clear, *rgb)
            self._range = self._fitting(brightest, used)
            if self._range == used:
                break
        chosen = RANGES[used]
        counts = (
            f"clear {clear}, red {rgb[0]}, green {rgb[1]}, blue {rgb[2]}"
            f" at gain {chosen.gain}, {chosen.cycles} cycles"
        )
        if brightest >= chosen.saturation:
            raise BadReply(f"{self._chip.where}: saturated, {counts}")
        if clear < TOO_DARK:
            raise BadReply(f"{self._chip.where}: too dark to tell a colour, {counts}")
        x, y, z = (
            sum(factor * count for factor, count in zip(row, rgb, strict=True)) / chosen.sensitivity
            for row in self._matrix
        )
        if min(x, y, z) < 0 or not y:
            raise BadReply(f"{self._chip.where}: no colour has X {x}, Y {y}, Z {z}: {counts}")
        return Colour(
            self.lift("x", x / (x + y + z)),
            self.lift("y", y / (x + y + z)),
            self.lift("illuminance_lux", y),
        )

    def _fitting(self, counts: int, used: int) -> int:
        """Return the most sensitive range, by index, that this light is well below the end of."""
        last = len(RANGES) - 1
        if counts >= RANGES[used].saturation:  # how much more, only the last range can tell
            return last
        rate = counts / RANGES[used].sensitivity
        return next(
            (n for n, r in enumerate(RANGES) if rate * r.sensitivity < 0.6 * r.saturation), last
        )

    def _integrate(self, chosen: Range) -> tuple[int, ...]:
        self._chip.write(ENABLE, POWER_ON)
        self._chip.write(INTEGRATION, 256 - chosen.cycles)
        self._chip.write(CONTROL, chosen.control)
        self._time.sleep(START_S)
        self._chip.write(ENABLE, SENSE)
        self._time.sleep((START_S + chosen.cycles * CYCLE_S) * SLOWEST)
        for _ in range(10):
            if (status := self._chip.read(STATUS)) & VALID:
                break
            self._time.sleep(chosen.cycles * CYCLE_S / 10)
        data = self._chip.read_bytes(CHANNELS, 8)
        settings = bytes(self._chip.read(r) for r in (ENABLE, INTEGRATION, CONTROL))
        written = bytes([SENSE, 256 - chosen.cycles, chosen.control])
        if settings != written:
            raise BadReply(
                f"{self._chip.where}: lost its settings, registers 0, 1 and 0x0f read"
                f" {settings.hex(' ')}, not {written.hex(' ')}"
            )
        if not status & VALID:
            raise NoReply(f"{self._chip.where}: no integration ended, status {status:#04x}")
        return tuple(int.from_bytes(data[n : n + 2], "little") for n in range(0, 8, 2))
