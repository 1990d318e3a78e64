"""Inside a guest with an installed station: plugs in what it is told to, and runs commands.

What it is told comes through a virtio port, as JSON lines, so that it needs nothing of what is
tried. Instruments are plugged in before the station starts.
"""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from records.notify import sd_notify
from virtual_rig.guest.hands import DEVICES, Hands, Where, wait_for

COMMAND_LINE = Path("/proc/cmdline")
EAR = Path("/dev/virtio-ports/virtual-rig.attendant")
NETWORK_S = 30.0


class Attendant:
    """Commands are `attach`, `run` and `write`, with their keyword arguments."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._commands: dict[str, Callable[..., Any]] = {
            "attach": self.attach,
            "run": self.run,
            "write": self.write,
        }

    def plug_in(self, ports: list[str]) -> None:
        """Attach the ports in their order, which gives I²C buses their numbers in station.toml."""
        for port in ports:
            self._hands.attach(port)
            if (bus := self._hands.ask("i2c_bus", port=port)) is not None:
                wait_for(Path(f"/dev/i2c-{bus}").exists, f"I²C bus {bus}")
            else:
                wait_for((DEVICES / port).exists, f"what is at {port}")
        subprocess.run(["udevadm", "settle", "--timeout=20"], check=True)

    def attach(self, port: str) -> None:
        """Plug in what the far end offers for the USB port."""
        self._hands.attach(port)

    def run(self, command: list[str], timeout_s: float = 30.0) -> tuple[int, str]:
        """Run a command; return its exit code, and all that it said."""
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeout_s
        )
        return done.returncode, done.stdout + done.stderr

    def write(self, path: str, text: str) -> None:
        """Write a file, with its folder."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)

    def answer(self, line: bytes) -> dict[str, Any]:
        """Return the answer to one request; any mistake in it is answered as `error`."""
        try:
            request = json.loads(line)
            command = self._commands[request["do"]]
            return {"result": command(**request["with"])}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}


def where_told(command_line: str) -> Where:
    """Return the addresses on the kernel's command line. Raises `ValueError`."""
    if (found := re.search(r"\bvirtual_rig=(\S+)", command_line)) is None:
        raise ValueError(f"no virtual_rig= in {command_line!r}")
    return Where.parse(found[1])


def main() -> None:
    where = where_told(COMMAND_LINE.read_text())
    hands = _connect(where)
    attendant = Attendant(hands)
    attendant.plug_in(hands.ask("plugged_ports"))
    wait_for(EAR.exists, str(EAR))
    with EAR.open("r+b", buffering=0) as ear:
        sd_notify("READY=1")
        while True:
            line = ear.readline()
            if line:
                ear.write(json.dumps(attendant.answer(line)).encode() + b"\n")
            else:  # no host is there
                time.sleep(0.1)


def _connect(where: Where) -> Hands:
    give_up_s = time.monotonic() + NETWORK_S
    while True:
        try:
            return Hands(where)
        except OSError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    main()
