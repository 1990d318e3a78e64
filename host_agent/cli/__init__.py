"""Is `pace-host`: a module for each group of commands.

What a command needs is imported when it runs, so that `--help` stays light.
"""

import argparse
import sys
from collections.abc import Callable

from host_agent.cli import backup, broker, findings, host, keys, quarantine, runs
from host_agent.cli.failure import Failed
from host_agent.cli.options import Help
from host_agent.cli.output import drop_stdout


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status; what ends it early is one line on stderr."""
    try:
        try:
            options = _parser().parse_args(arguments)
            command: Callable[[argparse.Namespace], None] = options.command
            command(options)
        finally:
            print(end="", flush=True)  # a full disk shows here, not after our last line
    except Failed as why:
        print(why, file=sys.stderr)
        return 1
    except BrokenPipeError:
        drop_stdout()
    except OSError as error:
        drop_stdout()
        what = f"{error.filename}: " if error.filename else ""
        print(f"pace-host: {what}{error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pace-host",
        description="Keeps what test stations send, and shows it.",
        formatter_class=Help,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    host.add_run(commands)
    host.add_check(commands)
    host.add_verify(commands)
    backup.add_to(commands)
    runs.add_to(commands)
    host.add_rebuild(commands)
    broker.add_to(commands)
    quarantine.add_to(commands)
    findings.add_to(commands)
    keys.add_to(commands)
    return parser
