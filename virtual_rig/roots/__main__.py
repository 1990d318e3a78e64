"""`python -m virtual_rig.roots --suite trixie COMMAND…`: this checkout in a Debian of its own.

The Debian is unpacked anew for each run, with a copy of the checkout and, beside it, of `../shared`
if there is one. Of this machine it sees the caches of uv and pip, the name servers, and the
certificates that it trusts; and its network, for the packages that the environment is made of.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from virtual_rig.qemu import packages
from virtual_rig.roots import debian
from virtual_rig.roots.debian import CommandFailed, Debian, Release

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
CHECKOUT, SHARED = "srv/checkout", "srv/shared"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CACHES = ("root/.cache/uv", "root/.cache/pip")
ENVIRONMENT = {
    "HOME": "/root",
    "CI": "true",
    "UV_LINK_MODE": "copy",  # the cache is another mount
    "SSL_CERT_FILE": str(CERTIFICATES),
}
FOR_A_CHECKOUT = ("python3", "python3-venv", "ca-certificates", "git")

EMULATORS = {"arm64": ("qemu-aarch64", "/usr/bin/qemu-aarch64-static")}
"""By architecture: the name that the kernel knows, and the program."""
BINFMT = Path("/proc/sys/fs/binfmt_misc")
FAILED = 125


def main(arguments: Sequence[str]) -> int:
    """Return the command's exit code, or `FAILED` when there is no such Debian."""
    parser = argparse.ArgumentParser(
        prog="python -m virtual_rig.roots",
        description="Run a command of this checkout in a clean Debian. As root.",
    )
    parser.add_argument("--suite", default=debian.SUITE, help="default: %(default)s, as here")
    parser.add_argument("--architecture", default="", choices=["", *EMULATORS], help="emulated")
    parser.add_argument("--packages", default="", help="to be there besides Python, with blanks")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="such as script/test -x")
    options = parser.parse_args(arguments)
    named = (*FOR_A_CHECKOUT, *options.packages.split())
    release = Release(options.suite, tuple(dict.fromkeys(named)), options.architecture)
    began_s = time.monotonic()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        if os.geteuid() != 0:
            raise CommandFailed("making and entering a Debian takes root")
        packages.ensure(debian.MMDEBSTRAP)
        if release.architecture:
            emulate(release.architecture)
        packed = debian.archive(CACHE, release)
        with tempfile.TemporaryDirectory(prefix="debian-", dir=CACHE) as scratch:
            root = debian.unpack(packed, Path(scratch, "root"))
            furnish(root.root)
            told(release, f"is there after {time.monotonic() - began_s:.1f} s")
            code = follow(root, options.command)
    except (CommandFailed, packages.Missing) as error:
        print(error, file=sys.stderr)
        return FAILED
    command = " ".join(options.command)
    told(release, f"{command}: exit code {code}, {time.monotonic() - began_s:.1f} s in all")
    return code


def told(release: Release, what: str) -> None:
    """Say something of this release on stderr."""
    name = " ".join(filter(None, ("Debian", release.suite, release.architecture)))
    print(f"{name}: {what}", file=sys.stderr, flush=True)


def emulate(architecture: str) -> None:
    """Have the kernel run this architecture's programs. Raises `CommandFailed`, `Missing`."""
    name, program = EMULATORS[architecture]
    packages.ensure({program: "qemu-user-static", "/usr/sbin/update-binfmts": "binfmt-support"})
    if not (BINFMT / "register").exists():
        _run("mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT))
    if not (BINFMT / name).exists():
        _run("update-binfmts", "--enable", name)
    if not (BINFMT / name).exists():
        raise CommandFailed(f"this kernel runs no {architecture} programs: no {BINFMT / name}")


def furnish(root: Path) -> None:
    """Put into a fresh root what `follow` needs: the checkout, and places for what is bound."""
    copy_checkout(root / CHECKOUT)
    if (beside := ROOT.parent / "shared").is_dir():
        shutil.copytree(beside, root / SHARED)
    for place in CACHES:
        (root / place).mkdir(parents=True, exist_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def copy_checkout(place: Path) -> None:
    """Copy what git would put into a commit now, but neither `.git` nor what it ignores."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if (source := ROOT / name).is_symlink() or source.exists():  # else removed, uncommitted
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place / name, follow_symlinks=False)


def follow(root: Debian, command: Sequence[str]) -> int:
    """Run a command in the copied checkout; return its exit code."""
    binds = {CERTIFICATES: str(CERTIFICATES)} if CERTIFICATES.exists() else {}
    for place in CACHES:
        (ours := Path.home() / Path(place).relative_to("root")).mkdir(parents=True, exist_ok=True)
        binds[ours] = f"/{place}"
    entering = ("sh", "-c", f'cd /{CHECKOUT} && exec "$@"', "sh")
    return root.follow(*entering, *command, binds=binds, environment=ENVIRONMENT)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
