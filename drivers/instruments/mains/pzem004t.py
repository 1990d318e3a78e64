"""Peacefair PZEM-004T v3.0, mains energy meter: Modbus RTU at 9600 baud, 5 V TTL, isolated.

"PZEM-004T V3.0 User Manual": measuring ranges in section 1, registers in 2.3 and 2.4, then "Reset
energy". Function 0x41, calibration, is not offered: it cannot be undone.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from drivers.buses import ByteStream, Time
from drivers.capabilities import Identity, MainsMeter, MainsPower
from drivers.errors import BadReply, Refused, WrongDevice
from drivers.languages.modbus import ModbusRtu
from drivers.uncertain import LIMIT, Accuracy, Ranges, Term
from drivers.wiring import Between, OneOf

MEASUREMENT = 0  # "2.3 Read the measurement result"; input registers, low word first
MEASUREMENT_SIZE = 10
OWN_ADDRESS = 2  # "2.4 Read and modify the slave parameters"; a holding register
RESET_ENERGY = 0x42

GENERAL_ADDRESS = 0xF8  # "2.2": any unit answers to it, so there may be only one on the line
RANGES_A = (10.0, 100.0)  # "1.2": with its shunt, and with a transformer

ATTEMPTS = 2  # of a question whose answer is damaged; without its mains it is silent for long

POLL_S = 0.2  # it measures five times a second (mandulaj/PZEM-004T-v30, UPDATE_TIME)

HALF_A_PER_CENT = (Term(LIMIT, gain=0.005),)  # "1.1" to "1.6": accuracy of V, A, W and Hz
PLACE = "PZEM-004T V3.0 User Manual, 1"
ACCURACIES: Mapping[str, Ranges] = {
    "voltage_v": (Accuracy(PLACE, HALF_A_PER_CENT, 0.1),),
    "current_a": (Accuracy(PLACE, HALF_A_PER_CENT, 0.001),),
    "power_w": (Accuracy(PLACE, HALF_A_PER_CENT, 0.1),),
    "frequency_hz": (Accuracy(PLACE, HALF_A_PER_CENT, 0.1),),
    "power_factor": (Accuracy(PLACE, (Term(LIMIT, gain=0.01),), 0.01),),
}


class Pzem004t(MainsMeter):
    """Measures the mains power of what is connected to its terminals.

    It is fed by the mains that it measures: below 80 V it is dead and everything is `NoReply`, also
    its construction. It begins to measure at 0.4 W and at 0.01 A (0.02 A with the transformer of
    the 100 A version) and reads 0 below, so it cannot judge the no-load power of an adapter.

    `range_a` is 10 for the version with the built-in shunt and 100 for the one with the
    transformer; nothing on the wire tells them apart. A reading above it is a `BadReply`, for the
    meter goes on counting where its accuracy has ended.

    Raises `WrongDevice` on construction when what answers does not know its own address.
    """

    BAUDRATE = 9600

    power_resolution_w = 0.1

    def __init__(
        self,
        line: ByteStream,
        *,
        address: Annotated[
            int,
            Between(1, GENERAL_ADDRESS),
            "Modbus address; 248 reaches any single one on the line",
        ] = GENERAL_ADDRESS,
        range_a: Annotated[
            float, OneOf(RANGES_A), "10 with its own shunt, 100 with a transformer"
        ] = 100.0,
        time: Time,
    ) -> None:
        if not 1 <= address <= GENERAL_ADDRESS:
            raise ValueError(f"PZEM-004T: address {address:#04x} is outside 0x01…0xf8")
        if range_a not in RANGES_A:
            known = " or ".join(f"{one:g}" for one in RANGES_A)
            raise ValueError(f"PZEM-004T: its range is {known} A, not {range_a}")
        self._modbus = ModbusRtu(
            line,
            address,
            "PZEM-004T",
            time=time,
            silence_s=POLL_S,
            attempts=ATTEMPTS,
            again_after_silence=False,
        )
        self._range_a = range_a
        try:
            (own,) = self._modbus.read_holding(OWN_ADDRESS, 1)
        except Refused as refused:
            raise WrongDevice(f"expected a PZEM-004T: {refused}") from refused
        expected = range(1, GENERAL_ADDRESS + 1) if address == GENERAL_ADDRESS else (address,)
        if own not in expected:
            raise WrongDevice(
                f"{self._modbus.where}: register {OWN_ADDRESS}, its address, holds {own:#06x}"
            )
        self.identity = Identity("Peacefair", "PZEM-004T v3.0")

    @classmethod
    def accuracies(cls, settings: Mapping[str, Any]) -> Mapping[str, Ranges]:
        """Return what the manual says."""
        return ACCURACIES

    def read_mains(self) -> MainsPower:
        """Return RMS volts and amperes, active watts, hertz and power factor of one sample."""
        registers = self._read()
        current_a = (registers[1] | registers[2] << 16) / 1000
        if current_a > self._range_a:
            raise BadReply(
                f"{self._modbus.where}: {current_a} A is beyond its range of {self._range_a} A"
            )
        return MainsPower(
            voltage_v=self.lift("voltage_v", registers[0] / 10),
            current_a=self.lift("current_a", current_a),
            power_w=self.lift("power_w", (registers[3] | registers[4] << 16) / 10),
            frequency_hz=self.lift("frequency_hz", registers[7] / 10),
            power_factor=self.lift("power_factor", registers[8] / 100),
        )

    def read_energy_wh(self) -> float:
        """Return the active energy in watt-hours since the last reset, also across power cuts."""
        registers = self._read()
        return float(registers[5] | registers[6] << 16)

    def reset_energy(self) -> None:
        """Begin to count the energy anew."""
        self._modbus.command(RESET_ENERGY)

    def _read(self) -> tuple[int, ...]:
        return self._modbus.read_input(MEASUREMENT, MEASUREMENT_SIZE)
