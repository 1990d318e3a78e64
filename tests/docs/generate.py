"""Writes the parts of the documentation that come from the code: `python -m tests.docs.generate`.

A page has such a part between `<!-- generated: NAME -->` and `<!-- end -->`; lines that follow the
name in the comment are what it is made from. A test fails while a page is not what this writes.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.docs import configuration, instruments, plans, scans
from tests.docs.pages import DOCS, files_of, run_console, write_files
from tests.docs.tables import library, worlds
from tests.docs.toml_types import table

_PART = re.compile(
    r"(?P<head>^<!-- generated: (?P<name>[a-z-]+)(?P<given>.*?)-->\n)"
    r"(?P<body>.*?)(?P<end>^<!-- end -->$)",
    re.S | re.M,
)
_CONSOLE = re.compile(r"```console\n(?P<text>.*?)```\n", re.S)


def fresh(text: str) -> str:
    """Return a page as it should be."""

    def renewed(found: re.Match[str]) -> str:
        body = _body(found["name"], found["given"].strip(), found["body"], text)
        return f"{found['head']}\n{body.strip()}\n\n{found['end']}"

    return _PART.sub(renewed, text)


def _body(name: str, given: str, old: str, page: str) -> str:
    if name == "console":
        return _console(old, page)
    if name == "mistakes":
        return _mistakes(given, page)
    if name == "help":
        return _help(given)
    return MAKERS[name](given)


def _console(old: str, page: str) -> str:
    found = _CONSOLE.search(old)
    if found is None:
        raise ValueError(f"no console block in {old[:60]!r}")
    with tempfile.TemporaryDirectory() as folder:
        write_files(page, Path(folder))
        return f"```console\n{run_console(found['text'], Path(folder))}```"


def _mistakes(given: str, page: str) -> str:
    """`given`: a command with a file at its end, then lines like `right => wrong`."""
    command, *lines = given.splitlines()
    name = command.split()[-1]
    program = " ".join(command.split()[:3])
    right_text = files_of(page)[name]
    rows = []
    for line in lines:
        right, wrong = (side.strip().replace("\\n", "\n") for side in line.split("=>"))
        wrong = "" if wrong == "nothing" else wrong
        if right not in right_text:
            raise ValueError(f"{name} does not say {right!r}")
        with tempfile.TemporaryDirectory() as folder:
            write_files(page, Path(folder))
            (Path(folder) / name).write_text(right_text.replace(right, wrong, 1))
            told = run_console(f"$ {command}", Path(folder)).partition("\n")[2].strip()
        told = told.removeprefix(name).lstrip(",: ").replace("|", "\\|")
        rows.append((_code(right), _code(wrong) if wrong else "nothing", told))
    return table(("instead of", "somebody wrote", f"`{program}` says"), rows)


def _code(text: str) -> str:
    return "<br>".join(f"`{line}`" for line in text.splitlines())


def _help(given: str) -> str:
    """Return every command of a program, each with the text of its `--help`."""
    from host_agent import cli as host
    from station import cli as station

    parser = {"pace": station.build_parser, "pace-host": host._parser}[given]()
    parts = []
    for command, _ in commands(parser):
        title = f"### `{command}`\n\n" if command != given else ""
        with tempfile.TemporaryDirectory() as folder:
            told = run_console(f"$ {command} --help", Path(folder))
        parts.append(f"{title}```console\n{told}```")
    return "\n\n".join(parts)


def commands(
    parser: argparse.ArgumentParser,
) -> Iterable[tuple[str, argparse.ArgumentParser]]:
    """Yield a program and each of its commands, with full names."""
    yield parser.prog, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from commands(sub)


MAKERS: Mapping[str, Callable[[str], str]] = {
    "instruments": lambda given: instruments.overview(),
    "instrument-keys": lambda given: instruments.keys(),
    "capabilities": lambda given: instruments.capabilities(),
    "dialects": lambda given: instruments.dialects(),
    "station-keys": lambda given: configuration.station(),
    "broker-keys": lambda given: configuration.station_broker(),
    "keep-keys": lambda given: configuration.station_keep(),
    "slot-keys": lambda given: configuration.slot(),
    "host-keys": lambda given: configuration.host(),
    "steps": lambda given: plans.steps(),
    "library-keys": library.keys,
    "curves": lambda given: library.curves(),
    "limits": plans.limits,
    "decided": plans.decided,
    "scan": scans.scan,
    "world-keys": worlds.keys,
    "world-onset": lambda given: worlds.onset(),
    "world-faults": lambda given: worlds.faults(),
    "world-twins": lambda given: worlds.twins(),
}


def main() -> int:
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := fresh(text)) != text:
            page.write_text(new, encoding="utf-8")
            print(page.relative_to(DOCS.parent), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
