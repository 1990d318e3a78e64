"""TI INA260, 36 V 16-bit power monitor with a ±15 A shunt inside, on I²C. Datasheet: TI SBOS656."""

from typing import Annotated

from drivers.buses import I2cBus, Time
from drivers.instruments.power.ina import (
    COUNTS,
    Address,
    InaAccuracy,
    InaChip,
    InaIdentity,
    InaMeter,
    InaScale,
)
from drivers.languages.registers import Register
from drivers.wiring import OneOf

AVERAGES = {number: n << 9 for n, number in enumerate(COUNTS)}  # "Configuration Register", AVG
CURRENT = Register(0x01, signed=True)
CURRENT_LSB_A = 1.25e-3  # "Current Register"
SHUNT_OHM = 0.002  # "Integrated Shunt Resistor"
MAX_A = 15.0  # "Recommended Operating Conditions", continuous

CHIP = InaChip(
    model="INA260",
    max_v=36.0,
    identity=InaIdentity(Register(0xFE), Register(0xFF), 0x227),
    configuration=Register(0x00),
    triggered=0x6123,  # 1.1 ms for current and bus, both once; bits 14 and 13 are always set
    averages=AVERAGES,
    conversion_s=2 * 1.1e-3 * 1.1,  # it may be 10 % longer: "Electrical Characteristics"
    flags=Register(0x06),
    flags_name="register 0x06",
    ready=0x0008,  # "Mask/Enable Register", CVRF
    overflow=0x0004,  # OVF: of the power register, which is full at 655 W
    bus=Register(0x02, signed=True),
    bus_lsb_v=1.25e-3,
    bus_beyond=0x7FFF,
    shunt=CURRENT,
    shunt_lsb_v=CURRENT_LSB_A * SHUNT_OHM,
    shunt_range_v=MAX_A * SHUNT_OHM,
    shunt_beyond=round(MAX_A / CURRENT_LSB_A) + 1,
    current=CURRENT,
    accuracy_of='SBOS656C, "Electrical Characteristics"; the bus offset is not known here',
    # "Current sense offset": 5 mA and 50 µA/K, told in amperes and not across the shunt
    shunt_accuracy=InaAccuracy(0.0015, 10e-6, 5e-3 * SHUNT_OHM, 50e-6 * SHUNT_OHM),
)


class Ina260(InaMeter):
    """Measures 0 to 36 V, and up to ±15 A through the 2 mΩ that are inside."""

    chip = CHIP

    def __init__(
        self,
        bus: I2cBus,
        address: Address = 0x40,
        *,
        time: Time,
        averages: Annotated[int, OneOf(COUNTS), "samples in a reading"] = 16,
    ) -> None:
        scale = InaScale(SHUNT_OHM, MAX_A, CURRENT_LSB_A, calibration=0)
        super().__init__(
            bus, address, scale, time=time, averages=averages, shunt_tolerance_percent=0.0
        )
