"""Inside the guest: Python waits for a word, with all loaded that is not ours; then, with ours.

At both places the guest is frozen. The word is the time. After the second
`virtual_rig.guest.session` runs.
"""

import gc
import importlib
import os
import subprocess
import sys
import time
import tty
from pathlib import Path

import pytest

WORD = Path("/dev/ttyS1")
LIBRARIES = (
    *("pytest_timeout", "pytest_asyncio.plugin", "asyncio", "pdb", "unittest"),
    *("msgspec.json", "msgspec.toml", "serial.tools.list_ports", "smbus2", "pyudev"),
    *("usb.core", "usb.util", "usb.backend.libusb1", "aiomqtt", "tomllib", "sqlite3", "fractions"),
    *("statistics", "xml.etree.ElementTree", "concurrent.futures.thread"),
)

OURS = (
    *("drivers.linux.local", "station.service", "station.simulate.rig"),
    *(
        "virtual_rig.guest.session",
        "virtual_rig.guest.console",
        "hil_tests.rigs.rig",
        "hil_tests.rigs.measuring",
    ),
    *("hil_tests.plugin", "virtual_rig.guest.fixtures"),
)
OUT_OPTIONS = "trans=virtio,version=9p2000.L,msize=512000"


def main(checkout: str) -> int:
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
    pytest.main(["--version"])  # loads what it has of its own
    gc.collect()
    gc.freeze()  # all of that stays: it need not be looked through again and again
    wait_for_word()
    subprocess.run(["/rig/thaw", checkout, sys.prefix], check=True)
    os.chdir(checkout)
    sys.path[0] = checkout
    importlib.invalidate_caches()
    for name in OURS:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    wait_for_word()
    began_s = time.monotonic()
    subprocess.run(["mount", "-t", "9p", "-o", OUT_OPTIONS, "out", "/rig/out"], check=True)
    guest = importlib.import_module("virtual_rig.guest.session")
    return int(guest.main(began_s))


def wait_for_word() -> None:
    """Wait for the time, in seconds since 1970, and set the clock to it."""
    with WORD.open("r+b", buffering=0) as line:
        tty.setraw(line.fileno())
        line.write(b"waiting\n")
        word = b""
        while not word.endswith(b"\n"):
            word += line.read(64)
        time.clock_settime(time.CLOCK_REALTIME, float(word))
        line.write(b"awake\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
