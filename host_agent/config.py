"""`host.toml`, typed. Every key has a default; a host without a file is a host on loopback."""

import difflib
import os
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from host_agent.mqtt import Address, Version

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class ConfigError(Exception):
    """What is wrong, one line for each mistake: file, place, and what would be right."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Tls(_Section, frozen=True):
    """Files are beside `host.toml` unless absolute. Without `ca_file`: the system's authorities."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class BrokerConfig(_Section, frozen=True):
    host: Text = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1883
    username: str = ""
    password_file: str = ""
    client_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "pace-host"
    mqtt_version: Version | None = None
    tls: Tls | None = None


class DatabaseConfig(_Section, frozen=True):
    """`url` as SQLAlchemy has it; empty is SQLite in the data directory."""

    url: str = ""


class WebConfig(_Section, frozen=True):
    """`names` are host names under which browsers may ask for the page, beside addresses."""

    listen: str = "127.0.0.1:8480"
    names: list[Text] = []


class LimitsConfig(_Section, frozen=True):
    message_bytes: Annotated[int, msgspec.Meta(ge=1024, le=268_435_455)] = 1_048_576


class HostConfig(_Section, frozen=True):
    data: str = ""
    broker: BrokerConfig = BrokerConfig()
    database: DatabaseConfig = DatabaseConfig()
    web: WebConfig = WebConfig()
    limits: LimitsConfig = LimitsConfig()


_RIGHT = {
    "data": 'a directory, as in data = "/var/lib/pace-host"',
    "broker.host": 'a name or an address, as in host = "127.0.0.1"',
    "broker.port": "a TCP port from 1 to 65535, as in port = 1883",
    "broker.username": 'a text, as in username = "host"',
    "broker.password_file": "a file whose first line is the password",
    "broker.client_id": "1 to 64 of A-Z a-z 0-9 . _ -, one for each host at a broker",
    "broker.mqtt_version": "3 (3.1.1) or 5; without it the host tries 5, then 3",
    "broker.tls": "a table; empty, [broker.tls], trusts the system's authorities",
    "broker.tls.ca_file": "a file of certificates in PEM",
    "broker.tls.cert_file": "a certificate in PEM, together with key_file",
    "broker.tls.key_file": "a key in PEM, together with cert_file",
    "database.url": 'a URL, as in url = "sqlite:////var/lib/pace-host/host.db"',
    "web.listen": 'address:port, as in listen = "127.0.0.1:8480"; port 0 is any free one',
    "web.names": 'host names, as in names = ["pace.example.org"]',
    "limits.message_bytes": "a number of bytes from 1024 to 268435455, as in 1048576",
}


class ListenAddress(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> ListenAddress:
    """`host:port` or `[v6]:port`; `ValueError` for anything else."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in [brackets]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not address:port, such as 127.0.0.1:8480")
    return ListenAddress(host, int(port))


def load(path: Path) -> HostConfig:
    """The file, checked as a whole. Raises `ConfigError` with every mistake in it."""
    try:
        raw = msgspec.toml.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from error
    mistakes = list(_mistakes(HostConfig, raw, ""))
    if not mistakes:
        config = msgspec.convert(raw, HostConfig)
        mistakes = list(_contradictions(config, path.parent))
        if not mistakes:
            return config
    raise ConfigError(f"{path}: {mistake}" for mistake in mistakes)


def data_directory(config: HostConfig) -> Path:
    """Of the configuration, of systemd's `StateDirectory=`, or of the user."""
    if config.data:
        return Path(config.data)
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "pace-host"


def database_url(config: HostConfig, data: Path) -> str:
    return config.database.url or f"sqlite:///{data.absolute() / 'host.db'}"


def broker_address(config: HostConfig, beside: Path) -> Address:
    """`beside` is where relative file names start from. `OSError` when a file cannot be read."""
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
        message_limit=config.limits.message_bytes,
    )


def _mistakes(section: type[msgspec.Struct], raw: dict[str, Any], place: str) -> Iterable[str]:
    fields = {field.name: field for field in msgspec.structs.fields(section)}
    for name, value in raw.items():
        here = f"{place}{name}"
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            known = f"{near[0]!r}?" if near else f"known here: {', '.join(fields)}"
            yield f"{here}: no such key; {known}"
        elif subsection := _SECTIONS.get(here):
            if isinstance(value, dict):
                yield from _mistakes(subsection, value, f"{here}.")
            else:
                yield f"{here}: a table, [{here}], is right here"
        else:
            try:
                msgspec.convert(value, fields[name].type)
            except msgspec.ValidationError as error:
                yield f"{here} = {value!r}: {error}; right is {_RIGHT[here]}"


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "broker": BrokerConfig,
    "broker.tls": Tls,
    "database": DatabaseConfig,
    "web": WebConfig,
    "limits": LimitsConfig,
}


def _contradictions(config: HostConfig, beside: Path) -> Iterable[str]:
    broker, tls = config.broker, config.broker.tls
    checks: list[tuple[str, Callable[[], object]]] = [
        ("web.listen", lambda: parse_address(config.web.listen)),
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
            yield f"{place}: {error}; right is {_RIGHT[place]}"


def _tls_context(tls: Tls, beside: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(beside / tls.ca_file) if tls.ca_file else None)
    if tls.cert_file:
        context.load_cert_chain(beside / tls.cert_file, beside / tls.key_file)
    return context
