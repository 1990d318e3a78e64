"""A simulated Riden RD60xx supply. From the register map in ShayBox/Riden, not from the driver."""

from drivers.sim.languages.modbus import ILLEGAL_ADDRESS, ModbusException, SimulatedModbusRtu
from drivers.sim.world import Circuit

COUNTS_PER = {  # volt, ampere, watt and the most amperes, by the first four digits of the id
    6006: (100, 1000, 100, 6.0),
    6012: (100, 100, 100, 12.0),
    6018: (100, 100, 100, 18.0),
    6024: (100, 100, 100, 24.0),
}
COUNTS_PER_P = {  # the P models, by id and current range
    (60065, 0): (1000, 10000, 1000, 6.0),
    (60125, 0): (1000, 10000, 1000, 6.0),
    (60125, 1): (1000, 1000, 1000, 12.0),
}
MOST_V = 60.0

PRESETS = 80
PRESET_SIZE = 4

LIMITING_OHM = 1e6  # how steeply the voltage falls once the current reaches its limit


class Output:
    """The supply's terminals: constant voltage up to the limit, constant current at it."""

    def __init__(self) -> None:
        self.on = False
        self.voltage_v = 0.0
        self.limit_a = 0.0

    def voltage_at(self, current_a: float) -> float:
        if not self.on:
            return 0.0
        excess_a = max(0.0, current_a - self.limit_a)
        return max(0.0, self.voltage_v - LIMITING_OHM * excess_a)


class SimulatedRd60xx(SimulatedModbusRtu):
    """Becomes the source of `circuit`. Its state outlives its driver, as on a real supply.

    Not documented, and assumed here: a set value beyond the model's is acknowledged and not taken,
    a register that does not exist is exception 2, and switching on clears what had tripped.
    Protection is looked at whenever the supply is asked something.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        model_id: int = 60062,
        serial_number: int = 12345,
        firmware: int = 128,
        unit: int = 1,
        input_voltage_v: float = 65.0,
        current_range: int = 0,
    ) -> None:
        super().__init__(unit)
        self.output = Output()
        self._circuit = circuit
        circuit.source = self.output
        self._input_voltage_v = input_voltage_v
        self._registers = dict.fromkeys([*range(21), *range(32, 42), *range(48, 73)], 0)
        self._registers |= dict.fromkeys(range(PRESETS, PRESETS + 10 * PRESET_SIZE), 0)
        self._registers[0] = model_id
        self._registers[1], self._registers[2] = divmod(serial_number, 1 << 16)
        self._registers[3] = firmware
        self._registers[5], self._registers[7] = 27, 80  # degrees Celsius, Fahrenheit
        self._registers[20] = current_range
        per_volt, per_ampere, _, most_a = self._counts_per
        for preset in range(10):
            self._registers |= dict(
                enumerate(
                    [
                        5 * per_volt,
                        round(most_a * per_ampere),
                        62 * per_volt,
                        round((most_a + 0.2) * per_ampere),
                    ],
                    PRESETS + PRESET_SIZE * preset,
                )
            )
        self._load_preset(0)
        self.calibration = tuple(range(8))

    @property
    def _counts_per(self) -> tuple[int, int, int, float]:
        model_id = self._registers[0]
        precise = COUNTS_PER_P.get((model_id, self._registers[20]))
        return precise or COUNTS_PER[model_id // 10]

    @property
    def calibration(self) -> tuple[int, ...]:
        return tuple(self._registers[register] for register in range(55, 63))

    @calibration.setter
    def calibration(self, values: tuple[int, ...]) -> None:
        self._registers |= dict(enumerate(values, 55))

    def read_holding(self, first: int, count: int) -> list[int]:
        self._measure()
        try:
            return [self._registers[register] for register in range(first, first + count)]
        except KeyError as missing:
            raise ModbusException(ILLEGAL_ADDRESS) from missing

    def write_holding(self, first: int, values: list[int]) -> None:
        self._measure()
        for register, value in enumerate(values, first):
            if register not in self._registers:
                raise ModbusException(ILLEGAL_ADDRESS)
            self._take(register, value)
        self._apply()

    def _take(self, register: int, value: int) -> None:
        per_volt, per_ampere, _, most_a = self._counts_per
        match register:
            case 8 | 80:
                if value <= MOST_V * per_volt:
                    self._registers[8] = self._registers[80] = value
            case 9 | 81:
                if value <= round(most_a * per_ampere):
                    self._registers[9] = self._registers[81] = value
            case 18:
                self._registers[18] = int(value != 0)
                self._registers[16] = 0
            case 19:
                if value < 10:
                    self._load_preset(value)
            case 20:
                if (self._registers[0], value) in COUNTS_PER_P:
                    self._registers[20] = value
            case _ if register == 15 or register >= 48:
                self._registers[register] = value

    def _load_preset(self, preset: int) -> None:
        start = PRESETS + PRESET_SIZE * preset
        for offset in range(PRESET_SIZE):
            self._registers[PRESETS + offset] = self._registers[start + offset]
        self._registers[8], self._registers[9] = self._registers[80], self._registers[81]

    def _apply(self) -> None:
        per_volt, per_ampere, _, _ = self._counts_per
        self.output.voltage_v = min(self._registers[8] / per_volt, self._input_voltage_v)
        self.output.limit_a = self._registers[9] / per_ampere
        self.output.on = self._registers[18] == 1

    def _measure(self) -> None:
        self._apply()
        per_volt, per_ampere, per_watt, _ = self._counts_per
        voltage_v, current_a = self._circuit.solve()
        tripped = self._tripped(voltage_v, current_a)
        if tripped:
            self._registers[16], self._registers[18] = tripped, 0
            self._apply()
            voltage_v, current_a = self._circuit.solve()
        limiting = self.output.on and current_a >= self.output.limit_a
        self._registers[10] = round(voltage_v * per_volt)
        self._registers[11] = round(current_a * per_ampere)
        self._registers[12], self._registers[13] = divmod(
            round(voltage_v * current_a * per_watt), 1 << 16
        )
        self._registers[14] = round(self._input_voltage_v * 100)
        self._registers[17] = int(limiting)

    def _tripped(self, voltage_v: float, current_a: float) -> int:
        per_volt, per_ampere, _, _ = self._counts_per
        if not self.output.on:
            return 0
        if voltage_v > self._registers[82] / per_volt:
            return 1
        if current_a > self._registers[83] / per_ampere:
            return 2
        return 0
