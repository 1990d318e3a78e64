"""`pace key`: the key with which this station signs its records."""

import argparse
from pathlib import Path

from station.cli.arguments import add_verb, add_verbs, complain


def add(noun: argparse.ArgumentParser) -> None:
    """Add the commands of this noun."""
    verbs = add_verbs(noun)
    show = add_verb(verbs, "show", "the public keys of this station, as a JWK Set", _show)
    rotate = add_verb(verbs, "rotate", "a new key, endorsed by the present one", _rotate)
    for verb in (show, rotate):
        verb.add_argument(
            "--data",
            type=Path,
            default=Path("/var/lib/pace-station"),
            metavar="DIR",
            help="folder of outbox.db",
        )
    rotate.add_argument("--station", required=True, metavar="NAME", help="name of this station")


def _show(chosen: argparse.Namespace) -> int:
    import msgspec

    from records import keys

    try:
        print(msgspec.json.format(msgspec.json.encode(keys.known(chosen.data))).decode())
    except keys.KeyTrouble as error:
        return complain(str(error))
    return 0


def _rotate(chosen: argparse.Namespace) -> int:
    from records import keys

    try:
        fresh = keys.rotate(chosen.data, chosen.station)
    except keys.KeyTrouble as error:
        return complain(str(error))
    print(f"{fresh.kid}: endorsed by {fresh.endorsed_by}")
    print("Restart the station: it signs with the new key from then on.")
    return 0
