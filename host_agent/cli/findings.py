"""Does `pace-host findings list` and `close`."""

import argparse

from host_agent.cli.failure import Failed
from host_agent.cli.options import (
    Commands,
    Help,
    add_command,
    add_config,
    add_json,
    positive,
    readable_store,
)
from host_agent.cli.output import print_json


def add_to(commands: Commands) -> None:
    """Add `findings` and its actions."""
    group = commands.add_parser(
        "findings",
        help="what is missing, forked or broken in the chains of stations",
        description="What is missing, forked or broken in the chains of stations. A gap closes by "
        "itself when its records come; a fork or a break stays until a person closes it.",
        formatter_class=Help,
    )
    actions = group.add_subparsers(metavar="ACTION", required=True)
    list_them = add_command(actions, "list", list_findings, "the oldest first")
    list_them.add_argument("--all", action="store_true", help="closed ones, too")
    close_it = add_command(actions, "close", close, "close one that somebody has looked into")
    close_it.add_argument("number", type=positive, help="the finding's, first in its line")
    close_it.add_argument("reason", help="what was found out, in words")
    for parser in (list_them, close_it):
        add_config(parser)
    add_json(list_them)


def list_findings(options: argparse.Namespace) -> None:
    """Print findings, a line each."""
    from host_agent.text import printable

    with readable_store(options) as store:
        found = store.findings(closed=options.all)
    if options.json:
        print_json(found)
        return
    for one in found:
        reason = f" ({printable(one.reason)})" if one.reason else ""
        print(f"{one.id:>6}  {one.state:<6}  {printable(one.sentence)}{reason}")


def close(options: argparse.Namespace) -> None:
    """Close a finding."""
    from host_agent.store import StoreError

    with readable_store(options) as store:
        try:
            one = store.close_finding(options.number, options.reason)
        except StoreError as error:
            raise Failed(str(error)) from error
    print(f"closed {one.id}")
