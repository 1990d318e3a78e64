"""Vishay VEML7700, ambient light sensor on I²C. Datasheet: Vishay 84286; note: Vishay 84323."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, LightMeter
from drivers.errors import BadReply, WrongDevice
from drivers.languages.registers import Chip, Register
from drivers.uncertain import GAIN, Accuracy, Ranges, Term
from drivers.wiring import OneOf

ADDRESSES = (0x10,)  # "Slave Address"

CONFIGURATION = Register(0x00, order="little")  # ALS_CONF_0: gain bits 12:11, IT 9:6, SD 0
POWER_SAVING = Register(0x03, order="little")
LIGHT = Register(0x04, order="little")
IDENTITY = Register(0x07, order="little")

THIS = 0x81  # low byte of the ID register
NO_IDENTITY = (0x0000, 0xFFFF)  # what a part made before the register existed may read
SHUT_DOWN = 0x0001

FULL_SCALE = 0xFFFF
START_S = 0.0025  # "wait ≥ 2.5 ms after leaving shutdown"


class Range(NamedTuple):
    configuration: int
    integration_s: float
    lux_per_count: float  # note 84323, "Resolution and maximum detection range"
    enough_lux: float  # a more sensitive range is not asked for more than this
    bends: bool


# Gain 2 is for dim light only, 1/4 and 1/8 for the rest; the most sensitive first. All integrate
# over whole periods of 100 and 120 Hz light. Shorter integrations are not needed: 140 klx, the end
# of the chip's range, bends down to 24 klx, two thirds of what the last range can count.
RANGES = (
    Range(0x08C0, 0.8, 0.0042, 10, bends=False),  # gain 2
    Range(0x0840, 0.2, 0.0168, 100, bends=False),  # gain 2
    Range(0x1800, 0.1, 0.2688, 2_500, bends=True),  # gain 1/4
    Range(0x1000, 0.1, 0.5376, float("inf"), bends=True),  # gain 1/8
)
FIRST = 2  # the brightness of a screen; in the dark it costs a tenth more, after it saves 1.6 s
MOST_LUX = 140_000

# The data sheet gives no tolerance of its output; a module maker's library says at most 10 %.
TOLERANCE = Term(GAIN, gain=0.10)
PLACE = "DFRobot_VEML7700: ALS output tolerance at most 10 %"


def straighten(lux: float) -> float:
    """Return the lux at gains 1/4 and 1/8, corrected by the polynomial of note 84323.

    The note asks for it above 1 klx, where it adds 7.5 %. Here it holds for the whole of the low
    gains, as in the note's flow chart: starting it at 1 klx would put a step right where screens
    are measured, and it fades by itself: 1 % at 100 lx. Beyond 140 klx it means nothing.
    """
    return (((6.0135e-13 * lux - 9.3924e-9) * lux + 8.1488e-5) * lux + 1.0023) * lux


class Veml7700(LightMeter):
    """Measures illuminance from 0.0042 lx to 140 klx; chooses gain and integration time by itself.

    Each reading starts an integration of its own and waits for two, so that it never tells of
    light that was there before; it takes 0.2 s at the brightness of a screen, 1.8 s in the dark.
    Raises `WrongDevice` when something else answers. Parts from before the ID register are told
    by a configuration register that keeps what is written.
    """

    def __init__(
        self, bus: I2cBus, address: Annotated[int, OneOf(ADDRESSES)] = 0x10, *, time: Time
    ) -> None:
        self._time = time
        self._chip = Chip(bus, address, "VEML7700", addresses=ADDRESSES)
        found = self._chip.read(IDENTITY)
        if found & 0xFF != THIS and found not in NO_IDENTITY:
            raise WrongDevice(f"{self._chip.where}: id {found:#06x}, low byte not {THIS:#04x}")
        for configuration in (RANGES[0].configuration | SHUT_DOWN, SHUT_DOWN):
            self._chip.write(CONFIGURATION, configuration)
            if (kept := self._chip.read(CONFIGURATION)) != configuration:
                raise WrongDevice(
                    f"{self._chip.where}: id {found:#06x}, and the configuration reads {kept:#06x}"
                    f" after writing {configuration:#06x}"
                )
        self._range = FIRST
        self.identity = Identity("Vishay", "VEML7700")

    @classmethod
    def accuracies(cls, settings: Mapping[str, Any]) -> Mapping[str, Ranges]:
        """Return the tolerance of its output; each reading has the resolution of its range."""
        return {"illuminance_lux": (Accuracy(PLACE, (TOLERANCE,), up_to=MOST_LUX),)}

    def read_illuminance_lux(self) -> float:
        """Return the illuminance in lux.

        Raises `BadReply` when the sensor is saturated at its least sensitive setting.
        """
        for _ in RANGES[1:]:
            self._time.sleep(self.begin())
            if (lux := self.tell()) is not None:
                return lux
        self._time.sleep(self.begin())
        return self.tell_anyway()

    def begin(self) -> float:
        """Start an integration in the range that fits best, and return the seconds it takes."""
        chosen = RANGES[self._range]
        # Through shutdown, because a running integration would end with the old settings.
        self._chip.write(CONFIGURATION, chosen.configuration | SHUT_DOWN)
        self._chip.write(POWER_SAVING, 0)
        self._chip.write(CONFIGURATION, chosen.configuration)
        # There is no ready flag. The note asks for one integration time; oscillators vary.
        return START_S + 2 * chosen.integration_s

    def tell(self) -> float | None:
        """Return the lux since `begin`; None when another range fits better: begin again.

        Raises `BadReply` as `read_illuminance_lux`.
        """
        used = self._range
        counts = self._counts()
        self._range = self._fitting(counts, used)
        return self._told(counts, used) if self._range == used else None

    def tell_anyway(self) -> float:
        """Return the lux since `begin` in any range, as for light that flickers.

        Raises `BadReply` as `read_illuminance_lux`.
        """
        return self._told(self._counts(), self._range)

    def _told(self, counts: int, used: int) -> float:
        self._range = FIRST  # the next reading may be of another light
        return self._lux(counts, RANGES[used])

    def _counts(self) -> int:
        counts = self._chip.read(LIGHT)
        configuration = RANGES[self._range].configuration
        if (kept := self._chip.read(CONFIGURATION)) != configuration:
            raise BadReply(
                f"{self._chip.where}: lost its settings, configuration {kept:#06x}, not"
                f" {configuration:#06x}"
            )
        return counts

    def _lux(self, counts: int, chosen: Range) -> float:
        lux = counts * chosen.lux_per_count
        if chosen.bends:
            lux = straighten(lux)
        if counts == FULL_SCALE or lux > MOST_LUX:
            raise BadReply(
                f"{self._chip.where}: saturated, {counts} counts of {chosen.lux_per_count} lx"
                f" (configuration {chosen.configuration:#06x})"
            )
        return self.lift("illuminance_lux", lux, resolution=chosen.lux_per_count)

    def _fitting(self, counts: int, used: int) -> int:
        last = len(RANGES) - 1
        if counts == FULL_SCALE:  # how much more there is, only the last range can tell
            return last
        lux = counts * RANGES[used].lux_per_count
        return next((n for n, r in enumerate(RANGES) if lux < r.enough_lux), last)
