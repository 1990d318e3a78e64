"""Debian's kernel for the guest: fetched, cut down to the modules we use, kept until it changes.

With it comes a small initramfs that finds the guest's root, which is a disk (see `root_disk`) under
an overlay in memory.
"""

import gzip
import hashlib
import lzma
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from virtual_rig.qemu import newc
from virtual_rig.qemu.modules import ModuleTree

HERE = Path(__file__).parent
BUSYBOX = Path("/bin/busybox")
APT_LISTS = Path("/var/lib/apt/lists")
META_PACKAGE = "linux-image-amd64"

# Enough to find the root file system.
FIRST_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay")
MODULES = (
    *("virtio_net", "virtio_console", "9p", "9pnet_virtio"),
    *("xhci_pci", "vhci_hcd"),
    *("usbhid", "hid_generic", "evdev", "usblp", "usb_storage", "sd_mod", "cdc_ether"),
    *("ftdi_sio", "cdc_acm"),
    *("i2c_dev", "i2c_tiny_usb"),
    *("bochs",),
)
INPUTS = ("kernel.py", "newc.py", "modules.py", "first_init")


class CannotBuild(Exception):
    """A tool failed; quotes what it said."""


class Built(NamedTuple):
    """The files that QEMU boots. `tree` has the modules."""

    kernel: Path
    initramfs: Path
    tree: Path
    version: str


def build(cache: Path) -> Built:
    """Return the kernel in `cache`, built anew when Debian's or our own files have changed."""
    package, version = _candidate(cache / "candidate")
    key = hashlib.sha256(f"{package} {version}".encode())
    for name in INPUTS:
        key.update((HERE / name).read_bytes())
    place = cache / f"{package}-{key.hexdigest()[:12]}"
    if not (place / "version").exists():
        for old in cache.glob("linux-image-*"):
            shutil.rmtree(old)
        building = cache / "building"  # an interrupted build is not mistaken for a whole one
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        _build(package, building)
        building.rename(place)
    return Built(place / "vmlinuz", place / "initramfs", place / "tree", version)


def _candidate(known: Path) -> tuple[str, str]:
    """Return the image package that the meta package stands for, and its version.

    apt takes two seconds to say so: the answer is in `known` until its lists change.
    """
    lists = str(APT_LISTS.stat().st_mtime_ns) if APT_LISTS.exists() else ""
    if known.exists() and (line := known.read_text().split())[0] == lists:
        return line[1], line[2]
    depends = _run("apt-cache", "depends", META_PACKAGE)
    if (found := re.search(r"Depends: (linux-image-\S+)", depends)) is None:
        raise CannotBuild(f"apt-cache knows no {META_PACKAGE}: {depends!r}; sudo apt-get update")
    policy = _run("apt-cache", "policy", found[1])
    if (version := re.search(r"Candidate: (\S+)", policy)) is None:
        raise CannotBuild(f"{found[1]}: no version to get: {policy!r}")
    if lists:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(f"{lists} {found[1]} {version[1]}")
    return found[1], version[1]


def _build(package: str, place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="virtual-rig-") as scratch:
        downloads, unpacked = Path(scratch, "downloads"), Path(scratch, "unpacked")
        downloads.mkdir()
        downloads.chmod(0o777)  # apt downloads as a user of its own
        _run("apt-get", "download", "--quiet", package, cwd=downloads)
        (archive,) = downloads.glob("*.deb")
        _run("dpkg-deb", "--extract", str(archive), str(unpacked))
        (modules,) = (unpacked / "lib/modules").iterdir()
        version = modules.name
        _run("depmod", "--basedir", str(unpacked), version)
        tree = ModuleTree(
            (modules / "modules.dep").read_text(), (modules / "modules.builtin").read_text()
        )
        _copy_modules(tree, modules, place / "tree/usr/lib/modules" / version)
        _run("depmod", "--basedir", str(place / "tree/usr"), version)
        shutil.copy(unpacked / f"boot/vmlinuz-{version}", place / "vmlinuz")
        initramfs = _initramfs(tree, modules)
    (place / "initramfs").write_bytes(gzip.compress(initramfs, 1, mtime=0))
    (place / "version").write_text(version)


def _copy_modules(tree: ModuleTree, source: Path, target: Path) -> None:
    for path in tree.load_order((*FIRST_MODULES, *MODULES)):
        copy = target / path.removesuffix(".xz")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(_module(source / path))
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(source / name, target / name)


def _initramfs(tree: ModuleTree, source: Path) -> bytes:
    order = tree.load_order(FIRST_MODULES)
    names = [Path(path).name.removesuffix(".xz") for path in order]
    folders = ("bin", "dev", "disk", "changes", "root", "modules")
    return newc.archive(
        [
            *map(newc.folder, folders),
            newc.file("bin/busybox", BUSYBOX.read_bytes(), executable=True),
            newc.file("init", (HERE / "first_init").read_bytes(), executable=True),
            newc.file("modules/order", "\n".join(names).encode()),
            *(
                newc.file(f"modules/{name}", _module(source / path))
                for name, path in zip(names, order, strict=True)
            ),
        ]
    )


def _module(path: Path) -> bytes:
    """Unpack modules: Debian 13 packs them; busybox wants them plain."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"{' '.join(command)}: {error.stderr.strip()}") from error
    except OSError as error:
        raise CannotBuild(f"{command[0]}: {error.strerror}") from error
    return done.stdout
