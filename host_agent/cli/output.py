"""Prints what commands say: logs, one line of facts for a program that waits, lines of JSON."""

import os
import sys
from typing import Any


def log_to_stderr() -> None:
    """Log to stderr from INFO up, each thing seldom, without alembic's word on each migration."""
    import logging

    from host_agent.log_rate import Seldom

    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
    for noisy in ("alembic.runtime.plugins", "alembic.runtime.migration"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def say(**facts: str) -> None:
    """Print one line of facts for the program that started this one and waits for it."""
    import json

    print(json.dumps(facts), flush=True)


def print_json(items: list[Any]) -> None:
    """Print each item as a line of JSON."""
    import msgspec

    for item in items:
        print(msgspec.json.encode(item).decode())


def drop_stdout() -> None:
    """Send to nowhere what is still to be written: it would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
