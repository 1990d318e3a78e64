"""The host's side beside the virtual rig: mosquitto as it ships, and this checkout's pace-host."""

import contextlib
import http
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
BROKER_CONFIG = ROOT / "systemd/mosquitto/pace.conf"
SHIPPED_LISTENER = "listener 1883 127.0.0.1\n"
LOOPBACK = "127.0.0.1"
STARTS_WITHIN_S = 20.0


class HostTrouble(Exception):
    """Broker or host did not come up; quotes what they said."""


class Held(NamedTuple):
    """A run as the host has it."""

    sequence: int
    asset_tag: str
    verdict: str
    record_id: str


class RecordHost:
    """Broker and host on ports and in a folder of their own. Both can be stopped and come back."""

    def __init__(self, folder: Path) -> None:
        self.broker_port = _free_port()
        self._web = f"{LOOPBACK}:{_free_port()}"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True)
        config = broker_config(BROKER_CONFIG.read_text(), self.broker_port, folder)
        (folder / "mosquitto.conf").write_text(config)

    def start(self) -> None:
        """Start both; back when both answer. Raises `HostTrouble`."""
        mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin") or "mosquitto"
        self._begin("mosquitto", [mosquitto, "-c", str(self._folder / "mosquitto.conf")])
        self._wait(self._broker_listens, "mosquitto")
        host = [sys.executable, "-m", "host_agent", "run", "--data", str(self._folder / "data")]
        broker = f"{LOOPBACK}:{self.broker_port}"
        self._begin("pace-host", [*host, "--broker", broker, "--listen", self._web])
        self._wait(lambda: bool(self.health()["broker_connected"]), "pace-host")

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def health(self) -> dict[str, Any]:
        """Return the answer of `/api/health`. Raises `OSError`."""
        told: dict[str, Any] = self._ask("health")
        return told

    def runs(self, station: str) -> list[Held]:
        """Return all runs, in the order of their sequence numbers. Raises `OSError`.

        A station that the host has not heard of is no value of its filter: it has no runs.
        """
        try:
            rows = self._ask(f"runs?station={station}&limit=500")["runs"]
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.BAD_REQUEST:
                raise
            return []
        return sorted(
            Held(row["sequence"], row["asset_tag"], row["verdict"], row["record_id"])
            for row in rows
        )

    def waiting_at(self, station: str) -> int | None:
        """Return the records in its outbox, as it last said; None when it is not on line."""
        for one in self._ask("stations")["stations"]:
            if one["station"] == station and one["online"]:
                return int(one["waiting"])
        return None

    def record(self, record_id: str) -> dict[str, Any]:
        """Return a record verbatim, as JSON. Raises `OSError`."""
        told: dict[str, Any] = self._ask(f"runs/{record_id}/record")
        return told

    def log(self) -> str:
        parts = [f"--- {path.name}\n{path.read_text()}" for path in self._folder.glob("*.log")]
        return "\n".join(parts)

    def _begin(self, name: str, command: Sequence[str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )
        self._processes.append(process)

    def _wait(self, is_up: Any, name: str) -> None:
        give_up_s = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < give_up_s and self._processes[-1].poll() is None:
            with contextlib.suppress(OSError):
                if is_up():
                    return
            time.sleep(0.05)
        raise HostTrouble(f"{name} does not come up:\n{self.log()}")

    def _broker_listens(self) -> bool:
        with socket.create_connection((LOOPBACK, self.broker_port), timeout=1.0):
            return True

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://{self._web}/api/{path}", timeout=10) as answer:
            return json.load(answer)


def broker_config(shipped: str, port: int, folder: Path) -> str:
    """Return the shipped configuration with another port and another folder for its queue."""
    if len(re.findall(SHIPPED_LISTENER, shipped)) != 1:
        raise ValueError(f"no {SHIPPED_LISTENER!r} in {shipped!r}")
    ours = shipped.replace(SHIPPED_LISTENER, f"listener {port} {LOOPBACK}\n")
    user = "user root\n" if os.geteuid() == 0 else ""
    return f"{user}persistence_location {folder}/\nlog_dest stderr\n{ours}"


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as there:
        port: int = there.getsockname()[1]
        return port
