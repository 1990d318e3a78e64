"""The scenario's parts, without a guest: what QEMU is told, and what is read off a disk."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from records import Device, RunRecord, Verdict, new_record_id
from station.delivery.outbox import Outbox
from virtual_rig.guest.hands import Where
from virtual_rig.installed import __main__ as main
from virtual_rig.installed import image, scenario
from virtual_rig.installed.guest import Fault, command_line
from virtual_rig.installed.image import Image
from virtual_rig.installed.power import Disk, OnDisk, outbox_on
from virtual_rig.installed.record_host import BROKER_CONFIG, RecordHost, broker_config
from virtual_rig.qemu.machine import Places


def record() -> RunRecord:
    return RunRecord(
        record_id=new_record_id(),
        sequence=0,
        station="installed",
        slot="keyboard",
        operator="",
        device=Device(asset_tag="A-1", kind="USB keyboard"),
        plan="keyboard-quick",
        plan_sha256="",
        instruments=(),
        software="",
        clock_synchronised=False,
        simulated=False,
        started_at=datetime.now(UTC),
        duration_s=0.0,
        steps=(),
        verdict=Verdict.PASS,
    )


def test_the_guest_boots_from_its_disk_and_shares_nothing_with_the_host(tmp_path: Path) -> None:
    made = Image(tmp_path / "vmlinuz", tmp_path / "initramfs", tmp_path / "original")
    where = Where("10.0.2.2", 1, 2)
    places = Places(tmp_path, tmp_path)
    line = command_line(made, ["-device", "a-disk"], places, where, ["1-1"])
    assert "-virtfs" not in line
    assert "a-disk" in line
    arguments = line[line.index("-append") + 1].split()
    assert "virtual_rig=10.0.2.2:1:2" in arguments
    assert "usb-serial,bus=xhci.0,port=1,chardev=ftdi1,serial=RIG1-1" in line


def test_a_machine_never_works_on_the_disk_that_is_kept(tmp_path: Path) -> None:
    (tmp_path / "original").write_bytes(b"0" * 1024)
    disk = Disk(tmp_path / "original", tmp_path)
    options = " ".join(disk.options())
    assert f"filename={disk.kept} " not in options
    (tmp_path / "disk-in-use").write_bytes(b"1" * 1024)
    assert disk.lose_power() == (0, 0)
    assert disk.kept.read_bytes() == b"0" * 1024


@pytest.mark.skipif(shutil.which("mke2fs", path="/usr/sbin") is None, reason="needs e2fsprogs")
def test_what_waits_and_what_was_broken_off_is_read_off_the_disk(tmp_path: Path) -> None:
    folder = tmp_path / "root/var/lib/pace-station"
    outbox = Outbox(folder / "outbox.db")
    outbox.finish(outbox.begin(record()))
    outbox.begin(record())
    outbox.close()
    image.make_disk(tmp_path / "root", tmp_path / "disk")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert outbox_on(tmp_path / "disk", scratch) == OnDisk(waiting=[1], broken_off=[2])


def test_the_broker_runs_with_the_configuration_that_ships(tmp_path: Path) -> None:
    shipped = BROKER_CONFIG.read_text()
    ours = broker_config(shipped, 40123, tmp_path)
    assert "listener 40123 127.0.0.1\n" in ours
    dropped = set(shipped.splitlines()) - set(ours.splitlines())
    assert dropped == {"listener 1883 127.0.0.1"}
    with pytest.raises(ValueError, match="no 'listener"):
        broker_config("allow_anonymous true\n", 40123, tmp_path)


def test_broker_and_host_can_go_and_come_back(tmp_path: Path) -> None:
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("needs mosquitto: apt install mosquitto")
    host = RecordHost(tmp_path / "host")
    try:
        for _ in range(2):
            host.start()
            assert host.health()["broker_connected"]
            assert host.runs("installed") == []
            assert host.waiting_at("installed") is None
            host.stop()
            with pytest.raises(OSError, match="refused"):
                host.health()
    finally:
        host.stop()
    assert "--- pace-host.log" in host.log()


def test_what_does_not_come_is_a_fault_that_names_it() -> None:
    with pytest.raises(Fault, match="in vain for the record"):
        scenario.wait_for(lambda: None, "the record", 0.0)
    assert scenario.wait_for(lambda: "record", "the record", 0.0) == "record"


def test_the_end_of_the_last_boots_log_is_shown(tmp_path: Path) -> None:
    for boot in ("boot-1", "boot-2"):
        (tmp_path / boot).mkdir()
        (tmp_path / boot / "console.log").write_text(f"first\n{boot} hung\n")
    assert main.last_words(tmp_path, lines=1) == "boot-2 hung"


@pytest.mark.parametrize(
    ("level", "green"),
    [
        ((0.0, 0.5, 0.0), True),
        ((0.3, 0.6, 0.3), True),  # with white letters on it
        ((0.0, 0.0, 0.0), False),
        ((0.5, 0.5, 0.5), False),
        ((0.6, 0.0, 0.0), False),
        ((0.6, 0.6, 0.0), False),
    ],
)
def test_only_a_pass_is_green(level: tuple[float, float, float], green: bool) -> None:
    assert scenario.is_green(level) == green
