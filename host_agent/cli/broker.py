"""Does `pace-host broker`."""

import argparse
import os

from host_agent.cli.failure import Failed
from host_agent.cli.options import Commands, add_command
from host_agent.cli.output import log_to_stderr, say


def add_to(commands: Commands) -> None:
    """Add `broker`."""
    help_ = "serve a broker on loopback, for demonstrations"
    add_command(commands, "broker", serve_on_loopback, help_).add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:1883",
        help="a loopback address; port 0 is any free one; default: %(default)s",
    )


def serve_on_loopback(options: argparse.Namespace) -> None:
    """Serve a broker until SIGTERM or SIGINT."""
    import asyncio
    import signal

    from host_agent.broker import check_loopback, serve
    from host_agent.config import parse_address

    log_to_stderr()
    try:
        address = parse_address(options.listen)
        check_loopback(address)
    except ValueError as error:
        raise Failed(f"pace-host broker: {error}") from error

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(address, stop, lambda where: say(broker=str(where)))

    try:
        asyncio.run(until_stopped())
    except ModuleNotFoundError as error:
        raise Failed("pace-host broker: amqtt is missing: install pace-station[demo]") from error
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise Failed(f"pace-host broker: {address}: {why}") from error
    except Exception as error:
        raise Failed(f"pace-host broker: {address}: {error}") from error
