"""Two runs on one rig would switch each other's supplies: the second one is refused."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.rigs.lock import RigInUse, RigLock, lock_path
from hil_tests.rigs.other_run import PROJECT, run_pytest

HOLDER = """
import os, signal, sys
from pathlib import Path
from hil_tests.rigs.lock import RigLock
RigLock(Path(sys.argv[1])).acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""
RIG = """
station = "{station}"
[slots.left]
equipment = ["laptop-adapter"]
[slots.left.roles]
mains_meter = {{ driver = "pzem004t", port = "/dev/nowhere-1" }}
meter = {{ driver = "ina228", bus = 999, address = 0x40, shunt_ohm = 0.005 }}
load = {{ driver = "it8500", port = "/dev/nowhere-2" }}
"""
SUITE = """
def test_has_the_rig(rig):
    assert not rig.simulated

def test_has_a_bench(bench): ...
"""


@pytest.fixture
def station(tmp_path: Path) -> Iterator[str]:
    """Yield a rig's name that no other test uses; none of its instruments is there."""
    name = f"test-{uuid.uuid4()}"
    (tmp_path / "station.toml").write_text(RIG.format(station=name))
    yield name
    lock_path(name).unlink(missing_ok=True)


def test_the_second_is_refused_and_told_who_is_the_first(tmp_path: Path) -> None:
    first, second = RigLock(tmp_path / "rig.lock"), RigLock(tmp_path / "rig.lock")
    first.acquire()
    with pytest.raises(RigInUse, match=f"held by process {os.getpid()} of "):
        second.acquire()


def test_whoever_comes_after_the_first_has_left_gets_it(tmp_path: Path) -> None:
    first, second = RigLock(tmp_path / "rig.lock"), RigLock(tmp_path / "rig.lock")
    first.acquire()
    first.release()
    second.acquire()
    with pytest.raises(RigInUse):
        first.acquire()


def test_releasing_what_one_does_not_hold_takes_it_from_nobody(tmp_path: Path) -> None:
    first, second = RigLock(tmp_path / "rig.lock"), RigLock(tmp_path / "rig.lock")
    first.acquire()
    second.release()
    with pytest.raises(RigInUse):
        second.acquire()


def test_the_lock_of_a_process_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "rig.lock"
    killed = subprocess.run(
        [sys.executable, "-c", HOLDER, str(path)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text().startswith("process "), "it died with the lock in its hands"
    RigLock(path).acquire()
    assert path.read_text().startswith(f"process {os.getpid()} of ")


def test_a_name_in_the_file_holds_nothing(tmp_path: Path) -> None:
    """Even if that process lives: it may be another one that got the number since."""
    path = tmp_path / "rig.lock"
    path.write_text(f"process {os.getppid()} of somebody, since long ago\n")
    RigLock(path).acquire()
    assert "somebody" not in path.read_text()


def test_a_run_on_a_rig_that_is_in_use_ends_at_once(tmp_path: Path, station: str) -> None:
    held = RigLock(lock_path(station))
    held.acquire()
    try:
        refused = run_pytest(tmp_path, "--rig=station.toml", suite=SUITE)
    finally:
        held.release()
    assert refused.exit_code == pytest.ExitCode.USAGE_ERROR
    assert f"held by process {os.getpid()} of " in refused.output
    assert not refused.cases, "nothing was tried"


def test_a_run_lets_go_of_the_rig(tmp_path: Path, station: str) -> None:
    """And says of a rig without its instruments which of them did not let go of the device."""
    ended = run_pytest(tmp_path, "--rig=station.toml", suite=SUITE)
    assert ended.cases["test_has_the_rig"].outcome == "passed"
    unsafe = ended.cases["test_has_a_bench[left]"]
    assert unsafe.outcome == "error"
    assert "slot left, before anything began: load: /dev/nowhere-2: no such" in unsafe.message
    RigLock(lock_path(station)).acquire()


def test_a_rig_is_not_for_several_workers(tmp_path: Path, station: str) -> None:
    arguments = ("-p", "xdist", "-n2", "--rig=station.toml")
    refused = run_pytest(tmp_path, *arguments, suite=SUITE)
    assert refused.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "--rig goes without -n" in refused.output


LENDING = """
def test_another_run_finds_the_rigs_file_from_wherever_it_is(rig, tmp_path):
    with rig.lend("left", tmp_path) as lent:
        assert lent.file.is_absolute()
        assert lent.file.name == "station.toml"
"""


def test_a_rig_named_from_here_can_be_lent_to_a_run_elsewhere(tmp_path: Path, station: str) -> None:
    ended = run_pytest(tmp_path, "--rig=station.toml", suite=LENDING)
    assert ended.exit_code == 0, ended.output
