"""Simulated electronic loads that speak SCPI. From the programming guides, not from the driver.

Rigol DL3000 programming guide, a DL3021; Siglent SDL1000X programming guide, an SDL1020X-E.
"""

from collections.abc import Callable, Mapping

from drivers.sim.languages.scpi import Call, SimulatedScpi
from drivers.sim.world import Circuit

ON_RESISTANCE_OHM = 0.02
VOLTAGE_LOOP_A_PER_V = 1e4
REGULATED_A = 1e-9
MOST_ROUNDS = 500


class LoadInput:
    """The input of a load in any of its modes. A `world.Sink`.

    The contract of a sink wants a current that never falls as the voltage rises; constant power
    does the opposite. So it does what the instrument does: it regulates. It looks for the current
    that makes the power right, and to the rest of the circuit it is that constant current, until
    the rest of the circuit is seen to have changed.
    """

    def __init__(self, circuit: Circuit, *, max_v: float, max_a: float, max_w: float) -> None:
        self.circuit = circuit
        self.max_v = max_v
        self.max_a = max_a
        self.max_w = max_w
        self.on = False
        self.mode = "CC"
        self.levels = {"CC": 0.0, "CV": max_v, "CR": 1000.0, "CW": 0.0}
        self._regulated_a = 0.0
        self._regulating = False
        self._seen: tuple[float, ...] = ()
        circuit.sinks.append(self)

    def current_at(self, voltage_v: float) -> float:
        if not self.on or voltage_v <= 0:
            return 0.0
        match self.mode:
            case "CC" | "BATTERY":
                wanted_a = self.levels[self.mode]
            case "CV":
                wanted_a = max(0.0, voltage_v - self.levels["CV"]) * VOLTAGE_LOOP_A_PER_V
            case "CR":
                wanted_a = voltage_v / self.levels["CR"]
            case "CW":
                wanted_a = self._constant_power_a()
            case _:
                wanted_a = self.max_a  # short circuit
        return min(wanted_a, voltage_v / ON_RESISTANCE_OHM, self.max_a)

    def protect(self) -> None:
        """Switches itself off when it is asked to burn more than it can."""
        if self.on:
            voltage_v = self.circuit.voltage_v
            power_w = voltage_v * self.current_at(voltage_v)
            self.on = voltage_v <= self.max_v * 1.05 and power_w <= self.max_w * 1.05

    def _constant_power_a(self) -> float:
        if not self._regulating:
            self._regulating = True
            try:
                if self._look() != self._seen:
                    self._regulate()
                    self._seen = self._look()
            finally:
                self._regulating = False
        return self._regulated_a

    def _look(self) -> tuple[float, ...]:
        """Enough of the rest of the circuit to notice that it has changed."""
        if (source := self.circuit.source) is None:
            return (self.levels["CW"],)
        probes_a = (0.0, self._regulated_a / 2, self._regulated_a, self._regulated_a * 1.1)
        volts = [source.voltage_at(probe_a) for probe_a in probes_a]
        others = [sink for sink in self.circuit.sinks if sink is not self]
        amps = [sink.current_at(volts[0] * part) for sink in others for part in (0.5, 1.0)]
        return (self.levels["CW"], *volts, *amps)

    def _regulate(self) -> None:
        """From no load upwards: finds the operating point on the high-voltage side."""
        self._regulated_a = 0.0
        for _ in range(MOST_ROUNDS):
            voltage_v = self.circuit.voltage_v
            needed_a = min(self.levels["CW"] / max(voltage_v, 1e-9), self.max_a)
            if abs(needed_a - self._regulated_a) < REGULATED_A:
                break
            self._regulated_a = needed_a


class SimulatedScpiLoad(SimulatedScpi):
    """`guide` names the book it behaves by: `rigol-dl3000` or `siglent-sdl1000`.

    The Rigol comes as somebody left it, in its low current range, and sends a piece of what else
    is in its buffer after some answers; `remnant` is that piece. The Siglent has no error queue
    and ignores what is out of range.
    """

    def __init__(
        self, circuit: Circuit, guide: str = "rigol-dl3000", *, remnant: bytes = b"0"
    ) -> None:
        match guide:
            case "rigol-dl3000":
                identity = "RIGOL TECHNOLOGIES,DL3021,DL3A204800938,00.01.05.00.01"
                most_a, low_range_a, self._least_ohm, self._most_ohm = 40.0, 4.0, 0.08, 15000.0
            case "siglent-sdl1000":
                identity = "Siglent Technologies,SDL1020X-E,SDL13GCC7R0028,1.1.1.22"
                most_a, low_range_a, self._least_ohm, self._most_ohm = 30.0, 5.0, 0.03, 10000.0
            case _:
                raise ValueError(f"there is no guide {guide!r}")
        self._rigol = guide == "rigol-dl3000"
        super().__init__(identity, self._commands_by_the_book())
        self.input = LoadInput(circuit, max_v=150.0, max_a=most_a, max_w=200.0)
        self._low_range_a = low_range_a
        self.range_a = low_range_a
        self._remnant = remnant if self._rigol else b""
        self._leaks = False

    def obey(self, line: bytes) -> bytes:
        self.input.protect()
        self._leaks = False
        return super().obey(line)

    def framed(self, answer: str) -> bytes:
        return super().framed(answer) + (self._remnant if self._leaks else b"")

    def complain(self, code: int) -> None:
        if self._rigol:
            super().complain(code)

    def _commands_by_the_book(self) -> Mapping[str, Callable[[Call], str | None]]:
        errors: dict[str, Callable[[Call], str | None]] = {"SYSTem:ERRor?": self.next_error}
        own: dict[str, Callable[[Call], str | None]]
        if self._rigol:
            own = errors | {
                "[SOURce:]FUNCtion:MODE": self._set_regulation,
                "[SOURce:]CURRent:RANGe": self._set_range,
                "[SOURce:]CURRent:RANGe?": lambda call: f"{self.range_a:.6f}",
                "[SOURce:]VOLTage:RANGe": lambda call: None,
            }
        else:
            own = {
                "[SOURce:]CURRent:IRANGe": self._set_range,
                "[SOURce:]CURRent:IRANGe?": lambda call: f"{self.range_a:.3f}",
            }
        return own | {
            "[SOURce:]FUNCtion": self._set_function,
            "[SOURce:]FUNCtion?": self._ask_function,
            "[SOURce:]INPut[:STATe]": self._switch,
            "[SOURce:]INPut[:STATe]?": lambda call: str(int(self.input.on)),
            **self._level("CURRent", "CC", lambda: (0.0, self.range_a)),
            **self._level("VOLTage", "CV", lambda: (0.0, self.input.max_v)),
            **self._level("RESistance", "CR", lambda: (self._least_ohm, self._most_ohm)),
            **self._level("POWer", "CW", lambda: (0.0, self.input.max_w)),
            "MEASure[:SCALar]:VOLTage[:DC]?": lambda call: self._measured(self._solve()[0]),
            "MEASure[:SCALar]:CURRent[:DC]?": lambda call: self._measured(self._solve()[1]),
            "MEASure[:SCALar]:POWer[:DC]?": lambda call: self._measured(
                self._solve()[0] * self._solve()[1]
            ),
        }

    def _level(
        self, word: str, mode: str, limits: Callable[[], tuple[float, float]]
    ) -> dict[str, Callable[[Call], str | None]]:
        header = f"[SOURce:]{word}[:LEVel][:IMMediate]"

        def set_level(call: Call) -> None:
            self.input.levels[mode] = call.number(*limits())

        def ask_level(call: Call) -> str:
            if call.arguments:
                word = call.choice({"MINimum": "0", "MAXimum": "1"})
                return f"{limits()[int(word)]:.6f}"
            return self._measured(self.input.levels[mode])

        return {header: set_level, header + "?": ask_level}

    def _solve(self) -> tuple[float, float]:
        voltage_v = self.input.circuit.voltage_v
        return voltage_v, self.input.current_at(voltage_v)

    def _measured(self, value: float) -> str:
        self._leaks = True
        return f"{value:.6f}"

    def _set_range(self, call: Call) -> None:
        value_a = call.number(0.0, self.input.max_a)
        self.range_a = self.input.max_a if value_a > self._low_range_a else self._low_range_a

    def _set_regulation(self, call: Call) -> None:
        modes = ["FIXed", "LIST", "WAVe", "BATTery", "OCP", "OPP"]
        call.choice(dict.fromkeys(modes, ""))

    def _set_function(self, call: Call) -> None:
        words = {"CURRent": "CC", "VOLTage": "CV", "RESistance": "CR", "POWer": "CW"}
        if self._rigol:
            words |= {"CC": "CC", "CV": "CV", "CR": "CR", "CP": "CW"}
        self.input.mode = call.choice(words)

    def _ask_function(self, call: Call) -> str:
        if self._rigol:
            return {"CW": "CP"}.get(self.input.mode, self.input.mode)
        return {"CC": "CURRENT", "CV": "VOLTAGE", "CR": "RESISTANCE", "CW": "POWER"}[
            self.input.mode
        ]

    def _switch(self, call: Call) -> None:
        self.input.on = call.boolean()
