"""The presence of a keyboard, its description of itself, and its current."""

from typing import Any

from drivers.capabilities import KeySource, PowerMeter
from records import Phrase, Reading
from station.engine.clock import Clock
from station.engine.events import Choice
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import BenchFault, Learned, NotNegative, Positive, Socket, Yields, step
from station.engine.witness import Doubt, ask_when_silent, must_confirm
from station.steps.power import is_zero

PULLED = Choice("p", "answer.plug_is_out")
ELSEWHERE = Doubt("keyboard.elsewhere", "keyboard.port_mute", {"keyboard"})
PLUGGED = Doubt("keyboard.plugged", "keyboard.not_plugged", {"keyboard"})


@step(enumerates="", boot_protocol="", keys_offered="", idle_current="A")
def enumeration(
    keyboard: Socket[KeySource],
    meter: PowerMeter,
    operator: Operator,
    clock: Clock,
    *,
    port_voltage_v: Positive = 5.0,
    tolerance_percent: NotNegative = 10.0,
    patience_s: NotNegative = 3.0,
    least_idle_a: NotNegative = 0.001,
    most_believed_a: Positive = 0.1,
    least_zero_a: NotNegative = 0.005,
) -> Yields:
    """Expect a keyboard to appear on its port. The port's own voltage is checked first.

    A keyboard that does not within `patience_s` gets as long again once the operator has looked. A
    keyboard that is silent even then is tried elsewhere: a mute port is no dead keyboard.

    A meter that sees less than `least_idle_a` where a keyboard answers sees another cable than its
    own: a device may draw half of that even when it is suspended (USB 2.0, 7.2.3).
    Where it sees more than `most_believed_a`, one unit load (USB 2.0, 7.2.1), the operator pulls
    the plug, and the meter has to read no current, as in `power.powers_up`. The keyboard is out
    then: a plan that lets a keyboard take more sets this to as much.
    """
    sample = meter.read()
    if abs(sample.voltage_v - port_voltage_v) > port_voltage_v * tolerance_percent / 100:
        raise BenchFault(
            "keyboard.port_voltage",
            roles={"meter", "keyboard"},
            port_v=sample.voltage_v,
            nominal_v=port_voltage_v,
        )
    source = ask_when_silent(
        keyboard.open,
        operator,
        clock,
        PLUGGED,
        patience_s=patience_s,
        first_patience_s=patience_s,
    )
    if source is None:
        must_confirm(operator, ELSEWHERE)
        yield Reading("enumerates", False)
        return
    who = source.identity
    yield Learned(maker=who.maker, model=who.model, serial_number=who.serial_number)
    yield Reading("enumerates", True)
    yield Reading("boot_protocol", source.boot)
    yield Reading("keys_offered", len(source.usages))
    clock.sleep(0.5)
    idle_a = meter.read().current_a
    if idle_a < least_idle_a:
        raise BenchFault("keyboard.meter_elsewhere", roles={"meter"}, meter_a=idle_a)
    if idle_a > most_believed_a:
        operator.ask(Phrase("keyboard.pull_plug", {"meter_a": idle_a}), PULLED)
        without_a = meter.read().current_a
        if not is_zero(without_a, least_zero_a):
            raise BenchFault("keyboard.meter_not_zero", roles={"meter"}, meter_a=without_a)
    yield Reading("idle_current", idle_a)


@enumeration.on_paper
def _enumeration(told: Paper, **others: Any) -> dict[str, float]:
    return {"idle_current": told("meter", "current_a", told.edge("idle_current", 0.1))}
