"""ams TSL2591, ambient light sensor on I²C. Datasheet: ams TSL2591 (DS000338)."""

from typing import Annotated, NamedTuple

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, LightMeter
from drivers.errors import BadReply, NoReply, WrongDevice
from drivers.languages.registers import Chip, Register
from drivers.wiring import OneOf

ADDRESSES = (0x29,)  # "Ordering Information"

COMMAND = 0xA0  # "Command Register": normal operation, with auto-increment
ENABLE = Register(0x00, size=1)
CONTROL = Register(0x01, size=1)
DEVICE_ID = Register(0x12, size=1)
STATUS = Register(0x13, size=1)
CHANNELS = 0x14  # channel 0 (all light) and 1 (infrared), little-endian

THIS = 0x50
COLOUR_SENSORS = (0x44, 0x10, 0x4D)  # of the TCS3472 family, which lives at the same address

POWER_ON = 0x01
SENSE = 0x03  # powered, and the ALS enabled
VALID = 0x01

INTEGRATION_S = 0.1  # whole periods of 100 and 120 Hz light
SLOWEST = 1.08  # "ALS Characteristics": 95 to 108 ms
FULL_SCALE = 36863  # of 100 ms: "Control Register", max count
COMFORTABLE = 0.6 * FULL_SCALE

# The lux equation is not in the datasheet; this one, with device factor 408, is what the widely
# used open-source drivers share. Basis: general knowledge, to be calibrated against a lux meter.
DEVICE_FACTOR = 408.0


class Gain(NamedTuple):
    control: int
    factor: int


# "Control Register" and typical gains, the most sensitive first.
GAINS = (Gain(0x30, 9876), Gain(0x20, 428), Gain(0x10, 25), Gain(0x00, 1))


class Tsl2591(LightMeter):
    """Measures illuminance from about 0.01 lx to 88 klx; chooses its gain by itself.

    Each reading starts an integration of its own, so that it never tells of light that was there
    before. Raises `WrongDevice` when something else answers, naming a TCS34725 as such.
    """

    def __init__(
        self, bus: I2cBus, address: Annotated[int, OneOf(ADDRESSES)] = 0x29, *, time: Time
    ) -> None:
        self._time = time
        self._chip = Chip(bus, address, "TSL2591", addresses=ADDRESSES, command=COMMAND)
        if (found := self._chip.read(DEVICE_ID)) != THIS:
            hint = ", looks like a TCS34725" if found in COLOUR_SENSORS else ""
            raise WrongDevice(f"{self._chip.where}: id {found:#04x}, not {THIS:#04x}{hint}")
        self._gain = len(GAINS) - 1
        self.identity = Identity("ams", "TSL2591")

    def read_illuminance_lux(self) -> float:
        """Return the illuminance in lux.

        Raises `BadReply` when the sensor is saturated at its lowest gain, `NoReply` when an
        integration never ends.
        """
        for _ in GAINS:
            used = self._gain
            visible, infrared = self._integrate(GAINS[used])
            self._gain = self._fitting(max(visible, infrared), used)
            if self._gain == used:
                break
        counts = f"{visible} and {infrared} counts at gain {GAINS[used].factor}"
        if max(visible, infrared) >= FULL_SCALE:
            raise BadReply(f"{self._chip.where}: saturated, {counts}")
        if infrared > visible > 10:  # all light includes the infrared
            raise BadReply(f"{self._chip.where}: more infrared than light, {counts}")
        counts_per_lux = INTEGRATION_S * 1000 * GAINS[used].factor / DEVICE_FACTOR
        if infrared >= visible:
            return self.lift("illuminance_lux", 0.0, resolution=1 / counts_per_lux)
        lux = (visible - infrared) * (1 - infrared / visible) / counts_per_lux
        return self.lift("illuminance_lux", lux, resolution=1 / counts_per_lux)

    def _fitting(self, counts: int, used: int) -> int:
        """Return the highest gain, by index, at which this light is well below saturation."""
        last = len(GAINS) - 1
        if counts >= FULL_SCALE:  # how much more there is, only the lowest gain can tell
            return last
        rate = counts / GAINS[used].factor
        return next((n for n, g in enumerate(GAINS) if rate * g.factor < COMFORTABLE), last)

    def _integrate(self, gain: Gain) -> tuple[int, int]:
        self._chip.write(ENABLE, POWER_ON)
        self._chip.write(CONTROL, gain.control)
        self._chip.write(ENABLE, SENSE)
        self._time.sleep(INTEGRATION_S * SLOWEST)
        for _ in range(10):
            if (status := self._chip.read(STATUS)) & VALID:
                break
            self._time.sleep(INTEGRATION_S / 10)
        data = self._chip.read_bytes(CHANNELS, 4)
        settings = self._chip.read(ENABLE), self._chip.read(CONTROL)
        if settings != (SENSE, gain.control):
            raise BadReply(
                f"{self._chip.where}: lost its settings, registers 0 and 1 read"
                f" {bytes(settings).hex(' ')}, not {SENSE:02x} {gain.control:02x}"
            )
        if not status & VALID:
            raise NoReply(f"{self._chip.where}: no integration ended, status {status:#04x}")
        return int.from_bytes(data[:2], "little"), int.from_bytes(data[2:], "little")
