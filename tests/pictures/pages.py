"""The pages of a host that has the records of a demonstration, on a desk and on a telephone."""

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.pictures.browser import photograph
from tests.pictures.picture import Picture

DESK, TELEPHONE = (1200, 900), (390, 844)
SIZES = (DESK, TELEPHONE)
LANGUAGES = ("en", "fr")
RUNS, SEED = 40, 1


class Page(NamedTuple):
    """A page to be photographed. `path` may hold the id of a run by its ending: `{fail}`."""

    name: str
    path: str


PAGES = (
    Page("runs", "/"),
    Page("runs-filtered", "/?verdict=fail&verdict=error"),
    Page("run-failed", "/runs/{fail}"),
    Page("stations", "/stations"),
    Page("quarantine", "/quarantine"),
    Page("evidence", "/evidence"),
    Page("health", "/health"),
)


def pictures() -> Iterator[Picture]:
    """Yield each page in each width and language: `page-runs-390-fr.png`."""
    for page in PAGES:
        for width, height in SIZES:
            for code in LANGUAGES:
                name = f"page-{page.name}-{width}-{code}.png"
                yield Picture(name, partial(draw, page, width, height, code))


def draw(page: Page, width_px: int, height_px: int, code: str) -> bytes:
    """Return a page as PNG. Raises `NoBrowser` without Chromium."""
    with host(demonstrated()) as address:
        path = page.path.format(**run_of_each_ending(address))
        return photograph(f"{address}{path}", width_px, height_px, code)


@cache
def demonstrated() -> Path:
    """Return a folder with the host's data after a short demonstration, made once."""
    folder = Path(tempfile.mkdtemp(prefix="pace-pictures-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [sys.executable, "-m", "station", "demo", "--headless"]
    command += ["--runs", str(RUNS), "--seed", str(SEED), "--data", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "host"


@contextmanager
def host(data: Path) -> Iterator[str]:
    """Yield the address of a host with these data, and end it."""
    command = [sys.executable, "-m", "host_agent", "run", "--data", str(data)]
    command += ["--broker", "127.0.0.1:1", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["page"].rstrip("/")
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


def run_of_each_ending(address: str) -> dict[str, str]:
    """Return the id of a run for each verdict, such as `fail`."""
    with urllib.request.urlopen(f"{address}/api/runs?limit=200", timeout=20) as answer:
        told: Any = json.loads(answer.read())
    runs = told["runs"] if isinstance(told, dict) else told
    return {run["verdict"]: run["record_id"] for run in reversed(runs)}
