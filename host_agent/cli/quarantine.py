"""Does `pace-host quarantine list`, `show`, `release` and `purge`."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from host_agent.store import Which


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
    number = "the message's, first in its line of the list"
    show_it = _add_action(actions, "show", show, "one of them, and its bytes")
    show_it.add_argument("number", type=positive, help=number)
    help_ = "try one again, or many; stored now, or the reason why not"
    release_it = _add_action(actions, "release", release, help_)
    release_it.add_argument("number", type=positive, nargs="?", help=number)
    release_it.add_argument("--all", action="store_true", help="all that are not released")
    purge_them = _add_action(actions, "purge", purge, "delete some for good")
    purge_them.add_argument(
        "--days", type=positive, metavar="N", help="those that last came more than N days ago"
    )
    purge_them.add_argument("--all", action="store_true", help="all that are not released")
    purge_them.add_argument("--released", action="store_true", help="those that were released")
    for parser in (release_it, purge_them):
        parser.add_argument("--station", default="", metavar="NAME", help="those of this station")
        parser.add_argument(
            "--reason", default="", metavar="TEXT", help="those whose reason has this text"
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
    """Store messages as the records that they are now."""
    import json

    from host_agent.store import StoreError

    many = options.all or options.station or options.reason
    if bool(many) == (options.number is not None):
        raise Failed("pace-host: release takes a number, or --all, --station or --reason")
    with readable_store(options) as store:
        numbers = store.quarantined_numbers(_which(options)) if many else [options.number]
        refused = 0
        for number in numbers:
            try:
                record_id = store.release(number)
            except StoreError as error:
                if not many:
                    raise Failed(str(error)) from error
                refused += 1
                continue
            print(json.dumps({"record_id": record_id}) if options.json else f"stored {record_id}")
    if refused:
        raise Failed(f"pace-host: {refused} of {len(numbers)} are still refused")


def purge(options: argparse.Namespace) -> None:
    """Delete messages for good; their stations keep their own."""
    import json

    asked = (options.all, options.released, options.days, options.station, options.reason)
    if not any(asked):
        raise Failed("pace-host: purge takes --days, --station, --reason, --released or --all")
    with readable_store(options) as store:
        number = store.purge(_which(options))
    print(json.dumps({"purged": number}) if options.json else f"purged {number}")


def _which(options: argparse.Namespace) -> "Which":
    from host_agent.store import Which
    from host_agent.text import later_text

    asked = vars(options)
    days = asked.get("days")
    return Which(
        station=options.station,
        reason=options.reason,
        before="" if days is None else later_text(-86_400.0 * min(days, 36_500)),
        released=asked.get("released", False),
    )
