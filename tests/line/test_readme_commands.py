"""The commands of the README, run as a newcomer runs them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PATIENCE_S = 100

pytestmark = pytest.mark.timeout(180)


class Ended(NamedTuple):
    code: int
    report: dict[str, Any]
    said: str


def demo(folder: Path, *arguments: str, during: "Interference | None" = None) -> Ended:
    command = ["script/demo", "--headless", "--json", "--data", str(folder), *arguments]
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            said.append(line)
            if during is not None:
                during.hear(line)
        output = process.stdout.read()
        code = process.wait(PATIENCE_S)
    return Ended(code, json.loads(output) if output else {}, "".join(said))


class Interference:
    """Kills the host agent as soon as the first devices have been tested."""

    def __init__(self) -> None:
        self.killed = 0
        self._host = 0

    def hear(self, line: str) -> None:
        if found := re.match(r"host_agent run is process (\d+)", line):
            self._host = int(found[1])
        if self._host and not self.killed and re.match(r"[1-9]\d* of \d+ devices", line):
            os.kill(self._host, signal.SIGKILL)
            self.killed = self._host


def assert_all_stored(ended: Ended, runs: int) -> None:
    assert ended.code == 0, ended.said
    assert ended.report["runs"] == ended.report["stored"] == runs
    assert ended.report["waiting"] == ended.report["duplicates"] == 0
    assert sum(ended.report["verdicts"].values()) == runs
    assert "WRONG VERDICT" not in ended.said


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    if not Path(program).exists():
        pytest.skip("mosquitto is not installed (Debian package mosquitto)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
        "max_queued_messages 0\n"
    )
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def test_the_readme_names_the_commands_that_are_tested_here() -> None:
    commands = re.findall(r"^script/\S+.*$", README, re.MULTILINE)
    assert commands == [
        "script/demo",
        "script/test",
        "script/demo --headless --runs 40 --seed 1 --json",
    ]


def test_forty_simulated_devices_arrive_at_the_host_once_each(tmp_path: Path) -> None:
    ended = demo(tmp_path, "--runs", "40", "--seed", "1")
    assert_all_stored(ended, 40)
    assert set(ended.report) == {
        "runs",
        "stored",
        "waiting",
        "duplicates",
        "verdicts",
        "elapsed_s",
    }
    assert all(ended.report["verdicts"][kind] for kind in ("pass", "fail", "marginal"))


def test_the_same_seed_brings_the_same_devices(tmp_path: Path) -> None:
    first = demo(tmp_path / "first", "--runs", "12", "--seed", "7")
    second = demo(tmp_path / "second", "--runs", "12", "--seed", "7")
    assert first.report["verdicts"] == second.report["verdicts"]


@pytest.mark.parametrize("version", ["3", "5"])
def test_the_same_holds_with_mosquitto(tmp_path: Path, mosquitto: str, version: str) -> None:
    ended = demo(
        tmp_path / "line", "--runs", "40", "--broker", mosquitto, "--mqtt-version", version
    )
    assert_all_stored(ended, 40)


def test_a_host_that_is_killed_in_the_middle_loses_and_doubles_nothing(
    tmp_path: Path, mosquitto: str
) -> None:
    kill = Interference()
    ended = demo(tmp_path / "line", "--runs", "60", "--broker", mosquitto, during=kill)
    assert kill.killed
    assert_all_stored(ended, 60)
    assert len(re.findall(r"host_agent run is process", ended.said)) == 2


def test_a_second_demonstration_on_the_same_data_goes_on_where_the_first_ended(
    tmp_path: Path,
) -> None:
    demo(tmp_path, "--runs", "4")
    ended = demo(tmp_path, "--runs", "4", "--seed", "2")
    assert_all_stored(ended, 4)


def test_the_screen_is_there_and_a_device_is_judged_without_reading_anything(
    tmp_path: Path,
) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed (Debian package tmux)")
    tmux = ["tmux", "-L", f"pace-{os.getpid()}"]
    start = [*tmux, "new-session", "-d", "-x", "120", "-y", "40", "-c", str(ROOT)]
    subprocess.run([*start, f"script/demo --data {tmp_path}; sleep 100"], check=True)
    try:
        show = [*tmux, "capture-pane", "-p"]
        text = wait_for_text(show, "delivered [1-9]")
        assert "SIMULATED" in text
        subprocess.run([*tmux, "send-keys", "C-q"], check=True)
        wait_for_text(show, r"Ctrl\+Q once more|Everything has ended")
        subprocess.run([*tmux, "send-keys", "C-q"], check=True)
        assert str(tmp_path) in wait_for_text(show, "Everything has ended")
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


def wait_for_text(show: list[str], pattern: str) -> str:
    deadline_s = time.monotonic() + PATIENCE_S
    text = ""
    while time.monotonic() < deadline_s:
        text = subprocess.run(show, capture_output=True, text=True, check=True).stdout
        if re.search(pattern, text):
            return text
        time.sleep(0.2)
    raise AssertionError(f"never saw {pattern!r} in:\n{text}")
