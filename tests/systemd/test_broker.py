"""mosquitto with the configuration that ships: who gets in, who may say what, what is kept."""

import os
import queue
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tests.host_agent.rig import eventually

SHIPPED = Path(__file__).parents[2] / "systemd" / "mosquitto"
SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"
WITHIN_S = 20.0
DENIED = "Not authorized"

# As Debian's /etc/mosquitto/mosquitto.conf, which includes what ships.
MAIN = """
persistence true
persistence_location {folder}/
log_dest stderr
{user}
include_dir {folder}/conf.d
"""


def needs(tool: str, package: str) -> str:
    path = shutil.which(tool, path=SBIN)
    if path is None:
        pytest.skip(f"needs {tool}: apt install {package}")
    return path


class Client:
    """A client of the broker, by MQTT 5, which gives reasons for a refusal."""

    def __init__(
        self,
        port: int,
        user: str,
        password: str,
        tls: ssl.SSLContext | None,
        *,
        client_id: str = "",
    ) -> None:
        self.disconnected = 0
        self.messages: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        admitted: queue.SimpleQueue[str] = (
            queue.SimpleQueue()
        )  # over TLS mosquitto 2.0.11 hangs up on a denial
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or user, protocol=paho.MQTTv5
        )
        self._client.on_disconnect = lambda c, u, flags, code, p: self._count_end()
        if user:
            self._client.username_pw_set(user, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = lambda c, u, flags, code, p: admitted.put(str(code))
        self._client.on_publish = lambda c, u, mid, code, p: self._answers.put(str(code))
        self._client.on_subscribe = lambda c, u, mid, codes, p: self._answers.put(str(codes[0]))
        self._client.on_message = lambda c, u, message: self.messages.put(
            (message.topic, bytes(message.payload))
        )
        lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasting.SessionExpiryInterval = 3600
        self._client.connect("localhost", port, clean_start=False, properties=lasting)
        self._client.loop_start()
        self.admitted = admitted.get(timeout=WITHIN_S)

    def _count_end(self) -> None:
        self.disconnected += 1

    def publish(self, topic: str, payload: bytes = b"{}") -> str:
        """Publish, and return the broker's answer."""
        self._client.publish(topic, payload, qos=1)
        return self._answers.get(timeout=WITHIN_S)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._answers.get(timeout=WITHIN_S)

    def leave(self) -> None:
        self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Normal disconnection"))
        self._client.loop_stop()
        self._client._reset_sockets()  # else a pair is left open


class Join(Protocol):
    """Connects a client to the broker, by default under its user's name."""

    def __call__(self, user: str, password: str, client_id: str = "") -> Client: ...


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port: int = there.getsockname()[1]
        return port


@contextmanager
def broker(folder: Path, config: str, changes: dict[str, str]) -> Iterator[None]:
    """mosquitto, from when it listens until the end. `changes` are ports and paths."""
    text = (SHIPPED / config).read_text()
    for shipped, here in changes.items():
        assert len(re.findall(rf"(?m)^{re.escape(shipped)}\b", text)) == 1, shipped
        text = re.sub(rf"(?m)^{re.escape(shipped)}\b", here, text)
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / config).write_text(text)
    user = "user root" if os.geteuid() == 0 else ""
    main = folder / "mosquitto.conf"
    main.write_text(MAIN.format(folder=folder, user=user))
    process = subprocess.Popen(
        [needs("mosquitto", "mosquitto"), "-c", main], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            assert "Error" not in line, line
            if "running" in line:
                break
        yield
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture
def join() -> Iterator[Callable[[int, ssl.SSLContext | None], Join]]:
    clients: list[Client] = []

    def at(port: int, tls: ssl.SSLContext | None) -> Join:
        def one(user: str, password: str, client_id: str = "") -> Client:
            clients.append(Client(port, user, password, tls, client_id=client_id))
            return clients[-1]

        return one

    yield at
    for client in clients:
        client.leave()


@pytest.fixture
def loopback(
    tmp_path: Path, join: Callable[[int, ssl.SSLContext | None], Join]
) -> Iterator[tuple[int, Join]]:
    port = free_port()
    with broker(tmp_path, "pace.conf", {"listener 1883": f"listener {port}"}):
        yield port, join(port, None)


@pytest.fixture
def lan(tmp_path: Path, join: Callable[[int, ssl.SSLContext | None], Join]) -> Iterator[Join]:
    """Set the broker up as docs/how-to/run-the-host.md does, for pace-host, bench-1 and bench-2."""
    port = free_port()
    key, certificate = tmp_path / "pace.key", tmp_path / "pace.crt"
    subprocess.run(
        [
            needs("openssl", "openssl"),
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    passwords = tmp_path / "pace.passwords"
    passwords.touch(mode=0o600)
    for user in ("pace-host", "bench-1", "bench-2"):
        tool = needs("mosquitto_passwd", "mosquitto")
        subprocess.run([tool, "-b", passwords, user, f"{user}'s"], check=True)
    changes = {
        "listener 8883": f"listener {port}",
        "certfile /etc/mosquitto/certs/pace.crt": f"certfile {certificate}",
        "keyfile /etc/mosquitto/certs/pace.key": f"keyfile {key}",
        "password_file /etc/mosquitto/pace.passwords": f"password_file {passwords}",
        "acl_file /etc/mosquitto/pace.acl": f"acl_file {SHIPPED / 'pace.acl'}",
    }
    with broker(tmp_path, "pace-lan.conf", changes):
        yield join(port, ssl.create_default_context(cafile=str(certificate)))


def test_on_one_machine_nobody_needs_a_password_and_nobody_else_gets_in(
    loopback: tuple[int, Join],
) -> None:
    port, join = loopback
    assert join("", "").admitted == "Success"
    with pytest.raises(ConnectionRefusedError):  # every other address of this machine
        socket.create_connection(("127.0.0.2", port), timeout=WITHIN_S)


def test_a_host_that_was_away_finds_more_than_a_thousand_messages(
    loopback: tuple[int, Join],
) -> None:
    _, join = loopback
    host = join("pace-host", "")
    host.subscribe("pace/1/+/run")
    host.leave()
    station = join("bench-1", "")
    for number in range(1500):
        station.publish("pace/1/bench-1/run", b"%d" % number)
    host = join("pace-host", "")
    heard = [host.messages.get(timeout=WITHIN_S) for _ in range(1500)]
    assert heard == [("pace/1/bench-1/run", b"%d" % number) for number in range(1500)]


@pytest.mark.parametrize(
    ("user", "password"), [("", ""), ("bench-1", "bench-2's"), ("stranger", "bench-1's")]
)
def test_on_the_network_only_who_has_a_password_gets_in(
    user: str, password: str, lan: Join
) -> None:
    assert lan(user, password).admitted in (DENIED, "Bad user name or password")


def test_a_station_sends_its_own_topics_and_no_others(lan: Join) -> None:
    station = lan("bench-1", "bench-1's")
    said = {
        topic: station.publish(topic)
        for topic in (
            "pace/1/bench-1/run",
            "pace/1/bench-1/state",
            "pace/1/bench-1/live",
            "pace/1/bench-1/receipt",
            "pace/1/bench-2/run",
            "elsewhere",
        )
    }
    assert [topic for topic, answer in said.items() if answer != DENIED] == [
        "pace/1/bench-1/run",
        "pace/1/bench-1/state",
        "pace/1/bench-1/live",
    ]


def test_a_station_hears_its_own_receipts_and_nothing_else(lan: Join) -> None:
    curious, other = lan("bench-1", "bench-1's"), lan("bench-2", "bench-2's")
    curious.subscribe("#")
    other.subscribe("pace/1/bench-2/receipt")
    host = lan("pace-host", "pace-host's")
    other.publish("pace/1/bench-2/run", b"not for you")
    host.publish("pace/1/bench-2/receipt", b"not for you either")
    host.publish("pace/1/bench-1/receipt", b"for you")
    assert curious.messages.get(timeout=WITHIN_S) == ("pace/1/bench-1/receipt", b"for you")
    assert other.messages.get(timeout=WITHIN_S)[1] == b"not for you either"


def test_the_host_hears_every_station_and_sends_receipts_only(lan: Join) -> None:
    host = lan("pace-host", "pace-host's")
    host.subscribe("pace/1/+/run")
    host.subscribe("pace/1/+/state")
    for station in ("bench-1", "bench-2"):
        lan(station, f"{station}'s").publish(f"pace/1/{station}/run", station.encode())
    heard = {host.messages.get(timeout=WITHIN_S) for _ in range(2)}
    assert heard == {(f"pace/1/{name}/run", name.encode()) for name in ("bench-1", "bench-2")}
    assert host.publish("pace/1/bench-1/receipt") != DENIED
    assert host.publish("pace/1/bench-1/run") == DENIED


@pytest.mark.parametrize("stolen", ["pace-host", "pace-station-bench-2", "bench-2"])
def test_no_station_takes_the_place_of_the_host_or_of_another_station(
    lan: Join, stolen: str
) -> None:
    host = lan("pace-host", "pace-host's")
    other = lan("bench-2", "bench-2's", client_id="pace-station-bench-2")
    host.subscribe("pace/1/+/run")
    other.subscribe("pace/1/bench-2/receipt")
    before = (host.disconnected, other.disconnected)
    thief = lan("bench-1", "bench-1's", client_id=stolen)
    assert thief.admitted == "Success"
    for number in range(3):
        assert thief.publish("pace/1/bench-1/run", b"%d" % number) == "Success"
        assert host.messages.get(timeout=WITHIN_S)[1] == b"%d" % number
        assert host.publish("pace/1/bench-2/receipt") == "Success"
        assert other.messages.get(timeout=WITHIN_S)[0] == "pace/1/bench-2/receipt"
    assert (host.disconnected, other.disconnected) == before
    assert thief.messages.empty()


def test_the_same_user_again_takes_its_own_place(lan: Join) -> None:
    """The bound of one connection for each user is stated in docs/how-to/run-the-host.md."""
    first = lan("bench-1", "bench-1's", client_id="a")
    lan("bench-1", "bench-1's", client_id="b")
    eventually(lambda: first.disconnected > 0)
