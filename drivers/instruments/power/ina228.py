"""TI INA228, 85 V 20-bit power monitor on I²C. Datasheet: TI SBOS886 (automotive: SLYS022)."""

from drivers.buses import I2cBus, Time
from drivers.capabilities import Identity, Power, PowerMeter
from drivers.errors import BadReply, NoReply, WrongDevice
from drivers.languages.registers import Chip, Register

CONFIG = Register(0x00)
ADC_CONFIG = Register(0x01)
SHUNT_CAL = Register(0x02)
VSHUNT = Register(0x04, size=3, shift=4, signed=True)
VBUS = Register(0x05, size=3, shift=4, signed=True)
CURRENT = Register(0x07, size=3, shift=4, signed=True)
DIAG_ALRT = Register(0x0B)
MANUFACTURER_ID = Register(0x3E)
DEVICE_ID = Register(0x3F)

TEXAS_INSTRUMENTS = 0x5449
DIE = 0x228  # "DEVICE_ID Register", without the revision in the low four bits

RESET = 0x8000  # "CONFIG Register", RST
TRIGGERED = 0x3B68  # bus and shunt once, 1052 µs each
LATCH = 0x8000  # "DIAG_ALRT Register", ALATCH: the ready flag stays until it is read
MATH_OVERFLOW = 0x0200  # MATHOF
CONVERSION_READY = 0x0002  # CNVRF
MEMORY_GOOD = 0x0001  # MEMSTAT

VBUS_LSB_V = 195.3125e-6  # "VBUS Register"
SHUNT_RANGE_V = 0.16384  # "CONFIG Register", ADCRANGE = 0
SHUNT_CAL_SCALE = 13107.2e6  # "SHUNT_CAL Register"
FULL_SCALE = 2**19 - 1

CONVERSION_S = 1052e-6
SLOWEST = 1.1
AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)  # "ADC_CONFIG Register", AVG


class Ina228(PowerMeter):
    """Measures the rail that runs through its shunt: 0 to 85 V, up to ±163.84 mV across it.

    Each reading is one triggered conversion of shunt and bus, averaged over `averages` samples
    (2 × 1.05 ms each), so that voltage and current belong together; the power is their product,
    with the current's sign, which the chip's own power register does not have.

    Raises `ValueError` for a shunt outside 0.1 mΩ to 10 Ω, `WrongDevice` when something else
    answers.
    """

    resolution_v = VBUS_LSB_V
    max_v = 85.0  # "Recommended Operating Conditions"

    def __init__(
        self,
        bus: I2cBus,
        address: int = 0x40,
        *,
        time: Time,
        shunt_ohm: float,
        averages: int = 16,
    ) -> None:
        if not 0.0001 <= shunt_ohm <= 10:
            raise ValueError(f"INA228: a shunt of {shunt_ohm} Ω is outside 0.0001…10 Ω")
        if averages not in AVERAGES:
            raise ValueError(f"INA228: {averages} averages, not one of {list(AVERAGES)}")
        self._current_lsb_a = SHUNT_RANGE_V / shunt_ohm / 2**19
        self.resolution_a, self.max_a = self._current_lsb_a, SHUNT_RANGE_V / shunt_ohm
        self._shunt_cal = round(SHUNT_CAL_SCALE * self._current_lsb_a * shunt_ohm)
        self._adc_config = TRIGGERED | AVERAGES.index(averages)
        self._conversion_s = 2 * averages * CONVERSION_S * SLOWEST
        self._time = time
        self._chip = Chip(bus, address, "INA228")
        maker, die = self._chip.read(MANUFACTURER_ID), self._chip.read(DEVICE_ID)
        if maker != TEXAS_INSTRUMENTS or die >> 4 != DIE:
            raise WrongDevice(
                f"{self._chip.where}: manufacturer {maker:#06x}, device {die:#06x},"
                f" not {TEXAS_INSTRUMENTS:#06x}, {DIE << 4:#06x}"
            )
        self._chip.write(CONFIG, RESET)
        self._set_up()
        self.identity = Identity("Texas Instruments", "INA228", firmware=f"revision {die & 0xF}")

    def read(self) -> Power:
        """One averaged sample in volts, amperes and watts.

        Raises `BadReply` when the shunt or the bus is beyond the chip's range, or when the chip
        loses its settings in two samples running; `NoReply` when the conversion does not end.
        """
        for _ in range(2):
            if (sample := self._sample()) is not None:
                return sample
            self._set_up()
        raise BadReply(
            f"{self._chip.where}: lost its settings in two samples running (ADC_CONFIG"
            f" {self._chip.read(ADC_CONFIG):#06x}, wrote {self._adc_config:#06x}): is its supply"
            " stable?"
        )

    def _set_up(self) -> None:
        self._chip.write(SHUNT_CAL, self._shunt_cal)
        self._chip.write(DIAG_ALRT, LATCH)

    def _sample(self) -> Power | None:
        """None when the settings did not survive the sample."""
        self._chip.write(ADC_CONFIG, self._adc_config)
        flags = self._wait()
        shunt = self._chip.read(VSHUNT)
        bus = self._chip.read(VBUS)
        current = self._chip.read(CURRENT)
        # SHUNT_CAL resets to the very value this driver needs, ADC_CONFIG and the latch do not.
        settings = self._chip.read(ADC_CONFIG), self._chip.read(SHUNT_CAL), flags & LATCH
        if settings != (self._adc_config, self._shunt_cal, LATCH):
            return None
        if not flags & CONVERSION_READY:
            raise NoReply(f"{self._chip.where}: no conversion ready, DIAG_ALRT {flags:#06x}")
        if not flags & MEMORY_GOOD:
            raise BadReply(f"{self._chip.where}: trim memory damaged, DIAG_ALRT {flags:#06x}")
        if flags & MATH_OVERFLOW or not -FULL_SCALE <= shunt < FULL_SCALE:
            raise BadReply(
                f"{self._chip.where}: beyond ±163.84 mV across the shunt (DIAG_ALRT {flags:#06x},"
                f" VSHUNT {shunt} × 312.5 nV)"
            )
        if bus >= FULL_SCALE:
            raise BadReply(f"{self._chip.where}: bus beyond 102.4 V (VBUS {bus:#x})")
        voltage_v, current_a = bus * VBUS_LSB_V, current * self._current_lsb_a
        return Power(voltage_v, current_a, voltage_v * current_a)

    def _wait(self) -> int:
        """DIAG_ALRT, once the conversion is ready or overdue; reading it clears the ready flag."""
        self._time.sleep(self._conversion_s)
        for _ in range(10):
            if (flags := self._chip.read(DIAG_ALRT)) & CONVERSION_READY:
                return flags
            self._time.sleep(self._conversion_s / 10)
        return flags
