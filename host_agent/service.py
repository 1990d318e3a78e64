"""Runs ingest and pages in one process and one event loop, from the first connection to SIGTERM."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn

from host_agent.config import ListenAddress
from host_agent.connections import BoundedProtocol
from host_agent.ingest import Ingest
from host_agent.mqtt import Address, Version
from host_agent.store import Store
from host_agent.web import create_app
from host_agent.web.live import Live
from host_agent.web.manner import Manner
from records.notify import sd_notify, watchdog_period_s

log = logging.getLogger(__name__)

_END_WITHIN_S = 10.0


@dataclass(frozen=True)
class Service:
    """Runs a host. `store` is open."""

    store: Store
    broker: Address
    mqtt_version: Version | None
    listen: ListenAddress
    names: list[str]
    manner: Manner

    async def run(self, ready: Callable[[ListenAddress], None]) -> None:
        """Serve until SIGTERM or SIGINT. `ready` is called with the address of the page."""
        live = Live()
        ingest = Ingest(self.broker, self.store, version=self.mqtt_version, changed=live.changed)
        app = create_app(self.store, ingest.progress, live, names=self.names, manner=self.manner)
        with _bound(self.listen) as sock:
            host, port = sock.getsockname()[:2]

            def served() -> None:
                ready(ListenAddress(host, port))
                sd_notify("READY=1")

            server = _Server(_uvicorn_config(app), served)
            await self._serve(ingest, live, server, sock)

    async def _serve(
        self, ingest: Ingest, live: Live, server: "_Server", sock: socket.socket
    ) -> None:
        def stop() -> None:
            sd_notify("STOPPING=1")
            live.close()
            ingest.stop()
            server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        gc.freeze()  # what is loaded now stays: no collector need look at it again
        tasks = {
            asyncio.create_task(ingest.run(), name="ingest"),
            asyncio.create_task(server.serve([sock]), name="pages"),
        }
        watching = asyncio.create_task(_keep_watch(self.store))
        done, unfinished = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        stop()
        if unfinished:
            also_done, unfinished = await asyncio.wait(unfinished, timeout=_END_WITHIN_S)
            done |= also_done
        for task in unfinished:
            log.warning("%s did not end by itself", task.get_name())
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
        for task in done:
            task.result()


async def _keep_watch(store: Store) -> None:
    """Feed systemd's watchdog while this loop turns and the database answers, even with no."""
    period_s = watchdog_period_s()
    while period_s is not None:
        await asyncio.sleep(period_s)
        try:
            await asyncio.to_thread(store.check_version)
        except Exception as error:  # a restart mends no database
            log.warning("the database answers, but badly: %s", error)
        sd_notify("WATCHDOG=1")


class _Server(uvicorn.Server):
    """Serves pages, leaves signals to the host, and calls `ready` when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _uvicorn_config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


def _bound(address: ListenAddress) -> socket.socket:
    """Return a bound socket, so that a port that is taken is one line before anything starts."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server((address.host, address.port), family=family)
