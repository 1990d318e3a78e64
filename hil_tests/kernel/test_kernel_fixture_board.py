"""A fixture board with its own firmware behind the kernel's cdc_acm."""

import time

import pytest

from drivers.errors import DriverError
from drivers.languages.fixture_lines import CLOCK_US, FixtureLines, elapsed_us
from drivers.linux.local import LocalHardware

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.console import FREE_PORT
from virtual_rig.guest.hands import Hands, RigRefused, has_serial_port, wait_for

pytest_plugins = ["virtual_rig.guest.fixtures"]

KEY = "0000000000000000000000000001"
NONE = "0000000000000000000000000000"


def test_a_board_that_is_unplugged_in_the_middle_of_a_press_lets_go_within_half_a_second(
    hands: Hands, hardware: LocalHardware
) -> None:
    """By the board's own clock: from the last line that it answered to the coils' end."""
    try:
        hands.ask("offer_fixture_board", port=FREE_PORT, kind="fingers")
    except RigRefused as refused:
        pytest.skip(str(refused))
    hands.attach(FREE_PORT)
    wait_for(lambda: has_serial_port(FREE_PORT), "the board's serial port")
    line = hardware.serial(f"usb:{FREE_PORT}", baudrate=115200, timeout_s=0.1)
    lines = FixtureLines(line, "board", time=time)
    assert lines.greet("fingers").why == "power"
    lines.ask("arm")
    pressed_us = int(lines.ask("press", KEY))
    for _ in range(10):  # it is held while the station speaks
        time.sleep(0.1)
        heard_us = int(lines.ask("ping"))
    assert elapsed_us(pressed_us, heard_us) > 900_000
    hands.pull(FREE_PORT)
    with pytest.raises(DriverError):
        lines.ask("ping")

    def ups() -> list[int]:
        coils = [one for one in hands.ask("outputs", port=FREE_PORT) if one[1] == "coils"]
        assert [value for _, _, value in coils].count(KEY) == 1
        after = [at for at, _, value in coils if value == NONE]
        return [at for at in after if elapsed_us(heard_us, at) < CLOCK_US // 2]

    up_us = wait_for(ups, "the finger to go up")[0]
    assert elapsed_us(heard_us, up_us) <= 500_000
