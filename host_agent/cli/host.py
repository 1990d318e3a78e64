"""Does `pace-host run`, `check`, `verify` and `rebuild`: what concerns the host as a whole."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from host_agent.cli.backup import verify_backup
from host_agent.cli.failure import Failed
from host_agent.cli.options import (
    Commands,
    add_broker,
    add_command,
    add_config,
    add_json,
    beside,
    configuration,
    open_store,
    readable_store,
)
from host_agent.cli.output import log_to_stderr, print_json, say
from host_agent.text import printable

if TYPE_CHECKING:
    from host_agent.config import ListenAddress


def add_run(commands: Commands) -> None:
    """Add `run`."""
    parser = add_command(commands, "run", run, "ingest records and serve the pages")
    add_config(parser)
    add_broker(parser)
    parser.add_argument("--listen", metavar="HOST:PORT", help="of the page; port 0 is any free one")


def add_check(commands: Commands) -> None:
    """Add `check`."""
    help_ = "check configuration, database and broker, and change nothing"
    parser = add_command(commands, "check", check, help_)
    add_config(parser)
    add_broker(parser)


def add_verify(commands: Commands) -> None:
    """Add `verify`."""
    help_ = "verify hashes, signatures, chains, attachments and tables; 1 if anything is wrong"
    parser = add_command(commands, "verify", verify, help_)
    parser.add_argument(
        "--backup", type=Path, metavar="DIR", help="a folder that `backup` made, instead"
    )
    add_config(parser)
    add_json(parser)


def add_rebuild(commands: Commands) -> None:
    """Add `rebuild`."""
    help_ = "make columns, steps, measurements and flags again from the records, and verify all"
    add_config(add_command(commands, "rebuild", rebuild, help_))


def run(options: argparse.Namespace) -> None:
    """Run the host until it is told to stop."""
    import asyncio

    from host_agent.config import (
        ConfigError,
        broker_address,
        parse_address,
        time_zone,
        word_folders,
    )
    from host_agent.service import Service
    from host_agent.store import StoreError
    from host_agent.web.manner import Manner

    log_to_stderr()
    config = configuration(options)
    try:
        with open_store(options, config) as store:
            store.open()
            broker = broker_address(config, beside(options))
            service = Service(
                store,
                broker,
                config.broker.mqtt_version,
                parse_address(config.web.listen),
                config.web.names,
                Manner(
                    config.web.language,
                    time_zone(config.web.time_zone),
                    word_folders(config, beside(options)),
                ),
            )

            def ready(page: "ListenAddress") -> None:
                say(
                    page=f"http://{page}/",
                    database=store.shown_url,
                    broker=f"{broker.host}:{broker.port}",
                )

            asyncio.run(service.run(ready))
    except (ConfigError, StoreError) as error:
        raise Failed(f"pace-host: {error}") from error
    except OSError as error:
        what = error.filename or config.web.listen
        why = os.strerror(error.errno) if error.errno else str(error)
        raise Failed(f"pace-host: {what}: {why}") from error


def check(options: argparse.Namespace) -> None:
    """Print whether configuration, database and broker are right."""
    import asyncio

    from host_agent.config import broker_address
    from host_agent.ingest import probe
    from host_agent.store import StoreError

    config = configuration(options)
    print("configuration: ok")
    troubles: list[str] = []
    with open_store(options, config) as store:
        try:
            store.check_version()
            print(f"database: ok, {store.shown_url}")
        except StoreError as error:
            troubles.append(f"database: {error}")
    broker = broker_address(config, beside(options))
    why = asyncio.run(probe(broker, config.broker.mqtt_version))
    if why:
        troubles.append(f"broker: {broker.host}:{broker.port}: {why}")
    else:
        print(f"broker: ok, {broker.host}:{broker.port}")
    if troubles:
        raise Failed("\n".join(troubles))


def verify(options: argparse.Namespace) -> None:
    """Print every mistake of the whole database, and what was verified."""
    if options.backup is not None:
        verify_backup(options.backup)
        return
    number = 0
    with readable_store(options) as store:
        for mistake in store.mistakes():
            number += 1
            if options.json:
                print_json([mistake._asdict()])
            else:
                print(printable(str(mistake)), flush=True)
        checked = store.checked()
    if not options.json:
        what = (
            f"{checked.runs} runs, {checked.others} other messages, {checked.attachments}"
            f" attachments, {checked.quarantined} in quarantine"
        )
        print(f"{what}: {'all is well' if not number else 'see above'}")
    if number:
        raise Failed(f"pace-host: {number} mistake{'s' if number > 1 else ''}")


def rebuild(options: argparse.Namespace) -> None:
    """Derive everything again from the stored records."""
    from host_agent.store import StoreError

    config = configuration(options)
    with open_store(options, config) as store:
        try:
            store.open()
        except StoreError as error:
            raise Failed(f"pace-host: {error}") from error
        store.forget_derived()
        while store.derive():
            print(f"{store.counts().underived} runs to go", file=sys.stderr)
        store.forget_links()
        while (portion := store.signed_portion()) is not None:
            store.note_links(portion)
            if portion.more:
                print(f"{store.unverified()} signatures to go", file=sys.stderr)
        print(f"{store.counts().runs} runs")
