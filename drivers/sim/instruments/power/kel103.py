"""A simulated Korad KEL103 load. From "Communication Commands with Computer", not from the driver.

And from what firmware V3.30 was seen to do: words are case-sensitive where the book is not, values
need their unit, what is not understood is ignored, and what is above a limit is clipped to it.
"""

import re
from collections.abc import Callable

from drivers.buses import Time
from drivers.sim.instruments.power.scpi_load import LoadInput
from drivers.sim.languages.scpi import Call, SimulatedScpi
from drivers.sim.world import Circuit, SimulatedTime

FUNCTIONS = ("CC", "CV", "CR", "CW", "SHORt")


class BatterySlot:
    """One stored battery test, as given: range A, current A, cut-off V, AH and M."""

    UNITS = ("A", "A", "V", "AH", "M")

    def __init__(self, values: tuple[float, ...]) -> None:
        self.range_a, self.current_a, self.cutoff_v, self.cutoff_ah, self.cutoff_min = values
        self.values = values

    def __str__(self) -> str:
        return ",".join(
            f"{value:6.3f}{unit}" for value, unit in zip(self.values, self.UNITS, strict=True)
        )


class SimulatedKel103(SimulatedScpi):
    """Becomes a sink of `circuit`. `time` moves the battery test on."""

    def __init__(
        self,
        circuit: Circuit,
        *,
        time: Time | None = None,
        identity: str = "KORAD-KEL103 V3.30 SN:00022116",
    ) -> None:
        self.input = LoadInput(circuit, max_v=120.0, max_a=30.0, max_w=300.0)
        self.limits = {
            "V": [0.1, 120.0],
            "A": [0.0, 30.0],
            "OHM": [0.05, 7500.0],
            "W": [0.0, 300.0],
        }
        self.function = "CC"
        self.battery_min = 0.0
        self.battery_ah = 0.0
        self._slots: dict[int, BatterySlot] = {}
        self._recalled: BatterySlot | None = None
        self._time = time or SimulatedTime()
        self._seen_s = self._time.monotonic()
        super().__init__(identity, self._by_the_book())

    def obey(self, line: bytes) -> bytes:
        self._pass_time()
        self.input.protect()
        return super().obey(line)

    def complain(self, code: int) -> None:
        """Ignore an error, for the instrument has no error queue."""

    def _by_the_book(self) -> dict[str, Callable[[Call], str | None]]:
        return {
            "FUNCtion": self._set_function,
            "FUNCtion?": lambda call: self.function,
            "INPut": self._switch,
            "INPut?": lambda call: "ON" if self.input.on else "OFF",
            **self._level("VOLTage", "CV", "V"),
            **self._level("CURRent", "CC", "A"),
            **self._level("RESistance", "CR", "OHM"),
            **self._level("POWer", "CW", "W"),
            "MEASure:VOLTage?": lambda call: self._digits(self._solve()[0]) + "V",
            "MEASure:CURRent?": lambda call: self._digits(self._solve()[1]) + "A",
            "MEASure:POWer?": lambda call: self._digits(self._solve()[0] * self._solve()[1]) + "W",
            "BATTery": self._store_battery,
            "BATTery:TIM?": lambda call: self._digits(self.battery_min) + "M",
            "BATTery:CAP?": lambda call: self._digits(self.battery_ah) + "AH",
            "RCL:BATTery": self._recall_battery,
            "RCL:BATTery?": lambda call: str(self._recalled) if self._recalled else None,
            "SYSTem:BAUD?": lambda call: "115200",
        }

    def _level(self, word: str, mode: str, unit: str) -> dict[str, Callable[[Call], str | None]]:
        limits = self.limits[unit]
        most = limits[1]

        def set_level(call: Call) -> None:
            if (value := self._value(call.argument(), unit)) is not None:
                self.input.levels[mode] = min(max(value, limits[0]), limits[1])
                self.function = self.input.mode = mode

        def set_limit(call: Call) -> None:
            if (value := self._value(call.argument(), unit)) is not None:
                limits[1] = min(value, most)

        def ask_level(call: Call) -> str | None:
            return None if call.arguments else self._digits(self.input.levels[mode]) + unit

        return {
            word: set_level,
            f"{word}?": ask_level,
            f"{word}:UPPer": set_limit,
            f"{word}:UPPer?": lambda call: self._digits(limits[1]) + unit,
            f"{word}:LOWer?": lambda call: self._digits(limits[0]) + unit,
        }

    def _value(self, text: str, unit: str) -> float | None:
        match = re.fullmatch(rf"(\d+\.?\d*){unit}", text)
        return float(match[1]) if match else None

    def _digits(self, value: float) -> str:
        """Five digits, of which at least one is a fraction."""
        whole = len(str(int(value)))
        return f"{value:.{max(1, 5 - whole)}f}"

    def _solve(self) -> tuple[float, float]:
        voltage_v = self.input.circuit.voltage_v
        return voltage_v, self.input.current_at(voltage_v)

    def _set_function(self, call: Call) -> None:
        if call.argument() in FUNCTIONS:
            self.function = self.input.mode = call.argument()

    def _switch(self, call: Call) -> None:
        on = call.boolean()
        if on and not self.input.on and self.function == "BATTERY":
            self.battery_min = self.battery_ah = 0.0
        self.input.on = on

    def _store_battery(self, call: Call) -> None:
        slot, *given = call.arguments
        values = [
            self._value(text, unit) for text, unit in zip(given, BatterySlot.UNITS, strict=False)
        ]
        known = tuple(value for value in values if value is not None)
        if slot.isdigit() and 1 <= int(slot) <= 10 and len(known) == len(BatterySlot.UNITS):
            self._slots[int(slot)] = BatterySlot(known)

    def _recall_battery(self, call: Call) -> None:
        slot = self._slots.get(int(call.number(1, 10)))
        if slot is not None:
            self._recalled = slot
            self.function = self.input.mode = "BATTERY"
            self.input.levels["BATTERY"] = min(slot.current_a, slot.range_a)

    def _pass_time(self) -> None:
        now_s = self._time.monotonic()
        passed_s, self._seen_s = now_s - self._seen_s, now_s
        test = self._recalled
        if test is None or self.function != "BATTERY" or not self.input.on:
            return
        voltage_v, current_a = self._solve()
        left_s = (test.cutoff_min - self.battery_min) * 60
        if current_a > 0:
            left_s = min(left_s, (test.cutoff_ah - self.battery_ah) * 3600 / current_a)
        if voltage_v <= test.cutoff_v:
            left_s = 0.0
        run_s = min(passed_s, left_s)
        self.battery_min += run_s / 60
        self.battery_ah += current_a * run_s / 3600
        self.input.on = run_s < left_s
