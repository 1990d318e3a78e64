"""Does `pace-host keys list`, `show`, `trust`, `revoke` and `export`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from host_agent.cli.failure import Failed
from host_agent.cli.options import (
    Commands,
    Help,
    add_command,
    add_config,
    add_json,
    readable_store,
)
from host_agent.cli.output import print_json


def add_to(commands: Commands) -> None:
    """Add `keys` and its actions."""
    group = commands.add_parser(
        "keys",
        help="public keys of stations, and whether to believe them",
        description="The public keys that stations sign with. A station offers its key; a person "
        "confirms it once. A key that a trusted one of the same station endorsed is trusted.",
        formatter_class=Help,
    )
    actions = group.add_subparsers(metavar="ACTION", required=True)
    add_json(_add_action(actions, "list", list_keys, "all of them, by station"))
    show_it = _add_action(actions, "show", show, "one of them, as a JWK")
    trust_it = _add_action(actions, "trust", trust, "believe what it signs")
    trust_it.add_argument(
        "--station", default="", metavar="NAME", help="also what it signed under this name"
    )
    revoke_it = _add_action(actions, "revoke", revoke, "believe nothing more that it signs")
    revoke_it.add_argument(
        "--from",
        dest="since",
        default="",
        metavar="TIME",
        help="from when on, such as 2026-11-29T12:00Z; default: now",
    )
    for parser in (show_it, trust_it, revoke_it):
        parser.add_argument("kid", help="its name, or the beginning of it")
    export_it = _add_action(
        actions, "export", export, "a JWK Set of trusted and revoked ones, for pace record verify"
    )
    export_it.add_argument("--to", type=Path, metavar="FILE", help="instead of standard output")


def _add_action(
    actions: Commands, name: str, command: Callable[[argparse.Namespace], None], help_: str
) -> argparse.ArgumentParser:
    action = add_command(actions, name, command, help_)
    add_config(action)
    return action


def list_keys(options: argparse.Namespace) -> None:
    """Print all keys, a line each."""
    from host_agent.text import printable

    with readable_store(options) as store:
        found = store.station_keys()
    if options.json:
        print_json(found)
        return
    for one in found:
        state = "offered, not confirmed" if one.state == "offered" else one.state
        since = f" from {one.revoked_from}" if one.revoked_from else ""
        print(f"{one.kid}  {printable(one.station)}  {state}{since}  ({printable(one.reason)})")


def show(options: argparse.Namespace) -> None:
    """Print a key as a JWK."""
    with readable_store(options) as store:
        found = [one for one in store.station_keys() if one.kid.startswith(options.kid)]
    if not found:
        raise Failed(f"no key begins with {options.kid!r}: `pace-host keys list` shows them")
    print_json([one.public for one in found])


def trust(options: argparse.Namespace) -> None:
    """Trust a key, and what it endorsed."""
    from host_agent.store import StoreError

    with readable_store(options) as store:
        try:
            changed = store.trust(options.kid, options.station)
        except StoreError as error:
            raise Failed(str(error)) from error
    for one in changed:
        print(f"{one.kid}  {one.station}  {one.reason}")


def revoke(options: argparse.Namespace) -> None:
    """Revoke a key from a time on."""
    from datetime import UTC, datetime

    from host_agent.store import StoreError
    from host_agent.text import utc_text

    since = ""
    if options.since:
        try:
            moment = datetime.fromisoformat(options.since)
        except ValueError as error:
            raise Failed(
                f"{options.since!r} is no time such as 2026-11-29T12:00Z: {error}"
            ) from error
        since = utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    with readable_store(options) as store:
        try:
            one = store.revoke(options.kid, since)
        except StoreError as error:
            raise Failed(str(error)) from error
    print(f"{one.kid}  {one.station}  revoked from {one.revoked_from}")


def export(options: argparse.Namespace) -> None:
    """Write a JWK Set."""
    import msgspec

    with readable_store(options) as store:
        text = msgspec.json.format(msgspec.json.encode(store.key_set())).decode() + "\n"
    if options.to is None:
        sys.stdout.write(text)
    else:
        options.to.write_text(text, encoding="utf-8")
