"""The disk of an installed station, without Debian on it."""

import shutil
from pathlib import Path

import pytest

from station.rig import config
from virtual_rig.far_ends.wiring import wire
from virtual_rig.installed import image
from virtual_rig.roots.debian import CommandFailed, make_newer

pytestmark = pytest.mark.skipif(
    shutil.which("mke2fs", path="/usr/sbin:/sbin") is None, reason="needs mke2fs: e2fsprogs"
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    etc = tmp_path / "root/etc/pace-station"
    etc.mkdir(parents=True)
    (etc / "station.toml").write_bytes(image.CONFIG.read_bytes())
    image.make_disk(tmp_path / "root", tmp_path / "disk")
    return tmp_path / "disk"


def test_the_disk_holds_what_was_in_the_folder(disk: Path, tmp_path: Path) -> None:
    assert image.read(disk, "/etc/pace-station/station.toml", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == image.CONFIG.read_bytes()
    assert not image.read(disk, "/etc/pace-station/other.toml", tmp_path / "copy")


def test_each_run_has_a_broker_of_its_own(disk: Path, tmp_path: Path) -> None:
    image.configure(disk, 40123)
    assert image.read(disk, "/etc/pace-station/station.toml", tmp_path / "station.toml")
    shutil.copytree(image.DISK / "library", tmp_path / "library")
    station = config.load(tmp_path / "station.toml")
    assert (station.broker.host, station.broker.port) == ("10.0.2.2", 40123)


def test_a_disk_that_is_none_is_an_error_that_quotes_the_tool(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="debugfs"):
        image.configure(tmp_path / "no-disk", 40123)


def test_its_station_can_be_wired_and_starts_what_is_plugged_in() -> None:
    station = config.load(image.CONFIG)
    wiring = wire(station)
    assert set(wiring.ftdi) == {"1-1", "1-2"}
    assert set(wiring.cdc_acm) == {"3-1"}
    assert wiring.devices == {"3-7": "keyboard"}
    assert station.slots["keyboard"].when_plugged == "start"
    assert station.slots["keyboard"].plans[0].id == "keyboard-quick"


def test_everything_that_goes_on_the_disk_makes_a_new_one_when_it_changes() -> None:
    rig = image.RIG
    wanted = {rig / "installed/attendant.py", rig / "guest/hands.py", rig / "installed/image.py"}
    assert wanted | {path for path in image.DISK.rglob("*") if path.is_file()} <= set(image.INPUTS)


def test_a_newer_package_is_the_same_with_the_next_revision(tmp_path: Path) -> None:
    control = tmp_path / "made/DEBIAN/control"
    control.parent.mkdir(parents=True)
    lines = "Package: a\nVersion: 1.2-1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n"
    control.write_text(lines)
    image._run("dpkg-deb", "-b", str(tmp_path / "made"), str(tmp_path / "a.deb"))
    make_newer(tmp_path / "a.deb", tmp_path / "b.deb")
    image._run("dpkg-deb", "-e", str(tmp_path / "b.deb"), str(tmp_path / "seen"))
    assert "Version: 1.2-2\n" in (tmp_path / "seen/control").read_text()
    with pytest.raises(CommandFailed, match="no revision 1"):
        make_newer(tmp_path / "b.deb", tmp_path / "c.deb")
