"""Adds and reads the options that several commands have: configuration, broker, limit, JSON."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from host_agent.cli.failure import Failed

if TYPE_CHECKING:
    from host_agent.config import HostConfig
    from host_agent.store import Store

Commands = Any
"""The result of argparse's `add_subparsers`, which has no public name."""

_MOST_DIGITS = 18  # what every database holds: 63 bits


class Help(argparse.HelpFormatter):
    """Print help with one column for all explanations, alike on every release of Python.

    Before 3.12 argparse forgets the indent of commands when it looks for the narrowest column.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = self._max_help_position


def add_command(
    commands: Commands, name: str, command: Callable[[argparse.Namespace], None], help_: str
) -> argparse.ArgumentParser:
    """Add a command and return its parser; its help is its description, too."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help_,
        description=f"{help_[0].upper()}{help_[1:]}.",
        formatter_class=Help,
    )
    parser.set_defaults(command=command)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--data`."""
    parser.add_argument(
        "--config", type=Path, metavar="host.toml", help="the host's settings; default: none"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the database is")


def add_broker(parser: argparse.ArgumentParser) -> None:
    """Add `--broker` and `--mqtt-version`."""
    parser.add_argument(
        "--broker", metavar="HOST:PORT", help="the MQTT broker, instead of the configuration's"
    )
    parser.add_argument(
        "--mqtt-version", type=int, choices=(3, 5), help="of the protocol; default: 5, then 3"
    )


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Add `--limit`."""
    parser.add_argument(
        "--limit", type=positive, default=20, metavar="N", help="at most so many; default: 20"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def positive(text: str) -> int:
    """Return a number from 1 up that every database can compare with its own."""
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    if len(digits) > _MOST_DIGITS:
        raise Failed(f"pace-host: {text[:40]} has more than {_MOST_DIGITS} digits")
    return int(digits)


def configuration(options: argparse.Namespace) -> "HostConfig":
    """Return what `--config` names, changed by the options beside it. Raises `Failed`."""
    import msgspec

    from host_agent.config import ConfigError, HostConfig, load, parse_address

    try:
        config = load(options.config) if options.config else HostConfig()
    except ConfigError as error:
        raise Failed(str(error)) from error
    asked = vars(options)
    try:
        if text := asked.get("broker"):
            host, port = parse_address(text)
            broker = msgspec.structs.replace(config.broker, host=host, port=port)
            config = msgspec.structs.replace(config, broker=broker)
        if text := asked.get("listen"):
            parse_address(text)
            web = msgspec.structs.replace(config.web, listen=text)
            config = msgspec.structs.replace(config, web=web)
    except ValueError as error:
        raise Failed(f"pace-host: {error}") from error
    if version := asked.get("mqtt_version"):
        broker = msgspec.structs.replace(config.broker, mqtt_version=version)
        config = msgspec.structs.replace(config, broker=broker)
    return config


def open_store(options: argparse.Namespace, config: "HostConfig") -> "Store":
    """Return the store of the configuration, not opened yet. Raises `Failed`."""
    from host_agent.config import data_directory, database_url
    from host_agent.store import Store, StoreError

    data = options.data or data_directory(config)
    try:
        return Store(
            database_url(config, data),
            attachments=data.absolute() / "attachments",
            attachments_quota_bytes=config.limits.attachments_mib * 1024**2,
            quarantine_quota_bytes=config.limits.quarantine_mib * 1024**2,
            least_free_bytes=config.limits.least_free_mib * 1024**2,
        )
    except StoreError as error:
        raise Failed(f"pace-host: {error}") from error


def readable_store(options: argparse.Namespace) -> "Store":
    """Return the store for reading, once its version is right; the caller closes it.

    Raises `Failed`.
    """
    from host_agent.store import StoreError

    store = open_store(options, configuration(options))
    try:
        store.check_version()
    except StoreError as error:
        store.close()
        raise Failed(f"pace-host: {error}") from error
    return store


def beside(options: argparse.Namespace) -> Path:
    """Return the directory from which file names in the configuration start."""
    return options.config.parent if options.config else Path()
