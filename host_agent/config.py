"""Reads `host.toml` into typed tables. Every key has a default: no file is a host on loopback."""

import os
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from host_agent.mqtt import Address, Version
from records.toml.tables import MistakesInFile, TableError, convert, read
from records.words import ENGLISH, language, languages


def _says(description: str) -> Meta:
    """Return a mark that says what is right where the type alone would not help."""
    return Meta(description=description)


class ConfigError(MistakesInFile):
    """Tells the mistakes of `host.toml`, one line each: file, place, and what would be right."""


class _Section(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Tls(_Section, frozen=True):
    """Files are beside `host.toml` unless absolute. Without `ca_file`: the system's authorities."""

    ca_file: Annotated[str, _says("the name of a file of certificates in PEM")] = ""
    cert_file: Annotated[str, _says("the name of a certificate in PEM, with its key_file")] = ""
    key_file: Annotated[str, _says("the name of a key in PEM, with its cert_file")] = ""


class BrokerConfig(_Section, frozen=True):
    """The MQTT broker's address, and the host's login there.

    Without `mqtt_version` the host tries 5, then 3.1.1.
    """

    host: Annotated[
        Annotated[str, Meta(min_length=1)], _says('a name or an address, as in host = "127.0.0.1"')
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=1, le=65535, description="a TCP port from 1 to 65535, as in port = 1883")
    ] = 1883
    username: Annotated[str, _says('a text, as in username = "host"')] = ""
    password_file: Annotated[str, _says("the name of a file with the password in line 1")] = ""
    client_id: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._-]{1,64}$",
            description="1 to 64 of A-Z a-z 0-9 . _ -, different for each host at a broker",
        ),
    ] = "pace-host"
    mqtt_version: Annotated[Version | None, _says("3 (which is 3.1.1) or 5")] = None
    tls: Annotated[
        Tls | None, _says("a table; an empty one, [broker.tls], trusts the system's authorities")
    ] = None


class DatabaseConfig(_Section, frozen=True):
    """`url` is one of SQLAlchemy's; an empty one means SQLite in the data directory."""

    url: Annotated[str, _says('a URL, as in url = "sqlite:////var/lib/pace-host/host.db"')] = ""


class WebConfig(_Section, frozen=True):
    """`names` are host names under which browsers may ask for the page, beside addresses.

    Pages speak `language` to a browser that asks for none that they know, and say times in
    `time_zone` beside UTC; an empty one is that of the machine. `word_folders` hold languages of
    one's own, beside the file unless absolute.
    """

    listen: Annotated[
        str, _says('an address with a port, as in listen = "127.0.0.1:8480"; port 0 is any free')
    ] = "127.0.0.1:8480"
    names: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        _says('a list of host names, as in names = ["pace.example.org"]'),
    ] = []
    language: Annotated[str, _says('a language, as in language = "fr"')] = ENGLISH
    time_zone: Annotated[str, _says('a time zone, as in time_zone = "Africa/Accra"')] = ""
    word_folders: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        _says('a list of folders, as in word_folders = ["/etc/pace-host/words"]'),
    ] = []


class LimitsConfig(_Section, frozen=True):
    """The most that a message may have in bytes, and all attachments together in MiB.

    Below `least_free_mib` on the disk nothing is taken. Beyond `quarantine_mib` refused messages
    are kept without their bytes, and a station may use a quarter of it.
    """

    message_bytes: Annotated[
        int,
        Meta(ge=1024, le=268_435_455, description="a number of bytes from 1024 to 268435455"),
    ] = 1_048_576
    attachments_mib: Annotated[
        int,
        Meta(ge=0, le=2**30, description="a number of MiB from 0, as in attachments_mib = 10240"),
    ] = 10_240
    quarantine_mib: Annotated[
        int,
        Meta(ge=0, le=2**20, description="a number of MiB from 0, as in quarantine_mib = 256"),
    ] = 256
    least_free_mib: Annotated[
        int,
        Meta(ge=0, le=2**20, description="a number of MiB from 0, as in least_free_mib = 256"),
    ] = 256


class HostConfig(_Section, frozen=True):
    """All of `host.toml`."""

    data: Annotated[str, _says('a directory, as in data = "/var/lib/pace-host"')] = ""
    broker: BrokerConfig = BrokerConfig()
    database: DatabaseConfig = DatabaseConfig()
    web: WebConfig = WebConfig()
    limits: LimitsConfig = LimitsConfig()


class ListenAddress(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> ListenAddress:
    """Return the address in `host:port` or `[v6]:port`. Raises `ValueError` for other texts."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in [brackets]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not address:port, such as 127.0.0.1:8480")
    return ListenAddress(host, int(port))


def load(path: Path) -> HostConfig:
    """Return the checked contents of a file. Raises `ConfigError` with every mistake in it."""
    try:
        config = convert(read(path), HostConfig)
    except TableError as error:
        raise ConfigError(*error.after(path)) from error
    if found := list(_contradictions(config, path.parent)):
        raise ConfigError(*(f"{path}: {mistake}" for mistake in found))
    return config


def data_directory(config: HostConfig) -> Path:
    """Return the directory that the configuration, systemd or the home directory sets."""
    if config.data:
        return Path(config.data)
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "pace-host"


def database_url(config: HostConfig, data: Path) -> str:
    """Return the database's URL; without one in the configuration, SQLite's in `data`."""
    return config.database.url or f"sqlite:///{data.absolute() / 'host.db'}"


def broker_address(config: HostConfig, beside: Path) -> Address:
    """Return the broker's address with the password and certificates that it needs.

    Relative file names start from `beside`. Raises `OSError` when a file cannot be read.
    """
    broker = config.broker
    password = ""
    if broker.password_file:
        lines = (beside / broker.password_file).read_text().splitlines()
        password = lines[0] if lines else ""
    return Address(
        host=broker.host,
        port=broker.port,
        client_id=broker.client_id,
        username=broker.username,
        password=password,
        tls=None if broker.tls is None else _tls_context(broker.tls, beside),
        message_limit_bytes=config.limits.message_bytes,
    )


def _contradictions(config: HostConfig, beside: Path) -> Iterable[str]:
    """Yield the mistakes that no single key shows, and the files that cannot be read."""
    broker, tls = config.broker, config.broker.tls
    checks: list[tuple[str, Callable[[], object]]] = [
        ("web.listen", lambda: parse_address(config.web.listen)),
        ("web.word_folders", lambda: _read_words(word_folders(config, beside))),
        (
            "web.language",
            lambda: _known_language(config.web.language, word_folders(config, beside)),
        ),
        ("web.time_zone", lambda: time_zone(config.web.time_zone)),
    ]
    if broker.password_file:
        checks.append(("broker.password_file", (beside / broker.password_file).read_text))
    if broker.password_file and not broker.username:
        yield "broker.password_file: there is no broker.username that the password belongs to"
    if tls is not None:
        if bool(tls.cert_file) != bool(tls.key_file):
            yield "broker.tls: cert_file and key_file go together"
        else:
            checks.append(("broker.tls", lambda: _tls_context(tls, beside)))
    for place, check in checks:
        try:
            check()
        except (ValueError, OSError) as error:
            yield f"{place}: {error}"


def time_zone(name: str) -> ZoneInfo | None:
    """Return a time zone by its name; None for an empty one. Raises `ValueError` for another."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone such as Africa/Accra") from error


def word_folders(config: HostConfig, beside: Path) -> tuple[Path, ...]:
    """Return the folders with a site's own catalogues; relative ones start from `beside`."""
    return tuple(beside / folder for folder in config.web.word_folders)


def _read_words(folders: tuple[Path, ...]) -> None:
    """Raise `ValueError` for a folder that is not there, and for a broken catalogue."""
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is no folder")
        for path in sorted(folder.glob("*.po")):
            language(path.stem, folders)


def _known_language(code: str, folders: tuple[Path, ...]) -> None:
    known = languages(folders)
    if code not in known:
        raise ValueError(f"no language {code!r}; there are {', '.join(known)}")


def _tls_context(tls: Tls, beside: Path) -> ssl.SSLContext:
    """Return the context of a client; its file names start from `beside`."""
    context = ssl.create_default_context(cafile=str(beside / tls.ca_file) if tls.ca_file else None)
    if tls.cert_file:
        context.load_cert_chain(beside / tls.cert_file, beside / tls.key_file)
    return context
