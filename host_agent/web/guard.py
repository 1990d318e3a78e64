"""Guards the application: checks the name that a browser asks by, and adds security headers."""

import ipaddress
import socket

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Guard:
    """Adds the security headers to every response, also to errors.

    A web site whose name was made to point at us (DNS rebinding) could read our pages from a
    browser on this network. It asks by its name; so only addresses, this machine's names and the
    configured ones are answered.
    """

    def __init__(self, app: ASGIApp, names: list[str]) -> None:
        self._app = app
        hostname = socket.gethostname().lower()
        self._names = {"localhost", hostname, f"{hostname}.local", *(n.lower() for n in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:  # the server's own start and end
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and self.answers_to(hosts[0]):
            await self._app(scope, receive, guarded)
        else:
            await _misdirected(guarded)

    def answers_to(self, host: str) -> bool:
        """Return whether a `Host` header names this host: any address, or one of its names."""
        name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.split(":")[0]
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower().rstrip(".") in self._names
        return True


async def _misdirected(send: Send) -> None:
    body = b"This host does not go by that name; web.names in host.toml can add it.\n"
    await send(
        {
            "type": "http.response.start",
            "status": 421,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
