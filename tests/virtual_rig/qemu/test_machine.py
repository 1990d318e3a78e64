"""QEMU's command line, the end of a run, and the packages that must be installed."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from virtual_rig.qemu import machine, packages
from virtual_rig.qemu.kernel import Built
from virtual_rig.qemu.machine import DIED, HUNG, Machine, Places

BUILT = Built(Path("/b/vmlinuz"), Path("/b/initramfs"), Path("/b/tree"), "6.1")
DISKS = (Path("/f/disk"), Path("/f/checkout"))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "out", tmp_path)
    machine.prepare(places)
    return places


def test_disks_are_read_only_and_only_out_is_shared(places: Places) -> None:
    line = machine.command_line(BUILT, DISKS, places)
    shares = [argument for argument in line if argument.startswith("local,path=")]
    assert shares == [f"local,path={places.out},mount_tag=out,security_model=none"]
    assert [one for one in line if one.startswith("file=")] == [
        "file=/f/disk,if=virtio,format=raw,readonly=on",
        "file=/f/checkout,if=virtio,format=raw,readonly=on",
    ]


def test_a_guest_goes_on_from_the_state_it_is_handed(tmp_path: Path) -> None:
    state, read = tmp_path / "a state", tmp_path / "read"
    state.write_bytes(b"frozen")
    reader = (
        "import os, sys; _, option, at = sys.argv; assert option == '-incoming';"
        f"open({str(read)!r}, 'wb').write(os.read(int(at.removeprefix('fd:')), 100))"
    )
    with Machine([sys.executable, "-c", reader], state) as guest:
        guest.wait(tmp_path, 20.0)
    assert read.read_bytes() == b"frozen"


def test_what_an_earlier_run_left_is_gone(places: Places) -> None:
    (places.out / "exit-code").write_text("0")
    machine.prepare(places)
    assert list(places.out.iterdir()) == []


def test_the_exit_code_is_what_the_guest_wrote(places: Places) -> None:
    (places.out / "exit-code").write_text("3\n")
    with Machine([sys.executable, "-c", ""]) as guest:
        assert guest.wait(places.out, 20.0) == 3


def test_a_guest_that_ends_without_a_word_has_died(places: Places) -> None:
    with Machine([sys.executable, "-c", ""]) as guest:
        assert guest.wait(places.out, 20.0) == DIED


def test_a_guest_that_hangs_is_killed(places: Places) -> None:
    with Machine([sys.executable, "-c", "import time; time.sleep(60)"]) as guest:
        assert guest.wait(places.out, 0.1) == HUNG
        assert not guest.running


def test_a_guest_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    mark = tmp_path / "it-runs"
    guest = ["sh", "-c", f"echo $$ >{mark}; exec sleep 60"]
    starter = (
        "import sys, time; from virtual_rig.qemu.machine import Machine;"
        f"guest = Machine({guest!r}); print('started', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        number = int(until(lambda: mark.exists() and mark.read_text()))
        process.kill()
    until(lambda: not Path(f"/proc/{number}").exists() or _is_dead(number))


def _is_dead(number: int) -> bool:
    """Tell whether a process is dead; there may be no parent here that waits for it."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def until(look: Callable[[], str | bool]) -> str:
    give_up_s = time.monotonic() + 20.0
    while not (found := look()):
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
    return str(found)


def test_last_words_are_the_end_of_what_was_said(places: Places) -> None:
    (places.out / "console.log").write_bytes(b"".join(b"line %d\n" % n for n in range(50)))
    words = machine.last_words(places.out, lines=2)
    assert words.splitlines() == ["--- console.log", "line 48", "line 49"]


def test_missing_packages_are_named(tmp_path: Path) -> None:
    assert packages.missing(packages.NEEDED, tmp_path) == list(packages.NEEDED.values())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/busybox").touch()
    assert "busybox-static" not in packages.missing(packages.NEEDED, tmp_path)


def test_who_may_not_install_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {"/nowhere/depmod": "kmod", "/nowhere/udevadm": "udev", "/": "base-files"}
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(packages.Missing, match="sudo apt-get install kmod udev"):
        packages.ensure(needed)


def test_what_a_guest_that_died_has_left_outlasts_the_next_runs(places: Places) -> None:
    (places.out / "console.log").write_text("Kernel panic")
    kept = machine.keep(places.out, places.out.parent / "died")
    machine.prepare(places)
    assert (kept / "console.log").read_text() == "Kernel panic"
    assert kept.name.endswith("-out")


def test_of_guests_that_died_only_the_last_are_kept(places: Places) -> None:
    died = places.out.parent / "died"
    kept = [machine.keep(places.out, died) for _ in range(machine.KEPT + 2)]
    assert sorted(died.iterdir()) == kept[2:]
