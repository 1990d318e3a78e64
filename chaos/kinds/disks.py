"""Disks that are full, read-only, or answer with errors, at either side."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from chaos.line import Line
from chaos.services import Service

DEVICES = 16
ERRORS = ("EIO", "ENOSPC", "EROFS")
CALLS = "pwrite64,fdatasync,fsync"


def no_mount() -> str:
    if os.geteuid() != 0:
        return "only root may mount a disk"
    return "" if shutil.which("mount") else "mount is missing: apt-get install mount"


def no_strace() -> str:
    return "" if shutil.which("strace") else "strace is missing: apt-get install strace"


def full_station(line: Line) -> None:
    """Fill the station's disk to its last byte, and make room later."""
    _fill(line, line.station)


def full_host(line: Line) -> None:
    """Fill the host's disk to its last byte, and make room later."""
    _fill(line, line.host)


def read_only_station(line: Line) -> None:
    """Start the station on a disk that is read-only, and let it be written to later."""
    _read_only(line, line.station)


def read_only_host(line: Line) -> None:
    """Start the host on a disk that is read-only, and let it be written to later."""
    _read_only(line, line.host)


def errors_station(line: Line) -> None:
    """Let the station's writes and syncs fail for a while, as a dying card does."""
    _errors(line, line.station, line.station_data / "outbox.db")


def errors_host(line: Line) -> None:
    """Let the host's writes and syncs fail for a while."""
    _errors(line, line.host, line.host_data / "host.db")


def _fill(line: Line, service: Service) -> None:
    line.test(DEVICES)
    line.wait_shown(line.now().shown + 2)
    filler = service.data / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass
    time.sleep(line.chance.uniform(0.5, 3.0))
    if line.chance.random() < 0.5:
        service.kill()
        time.sleep(line.chance.uniform(0.5, 2.0))
    filler.unlink()


def _read_only(line: Line, service: Service) -> None:
    line.test(DEVICES)
    line.wait_shown(line.now().shown + 2)
    service.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))
    subprocess.run(["mount", "-o", "remount,ro", str(service.data)], check=True)
    service.up()
    time.sleep(line.chance.uniform(1.0, 3.0))
    subprocess.run(["mount", "-o", "remount,rw", str(service.data)], check=True)


def _errors(line: Line, service: Service, database: Path) -> None:
    line.test(DEVICES)
    line.wait_shown(line.now().shown + 2)
    pid = service.pid
    assert pid is not None
    error, nth = line.chance.choice(ERRORS), line.chance.randint(1, 4)
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid)]
    command += ["-e", f"trace={CALLS}", "-e", f"inject={CALLS}:error={error}:when={nth}+{nth}"]
    for suffix in ("", "-wal", "-journal"):
        command += ["-P", f"{database}{suffix}"]
    harming = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(line.chance.uniform(0.5, 2.5))
    if line.chance.random() < 0.3:
        service.kill()
    harming.send_signal(signal.SIGINT)  # it lets go of the process
    harming.wait(20)
