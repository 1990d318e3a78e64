"""The station's own user, with what systemd/ installs and no more, reaches every bus."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.guest.hands import Hands

pytest_plugins = ["virtual_rig.guest.fixtures"]

USER = "pace-station"
REACH = """
import sys
from drivers.linux.local import LocalHardware
from drivers.errors import DriverError
from drivers.languages.usb_hub import UsbHub

def reach(hardware, what):
    match what:
        case "serial":
            hardware.serial("usb:1-1", baudrate=9600).write(b"x")
        case "serial of a device with USB of its own":
            hardware.serial("usb:3-1", baudrate=9600).write(b"x")
        case "i2c":
            hardware.i2c(0).transfer(0x40, b"\\x3e", 2)
        case "usb":
            hardware.usb("3-7").claim(0)
        case "the slot's hub":
            UsbHub(hardware.usb("3-0"), "3-0").read_status(7)
        case "screen":
            hardware.screen("Virtual-1")
        case "memory":
            open("/dev/mem", "rb")

with LocalHardware() as hardware:
    for what in sys.argv[1:]:
        try:
            reach(hardware, what)
        except (DriverError, OSError) as error:
            print(f"{what}: {type(error).__name__}: {error}")
        else:
            print(f"{what}: reached")
"""
BUSES = (
    "serial",
    "serial of a device with USB of its own",
    "i2c",
    "usb",
    "the slot's hub",
    "screen",
)


def reach(*what: str, user: str) -> dict[str, str]:
    """Reach for each bus in one program of that user's; return what came of it."""
    for folder in Path(sys.executable).resolve().parents:  # it may be in a home folder
        folder.chmod(folder.stat().st_mode | 0o005)
    account = pwd.getpwnam(user)
    done = subprocess.run(
        [sys.executable, "-c", REACH, *what],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(user, account.pw_gid),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


def test_the_stations_user_reaches_every_bus_and_no_more(hands: Hands) -> None:
    came_of_it = reach(*BUSES, "memory", user=USER)
    assert came_of_it.pop("memory").startswith("PermissionError")
    assert came_of_it == dict.fromkeys(BUSES, "reached")


def test_a_user_without_groups_is_told_which(hands: Hands) -> None:
    came_of_it = reach("serial", "i2c", user="nobody")
    assert "dialout" in came_of_it["serial"]
    assert "i2c" in came_of_it["i2c"]
