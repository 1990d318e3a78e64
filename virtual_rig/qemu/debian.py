"""A small Debian in a folder, kept as an archive in .cache: packages are installed in it as a user
would. It takes root, and Debian's mirror the first time."""

import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SUITE = platform.freedesktop_os_release().get("VERSION_CODENAME", "bookworm")
NEEDED = "python3,libusb-1.0-0,libudev1,systemd,systemd-sysv,udev,kmod,init-system-helpers,passwd"


class CommandFailed(Exception):
    """Quotes the command and all that it said."""


class Debian:
    """With /proc, without network, and not booted."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Raises `CommandFailed`, unless told not to check."""
        done = subprocess.run(
            [
                *("unshare", "--mount", "--net", "--fork", "--pid", "sh", "-c"),
                'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
                *(str(self.root), *command),
            ],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise CommandFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done

    def says(self, *command: str) -> str:
        """Whatever it has to say, and whether or not it succeeds."""
        done = self.run(*command, check=False)
        return (done.stdout + done.stderr).strip()


def archive(cache: Path) -> Path:
    """The archive, made if `cache` has none. Raises `CommandFailed`."""
    path = cache / f"debian-{SUITE}.tar"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="debian-") as scratch:
            made = f"{scratch}/made"  # for all to enter, as a root has to be
            variant = ("--variant=minbase", f"--include={NEEDED}")
            _run("debootstrap", *variant, SUITE, made, MIRROR)
            partial = path.with_suffix(".part")
            _run("tar", "-C", made, "-cf", str(partial), "--one-file-system", ".")
        partial.rename(path)
    return path


def unpack(packed: Path, root: Path, *, but_not: Iterable[str] = ()) -> Debian:
    """A fresh one in the new folder `root`. `but_not` are tar's patterns: `./usr/share/doc`."""
    root.mkdir()
    without = [f"--exclude={pattern}" for pattern in but_not]
    _run("tar", "-C", str(root), *without, "-xpf", str(packed))
    return Debian(root)


def make_newer(package: Path, newer: Path) -> None:
    """The same with Debian revision 2 instead of 1, and not compressed."""
    with tempfile.TemporaryDirectory(prefix="package-") as scratch:
        unpacked = Path(scratch, "unpacked")
        _run("dpkg-deb", "-R", str(package), str(unpacked))
        control = unpacked / "DEBIAN/control"
        text, changes = re.subn(r"(?m)^(Version: .*)-1$", r"\1-2", control.read_text())
        if changes != 1:
            raise CommandFailed(f"{package.name} has no revision 1: {control.read_text()}")
        control.write_text(text)
        _run("dpkg-deb", "-Znone", "-b", str(unpacked), str(newer))


def can_be_made(cache: Path) -> bool:
    return (cache / f"debian-{SUITE}.tar").exists() or shutil.which("debootstrap") is not None


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
