"""The machine that the station is installed on, from power on until its power is cut."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.formats import usb_ports
from virtual_rig.far_ends.eye import Eye
from virtual_rig.far_ends.wiring import FarEnds
from virtual_rig.guest.hands import Where
from virtual_rig.installed.image import Image
from virtual_rig.qemu import machine
from virtual_rig.qemu.qmp import Qmp

UNIT = "pace-station.service"
KIOSK = "pace-station-kiosk.service"
BOOTS_WITHIN_S = 90.0


class Fault(Exception):
    """The installed station did not do what it has to."""


class GuestSilent(Exception):
    """The guest does not answer, or not as it should."""


def expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Fault(otherwise)


def command_line(
    image_: Image,
    disk_options: Sequence[str],
    places: machine.Places,
    where: Where,
    ftdi_ports: Sequence[str],
) -> list[str]:
    arguments = (
        f"{machine.KERNEL_ARGUMENTS} root=/dev/vda rw systemd.show_status=0"
        f" systemd.getty_auto=0 systemd.journald.forward_to_console=1 virtual_rig={where}"
    )
    line = [
        *(machine.QEMU, "-nodefaults", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", machine.ACCELERATOR, "-cpu", "Nehalem"),
        *("-smp", "2", "-m", "1024"),
        *("-kernel", str(image_.kernel), "-initrd", str(image_.initramfs)),
        *("-append", arguments),
        *disk_options,
        *("-serial", f"file:{places.out / 'console.log'}"),
        *("-chardev", f"socket,id=ear,path={places.sockets}/ear,server=on,wait=off"),
        *("-device", "virtio-serial-pci"),
        *("-device", "virtserialport,chardev=ear,name=virtual-rig.attendant"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
        *("-device", "qemu-xhci,id=xhci"),
        *("-device", "VGA", "-qmp", f"unix:{places.qmp},server=on,wait=off"),
    ]
    for port in ftdi_ports:
        number = usb_ports.parse(port).number
        socket_ = f"socket,id=ftdi{number},path={places.sockets}/ftdi-{port},server=on,wait=off"
        device = f"usb-serial,bus=xhci.0,port={number},chardev=ftdi{number},serial=RIG{port}"
        line += ["-chardev", socket_, "-device", device]
    return line


class Guest:
    """One machine, from power on until its power is cut."""

    def __init__(self, command: Sequence[str], sockets: Path, ends: FarEnds) -> None:
        for old in sockets.iterdir():
            old.unlink()
        self._machine = machine.Machine(command)
        self._ends = ends
        ear = sockets / "ear"
        for path in (ear, *(sockets / f"ftdi-{port}" for port in ends.lines)):
            if not machine.wait_for_file(path, self._machine, 10.0):
                self._machine.kill()
                raise GuestSilent("QEMU did not start")
        for line in ends.lines.values():
            line.plug()
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(ear))
        self._lines = self._connection.makefile("rb")
        self._qmp = Qmp.connect(sockets / "qmp")
        self.eye = Eye(self._qmp, sockets)

    def ask(self, command: str, /, *, within_s: float = 40.0, **arguments: object) -> Any:
        """Have the attendant do something. Raises `GuestSilent` and `Fault`."""
        self._connection.settimeout(within_s)
        try:
            request = {"do": command, "with": arguments}
            self._connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(self._lines.readline())
        except (OSError, ValueError) as error:
            raise GuestSilent(f"{command} {arguments}: {error!r}") from error
        if "error" in answer:
            raise Fault(f"{command} {arguments} → {answer['error']}")
        return answer["result"]

    def run(self, *command: str, within_s: float = 30.0) -> str:
        """Run a command and return its output; a code that is not 0 is a `Fault`."""
        code, said = self.try_to(*command, within_s=within_s)
        expect(code == 0, f"{' '.join(command)} → {code}: {said}")
        return said

    def try_to(self, *command: str, within_s: float = 30.0) -> tuple[int, str]:
        code, said = self.ask(
            "run", command=command, timeout_s=within_s, within_s=within_s + BOOTS_WITHIN_S
        )
        return code, said

    def properties(self, unit: str = UNIT) -> dict[str, str]:
        """Return systemd's properties of the station's unit."""
        lines = self.run("systemctl", "show", unit).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def screen_text(self) -> str:
        """Return the text on tty1, without letters beyond ASCII, and without ends of lines."""
        return self.run("sh", "-c", "tr -cd '\\40-\\176' </dev/vcs1")

    def press(self, *keys: str) -> None:
        """Press keys of the machine's own keyboard together; QEMU's names, such as `ctrl`, `f1`."""
        self._qmp.ask("send-key", keys=[{"type": "qcode", "data": key} for key in keys])

    def take_picture(self, path: Path) -> None:
        """Take a picture of its screen, as PNG."""
        self._qmp.ask("screendump", filename=str(path), format="png")

    def cut_power(self) -> None:
        self._machine.kill()
        self._qmp.close()
        self._lines.close()
        self._connection.close()
        for line in self._ends.lines.values():
            line.unplug()
