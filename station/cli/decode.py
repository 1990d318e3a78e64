"""`pace decode`: read what devices say of themselves."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from station.cli.arguments import add_verb, add_verbs


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    add_verb(verbs, "edid", "EDID as hex → one JSON object a line", _decode_edid)
    add_verb(verbs, "ieee1284", "printer device ids → one JSON object a line", _decode_ieee1284)
    add_verb(verbs, "mccs", "monitor capability strings → one JSON object a line", _decode_mccs)


def _decode_edid(chosen: argparse.Namespace) -> int:
    from drivers.formats import edid

    def decode(line: str) -> dict[str, Any]:
        try:
            data = bytes.fromhex(line)
        except ValueError as error:
            return edid.parse(b"")._asdict() | {"errors": (f"not hex: {error}",)}
        return edid.parse(data)._asdict()

    return _decode(decode)


def _decode_ieee1284(chosen: argparse.Namespace) -> int:
    from drivers.formats import ieee1284

    return _decode(lambda line: ieee1284.parse(line)._asdict())


def _decode_mccs(chosen: argparse.Namespace) -> int:
    from drivers.formats import mccs

    def decode(line: str) -> dict[str, Any]:
        """Codes and values as MCCS writes them: hexadecimal."""
        said = mccs.parse(line)
        return said._asdict() | {
            "cmds": [f"{code:02X}" for code in said.cmds],
            "vcp": {
                f"{code:02X}": [f"{value:02X}" for value in values]
                for code, values in said.vcp.items()
            },
        }

    return _decode(decode)


def _decode(decode: Callable[[str], dict[str, Any]]) -> int:
    lines: Iterable[bytes] = sys.stdin.buffer
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        print(json.dumps(decode(text), default=list), flush=False)
    return 0
