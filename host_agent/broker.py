"""Serves an embedded broker: amqtt on loopback, so that a demonstration needs nothing installed.

It speaks MQTT 3.1.1 without passwords and keeps nothing over a restart. Receipts make that safe,
and loopback keeps it private; a real line has mosquitto.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable
from typing import Any

from host_agent.config import ListenAddress

log = logging.getLogger(__name__)


def check_loopback(address: ListenAddress) -> None:
    """Check that no other machine can reach an address. Raises `ValueError` if one can."""
    try:
        loopback = ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            f"{address.host} is no loopback address such as 127.0.0.1: the embedded broker "
            "asks for no password; install mosquitto to serve a network"
        )


async def serve(
    address: ListenAddress, stop: asyncio.Event, ready: Callable[[ListenAddress], None]
) -> None:
    """Serve until `stop`. `ready` is called with the address and its port, also for port 0.

    Raises `OSError` when that cannot be had.
    """
    from amqtt.broker import Broker  # a fifth of a second, and only here

    check_loopback(address)
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    address = ListenAddress(address.host, _port_to_be_had(address))
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": str(address)}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    asyncio.get_running_loop().set_exception_handler(_log_exception)
    await broker.start()
    try:
        ready(address)
        await stop.wait()
    finally:
        await broker.shutdown()


def _log_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what amqtt leaves unhandled: a connection that ends early, or that speaks MQTT 5."""
    log.info("%s: %s", context.get("message"), context.get("exception"))


def _port_to_be_had(address: ListenAddress) -> int:
    """Return a port that was free a moment ago.

    amqtt does not tell which port it got, and fails with a traceback.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.create_server((address.host, address.port), family=family) as sock:
        return int(sock.getsockname()[1])
