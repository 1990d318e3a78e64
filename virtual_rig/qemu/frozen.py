"""A guest that was booted once, and waits with its instruments not yet plugged in: each run goes on
from there, in a second rather than in twelve.

Its memory and devices are what QEMU would send to another machine, in a file. Two things cannot be
frozen and come afterwards: file systems over 9p, and QEMU's usb-serial.
"""

import contextlib
import hashlib
import os
import shlex
import shutil
import socket
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import NamedTuple

from station.rig import config, udev_rules
from virtual_rig.qemu import machine, root_disk
from virtual_rig.qemu.kernel import Built, CannotBuild
from virtual_rig.qemu.qmp import Qmp, QmpError
from virtual_rig.qemu.root_disk import HERE, ROOT

STATION = Path("hil_tests/virtual.toml")
WAITING = b"waiting\n"  # as `waiting.py` says it
BOOTS_WITHIN_S = 180.0
SAVED_WITHIN_S = 60.0
INPUTS = ("machine.py", "frozen.py", "root_disk.py", "waiting.py", "guest_init", "thaw")
BANDWIDTH = 1 << 40  # of bytes a second to a file: as fast as it goes


class Frozen(NamedTuple):
    """The files that a run goes on from."""

    built: Built
    disks: tuple[Path, ...]
    state: Path


def freeze(built: Built, cache: Path, prepare: Callable[[], None]) -> Frozen:
    """Return the frozen guest in `cache`, made anew if any part changed. Raises `CannotBuild`.

    `prepare` is called before anything of ours or of Python's goes onto a disk.
    """
    files = installed()
    place = cache / f"frozen-{key(built, files)}"
    if not place.exists():
        with making(place) as folder:
            prepare()
            root_disk.build(folder / "disk", built, files)
            root_disk.pack_checkout(folder / "checkout")
            _freeze(Frozen(built, (folder / "disk", folder / "checkout"), folder / "state"), None)
    return Frozen(built, (place / "disk", place / "checkout"), place / "state")


def load(base: Frozen, prepare: Callable[[], None]) -> Frozen:
    """Return a guest that went on from `base` until it had loaded this checkout's modules."""
    place = base.state.parent / f"loaded-{_checkout_key()}"
    disk = base.disks[0]
    if not place.exists():
        with making(place) as folder:
            prepare()
            root_disk.pack_checkout(folder / "checkout")
            _freeze(Frozen(base.built, (disk, folder / "checkout"), folder / "state"), base.state)
    return Frozen(base.built, (disk, place / "checkout"), place / "state")


@contextlib.contextmanager
def making(place: Path) -> Iterator[Path]:
    """Delete `place`'s predecessors; yield a folder that becomes `place` if all goes well."""
    kind = place.name.partition("-")[0]
    for old in place.parent.glob(f"{kind}-*"):
        shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="making-", dir=place.parent))
    try:
        yield folder
        try:
            folder.rename(place)
        except OSError:
            if not place.exists():  # else another run was quicker, with the same
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _checkout_key() -> str:
    parts = hashlib.sha256()
    for name in root_disk.CHECKOUT:
        top = ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                parts.update(f"{path} {path.stat().st_mtime_ns}\0".encode())
                parts.update(hashlib.sha256(path.read_bytes()).digest())
    return parts.hexdigest()[:16]


def installed() -> dict[str, bytes]:
    """Return the files that the Debian package puts on a station, and the slots' rules."""
    shipped = ROOT / "systemd"
    rules = udev_rules.rules(udev_rules.slot_ports(config.load(ROOT / STATION)))
    settings = {"ROOT": str(ROOT), "PYTHON": sys.executable}
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
    return {
        **{f"/etc/udev/rules.d/{one.name}": one.read_bytes() for one in shipped.glob("udev/*")},
        f"/etc/udev/rules.d/{Path(udev_rules.RULES_FILE).name}": rules.encode(),
        **{
            f"/usr/lib/sysusers.d/{one.name}": one.read_bytes()
            for one in shipped.glob("sysusers.d/*")
        },
        **{f"/etc/sysctl.d/{one.name}": one.read_bytes() for one in shipped.glob("sysctl.d/*")},
        "/rig/settings": "".join(lines).encode(),
    }


def key(built: Built, files: Mapping[str, bytes]) -> str:
    """Hash all that a frozen guest is made of; `files` are those installed on a station."""
    parts = hashlib.sha256()
    for part in _parts(built):
        parts.update(part.encode() + b"\0")
    for path, content in sorted(files.items()):
        parts.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
    return parts.hexdigest()[:16]


def _parts(built: Built) -> Iterator[str]:
    yield built.kernel.parent.name
    yield machine.ACCELERATOR
    yield sys.version
    for name in INPUTS:
        yield (HERE / name).read_text()
    yield (ROOT / "uv.lock").read_text()
    yield from sorted(os.listdir(sysconfig.get_path("purelib")))
    for program in (*root_disk.programs(), *map(Path, filter(None, [which(machine.QEMU)]))):
        stat = program.stat()
        yield f"{program} {stat.st_size} {stat.st_mtime_ns}"


def _freeze(frozen: Frozen, state: Path | None) -> None:
    """Run the guest, from power on or from `state`, to where it says that it waits."""
    scratch = frozen.state.parent
    with tempfile.TemporaryDirectory(prefix="virtual-rig-") as sockets:
        places = machine.Places(scratch, Path(sockets))
        nowhere = Path(os.devnull)
        command = machine.command_line(frozen.built, frozen.disks, places, said=nowhere)
        with machine.Machine(command, state) as guest:
            try:
                if not machine.wait_for_file(places.qmp, guest, 10.0):
                    raise CannotBuild("QEMU does not start")
                with Qmp.connect(places.qmp) as qmp, socket.socket(socket.AF_UNIX) as line:
                    line.connect(str(places.word))
                    if state:
                        machine.wait_until_loaded(qmp, BOOTS_WITHIN_S)
                        qmp.ask("cont")
                        line.sendall(machine.word_of_now())
                    _wait_for_waiting(line)
                    _save(qmp, frozen.state)
            except (OSError, QmpError) as error:
                words = machine.last_words(scratch)
                raise CannotBuild(f"the guest could not be frozen: {error}\n{words}") from error


def _wait_for_waiting(line: socket.socket) -> None:
    give_up_s = time.monotonic() + BOOTS_WITHIN_S
    heard = b""
    while not heard.endswith(WAITING):
        line.settimeout(max(0.1, give_up_s - time.monotonic()))
        if not (data := line.recv(4096)):
            raise OSError(f"it ended, having said {heard!r}")
        heard += data


def _save(qmp: Qmp, state: Path) -> None:
    qmp.ask("stop")
    qmp.ask("migrate-set-parameters", **{"max-bandwidth": BANDWIDTH})
    qmp.ask("migrate", uri=f"exec:cat >{shlex.quote(str(state))}")
    give_up_s = time.monotonic() + SAVED_WITHIN_S
    while (came_of_it := qmp.ask("query-migrate"))["status"] != "completed":
        if came_of_it["status"] == "failed" or time.monotonic() > give_up_s:
            raise QmpError(f"migrate → {came_of_it}")
        time.sleep(0.1)
