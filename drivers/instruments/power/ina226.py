"""TI INA226, 36 V 16-bit power monitor on I²C. Datasheet: TI SBOS547."""

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
    Shunt,
    Tolerance,
    calibrated,
)
from drivers.languages.registers import Register
from drivers.wiring import Between, OneOf

AVERAGES = {number: n << 9 for n, number in enumerate(COUNTS)}  # table "AVG Bit Settings"

CHIP = InaChip(
    model="INA226",
    max_v=36.0,
    identity=InaIdentity(Register(0xFE), Register(0xFF), 0x226),
    configuration=Register(0x00),
    triggered=0x4123,  # 1.1 ms for shunt and bus, both once; bit 14 is always set
    averages=AVERAGES,
    conversion_s=2 * 1.1e-3 * 1.1,  # it may be 10 % longer: "Electrical Characteristics"
    flags=Register(0x06),
    flags_name="register 0x06",
    ready=0x0008,  # "Mask/Enable Register", CVRF
    overflow=0x0004,  # OVF
    bus=Register(0x02, signed=True),
    bus_lsb_v=1.25e-3,
    bus_beyond=0x7FFF,
    shunt=Register(0x01, signed=True),
    shunt_lsb_v=2.5e-6,
    shunt_range_v=0.08192,
    shunt_beyond=0x7FFF,
    current=Register(0x04, signed=True),
    calibration=Register(0x05),
    calibration_mask=0x7FFF,
    calibration_scale=0.00512,  # "Programming", equation 1
    accuracy_of='SBOS547B, "Electrical Characteristics"',
    shunt_accuracy=InaAccuracy(0.001, 50e-6, 10e-6, 0.1e-6),
    bus_accuracy=InaAccuracy(0.001, 50e-6, 7.5e-3, 40e-6),
)


class Ina226(InaMeter):
    """Measures 0 to 36 V, and up to ±`max_a`: between 5.2 and 81.92 mV across the shunt."""

    chip = CHIP

    def __init__(
        self,
        bus: I2cBus,
        address: Address = 0x40,
        *,
        time: Time,
        shunt_ohm: Shunt,
        max_a: Annotated[float, Between(0.0006, 819.0), "the largest current it shall resolve"],
        averages: Annotated[int, OneOf(COUNTS), "samples in a reading"] = 16,
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
