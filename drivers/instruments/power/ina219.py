"""TI INA219, 26 V 12-bit power monitor on I²C. Datasheet: TI SBOS448."""

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, Power, PowerMeter
from drivers.errors import BadReply, NoReply, WrongDevice
from drivers.languages.registers import Chip, Register

CONFIGURATION = Register(0x00)
SHUNT_VOLTAGE = Register(0x01, signed=True)
BUS_VOLTAGE = Register(0x02)
CURRENT = Register(0x04, signed=True)
CALIBRATION = Register(0x05)

RESET = 0x8000  # "Configuration Register", RST
AFTER_RESET = 0x399F
TRIGGERED = 0x3803  # 32 V range, ±320 mV shunt range, shunt and bus once
CONVERSION_READY = 0x0002  # "Bus Voltage Register", CNVR
OVERFLOW = 0x0001  # "Bus Voltage Register", OVF

BUS_LSB_V = 0.004
BUS_FULL_SCALE = 8000
SHUNT_FULL_SCALE = 32000  # of 10 µV
SHUNT_FULL_SCALE_V = 0.32
CALIBRATION_SCALE = 0.04096  # "Programming the Calibration Register", equation 1
LARGEST_CALIBRATION = 0xFFFE  # bit 0 cannot be set

CONVERSION_S = 532e-6  # of one 12-bit sample; table "ADC Settings"
LOG2_AVERAGES = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4, 32: 5, 64: 6, 128: 7}


class Ina219(PowerMeter):
    """Measures the rail that runs through its shunt: 0 to 26 V, up to ±`max_a`.

    Each reading is one triggered conversion of shunt and bus, averaged over `averages` samples
    (2 × 0.53 ms each), so that voltage and current belong together. The power is their product:
    finer than the chip's own power register (20 current LSBs) and with the current's sign.

    The chip has no identity register. It is told by what its neighbours at these addresses do not
    do: come out of a reset as 0x399F, with a calibration register whose bit 0 cannot be set.

    Raises `ValueError` for a shunt and a current that the chip cannot be calibrated for (between
    20.5 and 320 mV across the shunt), `WrongDevice` when something else answers.
    """

    resolution_v = BUS_LSB_V
    max_v = 26.0  # "Recommended Operating Conditions"

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
            raise ValueError(f"INA219: a shunt of {shunt_ohm} Ω is outside 0.0001…10 Ω")
        if not 0 < max_a * shunt_ohm <= SHUNT_FULL_SCALE_V * (1 + 1e-9):  # 3.2 A × 0.1 Ω is fine
            raise ValueError(
                f"INA219: {max_a} A through {shunt_ohm} Ω is outside 0…{SHUNT_FULL_SCALE_V} V"
            )
        if averages not in LOG2_AVERAGES:
            raise ValueError(f"INA219: {averages} averages, not one of {list(LOG2_AVERAGES)}")
        # The register truncates, so the LSB follows from it and not the other way round.
        self._calibration = int(CALIBRATION_SCALE * 2**15 / (max_a * shunt_ohm)) & ~1
        if self._calibration > LARGEST_CALIBRATION:
            raise ValueError(f"INA219: {max_a} A through {shunt_ohm} Ω is too little to measure")
        self._current_lsb_a = CALIBRATION_SCALE / (self._calibration * shunt_ohm)
        self.max_a = max_a
        self.resolution_a = SHUNT_FULL_SCALE_V / SHUNT_FULL_SCALE / shunt_ohm
        adc = 0b1000 | LOG2_AVERAGES[averages]  # "ADC Settings": 12 bits, averaged
        self._configuration = TRIGGERED | adc << 7 | adc << 3
        self._conversion_s = 2 * averages * CONVERSION_S
        self._time = time
        self._chip = Chip(bus, address, "INA219")
        self._refuse_strangers()
        self._reset()
        self.identity = Identity("Texas Instruments", "INA219")

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
        current = self._chip.read(CURRENT)
        settings = self._chip.read(CONFIGURATION), self._chip.read(CALIBRATION)
        if settings != (self._configuration, self._calibration):
            return None
        if not flags & CONVERSION_READY:
            raise NoReply(f"{self._chip.where}: no conversion ready, register 0x02 {flags:#06x}")
        if flags & OVERFLOW or abs(shunt) >= SHUNT_FULL_SCALE:
            raise BadReply(
                f"{self._chip.where}: beyond ±{self.max_a} A, or 0.32 V across the shunt"
                f" (register 0x02 {flags:#06x}, shunt {shunt} × 10 µV)"
            )
        if (counts := flags >> 3) >= BUS_FULL_SCALE:
            raise BadReply(f"{self._chip.where}: bus beyond 32 V (register 0x02 {flags:#06x})")
        voltage_v, current_a = counts * BUS_LSB_V, current * self._current_lsb_a
        return Power(voltage_v, current_a, voltage_v * current_a)

    def _wait(self) -> int:
        """The bus voltage register, once the conversion is ready or overdue."""
        self._time.sleep(self._conversion_s)
        for _ in range(10):
            if (flags := self._chip.read(BUS_VOLTAGE)) & CONVERSION_READY:
                return flags
            self._time.sleep(self._conversion_s / 10)
        return flags

    def _refuse_strangers(self) -> None:
        """Before anything is written: a reset would set a PCA9685's outputs going."""
        where = self._chip.where
        if [self._chip.read_bytes(r, 1)[0] for r in (2, 3, 4)] == [0xE2, 0xE4, 0xE8]:
            raise WrongDevice(f"{where}: registers 2 to 4 read e2 e4 e8, looks like a PCA9685")
        for register, family in ((0xFE, "INA226"), (0x3E, "INA228")):
            if self._chip.read_bytes(register, 2) == b"TI":
                raise WrongDevice(f"{where}: register {register:#04x} reads 'TI', as of {family}")
        if (configuration := self._chip.read(CONFIGURATION)) & 0xC000:
            raise WrongDevice(f"{where}: configuration {configuration:#06x}, bits 15 and 14 not 0")

    def _reset(self) -> None:
        self._chip.write(CONFIGURATION, RESET)
        configuration = self._chip.read(CONFIGURATION)
        if configuration != AFTER_RESET:
            raise WrongDevice(
                f"{self._chip.where}: configuration {configuration:#06x} after a reset,"
                f" not {AFTER_RESET:#06x}"
            )
        self._chip.write(CALIBRATION, self._calibration | 1)
        if (calibration := self._chip.read(CALIBRATION)) != self._calibration:
            raise WrongDevice(
                f"{self._chip.where}: calibration {calibration:#06x} after writing"
                f" {self._calibration | 1:#06x}, not {self._calibration:#06x}"
            )
