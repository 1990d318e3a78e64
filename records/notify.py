"""A service's messages to systemd, as in sd_notify(3): datagrams, without libsystemd."""

import logging
import os
import socket

PATIENCE_S = 1.0  # a service manager that hangs shall not hang us

log = logging.getLogger(__name__)


def sd_notify(state: str) -> None:
    """Say `READY=1` and the like to the service manager, if one listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # an abstract socket: its name begins with a zero byte
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(PATIENCE_S)
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("%s did not reach the service manager: %s", state, error)


def watchdog_period_s() -> float | None:
    """Return the seconds between two `WATCHDOG=1`: a third of what systemd allows.

    None when systemd does not wait for that.
    """
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not allowed_us.isdecimal() or int(allowed_us) == 0 or meant_for != str(os.getpid()):
        return None
    return int(allowed_us) / 3e6
