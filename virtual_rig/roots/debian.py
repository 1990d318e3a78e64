"""A small Debian in a folder, kept as an archive in .cache: packages are installed in it as a user
would. It takes root, and Debian's mirror the first time."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SUITE = platform.freedesktop_os_release().get("VERSION_CODENAME", "bookworm")
MMDEBSTRAP = {"/usr/bin/mmdebstrap": "mmdebstrap"}
"""The program that makes a root, and the Debian package that brings it."""

NEEDED_BY_A_STATION = (
    *("python3", "libusb-1.0-0", "libudev1", "systemd", "systemd-sysv", "udev", "kmod"),
    *("init-system-helpers", "passwd"),
)

# Mounts are of this command's own name space: nothing of them is left.
_ENTER = """
set -e
root=$0
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
while read -r name major minor; do
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
while [ "$1" != -- ]; do
    mount --bind "$1" "$root$2"
    shift 2
done
shift
exec chroot "$root" "$@"
"""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class CommandFailed(Exception):
    """Quotes the command and all that it said."""


class Release(NamedTuple):
    """The parts of a root. Without an architecture it is this machine's."""

    suite: str = SUITE
    packages: tuple[str, ...] = NEEDED_BY_A_STATION
    architecture: str = ""

    def archive_in(self, cache: Path) -> Path:
        """Return the path of its archive: another list of packages makes another archive."""
        listed = hashlib.sha256(" ".join(self.packages).encode()).hexdigest()[:8]
        parts = ("debian", self.suite, self.architecture, listed)
        return cache / f"{'-'.join(filter(None, parts))}.tar"


class Debian:
    """The Debian in the folder `root`: with devices of its own, and not booted."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command without network. Raises `CommandFailed`, unless told not to check."""
        done = subprocess.run(
            ["unshare", "--net", "--", *self._entering(command, {})],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise CommandFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done

    def says(self, *command: str) -> str:
        """Return what a command prints on both its outputs, whether or not it succeeds."""
        done = self.run(*command, check=False)
        return (done.stdout + done.stderr).strip()

    def follow(
        self, *command: str, binds: Mapping[Path, str], environment: Mapping[str, str]
    ) -> int:
        """Run a command with this machine's network and outputs; return its exit code.

        `binds` are files or folders of this machine and where they are seen in the root, at places
        that are there. The command ends with us.
        """
        return subprocess.run(
            self._entering(command, binds), env={**ENVIRONMENT, **environment}, check=False
        ).returncode

    def _entering(self, command: Sequence[str], binds: Mapping[Path, str]) -> list[str]:
        bound = [part for ours, theirs in binds.items() for part in (str(ours), theirs)]
        ends_with_us = ("setpriv", "--pdeathsig", "KILL")
        namespaces = ("unshare", "--mount", "--fork", "--pid", "--kill-child")
        return [
            *ends_with_us,
            *namespaces,
            "sh",
            "-c",
            _ENTER,
            str(self.root),
            *bound,
            "--",
            *command,
        ]


def archive(cache: Path, release: Release | None = None) -> Path:
    """Return the archive, made if `cache` has none. Raises `CommandFailed`."""
    release = release or Release()
    path = release.archive_in(cache)
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part.tar")
        options = ["--variant=minbase", f"--include={','.join(release.packages)}"]
        if release.architecture:
            options.append(f"--architectures={release.architecture}")
        _run("mmdebstrap", "--quiet", *options, release.suite, str(partial))
        partial.rename(path)
    return path


def unpack(packed: Path, root: Path, *, but_not: Iterable[str] = ()) -> Debian:
    """Unpack a fresh one in the new folder `root`. `but_not` has tar's patterns: `./usr/share/doc`.

    Raises `CommandFailed`.
    """
    root.mkdir()
    without = [f"--exclude={pattern}" for pattern in but_not]
    _run("tar", "-C", str(root), *without, "-xpf", str(packed))
    return Debian(root)


def make_newer(package: Path, newer: Path) -> None:
    """Write `package` to `newer` with Debian revision 2 instead of 1, and not compressed."""
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
    """Tell whether `archive` would find or make this machine's release."""
    made = Release().archive_in(cache).exists()
    return made or shutil.which("mmdebstrap") is not None


def _run(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
