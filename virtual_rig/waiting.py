"""Inside the guest, before it is frozen: Python with all that is not ours, waiting for a word.

The word is the time. From then on there is a checkout, and it is `virtual_rig.guest` that runs.
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
    *("asyncio", "pdb", "unittest", "pygments.formatters"),
    *("msgspec.json", "msgspec.toml", "serial.tools.list_ports", "smbus2", "pyudev"),
    *("usb.core", "usb.util", "usb.backend.libusb1", "aiomqtt", "tomllib", "sqlite3", "fractions"),
    *("statistics", "xml.etree.ElementTree", "concurrent.futures.thread"),
)


def main(checkout: str) -> int:
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
    pytest.main(["--version"])  # loads what it has of its own; other plugins it insists on loading
    gc.collect()
    gc.freeze()  # all of that stays: it need not be looked through again and again
    time.clock_settime(time.CLOCK_REALTIME, wait_for_word())
    began_s = time.monotonic()
    subprocess.run(["/rig/thaw", checkout, sys.prefix], check=True)
    os.chdir(checkout)
    sys.path[0] = checkout
    importlib.invalidate_caches()
    guest = importlib.import_module("virtual_rig.guest")
    return int(guest.main(began_s))


def wait_for_word() -> float:
    """The time, in seconds since 1970."""
    with WORD.open("r+b", buffering=0) as line:
        tty.setraw(line.fileno())
        line.write(b"waiting\n")
        word = b""
        while not word.endswith(b"\n"):
            word += line.read(64)
        line.write(b"awake\n")
    return float(word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
