"""The Debian packages that the virtual rig is made of, each by what it has to have installed."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from virtual_rig.roots.debian import MMDEBSTRAP

# what we look for, and the package that brings it
NEEDED = {
    "/usr/bin/qemu-system-x86_64": "qemu-system-x86",
    "/bin/busybox": "busybox-static",
    "/sbin/depmod": "kmod",
    "/lib/systemd/systemd-udevd": "udev",
    "/usr/bin/systemd-sysusers": "systemd",
    "/usr/bin/dpkg-deb": "dpkg",
    "/usr/lib/x86_64-linux-gnu/libusb-1.0.so.0": "libusb-1.0-0",
    "/usr/lib/x86_64-linux-gnu/libudev.so.1": "libudev1",
}

FOR_A_DISK = MMDEBSTRAP | {
    "/usr/sbin/mke2fs": "e2fsprogs",
    "/usr/sbin/mosquitto": "mosquitto",
}
"""Besides, for an installed station."""


class Missing(Exception):
    """Packages are not installed; says how to get them."""


def missing(needed: Mapping[str, str], root: Path = Path("/")) -> list[str]:
    """Return the packages whose files are not there, in the order of `needed`."""
    return [package for path, package in needed.items() if not (root / path.lstrip("/")).exists()]


def ensure(needed: Mapping[str, str]) -> None:
    """Install what is missing as root or with `CI=true`; otherwise raise `Missing`."""
    if not (wanted := missing(needed)):
        return
    root = os.geteuid() == 0
    if not root and os.environ.get("CI") != "true":
        raise Missing(f"some packages are missing: sudo apt-get install {' '.join(wanted)}")
    sudo = [] if root or shutil.which("sudo") is None else ["sudo"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *wanted]
    for command in (["apt-get", "update", "-q"], install):
        if subprocess.run([*sudo, *command], env=environment, check=False).returncode:
            raise Missing(f"{' '.join(command)} failed")
    if still := missing(needed):
        raise Missing(f"still missing after apt-get install: {' '.join(still)}")
