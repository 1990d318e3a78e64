"""Simulated bench supplies that speak SCPI, each by the book of its maker."""

from collections.abc import Callable

from drivers.buses import Time
from drivers.sim.bench_output import BenchOutput
from drivers.sim.instruments.power.scpi_supply_books import (
    BOOKS,
    LISTED,
    NAMED,
    OPTIONAL,
    SIGLENT_OLD,
    SUFFIX,
    Range,
    Word,
)
from drivers.sim.languages.scpi import Call, ScpiError, SimulatedScpi
from drivers.sim.world import Circuit

RANGE_ERROR = 100  # of the execution error register of Aim-TTi supplies: "Range error"

Act = Callable[[Call], str | None]


class ProtectedOutput(BenchOutput):
    """Switches itself off above what its protections are set to."""

    def __init__(self, *, max_v: float, max_a: float) -> None:
        super().__init__(max_v=max_v, max_a=max_a)
        self.level_v = max_v * 1.1
        self.level_a = max_a * 1.1
        self.over_voltage = False
        self.over_current = False
        self.tripped: str = ""
        self.range: Range | None = None

    def protect(self, voltage_v: float, current_a: float) -> None:
        if self.on and self.over_voltage and voltage_v > self.level_v:
            self.on, self.tripped = False, "OVP"
        if self.on and self.over_current and current_a > self.level_a:
            self.on, self.tripped = False, "OCP"


class SimulatedScpiSupply(SimulatedScpi):
    """The supply of the book `dialect`, one of `BOOKS`.

    Output `channel` feeds the circuit; the others are open. `firmware` matters to the SPD3303X,
    which complained in another way, and about more, before 2021. With a `time`, lines that come too
    fast for it are lost.
    """

    def __init__(
        self,
        circuit: Circuit,
        dialect: str = "generic",
        *,
        channel: int = 1,
        firmware: str = "1.01.01.02.07R2",
        time: Time | None = None,
    ) -> None:
        if dialect not in BOOKS:
            raise ValueError(f"there is no guide for {dialect!r}")
        self._book = book = BOOKS[dialect]
        commands: dict[str, Act] = {}
        for word in book.words:
            commands |= self._acts(word)
        super().__init__(book.identity.format(firmware=firmware), commands, time=time)
        self.outputs = [ProtectedOutput(max_v=volts, max_a=amps) for volts, amps in book.outputs]
        for output in self.outputs:
            output.range = next(iter(book.ranges), None)
        self.circuits = [Circuit(output) for output in self.outputs]
        circuit.source = self.outputs[channel - 1]
        self.circuits[channel - 1] = circuit
        self.selected = 1
        old = dialect == "siglent-spd3303x" and firmware < "1.01.01.02.07"
        self._strict = book.strict or old
        vars(self).update(SIGLENT_OLD if old else book.answers)

    def obey(self, line: bytes) -> bytes:
        for output, circuit in zip(self.outputs, self.circuits, strict=True):
            output.protect(*circuit.solve())
        return super().obey(line)

    def _acts(self, word: Word) -> dict[str, Act]:
        """Return what a header of the book does, as a command and as a question."""
        plain: dict[str, tuple[Act | None, Act | None]] = {
            "errors": (None, self.next_error),
            "no error": (None, lambda call: self.no_error),
            "execution errors": (None, self._execution_error),
            "nothing": (lambda call: None, None),
            "register": (None, self._register),
            "select": (self._select, lambda call: word.form.format(self.selected)),
        }
        if word.about in plain:
            command, question = plain[word.about]
        else:
            command, question = self._of_an_output(word)
        acts = {word.header: command, word.header + "?": question}
        return {header: act for header, act in acts.items() if act is not None}

    def _of_an_output(self, word: Word) -> tuple[Act | None, Act | None]:
        def tell(call: Call) -> str:
            channel, rest = self._channel(call, word.where)
            return self._tell(word, channel, most=rest.arguments == ("MAX",))

        def do(call: Call) -> None:
            channel, rest = self._channel(call, word.where)
            self._do(word.about, self._output(channel), rest)

        if word.about == "switch only":
            return do, None
        if word.about in ("volts", "amperes", "switch", "range") or word.about[:3] in (
            "OVP",
            "OCP",
        ):
            return (None if word.about.endswith("tripped") else do), tell
        return None, tell

    def _do(self, about: str, output: ProtectedOutput, call: Call) -> None:
        match about:
            case "volts":
                most_v = output.range.max_v if output.range else output.max_v
                output.set_v = round(self._kept(call, most_v, "V", output.set_v), 3)
            case "amperes":
                most_a = output.range.max_a if output.range else output.max_a
                output.limit_a = round(self._kept(call, most_a, "A", output.limit_a), 4)
            case "switch" | "switch only":
                output.on = call.boolean()
                output.tripped = "" if output.on else output.tripped
            case "range":
                names = {one.name: one for one in self._book.ranges}
                if (name := call.argument().upper()) not in names:
                    raise ScpiError(-224)
                output.range = names[name]
                output.set_v = min(output.set_v, output.range.max_v)
                output.limit_a = min(output.limit_a, output.range.max_a)
            case "OVP level":
                output.level_v = call.number(0.0, output.max_v * 1.1, unit="V")
            case "OCP level":
                output.level_a = call.number(0.0, output.max_a * 1.1, unit="A")
            case "OVP":
                output.over_voltage = call.boolean()
            case "OCP":
                output.over_current = call.boolean()

    def _tell(self, word: Word, channel: int, *, most: bool) -> str:
        output = self._output(channel)
        voltage_v, current_a = self.circuits[channel - 1].solve()
        power_w = voltage_v * current_a
        told: dict[str, tuple[object, ...]] = {
            "volts": (output.max_v if most else output.set_v,),
            "amperes": (output.max_a if most else output.limit_a,),
            "switch": (output.on,),
            "OVP level": (output.level_v,),
            "OCP level": (output.level_a,),
            "OVP": (output.over_voltage,),
            "OCP": (output.over_current,),
            "measured volts": (voltage_v,),
            "measured amperes": (current_a,),
            "measured watts": (power_w,),
            "everything measured": (voltage_v, current_a, power_w),
        }
        match word.about:
            case "mode":
                return "CC" if output.limits(current_a) else "CV"
            case "range":
                return output.range.name if output.range else ""
            case "OVP tripped" | "OCP tripped":
                return "YES" if output.tripped == word.about[:3] else "NO"
        values = told[word.about]
        if word.form == "{:on}":
            return "ON" if values[0] else "OFF"
        return word.form.format(*values, channel=channel)

    def _kept(self, call: Call, most: float, unit: str, kept: float) -> float:
        try:
            return call.number(0.0, most, unit=unit)
        except ScpiError as error:
            if error.code == -222 and not self._strict:
                return kept
            raise

    def _output(self, channel: int) -> ProtectedOutput:
        if not 1 <= channel <= len(self.outputs):
            raise ScpiError(-224)
        return self.outputs[channel - 1]

    def _channel(self, call: Call, where: str) -> tuple[int, Call]:
        """Return the output that a call is about, and the call without that."""
        first = call.arguments[0].upper() if call.arguments else ""
        if where == SUFFIX:
            return call.suffixes[0] or self.selected, call
        if where == NAMED or (where == OPTIONAL and first.startswith("CH")):
            return self._named(call.argument(), "CH{}"), call._replace(arguments=call.arguments[1:])
        if where == LISTED:
            if not call.arguments:
                raise ScpiError(-109)
            channel = self._named(call.arguments[-1], "(@{})")
            return channel, call._replace(arguments=call.arguments[:-1])
        return self.selected, call

    def _named(self, text: str, form: str) -> int:
        names = [form.format(number + 1) for number in range(len(self.outputs))]
        if text.upper() not in names:
            raise ScpiError(-224)
        return names.index(text.upper()) + 1

    def _select(self, call: Call) -> None:
        text = call.argument().upper().removeprefix("CH")
        self.selected = self._named(text, "{}")

    def _register(self, call: Call) -> str:
        """Answer Siglent's `SYSTem:STATus?`: how each output regulates, and which are on."""
        bits = 0x04  # independent
        for index, (output, circuit) in enumerate(zip(self.outputs, self.circuits, strict=True)):
            bits |= output.limits(circuit.current_a) << index
            bits |= output.on << (4 + index)
        return f"0x{bits:x}"

    def _execution_error(self, call: Call) -> str:
        """Answer Aim-TTi's `EER?`, which tells the last error and forgets it."""
        out_of_range = -222 in self.errors
        self.errors.clear()
        return str(RANGE_ERROR if out_of_range else 0)
