"""The whole line on one machine: broker, host agent, simulated station and screen.

Each is a process of its own, started as its service would be, and ended with this one.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

LOOPBACK = "127.0.0.1"
PATIENCE_S = 30.0
STATION = "demo"
ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Demo:
    """The options of `pace demo`."""

    headless: bool = False
    runs: int = 40
    seed: int = 1
    json: bool = False
    data: Path | None = None
    broker: str | None = None
    mqtt_version: int | None = None
    language: str = "en"


class DemoError(Exception):
    """A part of the line did not start. Says which, and where its log is."""


def run_demo(asked: Demo) -> int:
    """Exit code 0: without a screen, when every record is at the host once and nowhere else."""
    folder = asked.data or _default_folder(headless=asked.headless)
    started_s = time.monotonic()
    if not asked.headless and not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("the screen needs a terminal; without one: --headless", file=sys.stderr)
        return 1
    try:
        _make(folder)
        with ExitStack() as line:
            broker = asked.broker
            # The embedded broker speaks 3.1.1 only.
            version = asked.mqtt_version or (5 if broker else 3)
            if broker is None:
                broker = f"{LOOPBACK}:{_free_port()}"
                line.enter_context(
                    _kept_running(_host("broker", "--listen", broker), folder, asked.headless)
                )
            listen = f"{LOOPBACK}:{_free_port()}"
            page = f"http://{listen}/"
            host = _host("run", "--data", str(folder / "host"), "--broker", broker)
            host += ["--listen", listen, "--mqtt-version", str(version)]
            line.enter_context(_kept_running(host, folder, asked.headless))
            print(f"the host's page: {page}", file=sys.stderr)
            station = [sys.executable, "-m", "station", "station", "simulate"]
            station += ["--data", str(folder / "station"), "--seed", str(asked.seed)]
            station += ["--broker", broker, "--mqtt-version", str(version), "--page", page]
            station += ["--language", asked.language]
            if asked.headless:
                return _headless(asked, station, page, started_s)
            code, _ = _run_station([*station, "--ui"], pipe=False)
            if code < 0:
                _restore_terminal()
                print(f"the station was ended by signal {-code}", file=sys.stderr)
            _say_where(folder)
            return code if code >= 0 else 128 - code
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1


def _headless(asked: Demo, station: list[str], page: str, started_s: float) -> int:
    command = [*station, "--runs", str(asked.runs)]
    code, said = _run_station(command, pipe=True)
    try:
        told: dict[str, Any] = json.loads(said)
    except ValueError as error:
        raise DemoError(f"the station ended with {code} and no report") from error
    ids = told["record_ids"]
    held = _held_by_host(page)
    here = {record_id for record_id, _ in held}
    stored = [record_id for record_id in ids if record_id in here]
    doubled = len(held) - min(len(here), len({sequence for _, sequence in held}))
    summary = {
        "runs": told["runs"],
        "stored": len(stored),
        "waiting": told["waiting"],
        "duplicates": doubled,
        "verdicts": told["verdicts"],
        "elapsed_s": round(time.monotonic() - started_s, 2),
    }
    good = code == 0 and len(stored) == asked.runs == len(set(ids))
    good = good and not summary["waiting"] and not summary["duplicates"]
    if not good:
        print(missing(code, asked.runs, told, here), file=sys.stderr)
    if asked.json:
        print(json.dumps(summary))
    else:
        print(", ".join(f"{name} {value}" for name, value in summary.items()))
    return 0 if good else 1


def missing(code: int, runs: int, told: dict[str, Any], here: set[str]) -> str:
    """Say in one line what keeps a demonstration from being good, with figures.

    `told` is the report of a station that was to test `runs` devices and ended with `code`; `here`
    are the ids of the records that the host holds.
    """
    away = [record_id for record_id in told["record_ids"] if record_id not in here]
    return (
        f"not as it has to be: {told['runs']} of {runs} devices were tested,"
        f" {told['waiting']} records wait at the station, {len(away)} are not at the host"
        f"{': ' + ', '.join(away) if away else ''}; the station ended with {code}"
    )


def _run_station(command: list[str], *, pipe: bool) -> tuple[int, bytes]:
    """Run the station; return its exit code and output. A signal to us ends the station first."""
    station = subprocess.Popen(
        command, stdout=subprocess.PIPE if pipe else None, preexec_fn=_die_with_parent
    )

    def pass_on(number: int, frame: FrameType | None) -> None:
        station.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, pass_on) for number in ENDING}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the station without us
    try:
        said, _ = station.communicate()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return station.returncode, said or b""


def _restore_terminal() -> None:
    """Undo a killed screen's alternate buffer and modes, and show the cursor again."""
    sys.stdout.write("\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?1004l\x1b[?7h\x1b[0m\r\n")
    sys.stdout.flush()
    subprocess.run(["stty", "sane"], check=False)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"{folder}: nothing can be kept there: {error.strerror}") from error


def _held_by_host(page: str) -> list[tuple[str, int]]:
    """Record id and sequence number of every row that the host has from this station."""
    held: list[tuple[str, int]] = []
    before = ""
    while True:
        answer = _ask_host(f"{page}api/runs?station={STATION}&limit=500{before}")
        held += [(row["record_id"], row["sequence"]) for row in answer["runs"]]
        if answer["next"] is None:
            return held
        before = f"&before={answer['next']}"


def _ask_host(url: str) -> dict[str, Any]:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                told: dict[str, Any] = json.load(answer)
                return told
        except OSError as error:
            if time.monotonic() > deadline_s:
                raise DemoError(f"the host does not answer: {url}: {error}") from error
            time.sleep(0.2)


def _host(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "host_agent", *arguments]


@contextmanager
def _kept_running(command: list[str], folder: Path, told: bool) -> Iterator[None]:
    """Keep a service running: start it again whenever it ends, as systemd would."""
    name = f"{command[2]} {command[3]}"
    log_path = folder / f"{command[2]}-{command[3]}.log"
    ending = threading.Event()
    current: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        with log_path.open("ab") as log:
            while not ending.is_set():
                process = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the station, which tells the others
                    preexec_fn=_die_with_parent,
                )
                current[:] = [process]
                if told:  # else the terminal is the screen's
                    print(f"{name} is process {process.pid}, log {log_path}", file=sys.stderr)
                process.wait()
                ending.wait(0.5)

    keeper = threading.Thread(target=keep, name=name, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        for process in current:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        keeper.join()


def _die_with_parent() -> None:
    """Tie the child to its parent before it becomes the service: none outlives the demo."""
    set_parent_death_signal = 1  # prctl(2), PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _default_folder(*, headless: bool) -> Path:
    if headless:
        return Path(tempfile.mkdtemp(prefix="pace-demo-"))
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "pace-station" / "demo"


def _say_where(folder: Path) -> None:
    print(f"Everything has ended. The records are in {folder / 'host'}, and what the host has not")
    print(f"confirmed is in {folder / 'station'}: the next demonstration delivers it.")
