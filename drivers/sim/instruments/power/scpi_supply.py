"""Simulated bench supplies that speak SCPI. From the programming guides, not from the driver.

Rigol DP800 programming guide (Dec 2015), a DP832; Siglent SPD3303X quick start (EN_02A); OWON
SP/SPE series programming manual, an SPE3103; and a plain SCPI-1999 supply.
"""

from collections.abc import Callable, Mapping

from drivers.sim.languages.scpi import Call, ScpiError, SimulatedScpi
from drivers.sim.world import Circuit

CONSTANT_CURRENT_OHM = 1e7  # how steeply it leaves the voltage at its limit


class BenchOutput:
    """Constant voltage up to the current limit, constant current beyond. A `world.Source`."""

    def __init__(self, *, max_v: float, max_a: float) -> None:
        self.max_v = max_v
        self.max_a = max_a
        self.set_v = 0.0
        self.limit_a = 0.0
        self.on = False

    def voltage_at(self, current_a: float) -> float:
        if not self.on:
            return 0.0
        excess_a = max(0.0, current_a - self.limit_a)
        return max(0.0, self.set_v - excess_a * CONSTANT_CURRENT_OHM)

    def limits(self, current_a: float) -> bool:
        """Whether it holds the current rather than the voltage."""
        return self.on and current_a >= self.limit_a


class ProtectedOutput(BenchOutput):
    """Switches itself off above what its protections are set to."""

    def __init__(self, *, max_v: float, max_a: float) -> None:
        super().__init__(max_v=max_v, max_a=max_a)
        self.level_v = max_v * 1.1
        self.level_a = max_a * 1.1
        self.over_voltage = False
        self.over_current = False
        self.tripped: str = ""

    def protect(self, voltage_v: float, current_a: float) -> None:
        if self.on and self.over_voltage and voltage_v > self.level_v:
            self.on, self.tripped = False, "OVP"
        if self.on and self.over_current and current_a > self.level_a:
            self.on, self.tripped = False, "OCP"


class SimulatedScpiSupply(SimulatedScpi):
    """`guide` names the book it behaves by: `generic`, `generic-channels`, `rigol-dp800`,
    `siglent-spd3303x` or `owon-spe`. Output `channel` feeds the circuit, the others nothing.

    `firmware` matters to the Siglent, which complained in another way, and about more, before 2021.
    """

    def __init__(
        self,
        circuit: Circuit,
        guide: str = "generic",
        *,
        channel: int = 1,
        firmware: str = "1.01.01.02.07R2",
    ) -> None:
        self._guide = guide
        identity, ratings, commands = self._by_the_book(guide, firmware)
        super().__init__(identity, commands)
        self.outputs = [ProtectedOutput(max_v=volts, max_a=amps) for volts, amps in ratings]
        self.circuits = [Circuit(output) for output in self.outputs]
        circuit.source = self.outputs[channel - 1]
        self.circuits[channel - 1] = circuit
        self.selected = 1
        self._strict = True
        if guide == "siglent-spd3303x":
            self._strict = firmware < "1.01.01.02.07"
            self.no_error = "0 No Error" if self._strict else "+0, No Error"
            self.error_format = "{code} {message}" if self._strict else "{code},{message}"
        if guide == "owon-spe":
            self.no_error, self.unheard, self._strict = "0x0000", "ERR", False

    def obey(self, line: bytes) -> bytes:
        for output, circuit in zip(self.outputs, self.circuits, strict=True):
            output.protect(*circuit.solve())
        return super().obey(line)

    def _by_the_book(
        self, guide: str, firmware: str
    ) -> tuple[str, list[tuple[float, float]], Mapping[str, Callable[[Call], str | None]]]:
        match guide:
            case "generic":
                return "ACME,PS6010,00042,1.7", [(60.0, 10.0)], self._generic()
            case "generic-channels":
                return "ACME,PS3-2,00043,1.7", [(30.0, 3.0), (30.0, 3.0)], self._generic()
            case "rigol-dp800":
                identity = "RIGOL TECHNOLOGIES,DP832,DP8C174504862,00.01.14"
                return identity, [(32.0, 3.2), (32.0, 3.2), (5.3, 3.2)], self._rigol_dp800()
            case "siglent-spd3303x":
                identity = f"Siglent Technologies,SPD3303X,SPD3XIEX6R2056,{firmware},V3.0"
                return identity, [(32.0, 3.2), (32.0, 3.2)], self._siglent_spd3303x()
            case "owon-spe":
                return "OWON,SPE3103,2350123,FV:V5.2.0", [(30.0, 10.0)], self._owon_spe()
        raise ValueError(f"there is no guide {guide!r}")

    def _output(self, channel: int) -> ProtectedOutput:
        if channel > len(self.outputs):
            raise ScpiError(-224)
        return self.outputs[(channel or self.selected) - 1]

    def _named(self, call: Call, index: int = 0) -> int:
        """The channel an argument such as `CH2` means."""
        name = call.argument(index).upper()
        if name not in (names := [f"CH{number + 1}" for number in range(len(self.outputs))]):
            raise ScpiError(-224)
        return names.index(name) + 1

    def _optional(self, call: Call) -> int:
        return self._named(call) if call.arguments else self.selected

    def _measure(self, channel: int) -> tuple[float, float]:
        return self.circuits[channel - 1].solve()

    # Set values: the same in all books but for the words.

    def _keep(self, call: Call, high: float, unit: str, kept: float) -> float:
        try:
            return call.number(0.0, high, unit=unit)
        except ScpiError as error:
            if error.code == -222 and not self._strict:
                return kept
            raise

    def _set_voltage(self, call: Call, channel: int = 0) -> None:
        output = self._output(channel)
        output.set_v = round(self._keep(call, output.max_v, "V", output.set_v), 3)

    def _set_current(self, call: Call, channel: int = 0) -> None:
        output = self._output(channel)
        output.limit_a = round(self._keep(call, output.max_a, "A", output.limit_a), 3)

    def _ask_voltage(self, call: Call, channel: int = 0) -> str:
        output = self._output(channel)
        return f"{output.max_v if call.arguments == ('MAX',) else output.set_v:.3f}"

    def _ask_current(self, call: Call, channel: int = 0) -> str:
        output = self._output(channel)
        return f"{output.max_a if call.arguments == ('MAX',) else output.limit_a:.3f}"

    def _switch(self, output: ProtectedOutput, *, on: bool) -> None:
        output.on = on
        if on:
            output.tripped = ""

    def _generic(self) -> Mapping[str, Callable[[Call], str | None]]:
        def select(call: Call) -> None:
            self.selected = int(call.number(1, len(self.outputs)))

        def protect(call: Call) -> None:
            output = self._output(0)
            output.level_v = call.number(0.0, output.max_v * 1.1, unit="V")

        def protect_state(call: Call) -> None:
            self._output(0).over_voltage = call.boolean()

        return {
            "SYSTem:ERRor[:NEXT]?": self.next_error,
            "SYSTem:REMote": lambda call: None,
            "SYSTem:LOCal": lambda call: None,
            "INSTrument:NSELect": select,
            "INSTrument:NSELect?": lambda call: str(self.selected),
            "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]": self._set_voltage,
            "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]?": self._ask_voltage,
            "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]": self._set_current,
            "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]?": self._ask_current,
            "[SOURce:]VOLTage:PROTection[:LEVel]": protect,
            "[SOURce:]VOLTage:PROTection[:LEVel]?": lambda call: f"{self._output(0).level_v:.3f}",
            "[SOURce:]VOLTage:PROTection:STATe": protect_state,
            "[SOURce:]VOLTage:PROTection:STATe?": lambda call: str(
                int(self._output(0).over_voltage)
            ),
            "OUTPut[:STATe]": lambda call: self._switch(self._output(0), on=call.boolean()),
            "OUTPut[:STATe]?": lambda call: str(int(self._output(0).on)),
            "MEASure[:SCALar][:VOLTage][:DC]?": lambda call: (
                f"{self._measure(self.selected)[0]:+.5E}"
            ),
            "MEASure[:SCALar]:CURRent[:DC]?": lambda call: (
                f"{self._measure(self.selected)[1]:+.5E}"
            ),
        }

    def _rigol_dp800(self) -> Mapping[str, Callable[[Call], str | None]]:
        def select(call: Call) -> None:
            self.selected = self._named(call)

        def switch(call: Call) -> None:
            channel = self._named(call) if len(call.arguments) == 2 else self.selected
            self._switch(self._output(channel), on=call.boolean(len(call.arguments) - 1))

        def measure_all(call: Call) -> str:
            voltage_v, current_a = self._measure(self._optional(call))
            return f"{voltage_v:.4f},{current_a:.4f},{voltage_v * current_a:.3f}"

        def measure_power(call: Call) -> str:
            voltage_v, current_a = self._measure(self._optional(call))
            return f"{voltage_v * current_a:.3f}"

        def mode(call: Call) -> str:
            channel = self._optional(call)
            return "CC" if self._output(channel).limits(self._measure(channel)[1]) else "CV"

        def over_voltage_level(call: Call) -> None:
            output = self._output(self._named(call))
            output.level_v = call.number(0.001, output.max_v * 1.1, index=1)

        def over_current_level(call: Call) -> None:
            output = self._output(self._named(call))
            output.level_a = call.number(0.001, output.max_a * 1.1, index=1)

        def over_voltage(call: Call) -> None:
            self._output(self._named(call)).over_voltage = call.boolean(1)

        def over_current(call: Call) -> None:
            self._output(self._named(call)).over_current = call.boolean(1)

        def yes(channel: int, kind: str) -> str:
            return "YES" if self._output(channel).tripped == kind else "NO"

        def state(*, on: bool) -> str:
            return "ON" if on else "OFF"

        def output(call: Call) -> ProtectedOutput:
            return self._output(self._optional(call))

        source = "[SOURce<n>:]{}[:LEVel][:IMMediate][:AMPLitude]"
        return {
            "SYSTem:ERRor?": self.next_error,
            "SYSTem:REMote": lambda call: None,
            "SYSTem:LOCal": lambda call: None,
            "INSTrument[:SELect]": select,
            "INSTrument[:SELect]?": lambda call: f"CH{self.selected}",
            source.format("VOLTage"): lambda call: self._set_voltage(call, call.suffixes[0]),
            source.format("VOLTage") + "?": lambda call: self._ask_voltage(call, call.suffixes[0]),
            source.format("CURRent"): lambda call: self._set_current(call, call.suffixes[0]),
            source.format("CURRent") + "?": lambda call: self._ask_current(call, call.suffixes[0]),
            "OUTPut[:STATe]": switch,
            "OUTPut[:STATe]?": lambda call: state(on=output(call).on),
            "OUTPut:MODE?": mode,
            "OUTPut:OVP:VALue": over_voltage_level,
            "OUTPut:OVP:VALue?": lambda call: f"{output(call).level_v:.3f}",
            "OUTPut:OVP[:STATe]": over_voltage,
            "OUTPut:OVP[:STATe]?": lambda call: state(on=output(call).over_voltage),
            "OUTPut:OVP:ALAR?": lambda call: yes(self._optional(call), "OVP"),
            "OUTPut:OCP:VALue": over_current_level,
            "OUTPut:OCP:VALue?": lambda call: f"{output(call).level_a:.4f}",
            "OUTPut:OCP[:STATe]": over_current,
            "OUTPut:OCP[:STATe]?": lambda call: state(on=output(call).over_current),
            "OUTPut:OCP:ALAR?": lambda call: yes(self._optional(call), "OCP"),
            "MEASure[:VOLTage][:DC]?": lambda call: f"{self._measure(self._optional(call))[0]:.4f}",
            "MEASure:CURRent[:DC]?": lambda call: f"{self._measure(self._optional(call))[1]:.4f}",
            "MEASure:POWEr[:DC]?": measure_power,
            "MEASure:ALL[:DC]?": measure_all,
        }

    def _siglent_spd3303x(self) -> Mapping[str, Callable[[Call], str | None]]:
        def select(call: Call) -> None:
            self.selected = self._named(call)

        def switch(call: Call) -> None:
            self._switch(self._output(self._named(call)), on=call.boolean(1))

        def status(call: Call) -> str:
            bits = 0x04  # independent
            for index, output in enumerate(self.outputs):
                bits |= output.limits(self._measure(index + 1)[1]) << index
                bits |= output.on << (4 + index)
            return f"0x{bits:x}"

        def measure_power(call: Call) -> str:
            voltage_v, current_a = self._measure(self._optional(call))
            return f"{voltage_v * current_a:.3f}"

        return {
            "SYSTem:ERRor?": self.next_error,
            "SYSTem:STATus?": status,
            "INSTrument": select,
            "INSTrument?": lambda call: f"CH{self.selected}",
            "[CH<n>:]VOLTage": lambda call: self._set_voltage(call, call.suffixes[0]),
            "[CH<n>:]VOLTage?": lambda call: self._ask_voltage(call, call.suffixes[0]),
            "[CH<n>:]CURRent": lambda call: self._set_current(call, call.suffixes[0]),
            "[CH<n>:]CURRent?": lambda call: self._ask_current(call, call.suffixes[0]),
            "OUTPut": switch,
            "MEASure:VOLTage?": lambda call: f"{self._measure(self._optional(call))[0]:.3f}",
            "MEASure:CURRent?": lambda call: f"{self._measure(self._optional(call))[1]:.3f}",
            "MEASure:POWEr?": measure_power,
        }

    def _owon_spe(self) -> Mapping[str, Callable[[Call], str | None]]:
        def measure_all(call: Call) -> str:
            return "{:.3f},{:.3f}".format(*self._measure(1))

        return {
            "SYSTem:ERRor?": lambda call: self.no_error,
            "SYSTem:REMote": lambda call: None,
            "SYSTem:LOCal": lambda call: None,
            "VOLTage": self._set_voltage,
            "VOLTage?": self._ask_voltage,
            "CURRent": self._set_current,
            "CURRent?": self._ask_current,
            "OUTPut": lambda call: self._switch(self._output(0), on=call.boolean()),
            "OUTPut?": lambda call: "ON" if self._output(0).on else "OFF",
            "MEASure:VOLTage?": lambda call: f"{self._measure(1)[0]:.3f}",
            "MEASure:CURRent?": lambda call: f"{self._measure(1)[1]:.3f}",
            "MEASure:ALL?": measure_all,
        }
