"""The reference of `station.toml` and `host.toml`, from the structs that they are read into."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

import msgspec

from host_agent.config import HostConfig
from station.delivery.broker import BrokerAddress
from station.delivery.keeping import Keep
from station.rig.config import _SlotTable, _StationTable
from tests.docs.toml_types import default_in_words, table, type_in_words

STATION = {
    "station": "its name: up to 63 letters, digits, `-`, `_` or `.`, a letter or digit first;"
    " part of its topics and records, so unique at its broker",
    "operator": "who is named in the records",
    "data": "folder of `outbox.db`, and of `station.log` with `--ui`; `--data` goes before it",
    "language": "of the operator's screen: [languages](languages.md)",
    "word_folders": "folders of your own languages, beside the file unless absolute",
    "library_folders": "folders of your own [equipment and profiles](library.md), beside the file"
    " unless absolute",
    "site": "what this place wants otherwise: an id in `sites` of a library folder",
    "labels": "`[labels.NAME]`, one for each label that is known, see"
    " [equipment and profiles](library.md#in-stationtoml)",
    "driver_folders": "folders of your own drivers, beside the file unless absolute; searched in"
    " this order, before the shipped ones; see [add an instrument](../how-to/add-an-instrument.md)",
    "dialects": "`[dialects.NAME]`, SCPI dialects of your own",
    "broker": "`[broker]`, see below",
    "calibration": "`judge`: an instrument whose calibration is over judges nothing; `remark`, for"
    " a start-up phase: it does, and each record says so",
    "keep": "`[keep]`, how long records stay after their delivery, see below",
    "shared": "`[shared.NAME]`, one for each instrument that several slots use",
    "slots": "`[slots.NAME]`, at least one; the order is the order on the screen",
}
SLOT = {
    "equipment": "the kinds that are tested here; what is offered follows from the labels",
    "profile": "how good its equipment has to be",
    "roles": "`[slots.NAME.roles.ROLE]`, one for each instrument of this slot",
    "shared": 'roles played by shared instruments, as in `{ probe = "colour-probe" }`',
    "when_plugged": "what plugging a device into the slot's USB port does: `offer` its first plan"
    " on the screen, `start` it under the device's serial number, or `ignore` it; see"
    " [connect a rig](../how-to/connect-a-rig.md#9-plug-in-and-go)",
}
BROKER = {
    "host": "name or address",
    "port": "TCP port, 1 to 65535",
    "username": "empty: none",
    "password_file": "a file that holds the password; the whole path, it is not looked for"
    " beside `station.toml`",
    "tls": "encrypted; the system's certificate authorities are trusted",
    "mqtt_version": "5, or 3 for MQTT 3.1.1",
}
KEEP = {
    "days": "how long a record stays at the station after the host has stored it",
    "mib": "room for such records in MiB; beyond either the oldest go first",
    "attachments_mib": "room for photographs and other attachments in MiB, with those that wait",
    "least_free_mib": "free room on the disk in MiB below which delivered records go early, and"
    " then no test begins; 0 watches nothing",
}
HOST = {
    "data": "folder of `host.db`; `--data` goes before it. Without either: systemd's state"
    " directory, else `$XDG_DATA_HOME/pace-host`, else `~/.local/share/pace-host`",
    "broker.host": "name or address; `--broker` goes before it",
    "broker.port": "TCP port",
    "broker.username": "empty: none",
    "broker.password_file": "a file whose first line is the password; needs `username`",
    "broker.client_id": "one for each host at a broker",
    "broker.mqtt_version": "5 or 3 (3.1.1); without it the host tries 5, then 3",
    "broker.tls.ca_file": "certificates in PEM; empty trusts the system's authorities",
    "broker.tls.cert_file": "the host's own certificate in PEM, together with `key_file`",
    "broker.tls.key_file": "its key",
    "database.url": "as SQLAlchemy has it; empty is SQLite in the data folder",
    "web.listen": "where the page is; port 0 is any free one; `--listen` goes before it",
    "web.names": "names under which browsers may ask for the page, besides addresses,"
    " `localhost` and this machine's own name",
    "web.language": "pages speak it to a browser that asks for no language that they know",
    "web.word_folders": "folders of your own languages, beside the file unless absolute",
    "web.time_zone": "times are said in it beside UTC, and days are its days; empty is that of the"
    " machine",
    "limits.quarantine_mib": "room for messages in quarantine in MiB, a quarter of it for each"
    " station; beyond it they are kept without their bytes",
    "limits.least_free_mib": "free room on the disk in MiB below which nothing is taken, and"
    " stations keep their records; 0 watches nothing",
    "limits.attachments_mib": "room for photographs and other attachments in MiB; beyond it new"
    " ones are refused",
    "limits.message_bytes": "a larger message goes to the quarantine",
}

_HEAD = ("key", "type", "default", "meaning")


def station() -> str:
    return _keys(_StationTable, STATION)


def slot() -> str:
    return _keys(_SlotTable, SLOT)


def station_broker() -> str:
    return _keys(BrokerAddress, BROKER)


def station_keep() -> str:
    return _keys(Keep, KEEP)


def _keys(kind: type[msgspec.Struct], meanings: Mapping[str, str]) -> str:
    return table(
        _HEAD,
        (
            (f"`{f.name}`", type_in_words(f.type), default_in_words(f), meanings[f.name])
            for f in msgspec.structs.fields(kind)
        ),
    )


def host() -> str:
    return table(_HEAD, _host_rows(HostConfig, ""))


def _host_rows(kind: type[msgspec.Struct], place: str) -> list[tuple[str, ...]]:
    rows = []
    for field in msgspec.structs.fields(kind):
        inner = _section(field.type)
        if inner is not None:
            rows += _host_rows(inner, f"{place}{field.name}.")
            continue
        name = f"{place}{field.name}"
        default = default_in_words(field)
        rows.append((f"`{name}`", type_in_words(field.type), default, HOST[name]))
    return rows


def _section(hint: Any) -> type[msgspec.Struct] | None:
    """Return the struct that a type is, or that it wraps in `Annotated` or a union."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    inner = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
    return next((found for one in inner if (found := _section(one)) is not None), None)
