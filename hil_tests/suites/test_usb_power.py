"""A USB port that is off is off for the slot's meter, too, and not only by the word of its hub."""

import pytest

from drivers.capabilities import PortPower, PowerMeter
from hil_tests.plugin import RecordValue
from hil_tests.rigs.measuring import until
from hil_tests.rigs.rig import RigBench
from station.steps.usb import OFF_V, OFF_WITHIN_S, MeteredPort, check_still_off

OFF_S = 2.0
FOUND_WITHIN_S = 10.0


def test_off_means_off_at_the_port_and_on_means_on(
    bench: RigBench, port_power: PortPower, meter: PowerMeter, record_value: RecordValue
) -> None:
    metered = MeteredPort(port_power, meter, bench.clock)
    off = metered.switch_off()
    record_value("vbus_off", off.voltage_v, "V")
    record_value("vbus_off_time", off.took_s, "s")
    bench.clock.sleep(OFF_S)
    metered.check_still_off()
    assert meter.read().voltage_v < OFF_V, "it stays off"
    on = metered.switch_on()
    record_value("vbus_on", on.voltage_v, "V")
    record_value("vbus_on_time", on.took_s, "s")
    assert off.took_s <= OFF_WITHIN_S


def test_a_device_is_found_again_after_its_power_was_taken_away(
    bench: RigBench, port_power: PortPower, record_value: RecordValue
) -> None:
    """`vbus_verified` is 0 where the slot has no meter: then only the hub says that it was off."""
    until(bench.clock, FOUND_WITHIN_S, lambda: port_power.read_state().device)  # a test was before
    if not port_power.read_state().device:
        pytest.skip(f"nothing is plugged in at {port_power.name}")
    verified = "meter" in bench.places
    if verified:
        meter = bench.get("meter", PowerMeter)
        MeteredPort(port_power, meter, bench.clock).switch_off()
    else:
        port_power.switch(on=False)
    record_value("vbus_verified", verified, "")
    bench.clock.sleep(OFF_S)
    check_still_off(port_power)
    assert not port_power.read_state().device
    port_power.switch(on=True)
    took_s = until(bench.clock, FOUND_WITHIN_S, lambda: port_power.read_state().device)
    record_value("found_again_after", took_s, "s")
    assert port_power.read_state().device


def test_a_port_at_rest_has_power(bench: RigBench, port_power: PortPower) -> None:
    port_power.switch(on=False)
    bench.make_safe()
    assert port_power.read_state().powered
