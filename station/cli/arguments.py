"""Parts that the commands of `pace` have in common."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[[argparse.Namespace], int]


class Help(argparse.HelpFormatter):
    """Print help with one column for all explanations, alike on every release of Python.

    Before 3.12 argparse forgets the indent of commands when it looks for the narrowest column.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = self._max_help_position


def add_verbs(noun: argparse.ArgumentParser) -> Any:
    """Return what `add_verb` adds to. A noun without a verb shows its help."""
    noun.set_defaults(parser=noun)
    return noun.add_subparsers(title="commands", metavar="COMMAND")


def add_verb(verbs: Any, name: str, text: str, command: Command) -> argparse.ArgumentParser:
    """Add a verb to a noun, and return its parser for arguments."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        name, help=text, description=text, formatter_class=Help
    )
    verb.set_defaults(command=command)
    return verb


def add_config(verb: argparse.ArgumentParser) -> None:
    """Add `--config`, the file of a station that is installed."""
    verb.add_argument(
        "--config",
        type=Path,
        default=Path("/etc/pace-station/station.toml"),
        help="default: %(default)s",
    )


def count(text: str) -> int:
    """Read a number from 0 up. Raises `ArgumentTypeError`."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up")
    return int(text)


def speed(text: str) -> float:
    """Read a number above 0. Raises `ArgumentTypeError`."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def complain(text: str) -> int:
    """Say on stderr what was refused or found wrong, and return the exit code for that."""
    print(text, file=sys.stderr)
    return 1
