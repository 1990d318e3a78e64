"""mosquitto on loopback, one for each measurement."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import peers

LOOK_S = 0.01
PATIENCE_S = 30.0

# Without limits that would slow a consumer down; the log tells who has subscribed.
CONFIGURATION = """listener {port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 1000
log_dest stderr
log_type error
log_type subscribe
"""


class Broker(NamedTuple):
    port: int
    log: Path

    def subscriptions(self, topic: str) -> int:
        """Return the number of subscriptions to `topic` so far."""
        return self.log.read_text().count(topic)


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """Start mosquitto and yield it. Raises `peers.NotThere`."""
    program = peers.tool("mosquitto")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    configuration, log = folder / "mosquitto.conf", folder / "mosquitto.log"
    configuration.write_text(CONFIGURATION.format(port=port))
    folder.chmod(0o755)  # started by root, mosquitto reads as its own user
    with log.open("wb") as told:
        process = subprocess.Popen([program, "-c", str(configuration)], stdout=told, stderr=told)
    try:
        _wait_until_open(port)
        yield Broker(port, log)
    finally:
        process.terminate()
        process.wait()


def _wait_until_open(port: int) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(LOOK_S)
        else:
            return
