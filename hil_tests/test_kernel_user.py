"""The station's own user, with what systemd/ installs and no more, reaches every bus."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("virtual_rig", reason="only in a checkout")
from virtual_rig.hands import Hands

pytest_plugins = ["virtual_rig.fixtures"]

USER = "pace-station"
REACH = """
import sys
from drivers.local import LocalHardware
with LocalHardware() as hardware:
    match sys.argv[1]:
        case "serial":
            hardware.serial("usb:1-1", baudrate=9600).write(b"x")
        case "serial of a device with USB of its own":
            hardware.serial("usb:3-1", baudrate=9600).write(b"x")
        case "i2c":
            hardware.i2c(0).transfer(0x40, b"\\x3e", 2)
        case "usb":
            hardware.usb("3-7").claim(0)
        case "screen":
            hardware.screen("Virtual-1")
        case "a disk":
            open("/dev/mem", "rb")
"""


def reach(what: str, *, user: str) -> subprocess.CompletedProcess[str]:
    for folder in Path(sys.executable).resolve().parents:  # it may be in somebody's home
        folder.chmod(folder.stat().st_mode | 0o005)
    account = pwd.getpwnam(user)
    return subprocess.run(
        [sys.executable, "-c", REACH, what],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=os.getgrouplist(user, account.pw_gid),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "what", ["serial", "serial of a device with USB of its own", "i2c", "usb", "screen"]
)
def test_the_stations_user_reaches(hands: Hands, what: str) -> None:
    done = reach(what, user=USER)
    assert done.returncode == 0, done.stderr


def test_a_user_without_groups_is_told_which(hands: Hands) -> None:
    assert "dialout" in reach("serial", user="nobody").stderr
    assert "i2c" in reach("i2c", user="nobody").stderr


def test_the_stations_user_reaches_no_more(hands: Hands) -> None:
    assert "PermissionError" in reach("a disk", user=USER).stderr
