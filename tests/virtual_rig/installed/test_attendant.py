"""The attendant that plugs things in, and its commands; without a guest."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.rig import config
from virtual_rig.far_ends.control import ControlServer
from virtual_rig.far_ends.wiring import FarEnds
from virtual_rig.guest.hands import Hands, Where
from virtual_rig.installed import image
from virtual_rig.installed.attendant import Attendant, where_told
from virtual_rig.installed.bench import Bench


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[FarEnds]:
    ends = FarEnds(config.load(image.CONFIG), tmp_path)
    yield ends
    ends.close()


@pytest.fixture
def attendant(ends: FarEnds) -> Iterator[Attendant]:
    server = ControlServer(Bench(ends))
    hands = Hands(Where("127.0.0.1", server.port, ends.usbip.address[1]))
    yield Attendant(hands)
    hands.close()
    server.close()


def test_the_kernels_command_line_says_where_the_bench_is() -> None:
    assert where_told("quiet virtual_rig=10.0.2.2:1:2 rw\n") == Where("10.0.2.2", 1, 2)
    with pytest.raises(ValueError, match="no virtual_rig="):
        where_told("quiet rw")


def ask(attendant: Attendant, do: str, **arguments: object) -> dict[str, object]:
    return attendant.answer(json.dumps({"do": do, "with": arguments}).encode())


def test_a_command_comes_back_with_its_code_and_all_it_said(attendant: Attendant) -> None:
    answer = ask(attendant, "run", command=["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert answer == {"result": (3, "out\nerr\n")}


def test_a_file_is_written_with_its_folder(attendant: Attendant, tmp_path: Path) -> None:
    assert ask(attendant, "write", path=f"{tmp_path}/a/b", text="c") == {"result": None}
    assert (tmp_path / "a/b").read_text() == "c"


@pytest.mark.parametrize(
    ("do", "arguments"),
    [
        ("fly", {}),
        ("run", {"command": ["/no/such/tool"]}),
        ("run", {"command": ["sleep", "9"], "timeout_s": 0.01}),
        ("attach", {"port": "9-9"}),
    ],
)
def test_what_cannot_be_done_comes_back_as_an_error(
    attendant: Attendant, do: str, arguments: dict[str, object]
) -> None:
    assert "error" in ask(attendant, do, **arguments)


def test_a_keyboard_that_was_plugged_in_is_there_at_the_next_power_on(ends: FarEnds) -> None:
    bench = Bench(ends)
    assert "3-7" not in bench.plugged_ports()
    keyboard = bench.seat("A-1")
    assert bench.plugged_ports() == [*bench.fixed_ports(), "3-7"]
    assert bench.world.device is keyboard
    bench.unseat()
    assert "3-7" not in bench.plugged_ports()


def test_the_bench_knows_whether_the_port_has_power(ends: FarEnds) -> None:
    bench = Bench(ends)
    assert not bench.powered
    supply = ends.serial["3-1"]
    supply.receive(b"VSET1:05.00")
    bench.world.time.sleep(1.0)
    supply.receive(b"OUT1")
    assert bench.powered


def test_the_keyboard_counts_fingers(ends: FarEnds) -> None:
    keyboard = Bench(ends).seat("A-1")
    keyboard.press(0x04)
    keyboard.release(0x04)
    keyboard.press(0x04)
    assert keyboard.presses == 2
