"""Fixtures for tests that only make sense in the virtual rig; elsewhere they are skipped."""

from collections.abc import Iterator

import pytest

from drivers.linux.local import LocalHardware
from virtual_rig.guest.console import FREE_PORT, KEYBOARD_PORT, Console
from virtual_rig.guest.hands import GOLDEN_KEYBOARD, Hands


@pytest.fixture(scope="session")
def rig_hands() -> Iterator[Hands]:
    hands = Hands.from_environment()
    if hands is None:
        pytest.skip("only in the virtual rig: script/virtual-rig")
    yield hands
    hands.close()


@pytest.fixture
def hands(rig_hands: Hands) -> Iterator[Hands]:
    """Hands at the far ends; what a test left in the free port is taken out after it."""
    yield rig_hands
    rig_hands.pull(FREE_PORT)


@pytest.fixture
def slot_port(hands: Hands) -> Iterator[str]:
    """Yield the port of the keyboard slot, empty; its golden unit is back afterwards."""
    hands.pull(KEYBOARD_PORT)
    yield KEYBOARD_PORT
    hands.pull(KEYBOARD_PORT)
    hands.plug_keyboard(KEYBOARD_PORT, **GOLDEN_KEYBOARD)


@pytest.fixture
def hardware(rig_hands: Hands) -> Iterator[LocalHardware]:
    """Yield the guest's real hardware."""
    with LocalHardware() as hardware:
        yield hardware


@pytest.fixture
def console(rig_hands: Hands) -> Iterator[Console]:
    """Yield the guest's own screen."""
    with Console() as console:
        yield console
