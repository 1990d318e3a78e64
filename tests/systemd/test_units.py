"""The files in systemd/: what systemd's own tools say of them, and what must hold between them."""

import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from host_agent.cli import _parser as host_parser
from station.cli import build_parser as station_parser

SYSTEMD = Path(__file__).parents[2] / "systemd"
STATIONS = ("pace-station.service", "pace-station-kiosk.service")
UNITS = (*STATIONS, "pace-host.service")
EXPOSURE = 20  # of 100, which systemd-analyze shows as 2.0

Settings = dict[str, list[str]]


def needs(tool: str) -> str:
    path = shutil.which(tool, path="/usr/bin:/usr/sbin:/bin:/sbin")
    if path is None:
        package = "udev" if tool == "udevadm" else "systemd"
        pytest.skip(f"needs {tool}: apt install {package}")
    return path


def sections(unit: str) -> dict[str, Settings]:
    found: dict[str, Settings] = {}
    for line in (SYSTEMD / unit).read_text().splitlines():
        if line.startswith("["):
            settings = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS)
def test_a_service_is_hardened(unit: str) -> None:
    looked = subprocess.run(
        [
            needs("systemd-analyze"),
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={EXPOSURE}",
            SYSTEMD / unit,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert f"Overall exposure level for {unit}" in looked.stdout
    assert looked.stderr == ""


def test_every_key_and_value_is_one_that_systemd_knows(tmp_path: Path) -> None:
    for unit in UNITS:  # what they start is not here, and systemd would say only that
        text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", (SYSTEMD / unit).read_text())
        (tmp_path / unit).write_text(text)
    looked = subprocess.run(
        [needs("systemd-analyze"), "verify", "--man=no", *(tmp_path / unit for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (looked.returncode, looked.stdout + looked.stderr) == (0, "")


def test_with_the_screen_a_station_differs_by_its_terminal_only() -> None:
    plain, kiosk = (sections(unit)["Service"] for unit in STATIONS)
    terminal = {name for name in kiosk if name.startswith(("Standard", "TTY"))}
    assert terminal == {
        "StandardInput",
        "StandardOutput",
        "StandardError",
        "TTYPath",
        "TTYReset",
        "TTYVHangup",
        "TTYVTDisallocate",
    }
    differing = {name for name in plain | kiosk if plain.get(name) != kiosk.get(name)}
    assert differing == terminal | {"ExecStart", "DeviceAllow", "Environment"}
    assert kiosk["DeviceAllow"] == [*plain["DeviceAllow"], "/dev/tty1 rw"]


def test_one_machine_never_runs_both_stations_nor_a_login_below_the_screen() -> None:
    plain, kiosk = (sections(unit)["Unit"] for unit in STATIONS)
    assert plain["Conflicts"] == ["pace-station-kiosk.service"]
    assert kiosk["Conflicts"] == ["pace-station.service getty@tty1.service"]


def test_what_the_services_start_are_commands_that_exist() -> None:
    for unit, parser in zip(
        UNITS, (station_parser(), station_parser(), host_parser()), strict=True
    ):
        (command,) = sections(unit)["Service"]["ExecStart"]
        program, *arguments = shlex.split(command)
        assert Path(program).name == parser.prog
        chosen = parser.parse_args(arguments)
        assert ("ui" in chosen and chosen.ui) is ("kiosk" in unit)


@pytest.mark.parametrize("unit", UNITS)
def test_a_service_is_watched_and_comes_back(unit: str) -> None:
    service = sections(unit)["Service"]
    assert service["Type"] == ["notify"]
    assert service["Restart"] == ["always"]
    assert int(service["WatchdogSec"][0]) > int(service["TimeoutStopSec"][0]) > 0


@pytest.mark.parametrize("unit", UNITS)
def test_a_service_is_never_given_up(unit: str) -> None:
    both = sections(unit)
    assert both["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert "StartLimitBurst" not in both["Unit"]
    assert "OnFailure" not in both["Unit"]  # it would wait for a failure that never comes


def test_a_station_comes_back_within_the_time_in_which_a_bench_has_to_be_safe() -> None:
    for unit in STATIONS:
        assert sections(unit)["Service"]["RestartSec"] == ["2"]


def test_station_and_host_fit_together_into_one_gibibyte() -> None:
    megabytes = [int(sections(u)["Service"]["MemoryMax"][0].rstrip("M")) for u in UNITS[1:]]
    assert sum(megabytes) <= 1024 - 128


@pytest.mark.parametrize("unit", STATIONS)
def test_a_record_can_tell_whether_the_clock_was_right(unit: str) -> None:
    """`ProtectClock=` denies adjtimex(2) even for asking, whatever the filter allows."""
    service = sections(unit)["Service"]
    assert "ProtectClock" not in service
    assert "adjtimex clock_adjtime" in service["SystemCallFilter"]
    assert "CAP_SYS_TIME" not in " ".join(service["CapabilityBoundingSet"])


@pytest.mark.parametrize("unit", STATIONS)
def test_drivers_are_loaded_before_their_devices_are_allowed(unit: str) -> None:
    """systemd looks a group of devices up when the unit starts, and skips one that is not there."""
    found = sections(unit)
    modules = {"ttyUSB": "usbserial", "ttyACM": "cdc_acm", "i2c": "i2c_dev", "drm": "drm"}
    wanted = " ".join(found["Unit"]["Wants"]).split()
    ordered = " ".join(found["Unit"]["After"]).split()
    for group, module in modules.items():
        assert f"char-{group} rw" in found["Service"]["DeviceAllow"]
        assert f"modprobe@{module}.service" in wanted
        assert f"modprobe@{module}.service" in ordered


def test_enabling_a_service_makes_it_part_of_the_boot(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/system"
    folder.mkdir(parents=True)
    for unit in UNITS:
        shutil.copy(SYSTEMD / unit, folder)
    subprocess.run(
        [needs("systemctl"), f"--root={tmp_path}", "--quiet", "enable", *UNITS], check=True
    )
    enabled = tmp_path / "etc/systemd/system/multi-user.target.wants"
    assert {link.name for link in enabled.iterdir()} == set(UNITS)


@pytest.mark.parametrize("who", ["pace-station", "pace-host"])
def test_user_and_groups_of_a_service_are_made(who: str, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    subprocess.run(
        [
            needs("systemd-sysusers"),
            f"--root={tmp_path}",
            str(SYSTEMD / "sysusers.d" / f"{who}.conf"),
        ],
        check=True,
        capture_output=True,
    )
    users = (tmp_path / "etc/passwd").read_text()
    groups = {
        line.split(":")[0]: line.split(":")[3].split(",")
        for line in (tmp_path / "etc/group").read_text().splitlines()
    }
    service = sections(f"{who}.service")["Service"]
    assert f"{who}:x:" in users
    assert re.search(rf"(?m)^{who}:.*:/usr/sbin/nologin$", users)
    assert service["User"] == service["Group"] == [who]
    for group in " ".join(service.get("SupplementaryGroups", [])).split():
        assert who in groups[group]


@pytest.mark.parametrize("who", ["pace-station", "pace-host"])
def test_the_password_is_a_file_for_root_alone_that_the_service_can_load(
    who: str, tmp_path: Path
) -> None:
    subprocess.run(
        [
            needs("systemd-tmpfiles"),
            f"--root={tmp_path}",
            "--create",
            str(SYSTEMD / "tmpfiles.d" / f"{who}.conf"),
        ],
        check=True,
    )
    password = tmp_path / "etc" / who / "mqtt-password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert sections(f"{who}.service")["Service"]["LoadCredential"] == [
        f"mqtt-password:/etc/{who}/mqtt-password"
    ]


def test_the_rules_are_ones_that_udev_understands() -> None:
    udevadm = needs("udevadm")
    listed = subprocess.run([udevadm, "--help"], capture_output=True, text=True, check=True)
    if "verify" not in listed.stdout:
        pytest.skip("needs udevadm verify, which systemd has since 254")
    looked = subprocess.run(
        [udevadm, "verify", "--resolve-names=never", *sorted((SYSTEMD / "udev").iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr


def test_the_kernel_probes_drivers_itself_unless_udev_does_it_instead() -> None:
    """In one file, so that neither half can be there alone: nothing on USB would get a driver."""
    off, on = 'drivers_autoprobe}="0"', "drivers_probe"
    for path in (SYSTEMD / "udev").iterdir():
        assert (off in path.read_text()) == (on in path.read_text())
    late = (SYSTEMD / "udev/90-pace-station.rules").read_text()
    assert off in late
    assert 'TEST=="/etc/udev/rules.d/59-pace-slots.rules"' in late
