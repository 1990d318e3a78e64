"""What QEMU is told, how a run ends, and what has to be installed."""

import sys
from pathlib import Path

import pytest

from virtual_rig import machine, packages
from virtual_rig.kernel import Built
from virtual_rig.machine import DIED, HUNG, Machine, Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "out", tmp_path)
    machine.prepare(places, {"ROOT": "/a b/it's", "PYTHON": "/usr/bin/python3"})
    return places


def test_the_host_is_shared_read_only_and_only_out_can_be_written(
    places: Places, tmp_path: Path
) -> None:
    built = Built(tmp_path / "vmlinuz", tmp_path / "initramfs", tmp_path / "tree", "6.1")
    line = machine.command_line(built, places, ["1-1", "1-2"])
    shares = [argument for argument in line if argument.startswith("local,path=")]
    writable = [share for share in shares if "readonly=on" not in share]
    assert len(shares) == 3
    assert writable == [f"local,path={places.out},mount_tag=out,security_model=none"]
    assert [one for one in line if one.startswith("usb-serial,")] == [
        "usb-serial,bus=xhci.0,port=1,chardev=ftdi1,serial=RIG1-1",
        "usb-serial,bus=xhci.0,port=2,chardev=ftdi2,serial=RIG1-2",
    ]


def test_settings_survive_the_shell(places: Places) -> None:
    assert (places.out / "go").read_text().splitlines() == [
        "ROOT='/a b/it'\"'\"'s'",
        "PYTHON=/usr/bin/python3",
    ]


def test_what_an_earlier_run_left_is_gone(places: Places) -> None:
    (places.out / "exit-code").write_text("0")
    machine.prepare(places, {})
    assert [path.name for path in places.out.iterdir()] == ["go"]


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


def test_last_words_are_the_end_of_what_was_said(places: Places) -> None:
    (places.out / "console.log").write_bytes(b"".join(b"line %d\n" % n for n in range(50)))
    words = machine.last_words(places.out, lines=2)
    assert words.splitlines() == ["--- console.log", "line 48", "line 49"]


def test_missing_packages_are_named(tmp_path: Path) -> None:
    assert packages.missing(tmp_path) == list(packages.NEEDED.values())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/busybox").touch()
    assert "busybox-static" not in packages.missing(tmp_path)


def test_who_may_not_install_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "missing", lambda: ["kmod", "udev"])
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(packages.Missing, match="sudo apt-get install kmod udev"):
        packages.ensure()
