"""Speaks MQTT 3.1.1 and 5.0 (OASIS) at the host's end, as much as an ingest needs.

Clients in Python spend 20 to 30 µs on every message before anybody has looked at it, most of it in
three `recv` calls and one `send` for each; that alone is more than the whole budget of a record.
Here a chunk from the socket is cut into all the messages it holds, and what a commit made durable
is acknowledged in one write. `packets` is pure, `reader` cuts the stream into packets, `session` is
one connection.
"""

from host_agent.mqtt.address import Address, Version
from host_agent.mqtt.errors import MqttError, Silent, UnsupportedVersion
from host_agent.mqtt.packets import Message
from host_agent.mqtt.session import Session

__all__ = [
    "Address",
    "Message",
    "MqttError",
    "Session",
    "Silent",
    "UnsupportedVersion",
    "Version",
]
