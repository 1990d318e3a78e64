"""Real processes for tests: hosts, brokers, and stations that speak through another library."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiomqtt
import pytest

from records import Request, decode_receipt, topics

Result = TypeVar("Result")
Broker = tuple[str, int]

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")

needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="mosquitto is missing: apt-get install mosquitto"
)


def eventually(condition: Callable[[], Result], within_s: float = 30.0) -> Result:
    """Wait for the condition's first true answer and return it; fail when none comes in time."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s:g} s: {condition}")
        time.sleep(0.01)
    return answer


async def soon(condition: Callable[[], Result], within_s: float = 30.0) -> Result:
    """`eventually`, while the event loop goes on."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s:g} s: {condition}")
        await asyncio.sleep(0.01)
    return answer


class Program:
    """One of our commands, running. Its first line on stdout says that it is ready."""

    def __init__(self, *arguments: str, log: Path) -> None:
        self.log = log
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "host_agent", *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.process.stdout.close()
            pytest.fail(f"{arguments} said nothing:\n{log.read_text()}")
        self.said: dict[str, str] = json.loads(line)

    def kill(self) -> None:
        """Kill the process, as when the power goes."""
        self.process.kill()
        self._wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process; return its exit status."""
        self.process.send_signal(number)
        return self._wait()

    def rest_of_stdout(self) -> str:
        """Call after it ended."""
        return self._rest

    def _wait(self) -> int:
        assert self.process.stdout is not None
        self._rest = self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(timeout=20)

    @property
    def running(self) -> bool:
        return self.process.poll() is None


class Programs:
    """Starts programs, and leaves none behind."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._started: list[Program] = []
        self._mosquittos: list[Mosquitto] = []

    def host(self, data: Path, broker: Broker, *arguments: str) -> Program:
        return self._start(
            "run",
            *("--data", str(data), "--broker", f"{broker[0]}:{broker[1]}"),
            *("--listen", "127.0.0.1:0", *arguments),
        )

    def embedded_broker(self) -> Broker:
        said = self._start("broker", "--listen", "127.0.0.1:0").said["broker"]
        host, _, port = said.rpartition(":")
        return host, int(port)

    def mosquitto(self, *lines: str) -> "Mosquitto":
        mosquitto = Mosquitto(self._directory / f"mosquitto{len(self._mosquittos)}", *lines)
        self._mosquittos.append(mosquitto)
        mosquitto.start()
        return mosquitto

    def running(self) -> list[Program]:
        return [program for program in self._started if program.running]

    def end(self) -> None:
        for program in self.running():
            program.kill()
        for mosquitto in self._mosquittos:
            mosquitto.kill()

    def _start(self, *arguments: str) -> Program:
        program = Program(*arguments, log=self._directory / f"{len(self._started)}.log")
        self._started.append(program)
        return program


class Mosquitto:
    """A broker as a line would have it, on a port of its own."""

    def __init__(self, directory: Path, *lines: str) -> None:
        directory.mkdir()
        self.address: Broker = ("127.0.0.1", _free_port())
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = directory / "mosquitto.conf"
        settings = [
            f"listener {self.address[1]} 127.0.0.1",
            "allow_anonymous true",
            "persistence false",
            "set_tcp_nodelay true",
            *lines,
        ]
        self._configuration.write_text("\n".join(settings) + "\n")

    def start(self) -> None:
        if MOSQUITTO is None:
            raise FileNotFoundError("mosquitto")
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: _answers(self.address))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _answers(address: Broker) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
        return True
    return False


class Speaker:
    """A station's end of the line, over paho: a second opinion on the protocol."""

    def __init__(self, client: aiomqtt.Client, name: str) -> None:
        self.name = name
        self.stored: list[str] = []
        self.rejected: dict[str, str] = {}
        self.requests: list[Request] = []
        self.held: dict[str, int] = {}
        self._client = client

    async def say(self, payload: bytes, topic: str = "", *, retain: bool = False) -> None:
        """Publish a run of this station, unless `topic` says otherwise."""
        await self._client.publish(
            topic or topics.run(self.name), payload, qos=1, retain=retain, timeout=20
        )

    async def listen(self) -> None:
        """Receipts only: amqtt sends what is retained to clients that never asked for it."""
        async for message in self._client.messages:
            if str(message.topic) != topics.receipt(self.name):
                continue
            assert isinstance(message.payload, bytes)
            receipt = decode_receipt(message.payload)
            if isinstance(receipt, Request):
                self.requests.append(receipt)
                continue
            self.stored += [one.record_id for one in receipt.stored]
            self.held.update((one.sha256, one.held_bytes) for one in receipt.attachments)
            self.rejected.update((one.record_id, one.reason) for one in receipt.rejected)


@contextlib.asynccontextmanager
async def speaker(broker: Broker, name: str, **arguments: Any) -> AsyncIterator[Speaker]:
    async with aiomqtt.Client(
        *broker, identifier=f"test-{name}-{os.getpid()}", **arguments
    ) as client:
        await client.subscribe(topics.receipt(name), qos=1)
        one = Speaker(client, name)
        listening = asyncio.create_task(one.listen())
        try:
            yield one
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await listening


@contextlib.contextmanager
def programs_in(directory: Path) -> Iterator[Programs]:
    programs = Programs(directory)
    try:
        yield programs
    finally:
        programs.end()
