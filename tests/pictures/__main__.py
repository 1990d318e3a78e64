"""Make the pictures of the documentation: `script/pictures`."""

import argparse
import fnmatch
import sys
from pathlib import Path

from tests.pictures import named, pages, screens, tutorial
from tests.pictures.browser import NoBrowser
from tests.pictures.picture import COMMITTED, ROOT


def main() -> int:
    """Exit code 1 where a picture could not be made."""
    parser = argparse.ArgumentParser(prog="script/pictures", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="only these, such as 'screen-fail-*'"
    )
    parser.add_argument("--list", action="store_true", help="only say the names")
    parser.add_argument(
        "--docs", action="store_true", help="those that the documentation shows, into docs/pictures"
    )
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "pictures", help="folder")
    chosen = parser.parse_args()
    shown = named.in_docs()
    wanted = [
        one
        for one in (*screens.pictures(), *tutorial.pictures(), *pages.pictures())
        if (not chosen.names or any(fnmatch.fnmatch(one.name, name) for name in chosen.names))
        and (not chosen.docs or one.name in shown)
    ]
    folder = COMMITTED if chosen.docs else chosen.to
    if not wanted:
        print("no picture has such a name: --list says all", file=sys.stderr)
        return 1
    if not chosen.list:
        folder.mkdir(parents=True, exist_ok=True)
    lacking = ""
    for picture in wanted:
        if chosen.list:
            print(picture.name)
            continue
        try:
            print(picture.write(folder))
        except NoBrowser as error:
            lacking = str(error)
    if lacking:
        print(lacking, file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
