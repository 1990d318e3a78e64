"""The topics on the broker. `station` is one topic level: letters, digits, `-`, `_`, `.`."""

import re

PREFIX = "pace/1"

ALL_RUNS = f"{PREFIX}/+/run"
ALL_STATES = f"{PREFIX}/+/state"
ALL_PIECES = f"{PREFIX}/+/piece"

STATION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def run(station: str) -> str:
    """Station to host: one run, plan or event, mostly signed, QoS 1."""
    return f"{PREFIX}/{station}/run"


def receipt(station: str) -> str:
    """Host to station: a `Receipt` or a `Request`, QoS 1."""
    return f"{PREFIX}/{station}/receipt"


def piece(station: str) -> str:
    """Station to host: one piece of an attachment, QoS 1."""
    return f"{PREFIX}/{station}/piece"


def state(station: str) -> str:
    """Station to everybody: `StationState`, QoS 1, retained, with last will."""
    return f"{PREFIX}/{station}/state"


def live(station: str) -> str:
    """Station to any listener: lists of events as they happen, QoS 0, lost without one."""
    return f"{PREFIX}/{station}/live"


def station_of(topic: str) -> str:
    """Return the station a topic belongs to; empty when it is not one of ours."""
    parts = topic.split("/")
    return parts[2] if len(parts) == 4 and topic.startswith(f"{PREFIX}/") else ""
