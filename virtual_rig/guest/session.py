"""Inside the guest: plug in the instruments, run pytest, hand back its exit code."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from virtual_rig.guest.hands import (
    ENVIRONMENT,
    GOLDEN_KEYBOARD,
    VHCI,
    Hands,
    Where,
    has_serial_port,
    wait_for,
)

OUT = Path("/rig/out")
PLUGINS = ("pytest_timeout", "pytest_asyncio.plugin")
OUR_PLUGINS = ("hil_tests.plugin", "virtual_rig.guest.fixtures")
"""By name (-p, or `pytest_plugins` in a file of tests) pytest would look for each in every package
there is, which takes seconds."""


def main(began_s: float) -> int:
    """`began_s` is the monotonic clock's when the guest was woken."""
    at = partial(note, began_s)
    at("Python runs")
    go = json.loads((OUT / "go.json").read_text())
    os.environ[ENVIRONMENT] = go["where"]
    with ThreadPoolExecutor(1) as plugging:  # USB takes its time, and so do imports
        plugged = plugging.submit(plug_all, Where.parse(go["where"]), go)
        plugins = [*map(import_module, (*PLUGINS, *OUR_PLUGINS)), Instruments(plugged, at)]
        return int(pytest.main(go["pytest"], plugins=plugins))


class Instruments:
    """Makes pytest wait for the instruments when it has collected its tests."""

    def __init__(self, plugged: Future[None], at: Callable[[str], None]) -> None:
        self._plugged = plugged
        self._at = at

    def pytest_collection_finish(self) -> None:
        self._at("tests are collected")
        self._plugged.result()
        self._at("instruments are plugged in")


def note(began_s: float, what: str) -> None:
    with (OUT / "init.log").open("a") as log:
        print(f"{time.monotonic() - began_s:.2f} s: {what}", file=log)


def plug_all(where: Where, go: dict[str, Any]) -> None:
    """Attach the ports in their order, which gives I²C buses their numbers in station.toml."""
    vhci_bus = go["vhci_bus"]
    if not (VHCI / f"usb{vhci_bus}").exists():
        raise RuntimeError(f"the USB/IP controller is not bus {vhci_bus}: {list(VHCI.iterdir())}")
    hands = Hands(where)
    for port in hands.ask("fixed_ports"):
        hands.attach(port)
        if (bus := hands.ask("i2c_bus", port=port)) is not None:
            path = Path(f"/dev/i2c-{bus}")
            wait_for(path.exists, str(path))
    for port in go["keyboards"]:
        hands.plug_keyboard(port, **GOLDEN_KEYBOARD)
    hands.close()
    for port in go["serial"]:
        wait_for(partial(has_serial_port, port), f"serial port {port}")
