"""Simulated electronic loads that speak SCPI, each by the book of its maker."""

from collections.abc import Callable

from drivers.buses import Time
from drivers.sim.instruments.power.scpi_load_books import LISTED, LOAD_BOOKS, SUFFIX
from drivers.sim.languages.scpi import Call, ScpiError, SimulatedScpi
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
        """Return figures of the rest of the circuit that tell whether it has changed."""
        if (source := self.circuit.source) is None:
            return (self.levels["CW"],)
        probes_a = (0.0, self._regulated_a / 2, self._regulated_a, self._regulated_a * 1.1)
        volts = [source.voltage_at(probe_a) for probe_a in probes_a]
        others = [sink for sink in self.circuit.sinks if sink is not self]
        amps = [sink.current_at(volts[0] * part) for sink in others for part in (0.5, 1.0)]
        return (self.levels["CW"], *volts, *amps)

    def _regulate(self) -> None:
        """Find the operating point on the high-voltage side, from no load upwards."""
        self._regulated_a = 0.0
        for _ in range(MOST_ROUNDS):
            voltage_v = self.circuit.voltage_v
            needed_a = min(self.levels["CW"] / max(voltage_v, 1e-9), self.max_a)
            if abs(needed_a - self._regulated_a) < REGULATED_A:
                break
            self._regulated_a = needed_a


class SimulatedScpiLoad(SimulatedScpi):
    """The load of the book `dialect`, one of `LOAD_BOOKS`. Its input `channel` is on the circuit.

    It comes as a user left it, in its low current range if it has one. The Rigol sends a piece of
    what else is in its buffer after some answers; `remnant` is that piece. With a `time`, lines
    that come too fast for it are lost.
    """

    def __init__(
        self,
        circuit: Circuit,
        dialect: str = "rigol-dl3000",
        *,
        channel: int = 1,
        remnant: bytes = b"0",
        time: Time | None = None,
    ) -> None:
        if dialect not in LOAD_BOOKS:
            raise ValueError(f"there is no guide for {dialect!r}")
        self._book = book = LOAD_BOOKS[dialect]
        self._channel = channel
        super().__init__(book.identity, self._commands_by_the_book(), time=time)
        self.input = LoadInput(circuit, max_v=book.max_v, max_a=book.max_a, max_w=book.max_w)
        self.range_a = book.low_range_a or book.max_a
        self._remnant = remnant if book.remnant else b""
        self._leaks = False
        vars(self).update(book.answers)

    def obey(self, line: bytes) -> bytes:
        self.input.protect()
        self._leaks = False
        return super().obey(line)

    def framed(self, answer: str) -> bytes:
        return super().framed(answer) + (self._remnant if self._leaks else b"")

    def complain(self, code: int) -> None:
        if self._book.errors:
            super().complain(code)

    def _commands_by_the_book(self) -> dict[str, Callable[[Call], str | None]]:
        book = self._book
        acts: dict[str, Callable[[Call], str | None]] = {
            **{header: self._of_this_input(lambda call: None) for header in book.others},
            book.function: self._of_this_input(self._set_function),
            book.function + "?": self._of_this_input(lambda call: book.told[self.input.mode]),
            book.input: self._of_this_input(self._switch),
            book.input + "?": self._of_this_input(lambda call: book.on[self.input.on]),
        }
        if book.errors:
            acts[book.errors + "?"] = self.next_error
        if book.range:
            acts[book.range] = self._of_this_input(self._set_range)
            acts[book.range + "?"] = self._of_this_input(lambda call: self._told(self.range_a))
        if book.remnant:
            acts["[SOURce:]FUNCtion:MODE"] = self._set_regulation
        for mode, header in book.levels.items():
            acts |= self._level(header, mode)
        for index, word in enumerate(book.measured):
            acts[book.measure.format(word) + "?"] = self._of_this_input(
                lambda call, index=index: self._measured(index)  # type: ignore[misc]
            )
        return acts

    def _of_this_input(self, act: Callable[[Call], str | None]) -> Callable[[Call], str | None]:
        """Return `act` for calls that mean this input, without what tells it from others."""

        def checked(call: Call) -> str | None:
            if self._book.where == SUFFIX and call.suffixes[0] not in (0, self._channel):
                raise ScpiError(-113)
            if self._book.where == LISTED:
                if not call.arguments or call.arguments[-1] != f"(@{self._channel})":
                    raise ScpiError(-224)
                call = call._replace(arguments=call.arguments[:-1])
            return act(call)

        return checked

    def _level(self, header: str, mode: str) -> dict[str, Callable[[Call], str | None]]:
        def limits() -> tuple[float, float]:
            book = self._book
            most = {"CC": self.range_a, "CV": self.input.max_v, "CW": self.input.max_w}
            return (book.min_ohm, book.max_ohm) if mode == "CR" else (0.0, most[mode])

        def set_level(call: Call) -> None:
            self.input.levels[mode] = call.number(*limits())

        def ask_level(call: Call) -> str:
            if call.arguments:
                word = call.choice({"MINimum": "0", "MAXimum": "1"})
                return self._told(limits()[int(word)])
            self._leaks = True
            return self._told(self.input.levels[mode])

        acts = {header: set_level, header + "?": ask_level}
        return {key: self._of_this_input(act) for key, act in acts.items()}

    def _measured(self, index: int) -> str:
        voltage_v = self.input.circuit.voltage_v
        current_a = self.input.current_at(voltage_v)
        self._leaks = True
        return self._told((voltage_v, current_a, voltage_v * current_a)[index])

    def _told(self, value: float) -> str:
        return self._book.form.format(value)

    def _set_range(self, call: Call) -> None:
        value_a = call.number(0.0, self.input.max_a)
        low_a = self._book.low_range_a
        self.range_a = self.input.max_a if value_a > low_a else low_a

    def _set_regulation(self, call: Call) -> None:
        modes = ["FIXed", "LIST", "WAVe", "BATTery", "OCP", "OPP"]
        call.choice(dict.fromkeys(modes, ""))

    def _set_function(self, call: Call) -> None:
        self.input.mode = call.choice(self._book.functions)

    def _switch(self, call: Call) -> None:
        self.input.on = call.boolean()
