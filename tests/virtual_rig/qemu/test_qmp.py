"""QEMU's control channel, with a socket pair in QEMU's place."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from virtual_rig.qemu.qmp import Qmp, QmpError

GREETING = {"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": []}}


@contextmanager
def qemu(*answers: list[dict[str, Any]]) -> Iterator[tuple[socket.socket, list[dict[str, Any]]]]:
    """Answer each request with the next lines; their `id` is put in where it says so."""
    ours, theirs = socket.socketpair()
    asked: list[dict[str, Any]] = []

    def serve() -> None:
        with theirs, theirs.makefile("rb") as lines:
            theirs.sendall(json.dumps(GREETING).encode() + b"\n")
            for answer in answers:
                if not (line := lines.readline()):
                    return
                asked.append(json.loads(line))
                for one in answer:
                    told = one | ({"id": asked[-1]["id"]} if "id" in one else {})
                    theirs.sendall(json.dumps(told).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield ours, asked
    ours.close()
    thread.join()


READY = [{"return": {}, "id": 0}]


def test_it_greets_and_then_asks() -> None:
    with qemu(READY, [{"return": {"status": "running"}, "id": 0}]) as (connection, asked):
        qmp = Qmp(connection)
        assert qmp.ask("query-status") == {"status": "running"}
        qmp.close()
    assert [one["execute"] for one in asked] == ["qmp_capabilities", "query-status"]


def test_events_in_between_are_passed_over() -> None:
    event = {"event": "DEVICE_DELETED", "data": {"device": "kbd"}}
    with (
        qemu(READY, [event, {"return": 1, "id": 0}]) as (connection, asked),
        Qmp(connection) as qmp,
    ):
        assert qmp.ask("device_del", id="kbd") == 1
    assert asked[1]["arguments"] == {"id": "kbd"}


def test_a_refusal_quotes_command_and_answer() -> None:
    refusal = {"error": {"class": "GenericError", "desc": "no such device"}, "id": 0}
    with (
        qemu(READY, [refusal]) as (connection, _),
        Qmp(connection) as qmp,
        pytest.raises(QmpError, match=r"device_del.*'x'.*no such device"),
    ):
        qmp.ask("device_del", id="x")


def test_a_qemu_that_ends_is_an_error() -> None:
    with (
        qemu(READY) as (connection, _),
        Qmp(connection) as qmp,
        pytest.raises(QmpError, match="query-status"),
    ):
        qmp.ask("query-status")


def test_who_does_not_speak_qmp_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"SSH-2.0\n")
        with pytest.raises(QmpError, match="SSH"):
            Qmp(ours)
    ours.close()


def test_nobody_at_the_socket_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QmpError, match="No such file"):
        Qmp.connect(tmp_path / "qmp")


def test_a_qemu_that_has_made_its_socket_and_does_not_listen_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as listening, qemu(READY) as (connection, _):
        listening.bind(str(tmp_path / "qmp"))
        looks: list[float] = []

        def look_later(seconds: float) -> None:
            looks.append(seconds)
            if len(looks) == 3:
                listening.listen()
                threading.Thread(target=pass_on, daemon=True).start()

        def pass_on() -> None:
            taken, _ = listening.accept()
            with taken, connection:
                taken.sendall(connection.recv(4096))
                connection.sendall(taken.recv(4096))
                taken.sendall(connection.recv(4096))

        monkeypatch.setattr("virtual_rig.qemu.qmp.time.sleep", look_later)
        Qmp.connect(tmp_path / "qmp").close()
    assert len(looks) == 3


def test_a_socket_at_which_nobody_listens_is_an_error_in_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "qmp"))
        with pytest.raises(QmpError, match="Connection refused"):
            Qmp.connect(tmp_path / "qmp", timeout_s=0.0)
