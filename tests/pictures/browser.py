"""Take pictures of pages in a headless Chromium, which is Debian's package `chromium`."""

import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
WITHIN_S = 60.0


class NoBrowser(LookupError):
    """There is no Chromium on this machine."""


def find() -> str:
    """Return the path of Chromium. Raises `NoBrowser` that says what to install."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoBrowser("pictures of pages need Chromium: apt install chromium")


def photograph(address: str, width_px: int, height_px: int, language: str = "en") -> bytes:
    """Return a page at an address as PNG, as a browser sees it that asks for that language.

    Raises `NoBrowser`, and `RuntimeError` with what Chromium said where it made no picture.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        done = subprocess.run(
            [
                find(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
                f"--accept-lang={language}",
                f"--user-data-dir={folder}/profile",
                f"--window-size={width_px},{height_px}",
                f"--screenshot={path}",
                address,
            ],
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        if not path.is_file():
            raise RuntimeError(f"Chromium made no picture of {address}: {done.stderr[-2000:]}")
        return path.read_bytes()
