"""A flood of connections, messages or words costs a bounded amount, and keeps no page away."""

import asyncio
import contextlib
import io
import logging
import os
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from host_agent import connections, log_rate
from host_agent.connections import BoundedProtocol
from host_agent.log_rate import Seldom
from host_agent.service import _uvicorn_config
from tests.host_agent.rig import Broker, Program, Programs, eventually
from tests.host_agent.test_service import connected, get

IDLE = 1100


def processor_s(program: Program) -> float:
    fields = Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(program: Program) -> int:
    return len(list(Path(f"/proc/{program.process.pid}/fd").iterdir()))


def test_eleven_hundred_idle_connections_cost_next_to_nothing(
    tmp_path: Path, programs: Programs, embedded: Broker
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    host = programs.host(tmp_path / "data", embedded)
    resource.prlimit(host.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))  # as in the unit
    eventually(lambda: connected(host))
    page = urlsplit(host.said["page"])
    with contextlib.ExitStack() as open_ones:
        for number in range(IDLE):
            one = open_ones.enter_context(
                socket.create_connection((str(page.hostname), page.port or 80), timeout=20)
            )
            if number % 2:
                one.sendall(b"GET / HT")
        eventually(lambda: open_files(host) < connections.MOST_CONNECTIONS + 60)
        assert get(host, "/api/health")["broker_connected"]  # behind all that came before
        before_s = processor_s(host)
        began_s = time.monotonic()
        for _ in range(5):
            assert get(host, "/api/health")["broker_connected"]
        assert time.monotonic() - began_s < 20
        time.sleep(0.5)  # an idle flood is a load over time: that is what is measured
        assert processor_s(host) - before_s < 0.5 * (time.monotonic() - began_s) + 0.5
        assert open_files(host) < connections.MOST_CONNECTIONS + 60
    assert host.log.stat().st_size < 20_000


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    config = _uvicorn_config(app)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    sock = socket.create_server(("127.0.0.1", 0))
    await server.startup([sock])
    try:
        yield sock.getsockname()[1]
    finally:
        await server.shutdown([sock])


async def slow_app(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(1.0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def test_a_header_that_does_not_end_is_waited_for_so_long_and_an_answer_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "ASK_WITHIN_S", 0.3)
    async with serving(slow_app) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():  # the next request, one byte at a time
                writer.write(b"G")
                await writer.drain()
                await asyncio.sleep(0.02)
        assert reader.at_eof() or reader.exception() is not None
        writer.close()


async def test_beyond_the_bound_the_longest_idle_one_makes_room_and_no_answer_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    async with serving(slow_app) as port, asyncio.timeout(20):
        answering, asking = await asyncio.open_connection("127.0.0.1", port)
        asking.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(0.2)
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        with contextlib.suppress(ConnectionResetError):
            assert await idle[0][0].read() == b""
        assert (await answering.read()).endswith(b"done\r\n0\r\n\r\n")
        for _, writer in (*idle, (answering, asking)):
            writer.close()


def test_the_service_serves_with_these_bounds() -> None:
    assert _uvicorn_config(slow_app).http is BoundedProtocol


def test_a_kind_of_line_comes_seldom_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Seldom())
    logger = logging.Logger("flood")
    logger.addHandler(handler)
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    for number in range(50_000):
        logger.warning("station %d says nothing", number)
    logger.warning("another kind")
    assert len(stream.getvalue().splitlines()) == log_rate.BURST + 1
    now_s += log_rate.WITHIN_S + 1
    logger.warning("station %d says nothing", 7)
    last = stream.getvalue().splitlines()[-1]
    assert last == f"station 7 says nothing (and {50_000 - log_rate.BURST} such lines before)"


def test_ever_new_kinds_of_lines_take_no_more_memory() -> None:
    seldom = Seldom()
    for number in range(5_000):
        seldom.filter(logging.LogRecord("a", 30, "", 0, f"text {number}", None, None))
    assert len(seldom._seen) <= 500
