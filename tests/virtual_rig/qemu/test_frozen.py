"""A frozen guest: when it is of no use any more, and how it is told to go on."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from virtual_rig.qemu import frozen, machine
from virtual_rig.qemu.kernel import Built
from virtual_rig.qemu.machine import Places
from virtual_rig.qemu.qmp import QmpError

BUILT = Built(Path("/b/linux-1/vmlinuz"), Path(), Path(), "6.1")


def test_another_kernel_or_another_rule_needs_another_guest() -> None:
    keys = {
        frozen.key(BUILT, {"/etc/a": b"1"}),
        frozen.key(BUILT._replace(kernel=Path("/b/linux-2/vmlinuz")), {"/etc/a": b"1"}),
        frozen.key(BUILT, {"/etc/a": b"2"}),
        frozen.key(BUILT, {"/etc/b": b"1"}),
    }
    assert len(keys) == 4
    assert frozen.key(BUILT, {"/etc/a": b"1"}) in keys


def test_a_station_gets_its_rules_users_and_settings() -> None:
    installed = frozen.installed()
    assert b"dialout" in installed["/usr/lib/sysusers.d/pace-station.conf"]
    assert "/etc/sysctl.d/90-pace-station.conf" in installed
    assert [path for path in installed if path.startswith("/etc/udev/rules.d/")]


class Qemu:
    """Answers `query-status` in turn, and everything else with nothing."""

    def __init__(self, *statuses: str) -> None:
        self.asked: list[str] = []
        self._statuses = list(statuses)

    def ask(self, command: str, **arguments: object) -> object:
        self.asked.append(command)
        return {"status": self._statuses.pop(0)} if command == "query-status" else {}


def guest_at(word: Path, answers: Callable[[bytes], bytes]) -> threading.Thread:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(word))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        with listener, connection:
            heard = b""
            while not heard.endswith(b"\n"):
                heard += connection.recv(64)
            connection.sendall(answers(heard))

    guest = threading.Thread(target=serve, daemon=True)
    guest.start()
    return guest


def test_a_guest_goes_on_when_it_is_told_the_time(tmp_path: Path) -> None:
    heard: list[bytes] = []

    def answers(word: bytes) -> bytes:
        heard.append(word)
        return b"awake\n"

    guest = guest_at(tmp_path / "word", answers)
    qemu = Qemu("inmigrate", "paused")
    machine.thaw(qemu, Places(tmp_path, tmp_path))
    guest.join(10.0)
    assert qemu.asked == ["query-status", "query-status", "cont"]
    assert float(heard[0]) > 1.7e9


def test_a_guest_that_says_nothing_to_it_is_an_error(tmp_path: Path) -> None:
    guest_at(tmp_path / "word", lambda _: b"")
    with pytest.raises(QmpError, match="does not wake"):
        machine.thaw(Qemu("paused"), Places(tmp_path, tmp_path))


def test_a_state_that_cannot_be_loaded_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QmpError, match="internal-error"):
        machine.thaw(Qemu("internal-error"), Places(tmp_path, tmp_path))


def test_adapters_have_the_serial_numbers_that_tests_look_for(tmp_path: Path) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    class Listening(Qemu):
        def ask(self, command: str, **arguments: object) -> object:
            asked.append((command, arguments))
            return {}

    machine.plug_usb_serial(Listening(), Places(tmp_path, tmp_path), "1-2")
    (_, backend), (_, device) = asked
    assert str(tmp_path / "ftdi-1-2") in str(backend)
    assert (device["bus"], device["port"], device["serial"]) == ("xhci.0", "2", "RIG1-2")


def test_two_runs_that_make_the_same_do_not_trip_over_each_other(tmp_path: Path) -> None:
    place = tmp_path / "frozen-1"
    (tmp_path / "frozen-0").mkdir()
    with frozen.making(place) as slower:
        (slower / "state").write_text("slower")
        with frozen.making(place) as quicker:
            (quicker / "state").write_text("quicker")
    assert [path.name for path in tmp_path.iterdir()] == ["frozen-1"]
    assert (place / "state").read_text() == "quicker"


def test_what_was_not_finished_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), frozen.making(tmp_path / "frozen-1"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
