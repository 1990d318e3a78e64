"""Yesterday's copy of either side put back, and a host that is one of two."""

import shutil
import signal
import subprocess
import time

from chaos.line import Line
from chaos.services import Service

DEVICES = 16


def host(line: Line) -> None:
    """Put back the host's folder as it was before the last devices: one command, the copy."""
    line.test(DEVICES)
    line.wait_shown(line.now().shown + DEVICES // 2)
    line.host.down(line.chance.choice([signal.SIGKILL, signal.SIGTERM]))
    line.keep_copy(line.host_data)
    line.host.up()
    line.wait(lambda: not line.now().busy, "the runs end")
    line.settle()
    line.host.down()
    line.put_back(line.host_data)


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
