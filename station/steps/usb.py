"""A device under test on a USB port whose power is switched, and whether it really is."""

from typing import NamedTuple

from drivers.capabilities import PortPower, PowerMeter
from records import Proof, Reading
from station.engine.clock import Clock
from station.engine.prompts import Operator
from station.engine.step import BenchFault, NotNegative, Positive, Yields, step
from station.engine.witness import Doubt, must_confirm, must_stay_silent

OFF_V = 0.8  # vSafe0V and tVBUSOFF: USB Type-C and Power Delivery specifications
OFF_WITHIN_S = 0.65
LOWEST_V = 4.75  # USB 2.0, 7.2.2: 4.75 to 5.25 V at a high-power port, 4.40 V at a low-power one
HIGHEST_V = 5.25
ON_WITHIN_S = 1.0  # proposal: hubs say 100 ms or less, and may say 510 ms
LOOK_EVERY_S = 0.02
FOUND_WITHIN_S = 3.0  # of being plugged in

PORT = frozenset({"port_power"})
METERED = PORT | {"meter"}


class Vbus(NamedTuple):
    """Voltage at the port, as the meter saw it, and how long after the request."""

    voltage_v: float
    took_s: float


class MeteredPort(NamedTuple):
    """A USB port with a meter in it, which knows better than the hub.

    Raises `BenchFault` when the two contradict each other: whatever hangs on such a port, nothing
    can be said about it.
    """

    port: PortPower
    meter: PowerMeter
    clock: Clock
    lowest_v: float = LOWEST_V

    def switch_off(self) -> Vbus:
        """Switch off. The meter must see VBUS before, and less than 0.8 V within 0.65 s."""
        before_v = self.meter.read().voltage_v
        if not self.lowest_v <= before_v <= HIGHEST_V:
            raise BenchFault(
                "usb.meter_elsewhere",
                roles=METERED,
                meter_v=before_v,
                port=self.port.name,
                low_v=self.lowest_v,
                high_v=HIGHEST_V,
            )
        start_s = self.clock.monotonic()
        self.port.switch(on=False)
        seen = self._watch(start_s, OFF_WITHIN_S, 0.0, OFF_V)
        if seen.voltage_v >= OFF_V:
            self.check_still_off()
            raise BenchFault(
                "usb.does_not_switch_off",
                roles=METERED,
                port=self.port.name,
                after_s=seen.took_s,
                meter_v=seen.voltage_v,
            )
        return seen

    def switch_on(self) -> Vbus:
        """Switch on. The meter must see `lowest_v` to 5.25 V within a second."""
        start_s = self.clock.monotonic()
        self.port.switch(on=True)
        seen = self._watch(start_s, ON_WITHIN_S, self.lowest_v, HIGHEST_V)
        if not self.lowest_v <= seen.voltage_v <= HIGHEST_V:
            raise BenchFault(
                "usb.does_not_switch_on",
                roles=METERED,
                port=self.port.name,
                after_s=seen.took_s,
                meter_v=seen.voltage_v,
                low_v=self.lowest_v,
                high_v=HIGHEST_V,
            )
        return seen

    def check_still_off(self) -> None:
        """Raise `BenchFault` when the port has been switched on again."""
        check_still_off(self.port)

    def _watch(self, start_s: float, within_s: float, low_v: float, high_v: float) -> Vbus:
        """Return the first sample within the bounds, or the last one there was time for."""
        while True:
            voltage_v = self.meter.read().voltage_v
            took_s = self.clock.monotonic() - start_s
            if low_v <= voltage_v < high_v or took_s >= within_s:
                return Vbus(voltage_v, took_s)
            self.clock.sleep(LOOK_EVERY_S)


def check_still_off(port: PortPower) -> None:
    """Raise `BenchFault` when the port has been switched on again."""
    if port.read_state().powered:
        raise BenchFault("usb.switched_on_again", roles=PORT, port=port.name)


@step(
    vbus_verified="",
    vbus_off="V",
    vbus_off_time="s",
    vbus_on="V",
    vbus_on_time="s",
    comes_back="",
    comes_back_time="s",
)
def power_cycle(
    port_power: PortPower,
    meter: PowerMeter,
    operator: Operator,
    clock: Clock,
    *,
    off_s: Positive = 2.0,
    comes_back_s: NotNegative = 10.0,
    lowest_v: Positive = LOWEST_V,
) -> Yields:
    """Take the device's power away and give it back: it is found again.

    The meter at the port has to see VBUS go below 0.8 V within 0.65 s, and come back to between
    `lowest_v` and 5.25 V; a hub that does not do that is the bench's fault. `lowest_v` of a hub
    without a supply of its own is 4.4. `comes_back` is whether the computer finds a device there
    within `comes_back_s` of power, also where it found none before; where it does not, the operator
    is asked whether it is plugged in. Steps before this one that have talked to the device have
    lost their connection: put it first.
    """
    metered = MeteredPort(port_power, meter, clock, lowest_v)
    off = metered.switch_off()
    clock.sleep(off_s)
    metered.check_still_off()
    on = metered.switch_on()
    yield Reading("vbus_verified", True)
    yield Reading("vbus_off", off.voltage_v)
    yield Reading("vbus_off_time", off.took_s)
    yield Reading("vbus_on", on.voltage_v)
    yield Reading("vbus_on_time", on.took_s)
    yield from _comes_back(port_power, operator, clock, comes_back_s)


@step(proves=Proof.PARTIAL, vbus_verified="", comes_back="", comes_back_time="s")
def power_cycle_unverified(
    port_power: PortPower,
    operator: Operator,
    clock: Clock,
    *,
    off_s: Positive = 2.0,
    comes_back_s: NotNegative = 10.0,
) -> Yields:
    """Do the same where there is no meter: the hub's word is all that is known.

    `vbus_verified` is always false: no meter has seen that the device was without power. Where no
    device was found before, it is not known that the port has any: that is the bench's fault.
    """
    if not port_power.read_state().device:
        raise BenchFault("usb.never_found", roles=PORT, port=port_power.name)
    port_power.switch(on=False)
    clock.sleep(off_s)
    check_still_off(port_power)
    port_power.switch(on=True)
    yield Reading("vbus_verified", False)
    yield from _comes_back(port_power, operator, clock, comes_back_s)


def _comes_back(port: PortPower, operator: Operator, clock: Clock, within_s: float) -> Yields:
    start_s = clock.monotonic()
    back = _is_found(port, clock, within_s)
    took_s = clock.monotonic() - start_s if back else within_s
    if not back:
        must_confirm(operator, Doubt("usb.plugged", "usb.not_plugged", PORT, {"port": port.name}))
        must_stay_silent(
            _is_found(port, clock, FOUND_WITHIN_S),
            "usb.came_back",
            roles=PORT,
            port=port.name,
        )
    yield Reading("comes_back", back)
    yield Reading("comes_back_time", took_s)


def _is_found(port: PortPower, clock: Clock, within_s: float) -> bool:
    give_up_s = clock.monotonic() + within_s
    while not (found := port.read_state().device) and clock.monotonic() < give_up_s:
        clock.sleep(LOOK_EVERY_S)
    return found
