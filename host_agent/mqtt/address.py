"""Holds what a connection to a broker needs to know before it begins."""

import ssl
from dataclasses import dataclass
from typing import Literal

Version = Literal[3, 5]
"""3 is MQTT 3.1.1."""


@dataclass(frozen=True)
class Address:
    """The broker's address, the host's login there, and the topics that it takes."""

    host: str
    port: int
    client_id: str
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None
    keep_alive_s: int = 30
    receive_maximum: int = 2000
    """Messages that the broker may have under way to us; a 3.1.1 broker has a number of its own."""

    session_expiry_s: int = 86_400
    """The life of our session at the broker after the connection; MQTT 5 only. 0: begin anew."""

    message_limit_bytes: int = 1_048_576
    """Payload above which only the beginning of a message is kept."""
