"""TI INA226, 36 V 16-bit power monitor on I²C. Datasheet: TI SBOS547."""

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, Power, PowerMeter
from drivers.errors import BadReply, NoReply, WrongDevice
from drivers.languages.registers import Chip, Register

CONFIGURATION = Register(0x00)
SHUNT_VOLTAGE = Register(0x01, signed=True)
BUS_VOLTAGE = Register(0x02, signed=True)
CURRENT = Register(0x04, signed=True)
CALIBRATION = Register(0x05)
MASK_ENABLE = Register(0x06)
MANUFACTURER_ID = Register(0xFE)
DIE_ID = Register(0xFF)

TEXAS_INSTRUMENTS = 0x5449
DIE = 0x226  # "Die ID Register", without the revision in the low four bits

RESET = 0x8000  # "Configuration Register", RST
TRIGGERED = 0x4123  # 1.1 ms for shunt and bus, both once; bit 14 is always set
CONVERSION_READY = 0x0008  # "Mask/Enable Register", CVRF
OVERFLOW = 0x0004  # "Mask/Enable Register", OVF

BUS_LSB_V = 1.25e-3
FULL_SCALE = 0x7FFF
SHUNT_FULL_SCALE_V = 0.08192
CALIBRATION_SCALE = 0.00512  # "Programming", equation 1
LARGEST_CALIBRATION = 0x7FFF

CONVERSION_S = 1.1e-3
SLOWEST = 1.1  # the conversion time may be 10 % longer: "Electrical Characteristics"
AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)  # table "AVG Bit Settings"


class Ina226(PowerMeter):
    """Measures the rail that runs through its shunt: 0 to 36 V, up to ±`max_a`.

    Each reading is one triggered conversion of shunt and bus, averaged over `averages` samples
    (2 × 1.1 ms each), so that voltage and current belong together. The power is their product:
    finer than the chip's own power register (25 current LSBs) and with the current's sign.

    Raises `ValueError` for a shunt and a current that the chip cannot be calibrated for (between
    5.2 and 81.92 mV across the shunt), `WrongDevice` when something else answers.
    """

    resolution_v = BUS_LSB_V
    max_v = 36.0  # "Recommended Operating Conditions"

    def __init__(
        self,
        bus: I2cBus,
        address: int = 0x40,
        *,
        time: Time,
        shunt_ohm: float,
        max_a: float,
        averages: int = 16,
    ) -> None:
        if not 0.0001 <= shunt_ohm <= 10:
            raise ValueError(f"INA226: a shunt of {shunt_ohm} Ω is outside 0.0001…10 Ω")
        if not 0 < max_a * shunt_ohm <= SHUNT_FULL_SCALE_V * (1 + 1e-9):
            raise ValueError(
                f"INA226: {max_a} A through {shunt_ohm} Ω is outside 0…{SHUNT_FULL_SCALE_V} V"
            )
        if averages not in AVERAGES:
            raise ValueError(f"INA226: {averages} averages, not one of {list(AVERAGES)}")
        # The register truncates, so the LSB follows from it and not the other way round.
        self._calibration = int(CALIBRATION_SCALE * 2**15 / (max_a * shunt_ohm))
        if self._calibration > LARGEST_CALIBRATION:
            raise ValueError(f"INA226: {max_a} A through {shunt_ohm} Ω is too little to measure")
        self._current_lsb_a = CALIBRATION_SCALE / (self._calibration * shunt_ohm)
        self.max_a = max_a
        self.resolution_a = SHUNT_FULL_SCALE_V / (FULL_SCALE + 1) / shunt_ohm
        self._configuration = TRIGGERED | AVERAGES.index(averages) << 9
        self._conversion_s = 2 * averages * CONVERSION_S * SLOWEST
        self._time = time
        self._chip = Chip(bus, address, "INA226")
        maker, die = self._chip.read(MANUFACTURER_ID), self._chip.read(DIE_ID)
        if maker != TEXAS_INSTRUMENTS or die >> 4 != DIE:
            raise WrongDevice(
                f"{self._chip.where}: manufacturer {maker:#06x}, die {die:#06x},"
                f" not {TEXAS_INSTRUMENTS:#06x}, {DIE << 4:#06x}"
            )
        self._chip.write(CONFIGURATION, RESET)
        self._chip.write(CALIBRATION, self._calibration)
        self.identity = Identity("Texas Instruments", "INA226", firmware=f"revision {die & 0xF}")

    def read(self) -> Power:
        """One averaged sample in volts, amperes and watts.

        Raises `BadReply` when the shunt or the bus is beyond the chip's range, or when the chip
        loses its settings in two samples running; `NoReply` when the conversion does not end.
        """
        for _ in range(2):
            if (sample := self._sample()) is not None:
                return sample
            # After a brown-out the chip measures on, with every current zero.
            self._chip.write(CALIBRATION, self._calibration)
        raise BadReply(
            f"{self._chip.where}: lost its settings in two samples running (configuration"
            f" {self._chip.read(CONFIGURATION):#06x}, wrote {self._configuration:#06x}): is its"
            " supply stable?"
        )

    def _sample(self) -> Power | None:
        """None when the settings did not survive the sample."""
        self._chip.write(CONFIGURATION, self._configuration)
        flags = self._wait()
        shunt = self._chip.read(SHUNT_VOLTAGE)
        bus = self._chip.read(BUS_VOLTAGE)
        current = self._chip.read(CURRENT)
        settings = self._chip.read(CONFIGURATION), self._chip.read(CALIBRATION)
        if settings != (self._configuration, self._calibration):
            return None
        if not flags & CONVERSION_READY:
            raise NoReply(f"{self._chip.where}: no conversion ready, register 0x06 {flags:#06x}")
        if flags & OVERFLOW or not -FULL_SCALE <= shunt < FULL_SCALE:
            raise BadReply(
                f"{self._chip.where}: beyond ±{self.max_a} A, or 81.92 mV across the shunt"
                f" (register 0x06 {flags:#06x}, shunt {shunt} × 2.5 µV)"
            )
        if bus >= FULL_SCALE:
            raise BadReply(f"{self._chip.where}: bus beyond 40.96 V (register 0x02 {bus:#06x})")
        voltage_v, current_a = bus * BUS_LSB_V, current * self._current_lsb_a
        return Power(voltage_v, current_a, voltage_v * current_a)

    def _wait(self) -> int:
        """The mask/enable register, once the conversion is ready or overdue.

        Reading it clears the conversion-ready flag, so it is read once for all its flags.
        """
        self._time.sleep(self._conversion_s)
        for _ in range(10):
            if (flags := self._chip.read(MASK_ENABLE)) & CONVERSION_READY:
                return flags
            self._time.sleep(self._conversion_s / 10)
        return flags
