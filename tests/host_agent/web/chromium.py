"""Look at pages through a headless Chromium, as a telephone or a desk shows them.

It is spoken to over two pipes in the Chrome DevTools Protocol: JSON, each message ended by NUL.
"""

import base64
import json
import os
import subprocess
import tempfile
from types import TracebackType
from typing import Any, Self

from tests.pictures.browser import find


class Chromium:
    """A browser with one page. Use it as a context manager. Raises `NoBrowser` without Chromium."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="pace-chromium-",
            ignore_cleanup_errors=True,  # a last process may still write
        )
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # the protocol is on the descriptors 3 and 4, which bash can give it
        command = 'exec "$0" "$@" 3<&"$IN" 4>&"$OUT"'
        self._process = subprocess.Popen(
            [
                *(
                    "/bin/bash",
                    "-c",
                    command,
                    find(),
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                ),
                *("--remote-debugging-pipe", "--hide-scrollbars", "--disable-dev-shm-usage"),
                f"--user-data-dir={self._folder.name}",
                "about:blank",
            ],
            env={**os.environ, "IN": str(to_browser), "OUT": str(from_browser)},
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._rest, self._session = 0, b"", ""
        self._loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = session["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._folder.cleanup()

    def show(self, address: str, width_px: int, height_px: int = 844, language: str = "en") -> None:
        """Load a page for a screen of this size, and wait until it is there."""
        metrics = {"deviceScaleFactor": 1, "mobile": width_px < 600}
        self.call("Emulation.setDeviceMetricsOverride", width=width_px, height=height_px, **metrics)
        self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        self._loaded = False
        self.call("Page.navigate", url=address)
        while not self._loaded:
            self._next()

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript in the page."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return told["result"]["value"]

    def photograph(self) -> bytes:
        """Return the whole page as PNG, also what is below the fold."""
        told = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(told["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to one command. Raises `RuntimeError` with what Chromium objects to."""
        self._number += 1
        said: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            said["sessionId"] = self._session
        os.write(self._write, json.dumps(said).encode() + b"\0")
        while (told := self._next()).get("id") != self._number:
            pass
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        answer: dict[str, Any] = told["result"]
        return answer

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._read, 1 << 16)
            if not data:
                raise RuntimeError(f"Chromium ended with {self._process.wait()}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        self._loaded |= told.get("method") == "Page.loadEventFired"
        return told
