"""The guest as QEMU sees it: what it is made of, one run of it, and how it ended."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from drivers.formats import usb_ports
from virtual_rig.qemu.kernel import Built
from virtual_rig.qemu.qmp import QmpError

QEMU = "qemu-system-x86_64"
HUNG = 124  # as timeout(1) says
DIED = 125
KEPT = 5
"""The number of runs that hung or died whose remains are kept."""
HOST_IN_GUEST = "10.0.2.2"  # QEMU's user network

# The far ends are sockets of the host; nothing else of the network is needed or configured.
# "psi" only accounts; "old_scheme_first" resets a device once as it is plugged in, not twice.
KERNEL_ARGUMENTS = (
    "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 mitigations=off random.trust_cpu=on"
    " psi=0 usbcore.old_scheme_first=1"
)
ACCELERATOR = os.environ.get("VIRTUAL_RIG_ACCEL", "tcg,thread=multi")
SCREEN_PX = (1024, 768)
READ_ONLY = "if=virtio,format=raw,readonly=on"


class Asked(Protocol):
    """QEMU's control channel: `qmp.Qmp`."""

    def ask(self, command: str, **arguments: object) -> Any: ...


class Places(NamedTuple):
    """`out` is where the guest writes; `sockets` is short enough for a Unix socket's address."""

    out: Path
    sockets: Path

    @property
    def qmp(self) -> Path:
        return self.sockets / "qmp"

    @property
    def word(self) -> Path:
        """A serial line, on which a frozen guest waits."""
        return self.sockets / "word"


def command_line(
    built: Built,
    disks: Sequence[Path],
    places: Places,
    *,
    said: Path | None = None,
) -> list[str]:
    """Return QEMU's command line. pytest's output goes to stdout, or to the file `said`.

    Software emulation is the same everywhere. A /dev/kvm may be there and hang the guest: set
    `VIRTUAL_RIG_ACCEL=kvm` only where it is known to work.
    """
    width_px, height_px = SCREEN_PX
    return [
        *(QEMU, "-nodefaults", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", ACCELERATOR, "-cpu", "Nehalem"),
        *("-smp", "1", "-m", "768"),  # guests side by side use the others
        *("-kernel", str(built.kernel), "-initrd", str(built.initramfs)),
        *("-append", KERNEL_ARGUMENTS),
        *(part for disk in disks for part in ("-drive", f"file={disk},{READ_ONLY}")),
        *("-serial", f"file:{places.out / 'console.log'}"),
        *("-chardev", f"socket,id=word,path={places.word},server=on,wait=off"),
        *("-serial", "chardev:word"),
        *("-chardev", f"file,id=said,path={said}" if said else "stdio,id=said,signal=off"),
        *("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=said"),
        *("-qmp", f"unix:{places.qmp},server=on,wait=off"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
        *("-device", f"bochs-display,edid=on,xres={width_px},yres={height_px}"),
        *("-device", "qemu-xhci,id=xhci"),
        *("-virtfs", f"local,path={places.out},mount_tag=out,security_model=none"),
    ]


def prepare(places: Places) -> None:
    """Make `out` an empty folder."""
    places.out.mkdir(parents=True, exist_ok=True)
    for old in places.out.iterdir():
        old.unlink()


def keep(out: Path, among: Path) -> Path:
    """Copy what a run that hung or died has left into a new folder of `among`, and return that.

    The next run empties `out`. Of earlier copies the last `KEPT - 1` stay.
    """
    among.mkdir(parents=True, exist_ok=True)
    for old in sorted(among.iterdir())[: -(KEPT - 1)]:
        shutil.rmtree(old)
    began = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    return shutil.copytree(out, among / f"{began}-{out.name}")


def thaw(qmp: Asked, places: Places, limit_s: float = 20.0) -> None:
    """Let a guest go on that was made with `state`. Raises `QmpError`, `OSError`."""
    wait_until_loaded(qmp, limit_s)
    qmp.ask("cont")
    with socket.socket(socket.AF_UNIX) as word:
        word.settimeout(limit_s)
        word.connect(str(places.word))
        word.sendall(word_of_now())
        if not word.recv(1):  # QEMU forgets what it has not passed on when we hang up
            raise QmpError("the frozen guest does not wake")


def word_of_now() -> bytes:
    """Return the word that a frozen guest waits for."""
    return f"{time.time():.3f}\n".encode()


def wait_until_loaded(qmp: Asked, limit_s: float) -> None:
    give_up_s = time.monotonic() + limit_s
    while (status := qmp.ask("query-status")["status"]) != "paused":
        if status != "inmigrate" or time.monotonic() > give_up_s:
            raise QmpError(f"the frozen guest does not come up: {status}")
        time.sleep(0.01)


def plug_usb_serial(qmp: Asked, places: Places, port: str) -> None:
    """Plug in an FTDI adapter at `1-N`; the guest has it once a client connects to its socket."""
    number = str(usb_ports.parse(port).number)
    address = {"type": "unix", "data": {"path": str(places.sockets / f"ftdi-{port}")}}
    backend = {"type": "socket", "data": {"addr": address, "server": True, "wait": False}}
    qmp.ask("chardev-add", id=f"ftdi{number}", backend=backend)
    where = {"bus": "xhci.0", "port": number, "chardev": f"ftdi{number}", "serial": f"RIG{port}"}
    qmp.ask("device_add", driver="usb-serial", id=f"usb-serial{number}", **where)


class Machine:
    """One run: it boots, or goes on from `state`.

    Use it as a context manager: nothing of it is left behind.
    """

    def __init__(self, command: Sequence[str], state: Path | None = None) -> None:
        # Guests wait for far ends, not the other way round, and do not outlive them.
        wrapped = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "5", *command]
        with contextlib.ExitStack() as files:
            passed = [files.enter_context(state.open("rb")).fileno()] if state else []
            incoming = [part for number in passed for part in ("-incoming", f"fd:{number}")]
            self._process = subprocess.Popen(
                [*wrapped, *incoming], stdin=subprocess.DEVNULL, pass_fds=passed
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, out: Path, limit_s: float) -> int:
        """Return the exit code that the guest left; `HUNG` after `limit_s`, `DIED` without one."""
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
    """Return the end of what the guest's kernel and process 1 said."""
    said = []
    for name in ("console.log", "init.log"):
        with contextlib.suppress(OSError):
            text = (out / name).read_bytes().decode(errors="replace")
            said += [f"--- {name}", *text.splitlines()[-lines:]]
    return os.linesep.join(said)


def wait_for_file(path: Path, machine: Machine, limit_s: float) -> bool:
    """Tell whether QEMU has made `path` in time."""
    give_up_s = time.monotonic() + limit_s
    while machine.running and time.monotonic() < give_up_s:
        if path.exists():
            return True
        time.sleep(0.01)
    return path.exists()
