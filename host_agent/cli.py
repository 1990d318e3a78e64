"""`pace-host`. What a command needs is imported when it runs: `--help` stays light."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from host_agent.config import HostConfig, ListenAddress
    from host_agent.store import Store


_MOST_DIGITS = 18  # what every database holds: 63 bits


class _Failed(Exception):
    """What to say on the way out, line by line."""


def main(arguments: list[str] | None = None) -> int:
    try:
        try:
            options = _parser().parse_args(arguments)
            command: Callable[[argparse.Namespace], None] = options.command
            command(options)
        finally:
            print(end="", flush=True)  # a full disk shows here, not after our last line
    except _Failed as why:
        print(why, file=sys.stderr)
        return 1
    except BrokenPipeError:
        _drop_stdout()
    except OSError as error:
        _drop_stdout()
        what = f"{error.filename}: " if error.filename else ""
        print(f"pace-host: {what}{error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _drop_stdout() -> None:
    """What is still to be written there would fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pace-host", description="Keeps what test stations send, and shows it."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Callable[[argparse.Namespace], None], help_: str) -> Any:
        sub = commands.add_parser(name, help=help_, description=_sentence(help_))
        sub.set_defaults(command=command)
        return sub

    run = add("run", _run, "ingest records and serve the pages")
    _add_config(run)
    _add_broker(run)
    run.add_argument("--listen", metavar="HOST:PORT", help="of the page; port 0 is any free one")
    check = add("check", _check, "check configuration, database and broker, and change nothing")
    _add_config(check)
    _add_broker(check)
    runs = add("runs", _runs, "list the latest runs")
    _add_config(runs)
    runs.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_limit(runs)
    rebuild = add("rebuild", _rebuild, "make the tables of steps and measurements again")
    _add_config(rebuild)
    broker = add("broker", _broker, "serve a broker on loopback, for demonstrations")
    broker.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:1883",
        help="a loopback address; port 0 is any free one; default: %(default)s",
    )

    quarantine = commands.add_parser(
        "quarantine",
        help="messages that are no records",
        description="Messages that are no records of the contract: kept, with the reason, and "
        "never shown as results.",
    )
    actions = quarantine.add_subparsers(metavar="ACTION", required=True)
    for name, command, help_ in (
        ("list", _quarantine_list, "the newest first"),
        ("show", _quarantine_show, "one of them, and its bytes"),
        ("release", _quarantine_release, "try one again; stored now, or the reason why not"),
    ):
        action = actions.add_parser(name, help=help_, description=_sentence(help_))
        action.set_defaults(command=command)
        _add_config(action)
        action.add_argument("--json", action="store_true", help="one JSON object a line")
        if name == "list":
            _add_limit(action)
        else:
            action.add_argument(
                "number", type=_positive, help="the message's, first in its line of the list"
            )
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="host.toml", help="the host's settings; default: none"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the database is")


def _add_broker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--broker", metavar="HOST:PORT", help="the MQTT broker, instead of the configuration's"
    )
    parser.add_argument(
        "--mqtt-version", type=int, choices=(3, 5), help="of the protocol; default: 5, then 3"
    )


def _add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=_positive, default=20, metavar="N", help="at most so many; default: 20"
    )


def _positive(text: str) -> int:
    digits = text.lstrip("0")
    if not (digits.isascii() and digits.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    if len(digits) > _MOST_DIGITS:
        raise _Failed(f"pace-host: {text[:40]} has more than {_MOST_DIGITS} digits")
    return int(digits)


def _sentence(help_: str) -> str:
    return f"{help_[0].upper()}{help_[1:]}."


# Commands


def _run(options: argparse.Namespace) -> None:
    import asyncio

    from host_agent.config import ConfigError, broker_address
    from host_agent.service import Service
    from host_agent.store import StoreError

    _log_to_stderr()
    config = _configuration(options)
    try:
        with _store(options, config) as store:
            store.open()
            broker = broker_address(config, _beside(options))
            service = Service(
                store, broker, config.broker.mqtt_version, _listen(config), config.web.names
            )

            def ready(page: "ListenAddress") -> None:
                _say(
                    page=f"http://{page}/",
                    database=store.shown_url,
                    broker=f"{broker.host}:{broker.port}",
                )

            asyncio.run(service.run(ready))
    except (ConfigError, StoreError) as error:
        raise _Failed(f"pace-host: {error}") from error
    except OSError as error:
        what = error.filename or config.web.listen
        why = os.strerror(error.errno) if error.errno else str(error)
        raise _Failed(f"pace-host: {what}: {why}") from error


def _check(options: argparse.Namespace) -> None:
    import asyncio

    from host_agent.config import broker_address
    from host_agent.ingest import probe
    from host_agent.store import StoreError

    config = _configuration(options)
    print("configuration: ok")
    troubles: list[str] = []
    with _store(options, config) as store:
        try:
            store.check_version()
            print(f"database: ok, {store.shown_url}")
        except StoreError as error:
            troubles.append(f"database: {error}")
    broker = broker_address(config, _beside(options))
    why = asyncio.run(probe(broker, config.broker.mqtt_version))
    if why:
        troubles.append(f"broker: {broker.host}:{broker.port}: {why}")
    else:
        print(f"broker: ok, {broker.host}:{broker.port}")
    if troubles:
        raise _Failed("\n".join(troubles))


def _runs(options: argparse.Namespace) -> None:
    from host_agent.messages import printable
    from host_agent.store import RunFilter

    with _readable_store(options) as store:
        found = store.latest_runs(RunFilter(), limit=options.limit)
    if options.json:
        _print_json(found)
        return
    for run in found:
        verdict = run.verdict.upper() + (", MARGINAL" if run.marginal else "")
        facts = (run.asset_tag, run.kind, run.plan, f"{run.station}/{run.slot}", run.record_id)
        when = run.started_at[:19]
        print(f"{when}Z  {verdict:<14}  " + "  ".join(printable(fact) for fact in facts))


def _rebuild(options: argparse.Namespace) -> None:
    from host_agent.store import StoreError

    config = _configuration(options)
    with _store(options, config) as store:
        try:
            store.open()
        except StoreError as error:
            raise _Failed(f"pace-host: {error}") from error
        store.forget_derived()
        while store.derive():
            print(f"{store.counts().underived} runs to go", file=sys.stderr)
        print(f"{store.counts().runs} runs")


def _quarantine_list(options: argparse.Namespace) -> None:
    from host_agent.messages import printable

    with _readable_store(options) as store:
        found = store.quarantined(limit=options.limit)
    if options.json:
        _print_json(found)
        return
    for one in found:
        released = "  RELEASED" if one.released_at else ""
        print(
            f"{one.id:>6}  {one.last_received_at[:19]}Z  {one.size:>8} bytes  "
            f"{printable(one.topic)}  {printable(one.reason)}{released}"
        )


def _quarantine_show(options: argparse.Namespace) -> None:
    import base64
    import json

    from host_agent.messages import printable

    with _readable_store(options) as store:
        found = store.quarantined_message(options.number)
    if found is None:
        raise _Failed(f"nothing in the quarantine has the number {options.number}")
    one, payload = found
    facts = {name: getattr(one, name) for name in one.__struct_fields__}
    if options.json:
        print(json.dumps({**facts, "payload_base64": base64.b64encode(payload).decode()}))
        return
    for name, value in facts.items():
        print(f"{name}: {printable(str(value))}")
    print(printable(payload.decode(errors="replace")))


def _quarantine_release(options: argparse.Namespace) -> None:
    import json

    from host_agent.store import StoreError

    with _readable_store(options) as store:
        try:
            record_id = store.release(options.number)
        except StoreError as error:
            raise _Failed(str(error)) from error
    print(json.dumps({"record_id": record_id}) if options.json else f"stored {record_id}")


def _broker(options: argparse.Namespace) -> None:
    import asyncio
    import signal

    from host_agent.broker import check_loopback, serve
    from host_agent.config import parse_address

    _log_to_stderr()
    try:
        address = parse_address(options.listen)
        check_loopback(address)
    except ValueError as error:
        raise _Failed(f"pace-host broker: {error}") from error

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(address, stop, lambda where: _say(broker=str(where)))

    try:
        asyncio.run(until_stopped())
    except ModuleNotFoundError as error:
        raise _Failed("pace-host broker: amqtt is missing: install pace-station[demo]") from error
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise _Failed(f"pace-host broker: {address}: {why}") from error
    except Exception as error:
        raise _Failed(f"pace-host broker: {address}: {error}") from error


# What they share


def _configuration(options: argparse.Namespace) -> "HostConfig":
    import msgspec

    from host_agent.config import ConfigError, HostConfig, load, parse_address

    try:
        config = load(options.config) if options.config else HostConfig()
    except ConfigError as error:
        raise _Failed(str(error)) from error
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
        raise _Failed(f"pace-host: {error}") from error
    if version := asked.get("mqtt_version"):
        broker = msgspec.structs.replace(config.broker, mqtt_version=version)
        config = msgspec.structs.replace(config, broker=broker)
    return config


def _store(options: argparse.Namespace, config: "HostConfig") -> "Store":
    from host_agent.config import data_directory, database_url
    from host_agent.store import Store, StoreError

    data = options.data or data_directory(config)
    try:
        return Store(database_url(config, data))
    except StoreError as error:
        raise _Failed(f"pace-host: {error}") from error


def _readable_store(options: argparse.Namespace) -> "Store":
    from host_agent.store import StoreError

    store = _store(options, _configuration(options))
    try:
        store.check_version()
    except StoreError as error:
        raise _Failed(f"pace-host: {error}") from error
    return store


def _listen(config: "HostConfig") -> "ListenAddress":
    from host_agent.config import parse_address

    return parse_address(config.web.listen)


def _beside(options: argparse.Namespace) -> Path:
    return options.config.parent if options.config else Path()


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("alembic.runtime.plugins", "alembic.runtime.migration"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _say(**facts: str) -> None:
    """One line for whoever started us and waits for it."""
    import json

    print(json.dumps(facts), flush=True)


def _print_json(items: list[Any]) -> None:
    import msgspec

    for item in items:
        print(msgspec.json.encode(item).decode())
