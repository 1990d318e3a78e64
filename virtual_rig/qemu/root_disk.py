"""The guest's root: what it runs of this machine's files, on a disk that is never written to.

Only what is on it can be run in the guest; a program that a new test needs goes into `PROGRAMS`.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from virtual_rig.qemu.kernel import BUSYBOX, Built, CannotBuild

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
NEEDED = {"/usr/sbin/mke2fs": "e2fsprogs"}
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"

PROGRAMS = ("udevadm", "systemd-sysusers", "dmesg", "modprobe", "getent", "ldconfig", "sh", "bash")
"""The programs of a station. All others that a shell may call are busybox's."""
UDEVD = Path("/lib/systemd/systemd-udevd")
OPENED_BY_NAME = ("libusb-1.0.so.0", "libudev.so.1", "libgcc_s.so.1", "libnss_systemd.so.2")
RULES = ("50-udev-default", "60-serial", "60-drm", "60-evdev", "60-input-id", "80-drivers")
"""Debian's rules that our devices need: udev reads all there are at each plug, slowly."""
OTHERS = (
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/login.defs"),
    *("/etc/hosts", "/etc/udev/udev.conf", "/etc/localtime", "/usr/lib/locale/C.utf8"),
)
CHECKOUT = (
    "records",
    "drivers",
    "station",
    "hil_tests",
    "virtual_rig",
    "systemd",
    "pyproject.toml",
)
CHECKOUT_KIB = 65536
NOT_OF_PYTHON = (
    *("site-packages", "dist-packages", "test", "tests", "config-*"),
    *("idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"),
)

_LIBRARY = re.compile(r"(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)


class Gathered:
    """Copies of files in a folder, at the places and behind the links that they have here."""

    def __init__(self, folder: Path, source: Path = Path("/")) -> None:
        self._folder = folder
        self._source = source

    def add(self, path: Path, leave_out: Iterable[str] = ()) -> None:
        """Copy a file, or a folder with all that is in it but names such as `test*`.

        A path that does not exist is left out. `path` is absolute.
        """
        real = self.follow(path)
        source, target = self._source / real, self._folder / real
        if source.is_dir():
            ignore = shutil.ignore_patterns(*leave_out) if leave_out else None
            shutil.copytree(source, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)
        elif source.is_file() and not target.exists() and os.access(source, os.R_OK):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)

    def follow(self, path: Path) -> Path:
        """Return the place behind all links, without a first `/`; copy the links on the way."""
        place, left = Path(), list(path.parts[1:])
        for _ in range(1000):
            if not left:
                return place
            part = left.pop(0)
            if part == "..":
                place = place.parent
                continue
            source = self._source / place / part
            if not source.is_symlink():
                place /= part
                continue
            goes_to = source.readlink()
            link = self._folder / place / part
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(goes_to)
            if goes_to.is_absolute():
                place = Path()
            left[:0] = [one for one in goes_to.parts if one != "/"]
        raise CannotBuild(f"{path}: its links lead nowhere")


def build(disk: Path, built: Built, installed: Mapping[str, bytes]) -> None:
    """Make `disk`. `installed` are files that a station has besides, by their absolute path."""
    with tempfile.TemporaryDirectory(prefix="virtual-rig-", dir=disk.parent) as scratch:
        folder = Path(scratch, "root")
        folder.mkdir(mode=0o755)
        _gather(Gathered(folder), folder)
        shutil.copytree(built.tree, folder, dirs_exist_ok=True)
        for path, content in installed.items():
            place = folder / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        for empty in ("dev", "proc", "sys", "run", "tmp", "root", "rig/out", "rig/venv"):
            (folder / empty).mkdir(exist_ok=True, parents=True)
        (folder / "tmp").chmod(0o1777)  # not a file system of its own: a checkout may be below it
        (folder / str(ROOT).lstrip("/")).mkdir(parents=True, exist_ok=True)
        for name in ("guest_init", "thaw", "waiting.py"):
            shutil.copy(HERE / name, folder / "rig" / name)
            (folder / "rig" / name).chmod(0o755)
        used = sum(path.lstat().st_size + 4096 for path in folder.rglob("*"))
        _make(disk, folder, used * 5 // 4 // 1024 + 16384)


def pack_checkout(disk: Path) -> None:
    """Write the part of the checkout that runs in the guest onto a disk of always the same size."""
    with tempfile.TemporaryDirectory(prefix="virtual-rig-", dir=disk.parent) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        for name in CHECKOUT:
            if (source := ROOT / name).is_dir():
                shutil.copytree(source, folder / name, symlinks=True)
            else:
                shutil.copy2(source, folder / name)
        (folder / ".venv").mkdir()
        _make(disk, folder, CHECKOUT_KIB)


def programs() -> list[Path]:
    """Return the programs that exist here."""
    found = (shutil.which(name, path=SEARCH) for name in PROGRAMS)
    everywhere = [BUSYBOX, UDEVD, *(Path(path) for path in found if path)]
    return [path for path in everywhere if path.exists()]


def _gather(gathered: Gathered, folder: Path) -> None:
    python, base = Path(sys.executable), Path(sysconfig.get_path("stdlib"))
    libraries = Path(sysconfig.get_path("purelib"))
    for merged in ("/bin", "/sbin", "/lib", "/lib64"):
        gathered.follow(Path(merged))
    for path in (python, *programs()):
        gathered.add(path)
    gathered.add(base, NOT_OF_PYTHON)
    gathered.add(base / "lib-dynload")
    gathered.add(libraries)
    gathered.add(python.parent.parent / "pyvenv.cfg")
    for name in RULES:
        gathered.add(Path(f"/lib/udev/rules.d/{name}.rules"))
    for other in OTHERS:
        gathered.add(Path(other))
    running = [python, *programs(), *_extensions(base), *_extensions(libraries)]
    for path in (*_needed(running), *_named()):
        gathered.add(path)
    applets = folder / "usr/local/bin"
    applets.mkdir(parents=True)
    for applet in _run(str(BUSYBOX), "--list").split():
        (applets / applet).symlink_to(BUSYBOX)


def _extensions(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.so"):
        if "site-packages" not in path.relative_to(folder).parts:
            yield path


def _needed(files: Iterable[Path]) -> set[Path]:
    """Return the libraries that the loader would load for `files`."""
    command = ["ldd", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return {Path(found) for found in _LIBRARY.findall(done.stdout)}


def _named() -> set[Path]:
    """Return the libraries that are opened by name, with all that they need."""
    cache = _run("/sbin/ldconfig", "-p")
    found = {
        Path(path)
        for name, path in re.findall(r"^\s(\S+) \(.*x86-64.*\) => (\S+)$", cache, re.MULTILINE)
        if name in OPENED_BY_NAME
    }
    return found | _needed(found)


def _make(disk: Path, folder: Path, size_kib: int) -> None:
    options = ("-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "root_owner=0:0")
    _run("/usr/sbin/mke2fs", *options, "-d", str(folder), str(disk), f"{size_kib}k")


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"{' '.join(command)}: {error.stderr.strip()}") from error
    except OSError as error:
        raise CannotBuild(f"{command[0]}: {error.strerror}") from error
    return done.stdout
