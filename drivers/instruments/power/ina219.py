"""TI INA219, 26 V 12-bit power monitor on I²C. Datasheet: TI SBOS448."""

from typing import Annotated

from drivers.buses import I2cBus, Time
from drivers.errors import WrongDevice
from drivers.instruments.power.ina import (
    RESET,
    Address,
    Drift,
    InaAccuracy,
    InaChip,
    InaMeter,
    Shunt,
    Tolerance,
    calibrated,
)
from drivers.languages.registers import Register
from drivers.wiring import Between, OneOf

CONFIGURATION = Register(0x00)
BUS_VOLTAGE = Register(0x02, shift=3)
CALIBRATION = Register(0x05)
AFTER_RESET = 0x399F  # "Configuration Register"

# "ADC Settings": bit 3 is averaging, the low three bits are the number's logarithm; for the bus in
# bits 10 to 7, for the shunt in bits 6 to 3.
AVERAGES = {2**n: (0b1000 | n) << 7 | (0b1000 | n) << 3 for n in range(8)}

CHIP = InaChip(
    model="INA219",
    max_v=26.0,
    identity=None,
    configuration=CONFIGURATION,
    triggered=0x3803,  # 32 V range, ±320 mV shunt range, shunt and bus once
    averages=AVERAGES,
    conversion_s=2 * 532e-6,  # table "ADC Settings", 12 bits
    flags=Register(BUS_VOLTAGE.address),
    flags_name="register 0x02",
    ready=0x0002,  # "Bus Voltage Register", CNVR
    overflow=0x0001,  # OVF
    bus=BUS_VOLTAGE,
    bus_lsb_v=0.004,
    bus_beyond=8000,
    shunt=Register(0x01, signed=True),
    shunt_lsb_v=10e-6,
    shunt_range_v=0.32,
    shunt_beyond=32000,
    current=Register(0x04, signed=True),
    calibration=CALIBRATION,
    calibration_mask=0xFFFE,  # "Calibration Register": bit 0 cannot be set
    calibration_scale=0.04096,  # "Programming the Calibration Register", equation 1
    accuracy_of="SBOS448G, 7.5, INA219A, over temperature",
    shunt_accuracy=InaAccuracy(0.01, 0.0, 200e-6, 0.1e-6),  # PGA ÷8
    bus_accuracy=InaAccuracy(0.01, 0.0, 0.0, 0.0),
)


class Ina219(InaMeter):
    """Measures 0 to 26 V, and up to ±`max_a`: between 20.5 and 320 mV across the shunt.

    The chip has no identity register. It is told by what its neighbours at these addresses do not
    do: come out of a reset as 0x399F, with a calibration register whose bit 0 cannot be set.
    """

    chip = CHIP

    def __init__(
        self,
        bus: I2cBus,
        address: Address = 0x40,
        *,
        time: Time,
        shunt_ohm: Shunt,
        max_a: Annotated[float, Between(0.002, 3200.0), "the largest current it shall resolve"],
        averages: Annotated[int, OneOf(tuple(AVERAGES)), "samples in a reading"] = 16,
        shunt_tolerance_percent: Tolerance = None,
        shunt_ppm_per_k: Drift = 0.0,
    ) -> None:
        super().__init__(
            bus,
            address,
            calibrated(CHIP, shunt_ohm, max_a),
            time=time,
            averages=averages,
            shunt_tolerance_percent=shunt_tolerance_percent,
            shunt_ppm_per_k=shunt_ppm_per_k,
        )

    def _identify(self) -> str:
        """Refuse strangers before anything is written: a reset would start a PCA9685's outputs."""
        at = self._at
        if [at.read_bytes(r, 1)[0] for r in (2, 3, 4)] == [0xE2, 0xE4, 0xE8]:
            raise WrongDevice(f"{at.where}: registers 2 to 4 read e2 e4 e8, looks like a PCA9685")
        for register, family in ((0xFE, "INA226 or INA260"), (0x3E, "INA228")):
            if at.read_bytes(register, 2) == b"TI":
                raise WrongDevice(
                    f"{at.where}: register {register:#04x} reads 'TI', as of {family}"
                )
        if (configuration := at.read(CONFIGURATION)) & 0xC000:
            raise WrongDevice(
                f"{at.where}: configuration {configuration:#06x}, bits 15 and 14 not 0"
            )
        return ""

    def _reset(self) -> None:
        self._at.write(CONFIGURATION, RESET)
        if (configuration := self._at.read(CONFIGURATION)) != AFTER_RESET:
            raise WrongDevice(
                f"{self._at.where}: configuration {configuration:#06x} after a reset,"
                f" not {AFTER_RESET:#06x}"
            )
        wanted = self._scale.calibration
        self._at.write(CALIBRATION, wanted | 1)
        if (calibration := self._at.read(CALIBRATION)) != wanted:
            raise WrongDevice(
                f"{self._at.where}: calibration {calibration:#06x} after writing"
                f" {wanted | 1:#06x}, not {wanted:#06x}"
            )
