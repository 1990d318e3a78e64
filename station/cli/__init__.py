"""`pace`: the station's command line. There is one module for each noun.

Only the module of the noun that was given is imported, and only its commands import what they
need, so that `--help` stays light.
"""

import argparse
import os
import sys
from collections.abc import Callable, Container
from importlib import import_module

from station.cli.arguments import Help, complain

USAGE_ERROR = 2

NOUNS = {
    "station": "run this station",
    "plan": "what is tested",
    "rig": "what is plugged into this machine",
    "record": "verify records offline, with public keys alone",
    "outbox": "the records at this station, and what can be read of a damaged outbox",
    "key": "the key with which this station signs",
    "decode": "read what devices say of themselves, one a line on stdin",
    "demo": "broker, host, simulated station and screen in one",
}
"""The modules of this package that hold commands, in the order of `--help`."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Exit code: 0 done, 1 refused or found wrong (said on stderr), 2 no command."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = build_parser(words[:1])
    chosen = parser.parse_args(words)
    command: Callable[[argparse.Namespace], int] | None = getattr(chosen, "command", None)
    if command is None:
        (getattr(chosen, "parser", None) or parser).print_help(sys.stderr)
        return USAGE_ERROR
    try:
        code = command(chosen)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # our reader has gone; there is no reader to complain to
        return 1
    except OSError as error:
        _forget_output()
        return complain(f"pace: {error}")
    return code


def build_parser(nouns: Container[str] = NOUNS) -> argparse.ArgumentParser:
    """Return a parser of the command line, which knows the commands of these nouns."""
    parser = argparse.ArgumentParser(
        prog="pace",
        description="A testing station for refurbished computing equipment.",
        formatter_class=Help,
    )
    adding = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, text in NOUNS.items():
        noun = adding.add_parser(name, help=text, description=text, formatter_class=Help)
        if name in nouns:
            import_module(f"station.cli.{name}").add(noun)
    return parser


def _forget_output() -> None:
    """Send what could not be written to nowhere: at the end it could not be written either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
