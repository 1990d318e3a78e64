"""Does `pace-host quarantine list`, `show` and `release`."""

import argparse
from collections.abc import Callable

from host_agent.cli.failure import Failed
from host_agent.cli.options import (
    Commands,
    Help,
    add_command,
    add_config,
    add_json,
    add_limit,
    positive,
    readable_store,
)
from host_agent.cli.output import print_json


def add_to(commands: Commands) -> None:
    """Add `quarantine` and its actions."""
    group = commands.add_parser(
        "quarantine",
        help="messages that are no records",
        description="Messages that are no records of the contract: kept, with the reason, and "
        "never shown as results.",
        formatter_class=Help,
    )
    actions = group.add_subparsers(metavar="ACTION", required=True)
    add_limit(_add_action(actions, "list", list_messages, "the newest first"))
    for name, command, help_ in (
        ("show", show, "one of them, and its bytes"),
        ("release", release, "try one again; stored now, or the reason why not"),
    ):
        _add_action(actions, name, command, help_).add_argument(
            "number", type=positive, help="the message's, first in its line of the list"
        )


def _add_action(
    actions: Commands, name: str, command: Callable[[argparse.Namespace], None], help_: str
) -> argparse.ArgumentParser:
    action = add_command(actions, name, command, help_)
    add_config(action)
    add_json(action)
    return action


def list_messages(options: argparse.Namespace) -> None:
    """Print the newest messages in quarantine, a line each."""
    from host_agent.text import printable

    with readable_store(options) as store:
        found = store.quarantined(limit=options.limit)
    if options.json:
        print_json(found)
        return
    for one in found:
        released = "  RELEASED" if one.released_at else ""
        print(
            f"{one.id:>6}  {one.last_received_at[:19]}Z  {one.size:>8} bytes  "
            f"{printable(one.topic)}  {printable(one.reason)}{released}"
        )


def show(options: argparse.Namespace) -> None:
    """Print all that is known of a message, and what is kept of its bytes."""
    import base64
    import json

    from host_agent.text import printable

    with readable_store(options) as store:
        found = store.quarantined_message(options.number)
    if found is None:
        raise Failed(f"nothing in the quarantine has the number {options.number}")
    one, payload = found
    facts = {name: getattr(one, name) for name in one.__struct_fields__}
    if options.json:
        print(json.dumps({**facts, "payload_base64": base64.b64encode(payload).decode()}))
        return
    for name, value in facts.items():
        print(f"{name}: {printable(str(value))}")
    print(printable(payload.decode(errors="replace")))


def release(options: argparse.Namespace) -> None:
    """Store a message as the record that it is now."""
    import json

    from host_agent.store import StoreError

    with readable_store(options) as store:
        try:
            record_id = store.release(options.number)
        except StoreError as error:
            raise Failed(str(error)) from error
    print(json.dumps({"record_id": record_id}) if options.json else f"stored {record_id}")
