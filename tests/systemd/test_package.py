"""The packages of script/package: checked as files, and installed if PACE_TEST_PACKAGE=1.

The life of the packages (install, upgrade, remove, purge) takes some minutes, root, and Debian's
mirror the first time: in a small Debian of its own, kept as an archive in .cache, without network.
"""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from virtual_rig.roots.debian import Debian, archive, can_be_made, make_newer, unpack

ROOT = Path(__file__).parents[2]
PARTS = ("station", "host")
SHIPPED = {"station": ("records", "drivers", "station"), "host": ("records", "host_agent")}
"""The folders of the checkout that a package has to hold as they are, data files included."""
OUR_USERS = ("pace-station", "pace-host")

life_tests = [
    pytest.mark.skipif(
        os.environ.get("PACE_TEST_PACKAGE") != "1",
        reason="takes minutes and root: PACE_TEST_PACKAGE=1 script/test tests/systemd",
    ),
    pytest.mark.timeout(900),
]

SLOT = """
station = "bench-1"
[slots.left]
equipment = ["usb-keyboard"]
[slots.left.roles]
keyboard = { driver = "hid_keyboard", port = "1-1.2" }
supply = { driver = "ka3000", port = "usb:1-1.3" }
meter = { driver = "ina219", bus = 1, address = 0x40, shunt_ohm = 0.1, max_a = 1.0 }
"""


# As files


@pytest.mark.parametrize("part", PARTS)
def test_everything_a_package_takes_along_is_there(part: str) -> None:
    text = (ROOT / "packaging" / part / "nfpm.yaml").read_text()
    sources = re.findall(r"(?:src|install|remove): ([\w./-]+)", text)
    ours = [source for source in sources if not source.startswith(("/", "build/"))]
    assert f"systemd/pace-{part}.service" in ours
    for source in ours:
        assert (ROOT / source).is_file(), source


@pytest.mark.parametrize("part", PARTS)
def test_all_that_ships_for_a_service_is_in_its_package(part: str) -> None:
    text = (ROOT / "packaging" / part / "nfpm.yaml").read_text()
    words = {"station": ("pace-station",), "host": ("pace-host", "pace.", "pace-lan")}[part]
    for path in (ROOT / "systemd").rglob("*"):
        if path.is_file() and any(word in path.name for word in words):
            assert f"src: {path.relative_to(ROOT)}," in text


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
@pytest.mark.parametrize("part", PARTS)
def test_a_maintainer_script_is_sound_shell_that_stops_at_mistakes(part: str, script: str) -> None:
    path = ROOT / "packaging" / part / script
    subprocess.run(["sh", "-n", path], check=True)
    assert path.read_text().startswith("#!/bin/sh\nset -e\n")


# Installed


@dataclass
class Life:
    """The findings at each stage of one life, in the order of the fields."""

    files_before: set[str]
    installed: dict[str, str] = field(default_factory=dict)
    upgraded: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    files_removed: set[str] = field(default_factory=set)
    files_purged: set[str] = field(default_factory=set)
    users_purged: set[str] = field(default_factory=set)


def packages(release: int) -> list[str]:
    arch = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return [f"pace-{part}_0.1.0-{release}_{arch}.deb" for part in PARTS]


def files(debian: Debian) -> set[str]:
    """Return all files but the packages that wait to be installed."""
    return {
        str(path.relative_to(debian.root))
        for path in debian.root.rglob("*")
        if path.parts[len(debian.root.parts)] not in ("debs", "proc")
    }


def users(debian: Debian) -> set[str]:
    lines = (debian.root / "etc/passwd").read_text().splitlines()
    return {line.split(":")[0] for line in lines}


def install(debian: Debian, release: int) -> None:
    debian.run("dpkg", "-i", *(f"/debs/{name}" for name in packages(release)))


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    if os.geteuid() != 0:
        pytest.skip("needs root, for a Debian of its own")
    if not can_be_made(ROOT / ".cache"):
        pytest.skip("needs mmdebstrap: apt install mmdebstrap")
    subprocess.run([ROOT / "script" / "package"], check=True)
    folder = tmp_path_factory.mktemp("package")
    debian = unpack(archive(ROOT / ".cache"), folder / "debian")
    debs = debian.root / "debs"
    debs.mkdir()
    for name, newer in zip(packages(1), packages(2), strict=True):
        shutil.copy(ROOT / "dist" / name, debs)
        make_newer(debs / name, debs / newer)
    yield live(debian)
    shutil.rmtree(folder)


def live(debian: Debian) -> Life:
    etc, var = debian.root / "etc", debian.root / "var/lib"
    life = Life(files(debian))

    install(debian, 1)
    (etc / "pace-station/station.toml").write_text(SLOT)
    life.installed = {
        "differs": differs_from_checkout(debian.root),
        "plans": debian.says("pace", "plan", "list"),
        "check": debian.says("pace", "station", "check"),
        "rules": debian.says("pace", "rig", "rules"),
        "host check": debian.says("pace-host", "check", "--config", "/etc/pace-host/host.toml"),
        "enabled": debian.says("systemctl", "is-enabled", "pace-station", "pace-host"),
        "kiosk": debian.says("systemctl", "is-enabled", "pace-station-kiosk"),
        "ctrl-alt-del": debian.says("systemctl", "is-enabled", "ctrl-alt-del.target"),
        "groups": debian.says("id", "-nG", "pace-station"),
        "changed": debian.says("dpkg", "--verify", "pace-station", "pace-host"),
        "libraries": debian.says(
            "/opt/pace-station/bin/python",
            "-c",
            "import usb.backend.libusb1 as u, pyudev, smbus2, serial, textual, aiomqtt, sqlite3;"
            "pyudev.Context(); print(u.get_backend() is not None)",
        ),
        "migrations": debian.says(
            "/opt/pace-host/bin/python",
            "-c",
            "from host_agent.store import Store;"
            "s = Store('sqlite:////tmp/new.db'); s.open(); print(s.counts().runs); s.close()",
        ),
    }

    (etc / "pace-station/mqtt-password").write_text("secret\n")
    (etc / "pace-host/host.toml").write_text("# an administrator's own\n")
    (etc / "udev/rules.d/59-pace-slots.rules").write_text("# made by pace rig rules\n")
    for name in OUR_USERS:
        (var / name).mkdir()
        (var / name / "records.db").write_text("records")
    debian.run("systemctl", "--quiet", "disable", "pace-host")
    install(debian, 2)
    life.upgraded = {
        "versions": debian.says(
            "dpkg-query", "-Wf", "${Package} ${Version}\n", "pace-station", "pace-host"
        ),
        "enabled": debian.says("systemctl", "is-enabled", "pace-station", "pace-host"),
        "password": (etc / "pace-station/mqtt-password").read_text(),
        "host.toml": (etc / "pace-host/host.toml").read_text(),
        "records": "".join((var / name / "records.db").read_text() for name in OUR_USERS),
    }

    debian.run("dpkg", "-r", "pace-station", "pace-host")
    life.files_removed = files(debian)
    life.removed = {"ctrl-alt-del": debian.says("systemctl", "is-enabled", "ctrl-alt-del.target")}
    debian.run("rm", "-f", "/tmp/new.db", "/tmp/new.db.lock")
    debian.run("dpkg", "-P", "pace-station", "pace-host")
    life.files_purged = files(debian)
    life.users_purged = users(debian)
    return life


def differs_from_checkout(root: Path) -> str:
    said = []
    for part, ours in SHIPPED.items():
        (libraries,) = (root / f"opt/pace-{part}/lib").glob("python3*/site-packages")
        for name in ours:
            compare = [
                "diff",
                "-rq",
                "--exclude=__pycache__",
                f"{ROOT / name}",
                f"{libraries / name}",
            ]
            said.append(subprocess.run(compare, capture_output=True, text=True, check=False).stdout)
    return "".join(said)


class TestLife:
    pytestmark = life_tests

    def test_an_installed_station_works_and_starts_at_the_next_boot(self, life: Life) -> None:
        found = life.installed
        assert "lcd-monitor" in found["plans"]
        assert found["check"].startswith("/etc/pace-station/station.toml: station bench-1, good")
        assert 'KERNELS=="1-1.2", ENV{PACE_SLOT}="left"' in found["rules"]
        assert found["libraries"] == "True"
        assert found["enabled"] == "enabled\nenabled"
        assert found["kiosk"] == "disabled"
        assert found["ctrl-alt-del"] == "masked"
        assert {"dialout", "i2c", "plugdev", "video"} <= set(found["groups"].split())

    def test_an_installed_host_works(self, life: Life) -> None:
        assert life.installed["host check"].startswith("configuration: ok")
        assert life.installed["migrations"] == "0"

    def test_what_is_installed_is_this_checkout(self, life: Life) -> None:
        assert life.installed["differs"] == ""

    def test_running_writes_nothing_into_what_was_installed(self, life: Life) -> None:
        assert life.installed["changed"] == ""

    def test_an_upgrade_keeps_data_configuration_and_what_was_disabled(self, life: Life) -> None:
        assert life.upgraded == {
            "versions": "pace-host 0.1.0-2\npace-station 0.1.0-2",
            "enabled": "enabled\ndisabled",
            "password": "secret\n",
            "host.toml": "# an administrator's own\n",
            "records": "recordsrecords",
        }

    def test_removal_keeps_data_and_configuration_only(self, life: Life) -> None:
        left = life.files_removed - life.files_before
        assert {
            "etc/pace-station/station.toml",
            "etc/pace-station/mqtt-password",
            "etc/pace-host/host.toml",
            "var/lib/pace-station/records.db",
            "var/lib/pace-host/records.db",
        } <= left
        known = ("etc/", "var/lib/", "tmp/")
        assert [path for path in left if not path.startswith(known)] == []
        assert life.removed["ctrl-alt-del"] != "masked"

    def test_after_a_purge_nothing_is_left(self, life: Life) -> None:
        assert life.files_purged == life.files_before
        assert not life.users_purged & set(OUR_USERS)


@pytest.mark.skipif(os.environ.get("PACE_TEST_PACKAGE") != "1", reason="as above")
@pytest.mark.usefixtures("life")
def test_a_package_holds_nothing_of_this_machine() -> None:
    for name in packages(1):
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", ROOT / "dist" / name], stdout=subprocess.PIPE
        ) as unpacked:
            assert unpacked.stdout is not None
            with tarfile.open(fileobj=unpacked.stdout, mode="r|") as archive:
                for member in archive:
                    assert member.uname in ("root", ""), member.name
                    assert not member.mode & 0o022 or member.issym(), member.name
                    content = archive.extractfile(member) if member.isfile() else None
                    assert content is None or str(ROOT).encode() not in content.read(), member.name
