"""The presence of a keyboard, its description of itself, and its current."""

from typing import Any

from drivers.capabilities import KeySource, PowerMeter
from records import Reading
from station.engine.clock import Clock
from station.engine.paper import Paper
from station.engine.prompts import Operator
from station.engine.step import BenchFault, Learned, NotNegative, Positive, Socket, Yields, step
from station.engine.witness import Doubt, ask_when_silent

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
) -> Yields:
    """Expect a keyboard to appear on its port. The port's own voltage is checked first.

    A keyboard that does not within `patience_s` gets as long again once the operator has looked. A
    meter that sees less than `least_idle_a` where a keyboard answers sees another cable than its
    own: a device may draw half of that even when it is suspended (USB 2.0, 7.2.3).
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
    yield Reading("idle_current", idle_a)


@enumeration.on_paper
def _enumeration(told: Paper, **others: Any) -> dict[str, float]:
    return {"idle_current": told("meter", "current_a", told.edge("idle_current", 0.1))}
