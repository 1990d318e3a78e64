"""The broker's address: the table `broker` of `station.toml`."""

from typing import Annotated

import msgspec


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker's address, and the station's login there. `password_file` holds one line.

    Its name may hold variables, as in `$CREDENTIALS_DIRECTORY/mqtt-password`.
    """

    host: Annotated[str, msgspec.Meta(min_length=1)] = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    tls: bool = False
    mqtt_version: int = 5

    def __post_init__(self) -> None:
        if self.mqtt_version not in (3, 5):
            raise ValueError("mqtt_version is 3 (for 3.1.1) or 5")
        if "/" in self.host or self.host.count(":") == 1:
            raise ValueError(
                f"host {self.host!r} is not a name or an address alone; the port is the key `port`"
            )
        if not 0 < self.port < 65536:
            raise ValueError(f"port {self.port} is not between 1 and 65535")
