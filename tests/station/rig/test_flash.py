"""Firmware comes onto a Pico by mpremote, under MicroPython for Linux, and never by halves."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import BadReply, NoReply, NotPermitted
from drivers.languages.fixture_lines import FixtureLines
from drivers.linux.discovery import SerialPort
from drivers.linux.local import LocalHardware
from drivers.linux.serial_line import SerialLine
from station.cli import main
from station.rig import flash
from station.rig.flash import COMMON, FIRMWARE, KINDS, FlashError, Image, image_of
from station.rig.scan import describe
from tests.station.firmware.on_linux import needs_micropython
from tests.station.firmware.pico_on_linux import Pico

pytestmark = needs_micropython

STARTS_WITHIN_S = 30.0


@pytest.fixture
def pico(tmp_path: Path) -> Iterator[Pico]:
    with Pico(tmp_path) as running:
        yield running


@pytest.fixture
def hardware() -> Iterator[LocalHardware]:
    with LocalHardware() as opened:
        yield opened


def older() -> Image:
    """Return firmware that answers as an earlier version."""
    image = image_of("fingers")
    board = image.files["board.py"].replace(b'VERSION = "1.0.0"', b'VERSION = "0.9.0"')
    return replace(image, version="0.9.0", files={**image.files, "board.py": board})


def renew(hardware: LocalHardware, pico: Pico, kind: str = "") -> str:
    hello = flash.flash(hardware, pico.path, kind, lambda port: port, lambda text: None)
    return hello.firmware if hello else "up to date"


def running(pico: Pico) -> str:
    """Return the version that answers, as soon as one does: a board takes a while to start."""
    give_up_s = time.monotonic() + STARTS_WITHIN_S
    line = SerialLine(pico.path, baudrate=115200, timeout_s=0.5)
    try:
        while True:
            try:
                return FixtureLines(line, "pico", time=time).greet("fingers").firmware
            except (NoReply, BadReply):
                if time.monotonic() > give_up_s:
                    raise
    finally:
        line.close()


def start_with(pico: Pico, image: Image) -> None:
    pico.install(image)
    pico.pull()


def test_a_fresh_board_gets_the_firmware_that_its_user_names(
    pico: Pico, hardware: LocalHardware
) -> None:
    with pytest.raises(FlashError, match="no firmware answers; say which board it is with --board"):
        renew(hardware, pico)
    assert set(pico.files()) == {"world.json"}
    assert renew(hardware, pico, "fingers") == image_of("fingers").version
    assert renew(hardware, pico) == "up to date"


def test_an_older_version_is_renewed_beside_it_and_the_calibration_stays(
    pico: Pico, hardware: LocalHardware
) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    line = SerialLine(pico.path, baudrate=115200, timeout_s=0.5)
    lines = FixtureLines(line, "pico", time=time)
    lines.greet("fingers")
    lines.ask("cal", "gain", "0.97")
    line.close()
    assert renew(hardware, pico) == image_of("fingers").version
    assert (pico.root / "active").read_text() == "b"
    assert pico.files()["calibration.json"] == b'{"gain": 0.97}'
    assert older().files["board.py"] == pico.files()["a/board.py"]


@pytest.mark.parametrize("moment", ["b", "b/board.py", "b/manifest.json", "main.new", "the end"])
def test_an_update_that_is_broken_off_anywhere_leaves_the_firmware_that_was_there(
    moment: str, pico: Pico, hardware: LocalHardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plug is pulled when this file appears, or before the new firmware is chosen.

    A pseudo-terminal stays when its board goes, so that mpremote would wait for ever.
    """
    monkeypatch.setattr(flash, "COPIES_WITHIN_S", 6.0)
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    honest = flash._mpremote

    def breaking(path: str, *arguments: str) -> str:
        if "/active.new" in arguments[1]:
            pico.pull()
            raise FlashError("pulled")
        return honest(path, *arguments)

    if moment == "the end":
        monkeypatch.setattr(flash, "_mpremote", breaking)
    else:
        pico.pull_when(moment)
    with pytest.raises(FlashError):
        renew(hardware, pico)
    pico.pull()  # the line may hold what mpremote wrote last; with the plug, that goes
    assert running(pico) == "0.9.0"


def test_a_copy_with_a_wrong_byte_is_not_chosen(
    pico: Pico, hardware: LocalHardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    mine = image_of("fingers")
    wrong = dict(mine.files) | {"fingers.py": mine.files["fingers.py"] + b"#"}
    honest = flash._mpremote

    def damaging(path: str, *arguments: str) -> str:
        for one in arguments:
            if one.endswith("/fingers.py"):
                Path(one).write_bytes(wrong["fingers.py"])
        return honest(path, *arguments)

    monkeypatch.setattr(flash, "_mpremote", damaging)
    with pytest.raises(FlashError, match="the copy on the board is not whole"):
        renew(hardware, pico)
    pico.pull()
    assert running(pico) == "0.9.0"


def test_damaged_firmware_gives_way_to_the_other_copy(pico: Pico) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    shutil.copytree(pico.root / "a", pico.root / "b")
    (pico.root / "a" / "line.py").write_bytes(b"")
    (pico.root / "active").write_text("a")
    pico.pull()
    assert running(pico) == "0.9.0"


def test_a_board_that_a_program_holds_is_left_alone(
    pico: Pico, hardware: LocalHardware, capsys: pytest.CaptureFixture[str]
) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    line = SerialLine(pico.path, baudrate=115200, timeout_s=0.5)
    lines = FixtureLines(line, "pico", time=time)
    lines.greet("fingers")
    lines.ask("arm")
    restarts = pico.restarts
    with pytest.raises(NotPermitted, match="held by"):
        renew(hardware, pico)
    assert main(["rig", "flash", "--port", pico.path]) == 1
    assert "not renewed" in capsys.readouterr().err
    said = lines.ask("status")  # without questions it lets go by itself, and no more than that
    assert re.match(r"armed=1 |armed=0 fell=silence ", said)
    assert pico.restarts == restarts
    line.close()


def test_a_board_of_another_kind_is_not_overwritten(pico: Pico, hardware: LocalHardware) -> None:
    start_with(pico, replace(older(), kind="light"))
    with pytest.raises(FlashError, match="there is no firmware for 'pianos'"):
        image_of("pianos")
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    with pytest.raises(FlashError, match="the board is for fingers, not for light"):
        renew(hardware, pico, "light")


def test_the_command_renews_a_board_and_says_so(
    pico: Pico, capsys: pytest.CaptureFixture[str]
) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    assert main(["rig", "flash", "--port", pico.path]) == 0
    assert capsys.readouterr().out.endswith(f"{pico.path}: runs firmware 1.0.0 now\n")
    assert main(["rig", "flash", "--port", pico.path]) == 0
    assert capsys.readouterr().out == f"{pico.path}: is up to date\n"
    assert main(["rig", "flash", "--board", "pianos"]) == 1


STATION = """
station = "bench"

[slots.left]
equipment = ["usb-keyboard"]
profile = "pace-key"

[slots.left.roles]
supply = {{ driver = "ka3000", port = "/dev/nowhere" }}
meter = {{ driver = "ina260", bus = 99 }}
keyboard = {{ driver = "hid_keyboard", port = "1-1.4" }}
actuator = {{ driver = "finger_board", port = "{port}", layout = "ansi-104" }}
"""


def test_the_check_of_a_station_refuses_firmware_that_does_not_fit(
    pico: Pico, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    path = tmp_path / "station.toml"
    path.write_text(STATION.format(port=pico.path))
    assert main(["station", "check", "--config", str(path)]) == 0  # touches nothing
    capsys.readouterr()
    assert main(["station", "check", "--config", str(path), "--boards"]) == 1
    assert re.fullmatch(
        r".+: firmware 0\.9\.0 \(\w{16}\) does not fit this station's 1\.0\.0 \(\w{16}\);"
        r" pace rig flash renews it\n",
        capsys.readouterr().err,
    )
    pico.install(image_of("fingers"), "b")
    pico.pull()
    assert running(pico) == "1.0.0"
    assert main(["station", "check", "--config", str(path), "--boards"]) == 0


def test_a_board_of_another_kind_and_none_at_all_are_told(
    pico: Pico, hardware: LocalHardware
) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    (other,) = flash.misfits(hardware, [("light", pico.path)])
    assert other == f"{pico.path}: a board for fingers, not for light"
    (missing,) = flash.misfits(hardware, [("fingers", "/dev/nowhere")])
    assert "no such serial port" in missing


def test_a_scan_names_boards_and_says_whether_their_firmware_fits(
    pico: Pico, hardware: LocalHardware
) -> None:
    start_with(pico, older())
    assert running(pico) == "0.9.0"
    found = SerialPort(pico.path, "", vendor_id=0x2E8A, product_id=5)
    assert "perhaps a fixture board; `pace rig scan --identify` asks it" in describe([found])
    told = describe([found], hardware)
    assert (
        "# fixture board for fingers, number 0000000000000000, firmware 0.9.0,"
        " not this station's: pace rig flash renews it" in told
    )
    assert 'driver = "finger_board"' in told


def test_a_pico_is_known_by_its_usb_vendor() -> None:
    pico = SerialPort("/dev/ttyACM0", "", "usb:1-1", vendor_id=0x2E8A, product_id=5)
    other = SerialPort("/dev/ttyUSB0", "", "usb:1-2", vendor_id=0x0403)
    assert list(flash.boards_of((pico, other))) == [pico]


def test_an_image_has_every_module_that_its_kind_imports() -> None:
    """Modules of MicroPython itself, and those that stand for a board on Linux, are not of it."""
    ours = {path.stem for path in FIRMWARE.glob("*.py")}
    for kind in KINDS:
        image = image_of(kind)
        for held in image.files.values():
            named = re.findall(r"^(?:from|import) (\w+)", held.decode(), re.M)
            assert {f"{name}.py" for name in named if name in ours} <= set(image.files)
        assert set(COMMON) <= set(image.files)
        assert "hwsim.py" not in image.files
