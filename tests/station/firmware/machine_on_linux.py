"""A whole Pico on Linux: restarts, a file system, MicroPython's raw REPL. Runs in MicroPython.

    micropython machine_on_linux.py ROOT FIRMWARE

ROOT is its file system, with the world as `world.json`; `hwsim` is taken from FIRMWARE. It ends
with 3 where a Pico would restart. The raw REPL is after MicroPython's documentation, "REPL: raw
mode"; raw-paste mode is refused, as it may be.
"""

import io
import json
import os
import sys

root, firmware = sys.argv[1], sys.argv[2]
os.umount("/")
os.mount(os.VfsPosix(root), "/")
os.mount(os.VfsPosix(firmware), "/sim")
os.chdir("/")
sys.path[:] = ["/"]


class Machine:
    """The module `machine` as far as a restart, which is the end of this process."""

    def reset(self):
        """Restart."""
        sys.exit(3)


class Os:
    """The module `os`, but for renaming: VfsPosix loses the root of a mount when it renames."""

    def __getattr__(self, name):
        return getattr(os, name)

    def rename(self, old, new):
        """Rename a file in the root folder."""
        os.rename(old.lstrip("/"), new.lstrip("/"))


def on_linux(kind):
    """Return the simulated hardware of a class, on this machine's file system."""

    class OnMachine(kind):
        def __init__(self, manifest):
            with open("/world.json") as file:
                super().__init__(json.load(file))
            self.firmware_hash = manifest["hash"]
            if "calibration.json" in os.listdir("/"):
                with open("/calibration.json") as file:
                    self.calibration = json.load(file)
            self._turns_left = -1

        def keep_calibration(self):
            with open("/calibration.json", "w") as file:
                json.dump(self.calibration, file)

        def restart_for_update(self):
            with open("/update", "w") as file:
                file.write("asked")
            self._turns_left = 20

        def feed(self):
            self._turns_left -= 1
            if self._turns_left == 0:
                sys.exit(3)

    return OnMachine


class Hardware:
    """Stands for the module `hwsim`."""


def run_firmware():
    """Do what a Pico does when it starts."""
    if "main.py" not in os.listdir("/"):
        return
    import main

    sys.path[:] = ["/", "/sim/linux"]
    import hwsim

    for name in dir(hwsim):
        if name.endswith("Hw"):
            setattr(Hardware, name, on_linux(getattr(hwsim, name)))
    for name in ("line", "board", "kinds", "fingers"):
        sys.modules.pop(name, None)
    main.run("", Hardware)


def repl():
    """Obey the raw REPL."""
    sys.modules["machine"] = Machine()
    sys.modules["os"] = Os()
    read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
    raw, code, names = False, b"", {}
    while True:
        byte = read(1)
        if not byte:
            return
        if byte == b"\x01":
            raw, code = True, b""
            write(b"raw REPL; CTRL-B to exit\r\n>")
        elif byte == b"\x02":
            raw = False
            write(b"MicroPython on Linux\r\n>>> ")
        elif byte == b"\x03":
            code = b""
        elif byte == b"\x05" and raw and not code:
            read(2)
            write(b"R\x00")
        elif byte == b"\x04" and raw:
            write(b"OK")
            error = b""
            try:
                exec(code.decode(), names)
            except Exception as why:
                text = io.StringIO()
                sys.print_exception(why, text)
                error = text.getvalue().encode()
            write(b"\x04" + error + b"\x04>")
            code = b""
        elif raw:
            code += byte


run_firmware()
repl()
