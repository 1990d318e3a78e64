"""TI INA228, 85 V 20-bit power monitor on I²C. Datasheet: TI SBOS886 (automotive: SLYS022)."""

from typing import Annotated

from drivers.buses import I2cBus, Time
from drivers.instruments.power.ina import (
    COUNTS,
    Address,
    Drift,
    InaAccuracy,
    InaChip,
    InaIdentity,
    InaMeter,
    InaScale,
    Shunt,
    Tolerance,
    check_shunt,
)
from drivers.languages.registers import Register
from drivers.wiring import OneOf

AVERAGES = {number: n for n, number in enumerate(COUNTS)}  # "ADC_CONFIG Register", AVG
FULL_SCALE = 2**19
SHUNT_CAL = 0x1000  # 13107.2e6 × 163.84 mV ÷ 2^19, "SHUNT_CAL Register"; the value after a reset

CHIP = InaChip(
    model="INA228",
    max_v=85.0,
    identity=InaIdentity(Register(0x3E), Register(0x3F), 0x228),
    configuration=Register(0x01),  # "ADC_CONFIG Register"
    triggered=0x3B68,  # bus and shunt once, 1052 µs each
    averages=AVERAGES,
    conversion_s=2 * 1052e-6 * 1.1,
    flags=Register(0x0B),
    flags_name="DIAG_ALRT",
    ready=0x0002,  # "DIAG_ALRT Register", CNVRF
    overflow=0x0200,  # MATHOF
    bus=Register(0x05, size=3, shift=4, signed=True),
    bus_lsb_v=195.3125e-6,  # "VBUS Register"
    bus_beyond=FULL_SCALE - 1,
    shunt=Register(0x04, size=3, shift=4, signed=True),
    shunt_lsb_v=312.5e-9,  # "VSHUNT Register", ADCRANGE = 0
    shunt_range_v=0.16384,
    shunt_beyond=FULL_SCALE - 1,
    current=Register(0x07, size=3, shift=4, signed=True),
    calibration=Register(0x02),
    latch=0x8000,  # ALATCH; other than the calibration it is lost in a brown-out
    intact=0x0001,  # MEMSTAT
    accuracy_of='SBOS886, "Features"; its limits for the bus are not known here',
    shunt_accuracy=InaAccuracy(0.0005, 20e-6, 1e-6, 0.01e-6),
)


class Ina228(InaMeter):
    """Measures 0 to 85 V, and up to ±163.84 mV across the shunt."""

    chip = CHIP

    def __init__(
        self,
        bus: I2cBus,
        address: Address = 0x40,
        *,
        time: Time,
        shunt_ohm: Shunt,
        averages: Annotated[int, OneOf(COUNTS), "samples in a reading"] = 16,
        shunt_tolerance_percent: Tolerance = None,
        shunt_ppm_per_k: Drift = 0.0,
    ) -> None:
        check_shunt(CHIP, shunt_ohm)
        lsb_a = CHIP.shunt_lsb_v / shunt_ohm
        scale = InaScale(shunt_ohm, lsb_a * FULL_SCALE, lsb_a, SHUNT_CAL)
        super().__init__(
            bus,
            address,
            scale,
            time=time,
            averages=averages,
            shunt_tolerance_percent=shunt_tolerance_percent,
            shunt_ppm_per_k=shunt_ppm_per_k,
        )
