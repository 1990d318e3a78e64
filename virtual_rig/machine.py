"""The guest as QEMU sees it: what it is made of, one run of it, and how it ended."""

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from virtual_rig.kernel import Built

QEMU = "qemu-system-x86_64"
HUNG = 124  # as timeout(1) says
DIED = 125
HOST_IN_GUEST = "10.0.2.2"  # QEMU's user network

# The far ends are sockets of the host; nothing else of the network is needed or configured.
KERNEL_ARGUMENTS = (
    "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off random.trust_cpu=on"
)
ACCELERATOR = os.environ.get("VIRTUAL_RIG_ACCEL", "tcg,thread=multi")
SCREEN_PX = (1024, 768)


class Places(NamedTuple):
    """`out` is where the guest writes; `sockets` is short enough for a Unix socket's address."""

    out: Path
    sockets: Path

    @property
    def qmp(self) -> Path:
        return self.sockets / "qmp"


def command_line(
    built: Built, places: Places, ftdi_ports: Sequence[str], output: Path | None = None
) -> list[str]:
    """What pytest prints goes to stdout, or to the file `output`.

    Software emulation: it is the same everywhere. A /dev/kvm may be there and hang the guest;
    `VIRTUAL_RIG_ACCEL=kvm` is for who knows that his works.
    """
    shared = {"host": Path("/"), "tree": built.tree.resolve()}
    width_px, height_px = SCREEN_PX
    line = [
        *(QEMU, "-nodefaults", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", ACCELERATOR, "-cpu", "Nehalem"),
        *("-smp", "2", "-m", "1024"),
        *("-kernel", str(built.kernel), "-initrd", str(built.initramfs)),
        *("-append", KERNEL_ARGUMENTS),
        *("-serial", f"file:{places.out / 'console.log'}"),
        *("-chardev", f"file,id=said,path={output}" if output else "stdio,id=said,signal=off"),
        *("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=said"),
        *("-qmp", f"unix:{places.qmp},server=on,wait=off"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
        *("-device", f"bochs-display,edid=on,xres={width_px},yres={height_px}"),
        *("-device", "qemu-xhci,id=xhci"),
        *("-virtfs", f"local,path={places.out},mount_tag=out,security_model=none"),
    ]
    for tag, path in shared.items():
        options = "security_model=none,readonly=on,multidevs=remap"
        line += ["-virtfs", f"local,path={path},mount_tag={tag},{options}"]
    for port in ftdi_ports:
        number = port.partition("-")[2]
        line += ["-chardev", f"socket,id=ftdi{number},path={places.sockets}/ftdi-{port}"]
        line[-1] += ",server=on,wait=off"
        device = f"usb-serial,bus=xhci.0,port={number},chardev=ftdi{number},serial=RIG{port}"
        line += ["-device", device]
    return line


def prepare(places: Places, settings: Mapping[str, str]) -> None:
    """An empty `out`, with what the guest's process 1 reads there."""
    places.out.mkdir(parents=True, exist_ok=True)
    for old in places.out.iterdir():
        old.unlink()
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (places.out / "go").write_text("".join(lines))


class Machine:
    """One run. Use it as a context manager: nothing of it is left behind."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, out: Path, limit_s: float) -> int:
        """The exit code that the guest left; `HUNG` after `limit_s`, `DIED` if it left none."""
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return HUNG
        try:
            return int((out / "exit-code").read_text())
        except (OSError, ValueError):
            return DIED

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()


def last_words(out: Path, lines: int = 30) -> str:
    """The end of what the guest's kernel and process 1 said."""
    said = []
    for name in ("console.log", "init.log"):
        with contextlib.suppress(OSError):
            text = (out / name).read_bytes().decode(errors="replace")
            said += [f"--- {name}", *text.splitlines()[-lines:]]
    return os.linesep.join(said)


def wait_for_file(path: Path, machine: Machine, limit_s: float) -> bool:
    """Whether QEMU has made `path` in time."""
    give_up_s = time.monotonic() + limit_s
    while machine.running and time.monotonic() < give_up_s:
        if path.exists():
            return True
        time.sleep(0.01)
    return path.exists()
