"""Yesterday's copy of either side put back, and a host that is one of two."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

from chaos.kinds import rot
from chaos.line import Line, NotReady
from chaos.services import Service

DEVICES = 16


def host(line: Line) -> None:
    """Back the host up while it works, and put that back after more devices: `restore`."""
    backup = _with_a_backup(line)
    line.host.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))
    _restore(line, backup)


def rotten_host(line: Line) -> None:
    """Change bits of the host's database; where `verify` finds damage, `restore` a backup."""
    backup = _with_a_backup(line)
    line.host.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))
    rot.flip(line.host_data, ("host.db", "host.db-wal"), line.chance)
    if line.pace_host("verify") != 0:
        _restore(line, backup)


def _with_a_backup(line: Line) -> Path:
    """Return a backup from the middle of some devices, all of which are at the host."""
    line.backups += 1
    backup = line.folder / f"backup-{line.backups}"
    line.test(1)
    line.wait_shown(1)
    line.settle()  # a host that has just started may have no database yet
    line.test(DEVICES)
    line.wait_shown(line.now().shown + DEVICES // 2)
    if line.pace_host("backup", str(backup)) != 0:
        raise NotReady(f"the backup failed: see {line.host.log}")
    line.wait(lambda: not line.now().busy, "the runs end")
    line.settle()
    return backup


def _restore(line: Line, backup: Path) -> None:
    if line.pace_host("restore", "--force", str(backup)) != 0:
        raise NotReady(f"the restore failed: see {line.host.log}")


def station(line: Line) -> None:
    """Put back the station's outbox, or its whole folder, as it was before the last devices."""
    line.test(DEVICES)
    line.wait_shown(line.now().shown + DEVICES // 2)
    line.station.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))
    line.keep_copy(line.station_data)
    line.station.up()
    line.test(DEVICES)
    line.wait_shown(DEVICES)
    line.settle()
    line.station.down()
    if line.chance.random() < 0.5:
        line.forked = True
        line.put_back(line.station_data)
    else:
        for name in ("outbox.db", "outbox.db-wal"):
            (line.station_data / name).unlink(missing_ok=True)
            kept = line.copy_of(line.station_data) / name
            if kept.exists():
                shutil.copy2(kept, line.station_data / name)


def first_host_dies(line: Line) -> None:
    """Let two hosts listen, and kill the audited one between its commit and its receipt."""
    other = line.second_host()
    other.up()
    try:
        line.test(DEVICES)
        line.wait_shown(line.now().shown + 1)
        _die_at_the_next_message(line.host)
        time.sleep(line.chance.uniform(0.0, 1.0))
        line.wait(lambda: not line.now().busy, "the runs end")
        if line.chance.random() < 0.5:
            line.broker.kill()
    finally:
        other.end()


def _die_at_the_next_message(host: Service) -> None:
    """Let the host die as it is about to send: after a commit it sends its receipts."""
    pid = host.pid
    if pid is None:
        return
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid)]
    command += ["-e", "trace=sendto,sendmsg", "-e", "inject=sendto,sendmsg:signal=KILL:when=1"]
    harming = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        harming.wait(3)
    except subprocess.TimeoutExpired:
        harming.send_signal(signal.SIGINT)
        harming.wait(20)
