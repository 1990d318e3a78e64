"""A disk with Debian and the station's package on it, installed as a user installs it."""

import gzip
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from virtual_rig.qemu import newc
from virtual_rig.qemu.kernel import BUSYBOX, Built
from virtual_rig.qemu.modules import ModuleTree
from virtual_rig.roots import debian
from virtual_rig.roots.debian import CommandFailed, Debian

RIG = Path(__file__).parent.parent
DISK = RIG / "installed/disk"
CONFIG = DISK / "station.toml"
SIZE_MIB = 512
NEWER = "var/newer.deb"
"""On the disk: the same package with the next revision."""

FIRST_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
# In this order, and before udev can: USB buses are numbered in the order in which they come.
MODULES = ("virtio_net", "virtio_console", "xhci_pci", "vhci_hcd")
NOT_NEEDED = (
    *("./var/cache/apt/archives/*", "./var/lib/apt/lists/*", "./usr/lib/udev/hwdb.d/*"),
    *("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/info/*", "./usr/share/locale/*"),
)
UNITS_LESS = ("getty-static.service", "e2scrub_reap.service")
"""No part of a Pi's boot: the one replaces logind's consoles, the other is for LVM."""
OURS = (
    *("__init__.py", "guest/__init__.py", "guest/hands.py"),
    *("far_ends/__init__.py", "far_ends/usbip.py"),
    *("installed/__init__.py", "installed/attendant.py"),
)
"""The rig's modules that the attendant needs; `drivers` and `station` are the package's."""
INPUTS = (
    *(RIG / name for name in (*OURS, "installed/image.py", "roots/debian.py")),
    *(path for path in sorted(DISK.rglob("*")) if path.is_file()),
)


class Image(NamedTuple):
    """`disk` is the original: each run has a copy."""

    kernel: Path
    initramfs: Path
    disk: Path


def build(cache: Path, built: Built, package: Path) -> Image:
    """Return the image in `cache`, made anew when the package, the kernel or our files changed.

    Takes root. Raises `CommandFailed`.
    """
    system = debian.archive(cache.parent)
    key = hashlib.sha256(f"{built.kernel.parent.name} {system.stat().st_mtime_ns}".encode())
    for path in (package, *INPUTS):
        key.update(path.read_bytes())
    place = cache / f"image-{key.hexdigest()[:12]}"
    if not place.exists():
        for old in cache.glob("image-*"):
            shutil.rmtree(old)
        building = cache / "building"  # an interrupted build is not mistaken for a whole one
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        (building / "initramfs").write_bytes(_initramfs(built))
        with tempfile.TemporaryDirectory(prefix="virtual-rig-") as scratch:
            guest = debian.unpack(system, Path(scratch, "root"), but_not=NOT_NEEDED)
            install(guest, package)
            debian.make_newer(package, guest.root / NEWER)
            _equip(guest.root, built)
            make_disk(guest.root, building / "disk")
        building.rename(place)
    return Image(built.kernel, place / "initramfs", place / "disk")


def install(guest: Debian, package: Path) -> None:
    """As docs/how-to/install-on-a-pi.md says: the package, station.toml, the slots' udev rules."""
    shutil.copy(package, guest.root / "tmp")
    guest.run("dpkg", "--install", f"/tmp/{package.name}")
    (guest.root / "tmp" / package.name).unlink()
    shutil.copy(CONFIG, guest.root / "etc/pace-station/station.toml")
    shutil.copytree(DISK / "library", guest.root / "etc/pace-station/library")
    guest.run("pace", "station", "check")
    rules = guest.run("pace", "rig", "rules").stdout
    (guest.root / "etc/udev/rules.d/59-pace-slots.rules").write_text(rules)


def make_disk(root: Path, disk: Path) -> None:
    command = ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", str(root)]
    _run(*command, str(disk), f"{SIZE_MIB}M")


def configure(disk: Path, port: int) -> None:
    """Write the broker's port into the station.toml on a disk that is not mounted."""
    text = CONFIG.read_text()
    if text.count("port = 1883\n") != 1:
        raise ValueError(f"{CONFIG}: the broker's port is to be 1883")
    with tempfile.NamedTemporaryFile("w", prefix="station-") as changed:
        changed.write(text.replace("port = 1883\n", f"port = {port}\n"))
        changed.flush()
        Path(changed.name).chmod(0o644)
        path = "etc/pace-station/station.toml"
        for request in (f"rm {path}", f"write {changed.name} {path}"):
            _run("debugfs", "-w", "-R", request, str(disk))
        written = Path(f"{changed.name}.seen")  # debugfs says 0 whatever happened
        if not read(disk, path, written) or written.read_bytes() != Path(changed.name).read_bytes():
            raise CommandFailed(f"debugfs: {path} could not be written to {disk}")
        written.unlink()


def read(disk: Path, path: str, copy: Path) -> bool:
    """Copy a file out of a disk that is not mounted; return whether it is there."""
    copy.unlink(missing_ok=True)
    _run("debugfs", "-R", f"dump {path} {copy}", str(disk))
    return copy.exists()


def _equip(root: Path, built: Built) -> None:
    """Make the root a guest of ours: modules, network, and the attendant."""
    modules = _modules(built)
    shutil.copytree(modules, root / "usr/lib/modules" / modules.name)
    (root / "etc/modules-load.d/virtual-rig.conf").write_text("\n".join(MODULES))
    shutil.copy(DISK / "50-virtual-rig.network", root / "etc/systemd/network")
    ours = root / "opt/virtual-rig/virtual_rig"
    for name in OURS:
        (ours / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(RIG / name, ours / name)
    unit = "virtual-rig-attendant.service"
    shutil.copy(DISK / unit, root / "etc/systemd/system")
    guest = Debian(root)
    guest.run("python3", "-m", "compileall", "-q", "/opt/virtual-rig")
    guest.run("systemctl", "--quiet", "enable", unit, "systemd-networkd.service")
    guest.run("systemctl", "--quiet", "mask", *UNITS_LESS)
    (root / "etc/hostname").write_text("installed\n")


def _modules(built: Built) -> Path:
    (folder,) = (built.tree / "usr/lib/modules").iterdir()
    return folder


def _initramfs(built: Built) -> bytes:
    modules = _modules(built)
    tree = ModuleTree(
        (modules / "modules.dep").read_text(), (modules / "modules.builtin").read_text()
    )
    order = tree.load_order(FIRST_MODULES)
    entries = [
        *map(newc.folder, ("bin", "dev", "root", "modules")),
        newc.file("bin/busybox", BUSYBOX.read_bytes(), executable=True),
        newc.file("init", (DISK / "first_init").read_bytes(), executable=True),
        newc.file("modules/order", "\n".join(Path(path).name for path in order).encode()),
        *(newc.file(f"modules/{Path(path).name}", (modules / path).read_bytes()) for path in order),
    ]
    return gzip.compress(newc.archive(entries), 1, mtime=0)


def _run(*command: str) -> None:
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": path})
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
